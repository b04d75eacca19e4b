/* The bytes of a GGUF file's tensors: rows of the checkpoint, converted a chunk at a time by all threads, then written. */
#include "model/export.h"

#include "base/mem.h"

#include <string.h>

enum { CHUNK_BYTES = 8 << 20, TASK_BYTES = 128 << 10 };

struct writing {
    const struct export *x;
    const struct export_tensor *tensor;
    const struct tensor *const *parts; /* of this tensor */
    int64_t part_rows, cols, first, n_rows; /* rows of a part; rows at work: first .. first + n_rows - 1 */
    int rows_per_task;
    size_t row_bytes;
    uint8_t *out;   /* n_rows of row_bytes */
    float *scratch; /* for each thread, scratch_cols */
    size_t scratch_cols;
};

static void convert_vector(const struct writing *w, uint8_t *out, float *scratch)
{
    const struct export_tensor *e = w->tensor;
    matrix_dequantize(scratch, &w->parts[0]->m, 0, 0, w->cols);
    for (int64_t i = 0; i < w->cols; i++) {
        const float value = scratch[interleaved_output(e->heads, i)] + e->plus;
        block_quantize(out + (size_t)i * sizeof value, e->type, &value, 1);
    }
}

static void convert_row(const struct writing *w, int64_t row, uint8_t *out, float *scratch)
{
    const struct export_tensor *e = w->tensor;
    const struct matrix_rows *m = &w->parts[row / w->part_rows]->m;
    if (e->n_dims < 2 && e->type == TYPE_F32) {
        convert_vector(w, out, scratch);
        return;
    }
    const int64_t from = interleaved_output(e->heads, row % w->part_rows);
    if (m->type == e->type) {
        memcpy(out, m->data + (size_t)from * m->row_bytes, w->row_bytes);
        return;
    }
    matrix_dequantize(scratch, m, from, 0, w->cols);
    block_quantize(out, e->type, scratch, w->cols);
}

static void convert_task(void *argument, int task, int thread)
{
    const struct writing *w = argument;
    float *scratch = w->scratch + (size_t)thread * w->scratch_cols;
    const int64_t first = (int64_t)task * w->rows_per_task;
    for (int64_t r = first; r < first + w->rows_per_task && r < w->n_rows; r++)
        convert_row(w, w->first + r, w->out + (size_t)r * w->row_bytes, scratch);
}

/* What was read and will not be again need not stay resident. */
static void forget_rows(const struct writing *w)
{
    const struct checkpoint *c = w->x->model->checkpoint;
    int64_t row = w->first, end = w->first + w->n_rows;
    while (row < end) {
        const int64_t in_part = row % w->part_rows, left = w->part_rows - in_part;
        const int64_t n = left < end - row ? left : end - row;
        checkpoint_forget(c, w->parts[row / w->part_rows], in_part, n);
        row += n;
    }
}

static void aim(struct writing *w, const struct export_tensor *e)
{
    const struct block_info *info = &block_info[e->type];
    w->tensor = e;
    w->parts = w->x->parts.at + e->first_part;
    w->part_rows = w->parts[0]->m.rows;
    w->cols = w->parts[0]->m.cols;
    w->row_bytes = (size_t)(w->cols / info->values) * (size_t)info->bytes;
    w->rows_per_task = w->row_bytes < TASK_BYTES ? (int)(TASK_BYTES / w->row_bytes) : 1;
}

static int64_t rows_at_once(const struct writing *w)
{
    return w->row_bytes < CHUNK_BYTES ? (int64_t)(CHUNK_BYTES / w->row_bytes) : 1;
}

/* Room for the largest chunk and row of all tensors. */
static bool prepare(struct writing *w, int threads)
{
    size_t most = 1, cols = 1;
    for (size_t i = 0; i < w->x->tensors.n; i++) {
        if (w->x->tensors.at[i].values)
            continue;
        aim(w, &w->x->tensors.at[i]);
        const size_t bytes = (size_t)rows_at_once(w) * w->row_bytes;
        most = bytes > most ? bytes : most;
        cols = (size_t)w->cols > cols ? (size_t)w->cols : cols;
    }
    w->scratch_cols = mem_round_up(cols, MEM_ALIGN / sizeof(float));
    w->out = mem_alloc(most, 1);
    w->scratch = mem_alloc((size_t)threads * w->scratch_cols, sizeof(float));
    return w->out && w->scratch;
}

static pllm_status write_padding(struct file_out *out, uint64_t n, pllm_error *err)
{
    static const uint8_t zeros[GGUF_ALIGNMENT] = {0};
    return file_out_write(out, zeros, (size_t)(mem_round_up((size_t)n, GGUF_ALIGNMENT) - n), err);
}

struct counted {
    const struct export_progress *progress;
    uint64_t done, total;
};

static pllm_status count(struct counted *c, uint64_t bytes, pllm_error *err)
{
    c->done += bytes;
    if (c->progress->call && !c->progress->call(c->progress->user, "quantizing", c->done, c->total))
        return error_set(err, PLLM_E_ARGUMENT, "interrupted");
    return PLLM_OK;
}

static pllm_status write_tensor(struct writing *w, const struct export_tensor *e, struct file_out *out, struct pool *pool,
                                struct counted *counted, pllm_error *err)
{
    if (e->values) {
        pllm_status status = file_out_write(out, e->values, (size_t)export_bytes(e), err);
        return status ? status : count(counted, export_bytes(e), err);
    }
    aim(w, e);
    const int64_t n = (int64_t)e->n_parts * w->part_rows;
    pllm_status status = PLLM_OK;
    for (w->first = 0; w->first < n && !status; w->first += w->n_rows) {
        w->n_rows = rows_at_once(w) < n - w->first ? rows_at_once(w) : n - w->first;
        pool_run(pool, convert_task, w, (int)((w->n_rows + w->rows_per_task - 1) / w->rows_per_task));
        const size_t bytes = (size_t)w->n_rows * w->row_bytes;
        status = file_out_write(out, w->out, bytes, err);
        forget_rows(w);
        if (!status)
            status = count(counted, bytes, err);
    }
    return status;
}

pllm_status export_write(const struct export *x, struct file_out *out, struct pool *pool,
                         const struct export_progress *progress, pllm_error *err)
{
    struct writing w = {.x = x};
    struct counted counted = {.progress = progress};
    pllm_status status = prepare(&w, pool_threads(pool)) ? PLLM_OK : error_memory(err, "rows");
    for (size_t i = 0; i < x->tensors.n; i++)
        counted.total += export_bytes(&x->tensors.at[i]);
    for (size_t i = 0; i < x->tensors.n && !status; i++) {
        status = write_tensor(&w, &x->tensors.at[i], out, pool, &counted, err);
        if (!status)
            status = write_padding(out, export_bytes(&x->tensors.at[i]), err);
    }
    mem_free(w.out);
    mem_free(w.scratch);
    return status;
}
