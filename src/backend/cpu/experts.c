/* Mixture of experts: rows are routed, sorted by expert, and each expert's rows go through its products
 * together. An `assignment` is one of a row's top_k experts; assignments are numbered by expert, and a row adds
 * up its own in the order in which it chose them. */
#include "backend/cpu/stream.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { TASKS_PER_THREAD = 6, BUFFERS = 10 };

struct routing {
    struct act logits;    /* [rows][n_experts] */
    int *chosen;          /* [rows][top_k]: experts, best first */
    float *weights;       /* [rows][top_k] */
    int *place;           /* [rows][top_k]: assignment */
    int *row;             /* [assignments] */
    int *first;           /* [n_experts + 1]: first assignment of each */
    size_t *packed_at;    /* [n_experts]: where each one's packed rows begin */
    float *outer;         /* [assignments][stride]: inputs, and in the end results */
    float *inner;         /* [assignments][stride]: between the products */
    char *packed;
    size_t stride;
    struct buffer buffer[BUFFERS]; /* the memory of those above */
};

/* ---- Memory ---------------------------------------------------------------------------------------- */

/* What routing_open allocates, and routing_close frees. */
static void routing_buffers(struct buffer buffer[BUFFERS], struct routing *r, const struct kernels *k, const struct stream_options *o)
{
    const struct experts *e = o->experts;
    size_t rows = (size_t)o->max_rows, experts = (size_t)e->n_experts, n = rows * (size_t)e->top_k;
    r->logits = (struct act){.stride = row_stride(e->n_experts), .cols = e->n_experts, .max_rows = o->max_rows};
    r->stride = row_stride(o->max_cols);
    /* Each expert's last tiles may be low, but take no more than one more. */
    size_t packed_rows = n + (experts < n ? experts : n) * (size_t)tallest_tile(k);
    const struct buffer all[BUFFERS] = {
        {(void **)&r->logits.data, rows * r->logits.stride * sizeof(float)},
        {(void **)&r->chosen, n * sizeof(int)},
        {(void **)&r->weights, n * sizeof(float)},
        {(void **)&r->place, n * sizeof(int)},
        {(void **)&r->row, n * sizeof(int)},
        {(void **)&r->first, (experts + 1) * sizeof(int)},
        {(void **)&r->packed_at, experts * sizeof(size_t)},
        {(void **)&r->outer, n * r->stride * sizeof(float)},
        {(void **)&r->inner, n * r->stride * sizeof(float)},
        {(void **)&r->packed, most_packed_bytes(k, (int)packed_rows, o->max_cols, o)},
    };
    memcpy(buffer, all, sizeof all);
}

size_t routing_bytes(const struct kernels *k, const struct stream_options *o)
{
    struct routing none;
    struct buffer buffer[BUFFERS];
    routing_buffers(buffer, &none, k, o);
    size_t bytes = sizeof none;
    for (int i = 0; i < BUFFERS; i++)
        bytes += buffer[i].bytes;
    return bytes;
}

pllm_status routing_open(struct routing **out, const struct stream *s, pllm_error *err)
{
    struct routing *r = mem_zalloc(1, sizeof *r);
    if (!r)
        return error_memory(err, "experts");
    routing_buffers(r->buffer, r, s->k, &s->options);
    if (!buffers_open(r->buffer, BUFFERS)) {
        routing_close(r);
        return error_memory(err, "experts");
    }
    *out = r;
    return PLLM_OK;
}

void routing_close(struct routing *r)
{
    if (!r)
        return;
    buffers_close(r->buffer, BUFFERS);
    mem_free(r);
}

/* ---- Routing --------------------------------------------------------------------------------------- */

