/* GGUF, versions 2 and 3: a header, typed metadata, tensor descriptions, and the tensors' bytes.
 *
 * gguf_open checks all of it against the bytes at hand: every length and count, keys and names unique, types
 * known, dimensions whole blocks, offsets aligned, tensors inside the file and apart from each other. What it
 * does not know is what the metadata mean: config.c asks for values by key.
 *
 * All pointers handed out are into the mapping or owned by the struct, which must not outlive the mapping. */
#ifndef PARALLM_WEIGHTS_GGUF_H
#define PARALLM_WEIGHTS_GGUF_H

#include "base/error.h"
#include "base/span.h"
#include "weights/tensor.h"

#include <stdbool.h>
#include <stdint.h>

enum gguf_type {
    GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL, GGUF_STRING, GGUF_ARRAY,
    GGUF_U64, GGUF_I64, GGUF_F64, GGUF_TYPES
};

/* One metadata value. Scalars are n = 1; elements stand one after another in `bytes`, little-endian and
 * unaligned, strings each behind its 8-byte length. */
struct gguf_value {
    const char *key;     /* NUL-terminated; printable UTF-8 is not promised, NUL inside is refused */
    enum gguf_type type; /* of the elements; never GGUF_ARRAY */
    bool is_array;
    uint64_t n;
    const uint8_t *bytes;
    size_t n_bytes;
    const char *text; /* a string that is no array: a copy with a NUL behind it; n_bytes - 8 long */
};

struct gguf {
    const char *source; /* the file's name in messages; the caller's memory */
    uint32_t version;
    VEC(struct gguf_value) values;  /* sorted by key */
    VEC(struct tensor) tensors;     /* in the file's order; `file` is 0 */
    struct arena arena;             /* keys, names, texts */
    size_t text_bytes;              /* copied so far */
};

/* ggml's number of a tensor type; TYPE_MLX and TYPE_COUNT have none: UINT32_MAX. */
uint32_t gguf_type_number(enum block_type type);

/* Reads n bytes, which stay the caller's. `source` is kept, not copied. */
pllm_status gguf_open(struct gguf **out, const uint8_t *bytes, size_t n, const char *source, pllm_error *err);
void gguf_close(struct gguf *g);

/* The value of a key, or NULL. */
const struct gguf_value *gguf_find(const struct gguf *g, const char *key);

/* "an array of 3 strings", "a 32-bit float": for messages. */
const char *gguf_describe(const struct gguf_value *v, char *out, size_t size);

/* Element i < n as a number; false: the type is another one (integers: does not fit int64_t). Integers are
 * floats too, booleans are 0 and 1 of integers only. */
bool gguf_int_at(const struct gguf_value *v, uint64_t i, int64_t *out);
bool gguf_float_at(const struct gguf_value *v, uint64_t i, double *out);

/* A whole string value, or NULL and *n = 0 where the key is absent; of another type: an error. */
pllm_status gguf_text(const struct gguf *g, const char *key, const char **out, size_t *n, pllm_error *err);
/* An integer or boolean in [lo, hi]; `fallback` where the key is absent. */
pllm_status gguf_int(const struct gguf *g, const char *key, int64_t lo, int64_t hi, int64_t fallback, int64_t *out,
                     pllm_error *err);

/* Arrays, copied into new memory (mem_free); absent: *out = NULL and *n = 0. Strings point into the mapping. */
pllm_status gguf_strings(const struct gguf *g, const char *key, struct text_span **out, size_t *n, pllm_error *err);
pllm_status gguf_floats(const struct gguf *g, const char *key, float **out, size_t *n, pllm_error *err);
pllm_status gguf_ints(const struct gguf *g, const char *key, int32_t **out, size_t *n, pllm_error *err);

#endif
