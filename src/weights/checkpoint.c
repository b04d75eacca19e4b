/* Opens a checkpoint whatever its format: what splits.c and folder.c read. */
#include "weights/config.h"
#include "weights/gguf.h"
#include "weights/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tensor_layout(struct tensor *t, enum block_type type, size_t *bytes, char why[TENSOR_WHY])
{
    const struct block_info *block = &block_info[type];
    int64_t rows = 1, cols = t->n_dims ? t->shape[t->n_dims - 1] : 1;
    size_t row_bytes;
    bool fits = true;
    for (int i = 0; i < t->n_dims; i++) {
        if (t->shape[i] < 1) {
            snprintf(why, TENSOR_WHY, "has a dimension of %lld, wanted 1 or more", (long long)t->shape[i]);
            return false;
        }
        fits &= i == t->n_dims - 1 || !__builtin_mul_overflow(rows, t->shape[i], &rows);
    }
    if (cols % block->values) {
        snprintf(why, TENSOR_WHY, "has rows of %lld values, wanted a multiple of %d for %s", (long long)cols,
                 block->values, block->name);
        return false;
    }
    if (!fits || !mem_mul((size_t)(cols / block->values), (size_t)block->bytes, &row_bytes) ||
        !mem_mul((size_t)rows, row_bytes, bytes)) {
        snprintf(why, TENSOR_WHY, "needs more bytes than fit 64 bits");
        return false;
    }
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
    const bool folder = file_kind(path) == FILE_FOLDER;
    pllm_status status = folder ? checkpoint_read_folder(c, err) : checkpoint_read_gguf(c, err);
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
    if (c->generation.node)
        json_free(&c->generation);
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

/* The file that maps these bytes: scales and biases may lie in another one than their weight. */
static const struct file_map *map_of(const struct checkpoint *c, const uint8_t *bytes)
{
    for (size_t i = 0; i < c->files.n; i++)
        if (bytes >= c->files.at[i].bytes && bytes < c->files.at[i].bytes + c->files.at[i].n)
            return &c->files.at[i];
    return NULL;
}

/* The three places of rows: values, scales, biases; the last two NULL where blocks hold them. */
struct parts {
    const uint8_t *at[3];
    size_t bytes[3];
};

static struct parts parts_of(const struct matrix_rows *m, int64_t first, int64_t n)
{
    const size_t from = (size_t)first, rows = (size_t)n, scale_bytes = matrix_scale_bytes(m);
    struct parts p = {.at = {m->data + from * m->row_bytes}, .bytes = {rows * m->row_bytes}};
    if (scale_bytes) {
        p.at[1] = m->scales + from * scale_bytes;
        p.at[2] = m->biases + from * scale_bytes;
        p.bytes[1] = p.bytes[2] = rows * scale_bytes;
    }
    return p;
}

pllm_status checkpoint_copy(struct matrix_rows *out, const struct checkpoint *c, const struct tensor *t, int64_t first, int64_t n,
                            uint8_t *to, pllm_error *err)
{
    const struct parts p = parts_of(&t->m, first, n);
    struct matrix_rows m = t->m;
    m.rows = n;
    m.data = to;
    m.scales = to + p.bytes[0];
    m.biases = m.scales + p.bytes[1];
    for (int i = 0; i < 3 && p.at[i]; to += p.bytes[i++]) {
        pllm_status status = file_copy(to, map_of(c, p.at[i]), p.at[i], p.bytes[i], err);
        if (status)
            return error_prefix(err, status, c->path);
    }
    *out = m;
    return PLLM_OK;
}

void checkpoint_forget(const struct checkpoint *c, const struct tensor *t, int64_t first, int64_t n)
{
    const struct parts p = parts_of(&t->m, first, n);
    for (int i = 0; i < 3 && p.at[i]; i++)
        file_forget(map_of(c, p.at[i]), p.at[i], p.bytes[i]);
}

/* ---- End tokens --------------------------------------------------------------------------------- */

static pllm_status add_token(token_vec *ids, int64_t id, pllm_error *err)
{
    for (size_t i = 0; i < ids->n; i++)
        if (ids->at[i] == id)
            return PLLM_OK;
    return vec_push(ids, (int32_t)id) ? PLLM_OK : error_memory(err, "end tokens");
}

/* eos_token_id of a config: a token, a list of tokens, or null. */
static pllm_status add_json_tokens(const struct json *top, token_vec *ids, pllm_error *err)
{
    const struct json at = json_get(top, "eos_token_id");
    const bool list = json_kind(&at) == J_ARRAY;
    const size_t n = list ? json_size(&at) : json_kind(&at) > J_NULL;
    pllm_status status = PLLM_OK;
    for (size_t i = 0; !status && i < n; i++) {
        const struct json item = list ? json_item(&at, i) : at;
        int64_t id;
        status = json_as_int(&item, 0, INT32_MAX, &id, err);
        if (!status)
            status = add_token(ids, id, err);
    }
    return status;
}

static pllm_status add_gguf_tokens(const struct gguf *g, token_vec *ids, pllm_error *err)
{
    static const char *const keys[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id"};
    pllm_status status = PLLM_OK;
    for (size_t i = 0; !status && i < sizeof keys / sizeof *keys; i++) {
        int64_t id;
        status = gguf_int(g, keys[i], 0, INT32_MAX, -1, &id, err);
        if (!status && id >= 0)
            status = add_token(ids, id, err);
    }
    return status;
}

pllm_status checkpoint_end_tokens(const struct checkpoint *c, token_vec *ids, pllm_error *err)
{
    if (c->gguf)
        return add_gguf_tokens(c->gguf, ids, err);
    const struct json top = config_json(c->config);
    pllm_status status = add_json_tokens(&top, ids, err);
    return status ? status : add_json_tokens(&c->generation, ids, err);
}
