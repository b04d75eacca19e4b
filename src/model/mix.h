/* What `--quantize T` and `parallm quantize --type T` make of each tensor: one type for all matrices, or one of the mixtures
 * that llama.cpp calls Q4_K_M and so on, which give more bits to tensors that need them. One rule for both, so that a model
 * quantized at load has the bits of the file quantized with the same name. */
#ifndef PARALLM_MODEL_MIX_H
#define PARALLM_MODEL_MIX_H

#include "model/desc.h"
#include "weights/tensor.h"

struct mix {
    const char *name;     /* "q4_k_m" */
    enum block_type type; /* of most matrices */
    enum { MIX_PURE, MIX_SMALL, MIX_MEDIUM } kind;
    uint32_t file_type;   /* GGUF's general.file_type */
};

/* By name, in either case; NULL: no such. */
const struct mix *mix_find(const char *name);

/* The names, with commas between: for messages and help. */
extern const char mix_names[];

/* The type for a tensor of rows of `cols` values that is of type `own` now. Vectors and routers are float32. Rows that are
 * no whole blocks get the nearest wider type of smaller blocks, or stay as they are. `is_head`: T_HEAD, or T_EMBED of a
 * model without one. */
enum block_type mix_type(const struct mix *m, enum tensor_slot slot, int layer, const struct model_desc *d, bool is_head,
                         int64_t cols, enum block_type own);

#endif
