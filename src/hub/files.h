/* The files of a repository, as the hub lists them or as a snapshot in the cache holds them, and which of them a model
 * needs. Names are checked (hub_is_path) when they come in. */
#ifndef PARALLM_HUB_FILES_H
#define PARALLM_HUB_FILES_H

#include "base/error.h"
#include "base/vec.h"
#include "hub/name.h"

#include <stdbool.h>
#include <stdint.h>

struct hub_file {
    char *name;
    bool wanted;
    /* Of a file that is to be downloaded (remote.c): */
    char *etag;    /* its name among the blobs; NULL: not asked for yet */
    uint64_t size;
    bool sized;    /* the hub told the size */
};

struct hub_files {
    VEC(struct hub_file) at; /* by name, each once */
    char commit[HUB_COMMIT_SIZE];
};

void hub_files_fini(struct hub_files *f);
pllm_status hub_files_add(struct hub_files *f, const char *name, size_t n, pllm_error *err);
void hub_files_sort(struct hub_files *f); /* before the first look-up */
struct hub_file *hub_files_find(const struct hub_files *f, const char *name); /* NULL: there is none */

/* The hub's answer to /api/models/ORG/NAME/revision/REV: "sha" and "siblings". `source` is for messages. */
pllm_status hub_files_parse(struct hub_files *out, const char *json, size_t n, const char *source, pllm_error *err);

/* ---- What a model needs --------------------------------------------------------------------------- */

enum hub_want {
    HUB_MODEL,     /* all that opening the model takes */
    HUB_TOKENIZER, /* the same, but of a folder only what says how text becomes tokens */
};

struct hub_choice {
    const char *main; /* the file that the name stands for (of a split one the first); NULL: the folder */
    bool indexed;     /* the weights lie in several files, which hub_choose_shards picks when the index is there */
    bool sure;        /* more files in the repository would not change the choice; there is a tokenizer */
};

/* Marks the files as wanted. PLLM_E_IO: there is nothing that fits the name; the message begins with the name. */
pllm_status hub_choose(struct hub_choice *out, struct hub_files *f, const struct hub_name *name, enum hub_want want,
                       pllm_error *err);

/* Marks the files that model.safetensors.index.json, read from `path`, names. */
pllm_status hub_choose_shards(struct hub_files *f, const char *path, pllm_error *err);

#define HUB_INDEX "model.safetensors.index.json"

#endif