/* Softmax of the router's logits, the top_k best of it, lower numbers first where equal. */
static void route_row(struct routing *r, const struct experts *e, int row)
{
    float *x = act_row(&r->logits, row), largest = -INFINITY, sum = 0.0f, kept = 0.0f;
    int *chosen = r->chosen + row * e->top_k;
    float *weights = r->weights + row * e->top_k;
    for (int i = 0; i < e->n_experts; i++)
        largest = x[i] > largest ? x[i] : largest;
    for (int i = 0; i < e->n_experts; i++) {
        x[i] = expf(x[i] - largest);
        sum += x[i];
    }
    for (int k = 0; k < e->top_k; k++) {
        int best = 0;
        for (int i = 1; i < e->n_experts; i++)
            if (x[i] > x[best] || x[best] < 0.0f)
                best = i;
        chosen[k] = best;
        weights[k] = x[best] / sum;
        kept += weights[k];
        x[best] = -1.0f; /* taken */
    }
    for (int k = 0; k < e->top_k; k++)
        weights[k] = e->normalize ? weights[k] / kept : weights[k];
}

/* Numbers the assignments by expert, and within one by row. */
static void sort_assignments(struct routing *r, const struct experts *e, int n_rows)
{
    memset(r->first, 0, (size_t)(e->n_experts + 1) * sizeof *r->first);
    int n = n_rows * e->top_k;
    for (int i = 0; i < n; i++)
        r->first[r->chosen[i] + 1]++;
    for (int x = 0; x < e->n_experts; x++)
        r->first[x + 1] += r->first[x];
    for (int i = 0; i < n; i++) {
        int at = r->first[r->chosen[i]]++;
        r->place[i] = at;
        r->row[at] = i / e->top_k;
    }
    for (int x = e->n_experts; x > 0; x--) /* counting moved each beginning to the next one's */
        r->first[x] = r->first[x - 1];
    r->first[0] = 0;
}

/* ---- Products -------------------------------------------------------------------------------------- */

struct expert_job {
    const struct stream *s;
    struct routing *r;
    const struct experts *e;
    const struct act *in;
    struct act *out;
    const struct act_kernel *form; /* of the product at hand */
    int cols;                      /* of its inputs */
    int columns, pieces;           /* of its outputs */
    int per_task;
    float scale;
};

static int expert_rows(const struct routing *r, int expert)
{
    return r->first[expert + 1] - r->first[expert];
}

static void pack_expert(const struct expert_job *job, const float *rows, int expert)
{
    struct routing *r = job->r;
    job->form->pack(r->packed + r->packed_at[expert], rows + (size_t)r->first[expert] * r->stride, r->stride,
                    expert_rows(r, expert), job->cols);
}

static void collect_task(void *argument, int task, int thread)
{
    const struct expert_job *job = argument;
    struct routing *r = job->r;
    (void)thread;
    for (int i = r->first[task]; i < r->first[task + 1]; i++)
        memcpy(r->outer + (size_t)i * r->stride, act_row(job->in, r->row[i]), (size_t)job->cols * sizeof(float));
    pack_expert(job, r->outer, task);
}

static void repack_task(void *argument, int task, int thread)
{
    const struct expert_job *job = argument;
    (void)thread;
    pack_expert(job, job->r->inner, task);
}

/* Outputs [first, first + n) of w for rows [row, row + rows) of its expert. */
static void run_piece(const struct expert_job *job, float *out, size_t stride, const struct weight *w, int expert, int first,
                      int n, int row, int rows)
{
    int panel = w->kernel->panel;
    w->kernel->run(out, stride, job->r->packed + job->r->packed_at[expert] + job->form->bytes(row, job->cols), rows,
                   (const char *)w->panels + (size_t)(first / panel) * w->panel_bytes, (n + panel - 1) / panel, w->cols);
}

