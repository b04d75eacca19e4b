/* Attention over block tables.
 *
 * A row's context is cut into parts of ATTEND_PART positions, counted from position 0. Each part is reduced by itself
 * (maximum, sum, weighted values), and what came of it is merged into what came of those before it, in their order.
 * That is the definition, whoever is in the batch: it lets a lone row's parts be shared among the threads, to the
 * same bits.
 *
 * A task is one kv head (or some of the query heads that read it) and some neighbouring rows. It walks over
 * the context block by block; at each block, rows whose tables name the same block are handed to the kernel
 * together, so that the block is read once for all of them: rows of one sequence, and rows of sequences that
 * share a prefix. For that, sequences are taken in the order of their block tables. A row meets its own blocks
 * in their order, one after another, whoever is beside it: that is what keeps its bits.
 *
 * Where that makes too few tasks, or one of them too long, each part is a task of its own: it leaves its results in
 * slots, and a second round of tasks merges them. */
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

/* ---- Rows and their parts --------------------------------------------------------------------------- */

struct attend_job {
    const struct stream *s;
    const struct kv *kv;
    struct act *out, *q;
    const struct attention *a;
    const int *order;  /* rows, sorted by block table */
    int rows, heads;   /* of a task; heads divides the query heads of a kv head */
    int head_parts;    /* tasks for all heads of a row */
    int tasks;         /* for all rows and heads */
    int part, n_parts; /* where each part is a task: those of this round */
    bool last_round;
};

struct span {
    int32_t from, to; /* positions [from, to) */
};

/* Running maxima, sums of exponentials. */
struct sums {
    float m[ATTEND_ROWS], l[ATTEND_ROWS];
};

/* A task's own memory: `n` query vectors, heads of a row together. */
struct work {
    int n, kv_head;
    int first_row, first_head;                 /* the first of those vectors: its row's place in the order */
    int first[ATTEND_ROWS], last[ATTEND_ROWS]; /* positions of the current block that each sees */
    struct span seen[ATTEND_ROWS];             /* that each sees at all */
    const int32_t *table[ATTEND_ROWS];
    struct sums part, all;               /* of the current part; of those before it */
    _Alignas(MEM_ALIGN) float vectors[]; /* [3][ATTEND_ROWS][head_dim]: queries, weighted values of part and of all */
};

enum { SLOT_VALUES = MEM_ALIGN / (int)sizeof(float) }; /* a slot: maximum, sum; from here on weighted values */

size_t attend_scratch_bytes(int head_dim)
{
    return mem_round_up(sizeof(struct work) + 3 * ATTEND_ROWS * (size_t)head_dim * sizeof(float), MEM_ALIGN);
}

size_t attend_slot_bytes(int head_dim)
{
    return mem_round_up((SLOT_VALUES + (size_t)head_dim) * sizeof(float), MEM_ALIGN);
}

int attend_slots(int n_threads)
{
    return n_threads > 1 ? TASKS_PER_THREAD * n_threads * ATTEND_ROWS : 0;
}

static struct span span_of(const struct attend_job *job, int row)
{
    int32_t pos = job->s->row[row].pos, window = job->a->window;
    return (struct span){window > 0 && pos - window + 1 > 0 ? pos - window + 1 : 0, pos + 1};
}

static struct span clip(struct span s, int32_t from, int32_t to)
{
    return (struct span){s.from > from ? s.from : from, s.to < to ? s.to : to};
}

static bool sees_part(struct span s, int part)
{
    struct span seen = clip(s, part * ATTEND_PART, (part + 1) * ATTEND_PART);
    return seen.from < seen.to;
}

static struct span widen(struct span a, struct span b)
{
    return (struct span){a.from < b.from ? a.from : b.from, a.to > b.to ? a.to : b.to};
}

/* All positions that any of a task's rows sees; never none, as each sees itself. */
static struct span seen_by_any(const struct work *w)
{
    struct span seen = w->seen[0];
    for (int i = 1; i < w->n; i++)
        seen = widen(seen, w->seen[i]);
    return seen;
}

static float *part_values(struct work *w, const struct attend_job *job)
{
    return w->vectors + (size_t)ATTEND_ROWS * (size_t)job->a->head_dim;
}

static float *all_values(struct work *w, const struct attend_job *job)
{
    return w->vectors + 2 * (size_t)ATTEND_ROWS * (size_t)job->a->head_dim;
}

static void begin_sums(struct sums *sums, float *values, int n, int dim)
{
    for (int i = 0; i < n; i++) {
        sums->m[i] = -INFINITY;
        sums->l[i] = 0.0f;
    }
    memset(values, 0, (size_t)n * (size_t)dim * sizeof *values);
}

/* Where vector i's results go. */
static float *out_row(const struct work *w, const struct attend_job *job, int i)
{
    int row = job->order[w->first_row + i / job->heads];
    return act_row(job->out, row) + (w->first_head + i % job->heads) * job->a->head_dim;
}

static void write_out(float *out, const float *values, float l, int dim)
{
    float inverse = 1.0f / l;
    for (int d = 0; d < dim; d++)
        out[d] = values[d] * inverse;
}

