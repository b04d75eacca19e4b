/* A model's name on the hub, as people write it:
 *
 *     org/model                    the whole model
 *     org/model:Q4_K_M             of a repository of GGUF files, the one of this type
 *     org/model/file.gguf          a file of it, which may lie in a folder
 *     ...@revision                 a branch, tag or commit; before or after ":Q4_K_M"
 *
 * What comes from here or passed the checks below may become part of a path or of a URL. */
#ifndef PARALLM_HUB_NAME_H
#define PARALLM_HUB_NAME_H

#include <stdbool.h>
#include <stddef.h>

enum { HUB_REPO_SIZE = 200, HUB_REVISION_SIZE = 256, HUB_TAG_SIZE = 64, HUB_FILE_SIZE = 1024, HUB_COMMIT_SIZE = 72 };

struct hub_name {
    char repo[HUB_REPO_SIZE];         /* "org/model" */
    char revision[HUB_REVISION_SIZE]; /* "main" where none was given */
    char tag[HUB_TAG_SIZE];           /* "Q4_K_M"; "": none */
    char file[HUB_FILE_SIZE];         /* "file.gguf"; "": none */
};

/* False: the text is no such name, and *out is undefined. "models/x.gguf" is none: it is the path of a file. */
bool hub_name_parse(struct hub_name *out, const char *text);

/* Whether a name stands for a model, not for some other file of a repository. */
bool hub_name_is_model(const struct hub_name *name);

/* A path inside a repository: no empty part, none that begins with a dot's trick ("." or ".."), no backslash, no
 * control character, not absolute. */
bool hub_is_path(const char *text, size_t n);
bool hub_is_revision(const char *text, size_t n);
bool hub_is_commit(const char *text, size_t n);

bool hub_ends_with(const char *text, const char *end); /* letters of either case are equal */

#endif