static void gate_up_task(void *argument, int task, int thread)
{
    const struct expert_job *job = argument;
    struct routing *r = job->r;
    int x = task / job->pieces, first = task % job->pieces * job->columns, rows = expert_rows(r, x);
    const struct weight *gate = &job->e->gate[x], *up = &job->e->up[x];
    int left = gate->rows - first, n = left < job->columns ? left : job->columns;
    float *g = thread_scratch(job->s, thread), *u = g + PIECE_ROWS * PIECE_COLUMNS;
    for (int row = 0, some; row < rows; row += some) {
        some = act_range_end(job->form, row, rows, PIECE_ROWS) - row;
        run_piece(job, g, PIECE_COLUMNS, gate, x, first, n, row, some);
        run_piece(job, u, PIECE_COLUMNS, up, x, first, n, row, some);
        for (int i = 0; i < some; i++)
            job->s->k->gate_mul[job->e->act](r->inner + (size_t)(r->first[x] + row + i) * r->stride + first,
                                             g + i * PIECE_COLUMNS, u + i * PIECE_COLUMNS, n);
    }
}

static void down_task(void *argument, int task, int thread)
{
    const struct expert_job *job = argument;
    struct routing *r = job->r;
    (void)thread;
    int x = task / job->pieces, first = task % job->pieces * job->columns, rows = expert_rows(r, x);
    const struct weight *down = &job->e->down[x];
    int left = down->rows - first, n = left < job->columns ? left : job->columns;
    if (rows > 0)
        run_piece(job, r->outer + (size_t)r->first[x] * r->stride + first, r->stride, down, x, first, n, 0, rows);
}

static void combine_task(void *argument, int task, int thread)
{
    const struct expert_job *job = argument;
    const struct routing *r = job->r;
    const struct stream *s = job->s;
    int top_k = job->e->top_k, n = job->cols, end = (task + 1) * job->per_task;
    float *sum = thread_scratch(s, thread);
    for (int row = task * job->per_task; row < (end < s->n_rows ? end : s->n_rows); row++) {
        memset(sum, 0, (size_t)n * sizeof *sum);
        for (int k = 0; k < top_k; k++)
            s->k->add_scaled(sum, r->outer + (size_t)r->place[row * top_k + k] * r->stride, r->weights[row * top_k + k], n);
        s->k->add_scaled(act_row(job->out, row), sum, job->scale, n);
    }
}

/* Prepares the job for a product: where packed rows go, and how outputs are cut, for all experts alike (weight_same_cut). */
static void set_product(struct expert_job *job, const struct weight *w, const struct weight *other)
{
    struct routing *r = job->r;
    int split = TASKS_PER_THREAD * job->s->n_threads / job->e->n_experts;
    job->form = w->kernel->act;
    job->cols = w->cols;
    job->columns = piece_columns(w, other, split > 1 ? split : 1);
    job->pieces = (w->rows + job->columns - 1) / job->columns;
    size_t at = 0;
    for (int x = 0; x < job->e->n_experts; x++) {
        r->packed_at[x] = at;
        at += mem_round_up(job->form->bytes(expert_rows(r, x), job->cols), MEM_ALIGN);
    }
}

void op_experts(struct stream *s, struct act *out, const struct act *in, const struct experts *e, float scale)
{
    struct routing *r = s->routing;
    const struct linear router = {.w = e->router, .out = &r->logits, .scale = 1.0f, .module = -1};
    op_linear(s, &router, 1, in);
    for (int row = 0; row < s->n_rows; row++)
        route_row(r, e, row);
    sort_assignments(r, e, s->n_rows);
    struct expert_job job = {.s = s, .r = r, .e = e, .in = in, .out = out, .scale = scale};
    set_product(&job, &e->gate[0], &e->up[0]);
    pool_run(s->pool, collect_task, &job, e->n_experts);
    pool_run(s->pool, gate_up_task, &job, e->n_experts * job.pieces);
    set_product(&job, &e->down[0], NULL);
    pool_run(s->pool, repack_task, &job, e->n_experts);
    pool_run(s->pool, down_task, &job, e->n_experts * job.pieces);
    job.cols = e->down[0].rows;
    job.per_task = rows_per_task(s, s->n_rows, job.cols * (e->top_k + 1));
    pool_run(s->pool, combine_task, &job, (s->n_rows + job.per_task - 1) / job.per_task);
    act_written(s, out);
}
