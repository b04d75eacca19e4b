#include "hub/files.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FILES = 100000 };

void hub_files_fini(struct hub_files *f)
{
    for (size_t i = 0; i < f->at.n; i++) {
        mem_free(f->at.at[i].name);
        mem_free(f->at.at[i].etag);
    }
    vec_fini(&f->at);
}

pllm_status hub_files_add(struct hub_files *f, const char *name, size_t n, pllm_error *err)
{
    char *copy = mem_strndup(name, n);
    if (copy && vec_push(&f->at, (struct hub_file){.name = copy}))
        return PLLM_OK;
    mem_free(copy);
    return error_memory(err, "list of files");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct hub_file *)a)->name, ((const struct hub_file *)b)->name);
}

void hub_files_sort(struct hub_files *f)
{
    size_t kept = 0;
    if (f->at.n)
        qsort(f->at.at, f->at.n, sizeof *f->at.at, by_name);
    for (size_t i = 0; i < f->at.n; i++) {
        if (kept && strcmp(f->at.at[kept - 1].name, f->at.at[i].name) == 0)
            mem_free(f->at.at[i].name); /* no etag yet */
        else
            f->at.at[kept++] = f->at.at[i];
    }
    f->at.n = kept;
}

struct hub_file *hub_files_find(const struct hub_files *f, const char *name)
{
    const struct hub_file key = {.name = (char *)name};
    return f->at.n ? bsearch(&key, f->at.at, f->at.n, sizeof *f->at.at, by_name) : NULL;
}

static pllm_status read_commit(struct hub_files *f, const struct json *top, pllm_error *err)
{
    const struct json sha = json_get(top, "sha");
    const char *text;
    size_t n;
    pllm_status status = json_as_string(&sha, &text, &n, err);
    if (status)
        return status;
    if (!hub_is_commit(text, n))
        return json_error(&sha, err, "is \"%.80s\", wanted the id of a commit", text);
    memcpy(f->commit, text, n + 1);
    return PLLM_OK;
}

static pllm_status read_sibling(struct hub_files *f, const struct json *entry, pllm_error *err)
{
    const struct json name = json_get(entry, "rfilename");
    const char *text;
    size_t n;
    pllm_status status = json_as_string(&name, &text, &n, err);
    if (status)
        return status;
    if (strlen(text) != n || !hub_is_path(text, n))
        return json_error(&name, err, "is \"%.80s\", wanted a path inside the repository", text);
    return hub_files_add(f, text, n, err);
}

static pllm_status read_listing(struct hub_files *f, const struct json *top, pllm_error *err)
{
    const struct json list = json_get(top, "siblings");
    pllm_status status = json_want(top, J_OBJECT, err);
    if (!status)
        status = read_commit(f, top, err);
    if (!status)
        status = json_want(&list, J_ARRAY, err);
    if (!status && json_size(&list) > MAX_FILES)
        status = json_error(&list, err, "has %zu files, wanted at most %d", json_size(&list), MAX_FILES);
    for (size_t i = 0; !status && i < json_size(&list); i++) {
        const struct json entry = json_item(&list, i);
        status = read_sibling(f, &entry, err);
    }
    return status;
}

pllm_status hub_files_parse(struct hub_files *out, const char *json, size_t n, const char *source, pllm_error *err)
{
    struct hub_files f = {0};
    struct json top;
    pllm_status status = json_parse(&top, json, n, source, err);
    if (status)
        return status;
    status = read_listing(&f, &top, err);
    json_free(&top);
    if (status) {
        hub_files_fini(&f);
        return status;
    }
    hub_files_sort(&f);
    *out = f;
    return PLLM_OK;
}
