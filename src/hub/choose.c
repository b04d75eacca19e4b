/* Which files of a repository a model needs: a folder of safetensors with its config and tokenizer, or one GGUF file with
 * its further parts. Weights in other formats are never taken. */
#include "base/ascii.h"
#include "base/file.h"
#include "base/json.h"
#include "hub/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_INDEX_BYTES = 64 << 20, MAX_PARTS = 1000 };

/* Of a folder of safetensors, besides the weights: what we and other tools read of a text model. */
static const char *const small_files[] = {
    "config.json",          "generation_config.json",  "tokenizer.json",      "tokenizer.model",
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",  "vocab.json",
    "merges.txt",           "chat_template.jinja",     "chat_template.json",
};

enum { N_SMALL = sizeof small_files / sizeof *small_files };

static bool want_file(struct hub_files *f, const char *name)
{
    struct hub_file *file = hub_files_find(f, name);
    if (file)
        file->wanted = true;
    return file != NULL;
}

/* ---- GGUF ----------------------------------------------------------------------------------------- */

/* The number of parts in "...-00001-of-00003.gguf", 1 for other names; *stem is what is before "-00001". */
static int count_parts(const char *name, size_t *stem)
{
    enum { TAIL = sizeof "-00001-of-00003.gguf" - 1 };
    const size_t n = strlen(name);
    unsigned no, count;
    int length = 0;
    *stem = n;
    if (n < TAIL || sscanf(name + n - TAIL, "-%5u-of-%5u.gguf%n", &no, &count, &length) != 2 || length != TAIL)
        return 1;
    *stem = n - TAIL;
    return count >= 1 && count <= MAX_PARTS ? (int)count : 1;
}

/* Marks the file with all its parts; *first names the first one. */
static pllm_status want_parts(struct hub_files *f, const struct hub_name *name, const char *file, const char **first,
                              pllm_error *err)
{
    size_t stem;
    const int count = count_parts(file, &stem);
    *first = file;
    for (int i = 1; i <= count; i++) {
        char part[HUB_FILE_SIZE + 32];
        snprintf(part, sizeof part, "%.*s", HUB_FILE_SIZE, file);
        if (count > 1)
            snprintf(part, sizeof part, "%.*s-%05d-of-%05d.gguf", (int)stem, file, i, count);
        struct hub_file *found = hub_files_find(f, part);
        if (!found)
            return error_set(err, PLLM_E_IO, "%s: has no file %s", name->repo, part);
        found->wanted = true;
        if (i == 1)
            *first = found->name;
    }
    return PLLM_OK;
}

/* Whether "Q4_K_M" stands in the name as a word of its own: not in IQ4_K_M, nor Q4_K in Q4_K_M. */
static bool has_tag(const char *name, const char *tag)
{
    const size_t n = strlen(tag);
    for (const char *at = name; strlen(at) >= n; at++)
        if (strncasecmp(at, tag, n) == 0 && (at == name || !ascii_is_alnum(at[-1])) && at[n] && strchr("./-", at[n]))
            return true;
    return false;
}

/* A GGUF file with a language model: projectors of images and statistics for quantizing come in GGUF too. */
static bool is_gguf_model(const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    return hub_ends_with(name, ".gguf") && strncasecmp(base, "mmproj", 6) != 0 && strncasecmp(base, "imatrix", 7) != 0;
}

/* The file with this tag ("": any): the shortest name, and the first of those. NULL: there is none. */
static const char *find_tagged(const struct hub_files *f, const char *tag)
{
    const char *best = NULL;
    for (size_t i = 0; i < f->at.n; i++) {
        const char *name = f->at.at[i].name;
        if (is_gguf_model(name) && (!tag[0] || has_tag(name, tag)) && (!best || strlen(name) < strlen(best)))
            best = name;
    }
    return best;
}

static pllm_status choose_gguf(struct hub_choice *c, struct hub_files *f, const struct hub_name *name, pllm_error *err)
{
    static const char *const usual[] = {"Q4_K_M", "Q8_0", ""}; /* what llama.cpp takes where nothing is said */
    const char *file = name->tag[0] ? find_tagged(f, name->tag) : NULL;
    c->sure = true;
    for (size_t i = 0; !name->tag[0] && !file && i < sizeof usual / sizeof *usual; i++) {
        file = find_tagged(f, usual[i]);
        c->sure = i == 0 && !hub_files_find(f, "config.json"); /* or safetensors might be preferred */
    }
    if (!file)
        return error_set(err, PLLM_E_IO, "%s: has no GGUF file of type %s", name->repo, name->tag);
    return want_parts(f, name, file, &c->main, err);
}

/* ---- Folders -------------------------------------------------------------------------------------- */

static pllm_status choose_folder(struct hub_choice *c, struct hub_files *f, enum hub_want want)
{
    for (int i = 0; i < N_SMALL; i++)
        want_file(f, small_files[i]);
    c->sure = (hub_files_find(f, "tokenizer.json") || hub_files_find(f, "tokenizer.model")) &&
              hub_files_find(f, "tokenizer_config.json");
    if (want == HUB_MODEL && !want_file(f, "model.safetensors"))
        c->indexed = want_file(f, HUB_INDEX);
    return PLLM_OK;
}

static bool has_folder(const struct hub_files *f, enum hub_want want)
{
    if (want == HUB_TOKENIZER && (hub_files_find(f, "tokenizer.json") || hub_files_find(f, "tokenizer.model")))
        return true;
    return hub_files_find(f, "config.json") && (hub_files_find(f, "model.safetensors") || hub_files_find(f, HUB_INDEX));
}

pllm_status hub_choose(struct hub_choice *out, struct hub_files *f, const struct hub_name *name, enum hub_want want,
                       pllm_error *err)
{
    *out = (struct hub_choice){.sure = true};
    if (name->file[0])
        return want_parts(f, name, name->file, &out->main, err);
    if (name->tag[0])
        return choose_gguf(out, f, name, err);
    if (has_folder(f, want))
        return choose_folder(out, f, want);
    if (find_tagged(f, ""))
        return choose_gguf(out, f, name, err);
    return error_set(err, PLLM_E_IO, "%s: has neither config.json with safetensors nor a GGUF file%s", name->repo,
                     hub_files_find(f, "pytorch_model.bin") ? "; pytorch_model.bin is never read" : "");
}

static pllm_status want_shard(struct hub_files *f, const struct json *entry, pllm_error *err)
{
    const char *name;
    size_t n;
    pllm_status status = json_as_string(entry, &name, &n, err);
    if (status)
        return status;
    if (strlen(name) != n || !hub_is_path(name, n) || strchr(name, '/'))
        return json_error(entry, err, "is \"%.80s\", wanted the name of a file in this folder", name);
    return want_file(f, name) ? PLLM_OK : json_error(entry, err, "names %.80s, which the repository lacks", name);
}

pllm_status hub_choose_shards(struct hub_files *f, const char *path, pllm_error *err)
{
    struct buf text = {0};
    struct json top = {0}, entry;
    void *cursor = NULL;
    pllm_status status = file_read(&text, path, MAX_INDEX_BYTES, err);
    if (!status)
        status = json_parse(&top, text.at, text.n, path, err);
    vec_fini(&text);
    if (status)
        return status;
    const struct json map = json_get(&top, "weight_map");
    status = json_want(&map, J_OBJECT, err);
    while (!status && json_next(&map, &cursor, &entry))
        status = want_shard(f, &entry, err);
    json_free(&top);
    return status;
}
