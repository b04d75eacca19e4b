/* Opens a checkpoint whatever its format, and the GGUF side of it: splits. */
#include "weights/config.h"
#include "weights/gguf.h"
#include "weights/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SPLITS = 1000 };

bool tensor_layout(struct tensor *t, enum block_type type, size_t *bytes, const char **why)
{
    const struct block_info *block = &block_info[type];
    int64_t rows = 1, cols = t->n_dims ? t->shape[t->n_dims - 1] : 1;
    size_t row_bytes;
    for (int i = 0; i < t->n_dims; i++) {
        if (t->shape[i] < 1)
            return *why = "has a dimension below 1", false;
        if (i < t->n_dims - 1 && __builtin_mul_overflow(rows, t->shape[i], &rows))
            return *why = "has more rows than fit 64 bits", false;
    }
    if (cols % block->values)
        return *why = "has rows that are no whole blocks of its type", false;
    if (!mem_mul((size_t)(cols / block->values), (size_t)block->bytes, &row_bytes) ||
        !mem_mul((size_t)rows, row_bytes, bytes))
        return *why = "has more bytes than fit 64 bits", false;
    t->m = (struct matrix_rows){.type = type, .rows = rows, .cols = cols, .row_bytes = row_bytes};
    return true;
}

pllm_status checkpoint_map(struct checkpoint *c, const char *path, int *index, pllm_error *err)
{
    struct file_map map;
    if (!vec_reserve(&c->files, 1))
        return error_memory(err, path);
    pllm_status status = file_map(&map, path, err);
    if (status)
        return status;
    *index = (int)c->files.n;
    c->files.at[c->files.n++] = map;
    return PLLM_OK;
}

/* ---- GGUF --------------------------------------------------------------------------------------- */

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

/* ---- Whatever the format ------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

static pllm_status sort_tensors(struct checkpoint *c, pllm_error *err)
{
    if (c->tensors.n)
        qsort(c->tensors.at, c->tensors.n, sizeof *c->tensors.at, by_name);
    for (size_t i = 1; i < c->tensors.n; i++)
        if (strcmp(c->tensors.at[i - 1].name, c->tensors.at[i].name) == 0)
            return error_set(err, PLLM_E_FORMAT, "%s: tensor %s: occurs twice", c->path, c->tensors.at[i].name);
    return PLLM_OK;
}

pllm_status checkpoint_open(struct checkpoint **out, const char *path, pllm_error *err)
{
    struct checkpoint *c = mem_zalloc(1, sizeof *c);
    size_t n = strlen(path) + 1;
    char *copy = c ? arena_alloc(&c->arena, n, 1) : NULL;
    if (!copy) {
        checkpoint_close(c);
        return error_memory(err, path);
    }
    c->path = memcpy(copy, path, n);
    pllm_status status = checkpoint_read_gguf(c, err);
    if (!status)
        status = sort_tensors(c, err);
    if (!status)
        *out = c;
    else
        checkpoint_close(c);
    return status;
}

void checkpoint_close(struct checkpoint *c)
{
    if (!c)
        return;
    config_close(c->config);
    gguf_close(c->gguf);
    for (size_t i = 0; i < c->files.n; i++)
        file_unmap(&c->files.at[i]);
    vec_fini(&c->files);
    vec_fini(&c->tensors);
    arena_fini(&c->arena);
    mem_free(c);
}

static int compare_name(const void *name, const void *tensor)
{
    return strcmp(name, ((const struct tensor *)tensor)->name);
}

const struct tensor *checkpoint_find(const struct checkpoint *c, const char *name)
{
    if (!c->tensors.n)
        return NULL;
    return bsearch(name, c->tensors.at, c->tensors.n, sizeof *c->tensors.at, compare_name);
}

void checkpoint_forget(const struct checkpoint *c, const struct tensor *t)
{
    file_forget(&c->files.at[t->file], t->m.data, (size_t)t->m.rows * t->m.row_bytes);
}
