#include "weights/gguf_out.h"

#include <string.h>

/* A failed addition is kept: what was added after it is lost with it. */
static void add(struct gguf_out *g, struct buf *b, const void *bytes, size_t n)
{
    if (!g->failed && !buf_add(b, bytes, n))
        g->failed = true;
}

static void add_number(struct gguf_out *g, struct buf *b, uint64_t value, unsigned n)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < n; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    add(g, b, bytes, n);
}

static void add_text(struct gguf_out *g, struct buf *b, const char *text, size_t n)
{
    add_number(g, b, n, 8);
    add(g, b, text, n);
}

static void add_f32(struct gguf_out *g, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    add_number(g, &g->values, bits, 4);
}

static void add_key(struct gguf_out *g, const char *key, enum gguf_type type)
{
    add_text(g, &g->values, key, strlen(key));
    add_number(g, &g->values, type, 4);
    g->n_values++;
}

static void add_array(struct gguf_out *g, const char *key, enum gguf_type type, uint64_t n)
{
    add_key(g, key, GGUF_ARRAY);
    add_number(g, &g->values, type, 4);
    add_number(g, &g->values, n, 8);
}

void gguf_out_fini(struct gguf_out *g)
{
    vec_fini(&g->values);
    vec_fini(&g->infos);
    *g = (struct gguf_out){0};
}

void gguf_out_u32(struct gguf_out *g, const char *key, uint32_t value)
{
    add_key(g, key, GGUF_U32);
    add_number(g, &g->values, value, 4);
}

void gguf_out_f32(struct gguf_out *g, const char *key, float value)
{
    add_key(g, key, GGUF_F32);
    add_f32(g, value);
}

void gguf_out_bool(struct gguf_out *g, const char *key, bool value)
{
    add_key(g, key, GGUF_BOOL);
    add_number(g, &g->values, value, 1);
}

void gguf_out_text(struct gguf_out *g, const char *key, const char *text, size_t n)
{
    add_key(g, key, GGUF_STRING);
    add_text(g, &g->values, text, n);
}

void gguf_out_texts(struct gguf_out *g, const char *key, const struct text_span *texts, size_t n)
{
    add_array(g, key, GGUF_STRING, n);
    for (size_t i = 0; i < n; i++)
        add_text(g, &g->values, texts[i].at, texts[i].n);
}

void gguf_out_i32s(struct gguf_out *g, const char *key, const int32_t *values, size_t n)
{
    add_array(g, key, GGUF_I32, n);
    for (size_t i = 0; i < n; i++)
        add_number(g, &g->values, (uint32_t)values[i], 4);
}

void gguf_out_f32s(struct gguf_out *g, const char *key, const float *values, size_t n)
{
    add_array(g, key, GGUF_F32, n);
    for (size_t i = 0; i < n; i++)
        add_f32(g, values[i]);
}

void gguf_out_bools(struct gguf_out *g, const char *key, const bool *values, size_t n)
{
    add_array(g, key, GGUF_BOOL, n);
    for (size_t i = 0; i < n; i++)
        add_number(g, &g->values, values[i], 1);
}

void gguf_out_copy(struct gguf_out *g, const struct gguf_value *v)
{
    if (v->is_array)
        add_array(g, v->key, v->type, v->n);
    else
        add_key(g, v->key, v->type);
    add(g, &g->values, v->bytes, v->n_bytes);
}

void gguf_out_tensor(struct gguf_out *g, const char *name, int n_dims, const int64_t *shape, enum block_type type,
                     uint64_t bytes)
{
    add_text(g, &g->infos, name, strlen(name));
    add_number(g, &g->infos, (uint64_t)n_dims, 4);
    for (int i = n_dims; i-- > 0;)
        add_number(g, &g->infos, (uint64_t)shape[i], 8);
    add_number(g, &g->infos, gguf_type_number(type), 4);
    add_number(g, &g->infos, g->data_bytes, 8);
    g->data_bytes += mem_round_up((size_t)bytes, GGUF_ALIGNMENT);
    g->n_tensors++;
}

pllm_status gguf_out_head(const struct gguf_out *g, struct buf *out, pllm_error *err)
{
    static const uint8_t zeros[GGUF_ALIGNMENT] = {0};
    struct gguf_out head = {0};
    const size_t begin = out->n;
    add(&head, out, "GGUF", 4);
    add_number(&head, out, 3, 4);
    add_number(&head, out, g->n_tensors, 8);
    add_number(&head, out, g->n_values, 8);
    add(&head, out, g->values.at, g->values.n);
    add(&head, out, g->infos.at, g->infos.n);
    const size_t n = out->n - begin;
    add(&head, out, zeros, mem_round_up(n, GGUF_ALIGNMENT) - n);
    if (!g->failed && !head.failed)
        return PLLM_OK;
    out->n = begin;
    return error_memory(err, "GGUF metadata");
}
