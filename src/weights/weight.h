/* A matrix packed for one set of kernels: what linear layers read. */
#ifndef PARALLM_WEIGHTS_WEIGHT_H
#define PARALLM_WEIGHTS_WEIGHT_H

#include "base/error.h"
#include "base/pool.h"
#include "kernels/kernels.h"

struct weight {
    const struct gemm_kernel *kernel; /* reads `panels` */
    int rows, cols;                   /* outputs, inputs */
    int n_panels;
    size_t panel_bytes, bytes;
    void *panels; /* mem_alloc_aligned(bytes), or a piece of the source's room */
    bool in_room;
    enum block_type type; /* that it is packed as; for reports */
};

/* Which part of a source matrix a weight takes, and in which order its rows. */
struct weight_source {
    struct matrix_rows m;
    int64_t first_row, n_rows; /* of m: parts of fused q|k|v and gate|up, one expert of many */
    /* GGUF stores q and k of some families with the two halves of each head's rotated dimensions interleaved;
     * packing puts them back: 0, or the head size; `rope_dims` of each head are permuted. */
    int interleaved_head_dim, rope_dims;
    enum block_type convert; /* pack as this type after dequantizing; TYPE_COUNT: as it is */
    bool f32_activations;    /* use the layout that meets float32 activations */
    bool fine_activations;   /* of a quantized matrix: activations of 15 bits, for twice the arithmetic of int8 */
    /* weight_bytes() of memory aligned to MEM_ALIGN for the packed form, which stays the caller's; NULL: it gets its own. One
     * piece of large pages for all of a model's weights has one end of small ones. */
    void *room;
    /* Copies n rows of m from `first` on into `to`, which holds them with their scales and biases, and makes *out a matrix
     * of these rows alone; called by the pool's threads, several at once. NULL: rows are read where m has them. A copy that
     * stays in a processor's cache is cheaper than pages of a mapped file, and nothing of the file stays resident. */
    pllm_status (*copy)(struct matrix_rows *out, const void *owner, int64_t first, int64_t n, uint8_t *to, pllm_error *err);
    const void *owner;
};

/* Fills in what is known of a weight before it is packed: rows, cols, type. */
void weight_shape(struct weight *out, const struct weight_source *source);

/* Bytes that the packed form will take, without allocating. */
size_t weight_bytes(const struct weight_source *source, const struct kernels *k);

/* Packs, panels in parallel over `pool`. On failure nothing is held. */
pllm_status weight_pack(struct weight *out, const struct weight_source *source, const struct kernels *k,
                        struct pool *pool, pllm_error *err);
void weight_fini(struct weight *w);

#endif
