/* The KV cache's memory, and storing into it: q and k normed and rotated on the way. */
#include "backend/cpu/stream.h"

#include "base/mem.h"

#include <string.h>

static int group_layers(const struct kv_layout *layout, int group)
{
    int n = 0;
    for (int l = 0; l < layout->n_layers; l++)
        n += layout->group[l] == group;
    return n;
}

size_t kv_block_bytes(const struct kv_layout *layout, const struct device *d, int group)
{
    return (size_t)group_layers(layout, group) * (size_t)layout->n_kv_heads *
           d->kernels.kv[layout->type].block_bytes(layout->head_dim);
}

size_t kv_scratch_bytes(int head_dim, int n_threads)
{
    return (size_t)n_threads * attend_scratch_bytes(head_dim) + (size_t)attend_slots(n_threads) * attend_slot_bytes(head_dim);
}

static bool kv_alloc(struct kv *kv, const struct stream *s)
{
    const struct kv_layout *layout = &kv->layout;
    kv->group = mem_alloc((size_t)layout->n_layers, sizeof *kv->group);
    kv->index = mem_alloc((size_t)layout->n_layers, sizeof *kv->index);
    kv->all_scratch_bytes = (size_t)s->n_threads * kv->scratch_bytes;
    kv->scratch = mem_alloc_aligned(kv->all_scratch_bytes);
    kv->n_slots = attend_slots(s->n_threads);
    kv->all_slot_bytes = (size_t)kv->n_slots * attend_slot_bytes(layout->head_dim);
    kv->slots = kv->n_slots ? mem_alloc_aligned(kv->all_slot_bytes) : NULL;
    if (!kv->group || !kv->index || !kv->scratch || (kv->n_slots && !kv->slots))
        return false;
    for (int l = 0; l < layout->n_layers; l++) {
        kv->group[l] = layout->group[l];
        kv->index[l] = kv->n_layers[layout->group[l]]++;
    }
    for (int g = 0; g < KV_GROUPS; g++) {
        size_t bytes;
        if (!mem_mul((size_t)kv->n_layers[g] * (size_t)layout->n_blocks[g], kv->block_bytes, &bytes) ||
            !(kv->memory[g] = mem_alloc_aligned(bytes)))
            return false;
        kv->bytes[g] = bytes;
    }
    return true;
}

static double all_blocks_mib(const struct kv *kv, const struct kv_layout *layout)
{
    double bytes = 0;
    for (int g = 0; g < KV_GROUPS; g++)
        bytes += (double)group_layers(layout, g) * layout->n_blocks[g] * (double)kv->block_bytes;
    return bytes / 1048576;
}

pllm_status kv_open(struct kv **out, struct stream *s, const struct kv_layout *layout, pllm_error *err)
{
    struct kv *kv = mem_zalloc(1, sizeof *kv);
    if (!kv)
        return error_memory(err, "KV cache");
    kv->kernel = &s->k->kv[layout->type];
    kv->layout = *layout;
    kv->head_bytes = kv->kernel->block_bytes(layout->head_dim);
    kv->block_bytes = (size_t)layout->n_kv_heads * kv->head_bytes;
    kv->scratch_bytes = attend_scratch_bytes(layout->head_dim);
    if (!kv_alloc(kv, s)) {
        const double mib = all_blocks_mib(kv, layout);
        kv_close(kv);
        return error_set(err, PLLM_E_MEMORY, "KV cache: not enough memory for %.1f MiB", mib);
    }
    kv->layout.group = kv->group;
    *out = kv;
    return PLLM_OK;
}

void kv_close(struct kv *kv)
{
    if (!kv)
        return;
    for (int g = 0; g < KV_GROUPS; g++)
        mem_free_aligned(kv->memory[g], kv->bytes[g]);
    mem_free_aligned(kv->scratch, kv->all_scratch_bytes);
    mem_free_aligned(kv->slots, kv->all_slot_bytes);
    mem_free(kv->group);
    mem_free(kv->index);
    mem_free(kv);
}

/* Whole blocks: K is stored dimension by dimension, so the first n positions are spread over it, and those
 * past them are overwritten before anybody sees them. */
void kv_copy(struct kv *kv, int group, int32_t to, int32_t from, int n_positions)
{
    (void)n_positions;
    for (int l = 0; l < kv->layout.n_layers; l++)
        if (kv->group[l] == group)
            memcpy(kv_block(kv, l, to, 0), kv_block(kv, l, from, 0), kv->block_bytes);
}

struct store_job {
    const struct stream *s;
    const struct kv *kv;
    struct act *q, *k;
    const struct act *v;
    const struct attention *a;
    int per_task;
};

static void norm_heads(const struct stream *s, float *x, const struct norm *norm, int n_heads, const struct attention *a)
{
    if (!norm)
        return;
    if (a->norm_whole) {
        norm_row(s->k, x, x, norm, n_heads * a->head_dim);
        return;
    }
    for (int h = 0; h < n_heads; h++)
        norm_row(s->k, x + h * a->head_dim, x + h * a->head_dim, norm, a->head_dim);
}

static void rotate_heads(const struct stream *s, float *x, int n_heads, int row, const struct attention *a)
{
    int dims = a->rope < 0 ? 0 : s->ropes[a->rope].dims;
    if (dims == 0)
        return;
    const float *angles = s->angles + ((size_t)a->rope * (size_t)s->options.max_rows + (size_t)row) * s->angle_stride;
    for (int h = 0; h < n_heads; h++)
        s->k->rope(x + h * a->head_dim, angles, angles + dims / 2, dims);
}

static void finish_heads(const struct stream *s, float *x, const struct norm *norm, int n_heads, int row, const struct attention *a)
{
    if (!a->norm_rotated)
        norm_heads(s, x, norm, n_heads, a);
    rotate_heads(s, x, n_heads, row, a);
    if (a->norm_rotated)
        norm_heads(s, x, norm, n_heads, a);
}

static void store_task(void *argument, int task, int thread)
{
    const struct store_job *job = argument;
    const struct stream *s = job->s;
    const struct attention *a = job->a;
    (void)thread;
    int end = (task + 1) * job->per_task;
    for (int r = task * job->per_task; r < (end < s->n_rows ? end : s->n_rows); r++) {
        float *q = act_row(job->q, r), *k = act_row(job->k, r);
        const float *v = act_row(job->v, r);
        finish_heads(s, q, a->q_norm, a->n_heads, r, a);
        finish_heads(s, k, a->k_norm, a->n_kv_heads, r, a);
        int32_t pos = s->row[r].pos;
        int32_t block = s->batch->seqs[s->row[r].seq].blocks[job->kv->group[a->layer]][pos / KV_BLOCK];
        for (int h = 0; h < a->n_kv_heads; h++)
            job->kv->kernel->store(kv_block(job->kv, a->layer, block, h), pos % KV_BLOCK, k + h * a->head_dim,
                                   v + h * a->head_dim, a->head_dim);
    }
}

void op_rope_store(struct stream *s, struct kv *kv, struct act *q, struct act *k, const struct act *v,
                   const struct attention *a)
{
    struct store_job job = {s, kv, q, k, v, a, rows_per_task(s, s->n_rows, 2 * a->n_heads * a->head_dim)};
    pool_run(s->pool, store_task, &job, (s->n_rows + job.per_task - 1) / job.per_task);
    act_written(s, q);
    act_written(s, k);
}
