/* File type -> kernel layout: the rows of a matrix, in the order in which the model wants them, into panels. */
#include "weights/weight.h"

#include "base/mem.h"

enum { PANEL_ROWS_MAX = 64 };

static const struct gemm_kernel *find_kernel(const struct weight_source *source, const struct kernels *k)
{
    enum block_type type = source->m.type;
    if (type == TYPE_MLX) {
        const struct gemm_kernel *table = source->f32_activations ? k->gemm_mlx_f32 : k->gemm_mlx;
        return source->m.bits >= 0 && source->m.bits <= 8 ? &table[source->m.bits] : NULL;
    }
    return source->f32_activations ? &k->gemm_f32[type] : &k->gemm[type];
}

size_t weight_bytes(const struct weight_source *source, const struct kernels *k)
{
    const struct gemm_kernel *kernel = find_kernel(source, k);
    if (!kernel || !kernel->run)
        return 0;
    return (size_t)((source->n_rows + kernel->panel - 1) / kernel->panel) * kernel->panel_bytes(&source->m);
}

/* Where output row j stands in the source: llama.cpp interleaves the halves of each head's rotated dimensions,
 * so that dimension i of the first half is row 2 i of the head and of the second half row 2 i + 1. */
static int64_t source_row(const struct weight_source *source, int64_t j)
{
    int dim = source->interleaved_head_dim, half = source->rope_dims / 2;
    if (dim > 0) {
        int64_t head = j / dim;
        int i = (int)(j % dim);
        if (i < source->rope_dims)
            j = head * dim + (i < half ? 2 * i : 2 * (i - half) + 1);
    }
    return source->first_row + j;
}

struct pack_job {
    const struct weight_source *source;
    const struct weight *w;
};

static void pack_task(void *argument, int task, int thread)
{
    struct pack_job *job = argument;
    const struct weight *w = job->w;
    int32_t index[PANEL_ROWS_MAX];
    (void)thread;
    for (int i = 0; i < w->kernel->panel; i++) {
        int64_t j = (int64_t)task * w->kernel->panel + i;
        index[i] = j < w->rows ? (int32_t)source_row(job->source, j) : -1;
    }
    void *panel = (char *)w->panels + (size_t)task * w->panel_bytes;
    w->kernel->pack(panel, &job->source->m, index);
}

pllm_status weight_pack(struct weight *out, const struct weight_source *source, const struct kernels *k,
                        struct pool *pool, pllm_error *err)
{
    const struct gemm_kernel *kernel = find_kernel(source, k);
    if (source->convert != TYPE_COUNT && source->convert != source->m.type)
        return error_set(err, PLLM_E_UNSUPPORTED, "weights of type %s cannot be converted to %s",
                         block_info[source->m.type].name, block_info[source->convert].name);
    if (!kernel || !kernel->run)
        return error_set(err, PLLM_E_UNSUPPORTED, "no product for weights of type %s%s",
                         block_info[source->m.type].name, source->f32_activations ? " with f32 activations" : "");
    if (kernel->panel > PANEL_ROWS_MAX || source->n_rows < 1 || source->n_rows > INT32_MAX || source->m.cols > INT32_MAX)
        return error_set(err, PLLM_E_UNSUPPORTED, "a weight of %lld rows and %lld columns is too large",
                         (long long)source->n_rows, (long long)source->m.cols);
    struct weight w = {.kernel = kernel, .rows = (int)source->n_rows, .cols = (int)source->m.cols, .type = source->m.type};
    w.n_panels = (w.rows + kernel->panel - 1) / kernel->panel;
    w.panel_bytes = kernel->panel_bytes(&source->m);
    if (!mem_mul((size_t)w.n_panels, w.panel_bytes, &w.bytes) || !(w.panels = mem_alloc_aligned(w.bytes)))
        return error_memory(err, "weights");
    struct pack_job job = {.source = source, .w = &w};
    pool_run(pool, pack_task, &job, w.n_panels);
    *out = w;
    return PLLM_OK;
}

void weight_fini(struct weight *w)
{
    mem_free_aligned(w->panels, w->bytes);
    *w = (struct weight){0};
}
