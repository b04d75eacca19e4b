/* Attention over block tables.
 *
 * A task is one kv head (or some of the query heads that read it) and some neighbouring rows. It walks over
 * the context block by block; at each block, rows whose tables name the same block are handed to the kernel
 * together, so that the block is read once for all of them: rows of one sequence, and rows of sequences that
 * share a prefix. For that, sequences are taken in the order of their block tables. A row meets its own blocks
 * in their order, one after another, whoever is beside it: that is what keeps its bits. */
#include "backend/cpu/stream.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { TASKS_PER_THREAD = 4 };

/* ---- The order of the sequences -------------------------------------------------------------------- */

/* Compares the tables of two sequences, as far as both go. */
static int compare_tables(const struct batch_seq *a, const struct batch_seq *b, int group)
{
    int n_a = (a->pos + a->n_rows - 1) / KV_BLOCK + 1, n_b = (b->pos + b->n_rows - 1) / KV_BLOCK + 1;
    const int32_t *x = a->blocks[group], *y = b->blocks[group];
    if (!x || !y)
        return 0;
    for (int i = 0; i < n_a && i < n_b; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return n_a - n_b;
}

/* Merge sort: no memory but `temp`, and stable. */
static void sort_seqs(int *order, int *temp, int n, const struct batch_seq *seqs, int group)
{
    for (int width = 1; width < n; width *= 2) {
        for (int at = 0; at < n; at += 2 * width) {
            int mid = at + width < n ? at + width : n, end = at + 2 * width < n ? at + 2 * width : n;
            for (int i = at, j = mid, o = at; o < end; o++) {
                bool left = i < mid && (j >= end || compare_tables(&seqs[order[i]], &seqs[order[j]], group) <= 0);
                temp[o] = left ? order[i++] : order[j++];
            }
        }
        memcpy(order, temp, (size_t)n * sizeof *order);
    }
}

void attend_begin(struct stream *s)
{
    for (int g = 0; g < KV_GROUPS; g++) {
        for (int i = 0; i < s->batch->n_seqs; i++)
            s->seq_order[g][i] = i;
        sort_seqs(s->seq_order[g], s->seq_temp, s->batch->n_seqs, s->batch->seqs, g);
        int n = 0;
        for (int i = 0; i < s->batch->n_seqs; i++) {
            const struct batch_seq *seq = &s->batch->seqs[s->seq_order[g][i]];
            for (int r = 0; r < seq->n_rows; r++)
                s->row_order[g][n++] = seq->first_row + r;
        }
    }
}

/* ---- One task -------------------------------------------------------------------------------------- */

struct attend_job {
    const struct stream *s;
    const struct kv *kv;
    struct act *out, *q;
    const struct attention *a;
    const int *order;  /* rows, sorted by block table */
    int rows, heads;   /* of a task; heads divides the query heads of a kv head */
    int head_parts;    /* tasks for all heads of a row */
};

/* A task's own memory: `n` query vectors, heads of a row together. */
struct work {
    int n;
    int first[ATTEND_ROWS], last[ATTEND_ROWS];     /* positions of the current block that each sees */
    int32_t from[ATTEND_ROWS], to[ATTEND_ROWS];    /* positions that each sees at all: [from, to) */
    const int32_t *table[ATTEND_ROWS];
    float m[ATTEND_ROWS], l[ATTEND_ROWS];
    _Alignas(MEM_ALIGN) float vectors[]; /* q[ATTEND_ROWS][head_dim], acc[ATTEND_ROWS][head_dim] */
};

size_t attend_scratch_bytes(int head_dim)
{
    return mem_round_up(sizeof(struct work) + 2 * ATTEND_ROWS * (size_t)head_dim * sizeof(float), MEM_ALIGN);
}

static void load_rows(struct work *w, const struct attend_job *job, int first, int n_rows, int head)
{
    const struct attention *a = job->a;
    const struct stream *s = job->s;
    int dim = a->head_dim;
    float *acc = w->vectors + (size_t)ATTEND_ROWS * (size_t)dim;
    w->n = n_rows * job->heads;
    for (int i = 0; i < w->n; i++) {
        int row = job->order[first + i / job->heads];
        int32_t pos = s->row[row].pos;
        w->from[i] = a->window > 0 && pos - a->window + 1 > 0 ? pos - a->window + 1 : 0;
        w->to[i] = pos + 1;
        w->table[i] = s->batch->seqs[s->row[row].seq].blocks[job->kv->group[a->layer]];
        w->m[i] = -INFINITY;
        w->l[i] = 0.0f;
        const float *q = act_row(job->q, row) + (head + i % job->heads) * dim;
        for (int d = 0; d < dim; d++) {
            w->vectors[i * dim + d] = q[d] * a->scale;
            acc[i * dim + d] = 0.0f;
        }
    }
}

/* One block for the query vectors [i, end), whose tables all name it. */
static void attend_block(struct work *w, const struct attend_job *job, int i, int end, int32_t block, int kv_head)
{
    int dim = job->a->head_dim;
    float *acc = w->vectors + (size_t)ATTEND_ROWS * (size_t)dim;
    job->kv->kernel->attend(w->m + i, w->l + i, acc + i * dim, (size_t)dim, w->vectors + i * dim, (size_t)dim, end - i,
                            w->first + i, w->last + i, kv_block(job->kv, job->a->layer, block, kv_head), dim,
                            job->a->softcap);
}

/* What of block b each query vector sees; false: none sees anything. */
static bool clip(struct work *w, int b)
{
    bool any = false;
    for (int i = 0; i < w->n; i++) {
        int32_t first = w->from[i] - b * KV_BLOCK, last = w->to[i] - b * KV_BLOCK;
        w->first[i] = first > 0 ? first : 0;
        w->last[i] = last < KV_BLOCK ? last : KV_BLOCK;
        any = any || w->first[i] < w->last[i];
    }
    return any;
}

static void walk_blocks(struct work *w, const struct attend_job *job, int kv_head)
{
    int32_t from = w->from[0], to = w->to[0];
    for (int i = 1; i < w->n; i++) {
        from = w->from[i] < from ? w->from[i] : from;
        to = w->to[i] > to ? w->to[i] : to;
    }
    for (int b = from / KV_BLOCK; b * KV_BLOCK < to; b++) {
        if (!clip(w, b))
            continue;
        for (int i = 0, end; i < w->n; i = end) {
            end = i + 1;
            if (w->first[i] >= w->last[i])
                continue;
            int32_t block = w->table[i][b];
            while (end < w->n && w->first[end] < w->last[end] && w->table[end][b] == block)
                end++;
            attend_block(w, job, i, end, block, kv_head);
        }
    }
}

static void attend_task(void *argument, int task, int thread)
{
    const struct attend_job *job = argument;
    const struct attention *a = job->a;
    struct work *w = (struct work *)(job->kv->scratch + (size_t)thread * job->kv->scratch_bytes);
    int head = task % job->head_parts * job->heads, first = task / job->head_parts * job->rows;
    int left = job->s->n_rows - first, n_rows = left < job->rows ? left : job->rows;
    load_rows(w, job, first, n_rows, head);
    walk_blocks(w, job, head / (a->n_heads / a->n_kv_heads));
    const float *acc = w->vectors + (size_t)ATTEND_ROWS * (size_t)a->head_dim;
    for (int i = 0; i < w->n; i++) {
        float *out = act_row(job->out, job->order[first + i / job->heads]) + (head + i % job->heads) * a->head_dim;
        float inverse = 1.0f / w->l[i];
        for (int d = 0; d < a->head_dim; d++)
            out[d] = acc[i * a->head_dim + d] * inverse;
    }
}

/* ---- The operation --------------------------------------------------------------------------------- */

/* Many rows to a task read shared blocks once; few make tasks enough for all threads. Where there are fewer
 * rows than that needs, a kv head's query heads are divided too. */
static void cut(struct attend_job *job)
{
    const struct stream *s = job->s;
    const struct attention *a = job->a;
    int per_kv = a->n_heads / a->n_kv_heads, wanted = s->n_threads > 1 ? TASKS_PER_THREAD * s->n_threads : 1;
    job->heads = per_kv;
    while (job->heads > ATTEND_ROWS ||
           (job->heads % 2 == 0 && s->n_rows * (a->n_heads / job->heads) < s->n_threads))
        for (job->heads--; per_kv % job->heads != 0;)
            job->heads--;
    job->head_parts = a->n_heads / job->heads;
    int rows = (int)((int64_t)s->n_rows * job->head_parts / wanted);
    rows = rows < ATTEND_ROWS / job->heads ? rows : ATTEND_ROWS / job->heads;
    job->rows = rows > 1 ? rows : 1;
}

void op_attend(struct stream *s, struct kv *kv, struct act *out, struct act *q, const struct attention *a)
{
    double start = clock_now();
    struct attend_job job = {.s = s, .kv = kv, .out = out, .q = q, .a = a, .order = s->row_order[kv->group[a->layer]]};
    cut(&job);
    pool_run(s->pool, attend_task, &job, (s->n_rows + job.rows - 1) / job.rows * job.head_parts);
    act_written(s, out);
    s->seconds[CLOCK_ATTEND] += clock_now() - start;
}
