/* A matrix packed for one set of kernels: what linear layers read. */
#ifndef PARALLM_WEIGHTS_WEIGHT_H
#define PARALLM_WEIGHTS_WEIGHT_H

#include "base/error.h"
#include "base/pool.h"
#include "kernels/kernels.h"
#include "weights/interleaved.h"

struct weight {
    const struct gemm_kernel *kernel; /* reads `panels` */
    int rows, cols;                   /* outputs, inputs */
    int n_panels;
    size_t panel_bytes, bytes;
    void *panels; /* a piece of a struct weight_room */
    enum block_type type; /* that it is packed as; for reports */
};

/* Which part of a source matrix a weight takes, and in which order its rows. */
struct weight_source {
    struct matrix_rows m;
    int64_t first_row, n_rows; /* of m: parts of fused q|k|v and gate|up, one expert of many */
    struct interleaved heads; /* rows that packing puts back */
    enum block_type convert; /* pack as this type after dequantizing; TYPE_COUNT: as it is */
    bool f32_activations;    /* use the layout that meets float32 activations */
    bool fine_activations;   /* of a quantized matrix: activations of 15 bits, for twice the arithmetic of int8 */
    /* Copies n rows of m from `first` on into `to`, which holds them with their scales and biases, and makes *out a matrix
     * of these rows alone; called by the pool's threads, several at once. NULL: rows are read where m has them. A copy that
     * stays in a processor's cache is cheaper than pages of a mapped file, and nothing of the file stays resident. */
    pllm_status (*copy)(struct matrix_rows *out, const void *owner, const void *tensor, int64_t first, int64_t n, uint8_t *to,
                        pllm_error *err);
    const void *owner, *tensor; /* for it: whose matrix, and which */
    const char *name;           /* for errors; NULL: they do without */
};

/* Fills in what is known of a weight before it is packed: rows, cols, type. */
void weight_shape(struct weight *out, const struct weight_source *source);

/* Bytes that the packed form will take, without allocating. */
size_t weight_bytes(const struct weight_source *source, const struct kernels *k);

/* One of the weights that are packed together. */
struct weight_job {
    struct weight *out;
    struct weight_source source;
};

/* Called now and then by the thread that waits for weights_pack, with the bytes of all that are packed; at the end with both
 * the same. False: stop, which is PLLM_E_ARGUMENT, "interrupted". */
struct weight_watch {
    bool (*call)(void *user, uint64_t done, uint64_t total);
    void *user;
};

/* The memory of weights that were packed together, of large pages where there are some. */
struct weight_room {
    void *at; /* mem_alloc_aligned(bytes) */
    size_t bytes;
};

/* Packs n weights, one after another in one piece of memory, all threads of the pool at all of them. Errors begin with the
 * source's name. On failure nothing is held, and no `out` is touched. watch NULL: nobody is told. */
pllm_status weights_pack(struct weight_room *room, const struct weight_job *jobs, size_t n, const struct kernels *k,
                         struct pool *pool, const struct weight_watch *watch, pllm_error *err);
void weight_room_fini(struct weight_room *room);

/* Whether both read inputs of one form, in panels of one width: what is packed and cut for one will do for the other. */
static inline bool weight_same_cut(const struct weight *a, const struct weight *b)
{
    return a->kernel->act == b->kernel->act && a->kernel->panel == b->kernel->panel;
}

#endif