/* Which rows and heads are task number `task`'s. */
static struct work *begin_task(const struct attend_job *job, int task, int thread)
{
    const struct attention *a = job->a;
    struct work *w = (struct work *)(job->kv->scratch + (size_t)thread * job->kv->scratch_bytes);
    w->first_head = task % job->head_parts * job->heads;
    w->first_row = task / job->head_parts * job->rows;
    w->kv_head = w->first_head / (a->n_heads / a->n_kv_heads);
    int left = job->s->n_rows - w->first_row;
    w->n = (left < job->rows ? left : job->rows) * job->heads;
    for (int i = 0; i < w->n; i++)
        w->seen[i] = span_of(job, job->order[w->first_row + i / job->heads]);
    return w;
}

static void load_queries(struct work *w, const struct attend_job *job)
{
    const struct attention *a = job->a;
    const struct stream *s = job->s;
    int dim = a->head_dim;
    for (int i = 0; i < w->n; i++) {
        int row = job->order[w->first_row + i / job->heads];
        w->table[i] = s->batch->seqs[s->row[row].seq].blocks[job->kv->group[a->layer]];
        const float *q = act_row(job->q, row) + (w->first_head + i % job->heads) * dim;
        for (int d = 0; d < dim; d++)
            w->vectors[i * dim + d] = q[d] * a->scale;
    }
}

/* ---- One part --------------------------------------------------------------------------------------- */

/* One block for the query vectors [i, end), whose tables all name it. */
static void attend_block(struct work *w, const struct attend_job *job, int i, int end, int32_t block)
{
    int dim = job->a->head_dim;
    job->kv->kernel->attend(w->part.m + i, w->part.l + i, part_values(w, job) + i * dim, (size_t)dim, w->vectors + i * dim,
                            (size_t)dim, end - i, w->first + i, w->last + i,
                            kv_block(job->kv, job->a->layer, block, w->kv_head), dim, job->a->softcap);
}

/* What of block b each query vector sees; false: none sees anything. */
static bool look_at_block(struct work *w, int b)
{
    bool any = false;
    for (int i = 0; i < w->n; i++) {
        struct span seen = clip(w->seen[i], b * KV_BLOCK, (b + 1) * KV_BLOCK);
        w->first[i] = seen.from - b * KV_BLOCK;
        w->last[i] = seen.to - b * KV_BLOCK;
        any = any || w->first[i] < w->last[i];
    }
    return any;
}

/* The blocks of a part, of which the rows see `seen`. */
static void walk_part(struct work *w, const struct attend_job *job, struct span seen)
{
    begin_sums(&w->part, part_values(w, job), w->n, job->a->head_dim);
    for (int b = seen.from / KV_BLOCK; b * KV_BLOCK < seen.to; b++) {
        if (!look_at_block(w, b))
            continue;
        for (int i = 0, end; i < w->n; i = end) {
            end = i + 1;
            if (w->first[i] >= w->last[i])
                continue;
            int32_t block = w->table[i][b];
            while (end < w->n && w->first[end] < w->last[end] && w->table[end][b] == block)
                end++;
            attend_block(w, job, i, end, block);
        }
    }
}

/* ---- Tasks that walk over all parts ------------------------------------------------------------------- */

static void whole_task(void *argument, int task, int thread)
{
    const struct attend_job *job = argument;
    int dim = job->a->head_dim;
    struct work *w = begin_task(job, task, thread);
    load_queries(w, job);
    begin_sums(&w->all, all_values(w, job), w->n, dim);
    struct span seen = seen_by_any(w);
    for (int part = seen.from / ATTEND_PART; part * ATTEND_PART < seen.to; part++) {
        walk_part(w, job, clip(seen, part * ATTEND_PART, (part + 1) * ATTEND_PART));
        for (int i = 0; i < w->n; i++)
            if (sees_part(w->seen[i], part))
                job->s->k->attend_merge(&w->all.m[i], &w->all.l[i], all_values(w, job) + i * dim, w->part.m[i],
                                        w->part.l[i], part_values(w, job) + i * dim, dim);
    }
    for (int i = 0; i < w->n; i++)
        write_out(out_row(w, job, i), all_values(w, job) + i * dim, w->all.l[i], dim);
}

/* ---- Tasks of one part ---------------------------------------------------------------------------------- */

/* Vector i's slot number k: 0 for what the parts so far gave, 1 + j for part j of this round. */
static float *slot_of(const struct work *w, const struct attend_job *job, int i, int k)
{
    size_t n_heads = (size_t)job->a->n_heads;
    size_t vector = (size_t)(w->first_row + i / job->heads) * n_heads + (size_t)(w->first_head + i % job->heads);
    size_t number = (size_t)k * (size_t)job->s->n_rows * n_heads + vector;
    return (float *)(job->kv->slots + number * attend_slot_bytes(job->a->head_dim));
}

