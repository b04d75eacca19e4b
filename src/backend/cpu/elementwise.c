/* Operations that touch each number once or twice: embedding, norms, sums, gathering. */
#include "backend/cpu/stream.h"

#include <string.h>

struct job {
    const struct stream *s;
    float *out;
    const float *in;
    size_t out_stride, in_stride;
    int cols, n_rows, per_task;
    const struct matrix_rows *table;
    enum block_type as;
    const struct norm *norm;
    float scale;
};

static void run(struct stream *s, pool_task *task, struct job *job)
{
    job->s = s;
    job->per_task = rows_per_task(s, job->n_rows, job->cols);
    pool_run(s->pool, task, job, (job->n_rows + job->per_task - 1) / job->per_task);
}

static int task_end(const struct job *job, int task)
{
    int end = (task + 1) * job->per_task;
    return end < job->n_rows ? end : job->n_rows;
}

/* What n values are once they have been through blocks of a type. */
static void round_to(float *x, enum block_type type, int64_t n)
{
    enum { PIECE = 256 }; /* whole blocks of every type */
    uint8_t blocks[PIECE * sizeof(float)];
    const struct matrix_rows row = {.type = type, .rows = 1, .cols = PIECE, .data = blocks, .row_bytes = sizeof blocks};
    for (int64_t i = 0; i < n; i += PIECE) {
        const int64_t here = n - i < PIECE ? n - i : PIECE;
        block_quantize(blocks, type, x + i, here);
        matrix_dequantize(x + i, &row, 0, 0, here);
    }
}

static void embed_task(void *argument, int task, int thread)
{
    const struct job *job = argument;
    (void)thread;
    for (int r = task * job->per_task; r < task_end(job, task); r++) {
        float *out = job->out + (size_t)r * job->out_stride;
        matrix_dequantize(out, job->table, job->s->batch->tokens[r], 0, job->cols);
        if (job->as != job->table->type)
            round_to(out, job->as, job->cols);
        if (job->scale != 1.0f)
            for (int i = 0; i < job->cols; i++)
                out[i] *= job->scale;
    }
}

void op_embed(struct stream *s, struct act *out, const struct matrix_rows *table, enum block_type as, float scale)
{
    struct job job = {.out = out->data, .out_stride = out->stride, .cols = (int)table->cols, .n_rows = s->n_rows,
                      .table = table, .as = as, .scale = scale};
    run(s, embed_task, &job);
    act_written(s, out);
}

void norm_row(const struct kernels *k, float *out, const float *in, const struct norm *norm, int n)
{
    if (norm->kind == NORM_RMS)
        k->rms_norm(out, in, norm->weight, n, norm->eps);
    else
        k->layer_norm(out, in, norm->weight, norm->bias, n, norm->eps);
}

static void norm_task(void *argument, int task, int thread)
{
    const struct job *job = argument;
    (void)thread;
    for (int r = task * job->per_task; r < task_end(job, task); r++)
        norm_row(job->s->k, job->out + (size_t)r * job->out_stride, job->in + (size_t)r * job->in_stride, job->norm,
                 job->cols);
}

void op_norm(struct stream *s, struct act *out, const struct act *in, const struct norm *norm)
{
    struct job job = {.out = out->data, .out_stride = out->stride, .in = in->data, .in_stride = in->stride,
                      .cols = in->cols, .n_rows = s->n_rows, .norm = norm};
    run(s, norm_task, &job);
    act_written(s, out);
}

static void add_task(void *argument, int task, int thread)
{
    const struct job *job = argument;
    (void)thread;
    for (int r = task * job->per_task; r < task_end(job, task); r++)
        job->s->k->add_scaled(job->out + (size_t)r * job->out_stride, job->in + (size_t)r * job->in_stride,
                              job->scale, job->cols);
}

void op_add(struct stream *s, struct act *out, const struct act *in, float scale)
{
    struct job job = {.out = out->data, .out_stride = out->stride, .in = in->data, .in_stride = in->stride,
                      .cols = in->cols, .n_rows = s->n_rows, .scale = scale};
    run(s, add_task, &job);
    act_written(s, out);
}

/* Few rows: not worth the pool. */
void op_gather(struct stream *s, struct act *out, const struct act *in)
{
    for (int i = 0; i < s->batch->n_out; i++)
        memmove(act_row(out, i), act_row(in, s->batch->out_rows[i]), (size_t)in->cols * sizeof(float));
    s->n_rows = s->batch->n_out;
    act_written(s, out);
}
