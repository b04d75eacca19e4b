/* Makes a GGUF file (version 3): metadata and tensor descriptions collected in memory, then the file's head. The tensors'
 * bytes follow it in the order in which they were described, each at the next multiple of GGUF_ALIGNMENT; who describes
 * them writes them. */
#ifndef PARALLM_WEIGHTS_GGUF_OUT_H
#define PARALLM_WEIGHTS_GGUF_OUT_H

#include "weights/gguf.h"

enum { GGUF_ALIGNMENT = 32 };

/* Zeroed: empty. The first allocation that fails is kept: gguf_out_head reports it. */
struct gguf_out {
    struct buf values, infos;
    uint64_t n_values, n_tensors;
    uint64_t data_bytes; /* of all tensors so far, with their padding */
    bool failed;
};
void gguf_out_fini(struct gguf_out *g);

void gguf_out_u32(struct gguf_out *g, const char *key, uint32_t value);
void gguf_out_f32(struct gguf_out *g, const char *key, float value);
void gguf_out_bool(struct gguf_out *g, const char *key, bool value);
void gguf_out_text(struct gguf_out *g, const char *key, const char *text, size_t n);
void gguf_out_texts(struct gguf_out *g, const char *key, const struct text_span *texts, size_t n);
void gguf_out_i32s(struct gguf_out *g, const char *key, const int32_t *values, size_t n);
void gguf_out_f32s(struct gguf_out *g, const char *key, const float *values, size_t n);
void gguf_out_bools(struct gguf_out *g, const char *key, const bool *values, size_t n);
void gguf_out_copy(struct gguf_out *g, const struct gguf_value *value); /* as another file has it */

/* Describes a tensor; the shape slowest dimension first. Any type of GGUF's: not TYPE_MLX. */
void gguf_out_tensor(struct gguf_out *g, const char *name, int n_dims, const int64_t *shape, enum block_type type,
                     uint64_t bytes);

/* Everything before the tensors' bytes at the end of *out, padding included. */
pllm_status gguf_out_head(const struct gguf_out *g, struct buf *out, pllm_error *err);

#endif
