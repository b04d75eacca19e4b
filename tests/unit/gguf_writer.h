/* Writes small GGUF files in memory, sound ones and broken ones: nothing is checked here. */
#ifndef PARALLM_TESTS_UNIT_GGUF_WRITER_H
#define PARALLM_TESTS_UNIT_GGUF_WRITER_H

#include "base/vec.h"

#include <stdint.h>
#include <string.h>

struct gguf_writer {
    struct buf values, infos, data;
    uint64_t n_values, n_tensors;
    uint32_t version;
};

static inline void put_number(struct buf *b, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        buf_add(b, &(uint8_t){(uint8_t)(value >> (8 * i))}, 1);
}

static inline void put_bytes(struct buf *b, const void *text, size_t n)
{
    put_number(b, n, 8);
    buf_add(b, text, n);
}

static inline void put_text(struct buf *b, const char *text)
{
    put_bytes(b, text, strlen(text));
}

/* A key and its type's number (0 u8 .. 4 u32, 5 i32, 6 f32, 7 bool, 8 string, 9 array, 10 u64); the payload follows. */
static inline void gguf_put_key(struct gguf_writer *w, const char *key, uint32_t type)
{
    put_text(&w->values, key);
    put_number(&w->values, type, 4);
    w->n_values++;
}

static inline void gguf_put_u32(struct gguf_writer *w, const char *key, uint32_t value)
{
    gguf_put_key(w, key, 4);
    put_number(&w->values, value, 4);
}

static inline void gguf_put_f32(struct gguf_writer *w, const char *key, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    gguf_put_key(w, key, 6);
    put_number(&w->values, bits, 4);
}

static inline void gguf_put_string(struct gguf_writer *w, const char *key, const char *value)
{
    gguf_put_key(w, key, 8);
    put_text(&w->values, value);
}

/* An array's head: the elements follow. */
static inline void gguf_put_array(struct gguf_writer *w, const char *key, uint32_t type, uint64_t n)
{
    gguf_put_key(w, key, 9);
    put_number(&w->values, type, 4);
    put_number(&w->values, n, 8);
}

/* A description alone; dims fastest first. */
static inline void gguf_put_info(struct gguf_writer *w, const char *name, uint32_t n_dims, const uint64_t *dims,
                                 uint32_t type, uint64_t offset)
{
    put_text(&w->infos, name);
    put_number(&w->infos, n_dims, 4);
    for (uint32_t i = 0; i < n_dims; i++)
        put_number(&w->infos, dims[i], 8);
    put_number(&w->infos, type, 4);
    put_number(&w->infos, offset, 8);
    w->n_tensors++;
}

/* A float32 matrix [rows][cols] of 0, 1, 2 ..., at the next multiple of 32. */
static inline void gguf_put_f32_tensor(struct gguf_writer *w, const char *name, uint64_t rows, uint64_t cols)
{
    while (w->data.n % 32)
        buf_add(&w->data, "", 1);
    gguf_put_info(w, name, 2, (uint64_t[]){cols, rows}, 0, w->data.n);
    for (uint64_t i = 0; i < rows * cols; i++)
        buf_add(&w->data, &(float){(float)i}, 4);
}

static inline struct buf gguf_finish(struct gguf_writer *w)
{
    struct buf file = {0};
    buf_add(&file, "GGUF", 4);
    put_number(&file, w->version ? w->version : 3, 4);
    put_number(&file, w->n_tensors, 8);
    put_number(&file, w->n_values, 8);
    buf_add(&file, w->values.at, w->values.n);
    buf_add(&file, w->infos.at, w->infos.n);
    while (w->data.n && file.n % 32)
        buf_add(&file, "", 1);
    buf_add(&file, w->data.at, w->data.n);
    vec_fini(&w->values);
    vec_fini(&w->infos);
    vec_fini(&w->data);
    return file;
}

#endif
