/* A GGUF checkpoint: one file, or MODEL-00001-of-0000N.gguf with the metadata and N - 1 more with tensors. */
#include "weights/config.h"
#include "weights/gguf.h"
#include "weights/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_SPLITS = 1000 };

/* Moves the tensors of one parsed file into the checkpoint. Names of further files, whose metadata are not kept,
 * are copied. */
static pllm_status take_tensors(struct checkpoint *c, const struct gguf *g, int file, pllm_error *err)
{
    if (!vec_reserve(&c->tensors, g->tensors.n))
        return error_memory(err, c->path);
    for (size_t i = 0; i < g->tensors.n; i++) {
        struct tensor t = g->tensors.at[i];
        size_t n = strlen(t.name) + 1;
        char *name = arena_alloc(&c->arena, n, 1);
        if (!name)
            return error_memory(err, c->path);
        t.name = memcpy(name, t.name, n);
        t.file = file;
        c->tensors.at[c->tensors.n++] = t;
    }
    return PLLM_OK;
}

struct split {
    int64_t no, count;
};

static pllm_status read_split(const struct gguf *g, struct split *s, pllm_error *err)
{
    pllm_status status = gguf_int(g, "split.count", 0, MAX_SPLITS, 1, &s->count, err);
    if (!status && s->count == 0)
        s->count = 1;
    return status ? status : gguf_int(g, "split.no", 0, s->count - 1, 0, &s->no, err);
}

static pllm_status open_split(struct checkpoint *c, const char *path, const struct split *want, pllm_error *err)
{
    int file;
    struct gguf *g = NULL;
    struct split found;
    pllm_status status = checkpoint_map(c, path, &file, err);
    if (!status)
        status = gguf_open(&g, c->files.at[file].bytes, c->files.at[file].n, path, err);
    if (!status)
        status = read_split(g, &found, err);
    if (!status && (found.no != want->no || found.count != want->count))
        status = error_set(err, PLLM_E_FORMAT, "%s: is part %" PRId64 " of %" PRId64 ", wanted part %" PRId64 " of %" PRId64,
                           path, found.no + 1, found.count, want->no + 1, want->count);
    if (!status)
        status = take_tensors(c, g, file, err);
    gguf_close(g);
    return status;
}

/* The further files of MODEL-00001-of-00003.gguf. */
static pllm_status open_splits(struct checkpoint *c, const struct split *first, pllm_error *err)
{
    char tail[32];
    snprintf(tail, sizeof tail, "-00001-of-%05d.gguf", (int)first->count);
    size_t n = strlen(c->path), n_tail = strlen(tail);
    if (first->no != 0)
        return error_set(err, PLLM_E_FORMAT, "%s: is part %" PRId64 " of %" PRId64 ", wanted the first", c->path,
                         first->no + 1, first->count);
    if (n < n_tail || strcmp(c->path + n - n_tail, tail) != 0)
        return error_set(err, PLLM_E_FORMAT, "%s: is the first of %" PRId64 " parts, so its name must end in %s",
                         c->path, first->count, tail);
    pllm_status status = PLLM_OK;
    for (struct split s = {1, first->count}; !status && s.no < s.count; s.no++) {
        struct buf path = {0};
        if (buf_printf(&path, "%.*s-%05d-of-%05d.gguf", (int)(n - n_tail), c->path, (int)s.no + 1, (int)s.count))
            status = open_split(c, path.at, &s, err);
        else
            status = error_memory(err, c->path);
        vec_fini(&path);
    }
    return status;
}

static pllm_status check_split_total(const struct checkpoint *c, pllm_error *err)
{
    int64_t total;
    pllm_status status = gguf_int(c->gguf, "split.tensors.count", 0, INT32_MAX, (int64_t)c->tensors.n, &total, err);
    if (!status && (size_t)total != c->tensors.n)
        status = error_set(err, PLLM_E_FORMAT, "%s: split.tensors.count: is %" PRId64 ", but the parts have %zu tensors",
                           c->path, total, c->tensors.n);
    return status;
}

pllm_status checkpoint_read_gguf(struct checkpoint *c, pllm_error *err)
{
    int file;
    struct split split;
    c->format = CHECKPOINT_GGUF;
    pllm_status status = checkpoint_map(c, c->path, &file, err);
    if (!status)
        status = gguf_open(&c->gguf, c->files.at[file].bytes, c->files.at[file].n, c->path, err);
    if (!status)
        status = take_tensors(c, c->gguf, file, err);
    if (!status)
        status = read_split(c->gguf, &split, err);
    if (!status && split.count > 1)
        status = open_splits(c, &split, err);
    if (!status)
        status = check_split_total(c, err);
    return status ? status : config_from_gguf(&c->config, c->gguf, err);
}
