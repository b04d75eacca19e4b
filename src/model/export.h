/* A model as a GGUF file: which tensors it will have, in which types, what its metadata say, and its bytes, streamed
 * through a buffer of bounded size.
 *
 *     export_open(&x, model, mix, err);           model: described (model_describe), not loaded
 *     export_metadata(x, &gguf); ...              the caller adds the tokenizer's
 *     export_prove(x, &gguf, err);                the metadata, read back, describe the same model
 *     export_tensors(x, &gguf, err);
 *     export_write(x, &file, pool, ...);          after gguf_out_head */
#ifndef PARALLM_MODEL_EXPORT_H
#define PARALLM_MODEL_EXPORT_H

#include "base/file_out.h"
#include "model/mix.h"
#include "model/model.h"
#include "weights/gguf_out.h"

struct export_tensor {
    const char *name;
    int n_dims;
    int64_t shape[TENSOR_DIMS];
    enum block_type type;
    size_t first_part, n_parts; /* of x->parts: the tensors whose rows it has, one after another */
    const float *values;        /* instead of parts: computed by us, [shape[0]] */
    struct interleaved heads;   /* whose rows are put in GGUF's order */
    float plus;                 /* added to each value: Gemma's norms store w - 1, GGUF w */
};

struct export {
    const struct model *model;
    const struct mix *mix;
    VEC(const struct tensor *) parts;
    VEC(struct export_tensor) tensors;
    float *rope_freqs; /* llama3's divisors; NULL: none */
    struct interleaved heads; /* of q and k in the file, where the model's files have them in order */
    struct arena arena;
};

pllm_status export_open(struct export *x, const struct model *m, const struct mix *mix, pllm_error *err);
void export_fini(struct export *x);

/* general.* and the architecture's own values; of a GGUF all that it has, but for what quantizing changes. */
void export_metadata(struct export *x, struct gguf_out *g, const char *name);

/* PLLM_E_UNSUPPORTED: GGUF cannot say what this model is. May add a value to g. */
pllm_status export_prove(struct export *x, struct gguf_out *g, pllm_error *err);

/* Bytes of a tensor in the file, without padding. */
uint64_t export_bytes(const struct export_tensor *e);

pllm_status export_tensors(struct export *x, struct gguf_out *g, pllm_error *err);

struct export_progress {
    pllm_progress call; /* or NULL */
    void *user;
};

/* The bytes of all tensors. PLLM_E_ARGUMENT, "interrupted": progress said so. */
pllm_status export_write(const struct export *x, struct file_out *out, struct pool *pool,
                         const struct export_progress *progress, pllm_error *err);

#endif