/* Parts are the slower index: the last ones, which may be short, are taken last. */
static void part_task(void *argument, int task, int thread)
{
    const struct attend_job *job = argument;
    int dim = job->a->head_dim, k = task / job->tasks, part = job->part + k;
    struct work *w = begin_task(job, task % job->tasks, thread);
    struct span seen = seen_by_any(w);
    if (!sees_part(seen, part))
        return;
    load_queries(w, job);
    walk_part(w, job, clip(seen, part * ATTEND_PART, (part + 1) * ATTEND_PART));
    for (int i = 0; i < w->n; i++) {
        float *slot = slot_of(w, job, i, 1 + k);
        slot[0] = w->part.m[i];
        slot[1] = w->part.l[i];
        memcpy(slot + SLOT_VALUES, part_values(w, job) + i * dim, (size_t)dim * sizeof *slot);
    }
}

static void merge_task(void *argument, int task, int thread)
{
    const struct attend_job *job = argument;
    int dim = job->a->head_dim;
    struct work *w = begin_task(job, task, thread);
    for (int i = 0; i < w->n; i++) {
        float *all = slot_of(w, job, i, 0);
        for (int k = 0; k < job->n_parts; k++) {
            const float *part = slot_of(w, job, i, 1 + k);
            if (sees_part(w->seen[i], job->part + k))
                job->s->k->attend_merge(&all[0], &all[1], all + SLOT_VALUES, part[0], part[1], part + SLOT_VALUES, dim);
        }
        if (job->last_round)
            write_out(out_row(w, job, i), all + SLOT_VALUES, all[1], dim);
    }
}

/* As many parts at a time as there are slots for. */
static void run_parts(struct attend_job *job, struct span seen)
{
    const struct kv *kv = job->kv;
    int vectors = job->s->n_rows * job->a->n_heads, most = kv->n_slots / vectors - 1;
    int end = (seen.to - 1) / ATTEND_PART + 1;
    for (int i = 0; i < vectors; i++) {
        float *all = (float *)(kv->slots + (size_t)i * attend_slot_bytes(job->a->head_dim));
        memset(all, 0, attend_slot_bytes(job->a->head_dim));
        all[0] = -INFINITY;
    }
    for (job->part = seen.from / ATTEND_PART; job->part < end; job->part += job->n_parts) {
        job->n_parts = end - job->part < most ? end - job->part : most;
        job->last_round = job->part + job->n_parts == end;
        pool_run(job->s->pool, part_task, job, job->tasks * job->n_parts);
        pool_run(job->s->pool, merge_task, job, job->tasks);
    }
}

/* ---- The operation --------------------------------------------------------------------------------- */

/* A kv head's query heads are divided while a task cannot hold them, or `wanted` says that tasks are too few. */
static void cut_heads(struct attend_job *job, int wanted)
{
    const struct attention *a = job->a;
    int per_kv = a->n_heads / a->n_kv_heads, n_rows = job->s->n_rows;
    job->heads = per_kv;
    while (job->heads > ATTEND_ROWS || (job->heads % 2 == 0 && n_rows * (a->n_heads / job->heads) < wanted))
        for (job->heads--; per_kv % job->heads != 0;)
            job->heads--;
    job->head_parts = a->n_heads / job->heads;
}

/* Many rows to a task read shared blocks once; few make tasks enough for all threads. */
static void cut_rows(struct attend_job *job)
{
    int n_rows = job->s->n_rows, threads = job->s->n_threads, wanted = threads > 1 ? TASKS_PER_THREAD * threads : 1;
    int rows = (int)((int64_t)n_rows * job->head_parts / wanted);
    int most = n_rows < ATTEND_ROWS / job->heads ? n_rows : ATTEND_ROWS / job->heads;
    job->rows = rows < 1 ? 1 : rows < most ? rows : most;
    job->tasks = (n_rows + job->rows - 1) / job->rows * job->head_parts;
}

/* Cuts the step into tasks. True: each part of the context is to be one, as else a task would be longer than the
 * threads could even out. */
static bool cut(struct attend_job *job, struct span *seen)
{
    const struct stream *s = job->s;
    int64_t all = 0, longest = 0;
    for (int r = 0; r < s->n_rows; r++) {
        struct span row = span_of(job, r);
        *seen = r ? widen(*seen, row) : row;
        all += row.to - row.from;
        longest = row.to - row.from > longest ? row.to - row.from : longest;
    }
    int parts = (seen->to - 1) / ATTEND_PART - seen->from / ATTEND_PART + 1;
    cut_heads(job, 1);
    cut_rows(job);
    bool split = parts > 1 && job->kv->n_slots / (s->n_rows * job->a->n_heads) > 2 &&
                 longest * job->rows * TASKS_PER_THREAD * s->n_threads > all * job->head_parts;
    cut_heads(job, split ? (2 * s->n_threads + parts - 1) / parts : s->n_threads);
    cut_rows(job);
    return split;
}

void op_attend(struct stream *s, struct kv *kv, struct act *out, struct act *q, const struct attention *a)
{
    struct attend_job job = {.s = s, .kv = kv, .out = out, .q = q, .a = a, .order = s->row_order[kv->group[a->layer]]};
    struct span seen = {0, 0};
    if (s->n_rows > 0 && cut(&job, &seen))
        run_parts(&job, seen);
    else
        pool_run(s->pool, whole_task, &job, job.tasks);
    act_written(s, out);
}
