/* Streams: their memory, their batch, activations. */
#include "backend/cpu/stream.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { TASK_VALUES = 4096 }; /* element-wise work on fewer values is not worth waking a thread */

size_t row_stride(int cols)
{
    size_t line = MEM_ALIGN / sizeof(float), n = mem_round_up((size_t)cols, PANEL_MAX) / line;
    return (n | 1) * line;
}

int rows_per_task(const struct stream *s, int n_rows, int cols)
{
    int fair = (n_rows + 4 * s->n_threads - 1) / (4 * s->n_threads), least = TASK_VALUES / (cols ? cols : 1);
    int rows = fair > least ? fair : least;
    return rows > 0 ? rows : 1;
}

/* ---- Memory ---------------------------------------------------------------------------------------- */

/* The table's products, by what they read: int8, 15 bits, floats. */
struct products {
    const struct gemm_kernel *at;
    int n; /* one that is not there has no `run` */
};

enum { LISTS_INT8 = 2, LISTS_A15 = 4, LISTS = 7 };

static void list_products(struct products list[LISTS], const struct kernels *k)
{
    const struct products all[LISTS] = {
        {k->gemm + TYPE_Q4_0, TYPE_COUNT - TYPE_Q4_0}, {k->gemm_mlx, MLX_WIDTHS},
        {k->gemm_a15, TYPE_COUNT}, {k->gemm_mlx_a15, MLX_WIDTHS},
        {k->gemm, TYPE_Q4_0}, {k->gemm_f32, TYPE_COUNT}, {k->gemm_mlx_f32, MLX_WIDTHS},
    };
    memcpy(list, all, sizeof all);
}

int tallest_tile(const struct kernels *k)
{
    struct products list[LISTS];
    list_products(list, k);
    int rows = 1;
    for (int l = 0; l < LISTS; l++)
        for (const struct gemm_kernel *g = list[l].at; g < list[l].at + list[l].n; g++)
            rows = g->run && g->act->tile_rows > rows ? g->act->tile_rows : rows;
    return rows;
}

size_t most_packed_bytes(const struct kernels *k, int rows, int cols, const struct stream_options *o)
{
    struct products list[LISTS];
    list_products(list, k);
    size_t most = 0;
    for (int l = 0; l < LISTS; l++) {
        if (l < LISTS_INT8 || (l < LISTS_A15 ? o->fine : !o->only_int8))
            for (const struct gemm_kernel *g = list[l].at; g < list[l].at + list[l].n; g++) {
                size_t bytes = g->run ? g->act->bytes(rows, cols) : 0;
                most = bytes > most ? bytes : most;
            }
    }
    return mem_round_up(most, MEM_ALIGN);
}

/* A task's own floats: two pieces of outputs (gate and up). Experts add up a row. */
static size_t scratch_floats(const struct stream_options *o)
{
    size_t piece = 2 * PIECE_ROWS * PIECE_COLUMNS, row = o->experts ? row_stride(o->max_cols) : 0;
    return row > piece ? row : piece;
}

static size_t packed_bytes(const struct stream_options *o, const struct kernels *k)
{
    return most_packed_bytes(k, o->max_rows, o->max_cols, o);
}

static size_t angle_stride(const struct stream_options *o)
{
    int dims = 0;
    for (int i = 0; i < o->n_ropes; i++)
        dims = o->ropes[i].dims > dims ? o->ropes[i].dims : dims;
    return mem_round_up((size_t)dims, MEM_ALIGN / sizeof(float));
}

bool buffers_open(const struct buffer *buffer, int n)
{
    for (int i = 0; i < n; i++)
        if (!(*buffer[i].at = mem_alloc_aligned(buffer[i].bytes)))
            return false;
    return true;
}

void buffers_close(const struct buffer *buffer, int n)
{
    for (int i = 0; i < n; i++)
        mem_free_aligned(*buffer[i].at, buffer[i].bytes);
}

enum { BUFFERS = 14 };

/* Every buffer of a stream. */
static void stream_buffers(struct buffer buffer[BUFFERS], struct stream *s, const struct kernels *k, int n_threads,
                          const struct stream_options *o)
{
    size_t rows = (size_t)o->max_rows, seqs = (size_t)o->max_seqs, n_ropes = (size_t)o->n_ropes;
    size_t vocab = o->vocab ? row_stride(o->vocab) : 0;
    const struct buffer all[BUFFERS] = {
        {(void **)&s->ropes, n_ropes * sizeof *s->ropes},
        {(void **)&s->row, rows * sizeof *s->row},
        {(void **)&s->angles, n_ropes * rows * angle_stride(o) * sizeof(float)},
        {(void **)&s->seq_order[0], seqs * sizeof(int)},
        {(void **)&s->seq_order[1], seqs * sizeof(int)},
        {(void **)&s->seq_temp, seqs * sizeof(int)},
        {(void **)&s->row_order[0], rows * sizeof(int)},
        {(void **)&s->row_order[1], rows * sizeof(int)},
        {(void **)&s->packed_memory, PACKED_FORMS * packed_bytes(o, k)},
        {(void **)&s->scratch, (size_t)n_threads * scratch_floats(o) * sizeof(float)},
        {(void **)&s->spare.data, rows * row_stride(o->max_cols) * sizeof(float)},
        {(void **)&s->logits, (size_t)o->max_out * vocab * sizeof(float)},
        {(void **)&s->lora_rows, rows * sizeof(int)},
        {(void **)&s->lora_low, LORA_LAYERS_MAX * rows * LORA_MAX_RANK * sizeof(float)},
    };
    memcpy(buffer, all, sizeof all);
}

/* Only a gate and an up that do not fit together, or adapters, ever touch it: else it takes no memory. */
static bool is_rare(const struct stream *s, const struct buffer *p)
{
    return p->at == (void **)&s->spare.data || p->at == (void **)&s->lora_low;
}

size_t stream_bytes(const struct device *d, const struct stream_options *o)
{
    struct stream none;
    struct buffer buffer[BUFFERS];
    stream_buffers(buffer, &none, &d->kernels, o->threads, o);
    size_t bytes = sizeof none;
    for (int i = 0; i < BUFFERS; i++)
        bytes += is_rare(&none, &buffer[i]) ? 0 : buffer[i].bytes;
    return bytes + (o->experts ? routing_bytes(&d->kernels, o) : 0);
}

static bool stream_alloc(struct stream *s)
{
    struct buffer buffer[BUFFERS];
    stream_buffers(buffer, s, s->k, s->n_threads, &s->options);
    if (!buffers_open(buffer, BUFFERS))
        return false;
    s->packed_bytes = packed_bytes(&s->options, s->k);
    for (int i = 0; i < PACKED_FORMS; i++)
        s->packed[i].memory = s->packed_memory + (size_t)i * s->packed_bytes;
    return true;
}

pllm_status stream_open(struct stream **out, struct device *d, const struct stream_options *o, pllm_error *err)
{
    struct stream *s = mem_zalloc(1, sizeof *s);
    if (!s)
        return error_memory(err, "activations");
    s->k = &d->kernels;
    s->pool = o->pool;
    s->n_threads = pool_threads(o->pool);
    s->options = *o;
    s->scratch_floats = scratch_floats(o);
    s->angle_stride = angle_stride(o);
    s->spare = (struct act){.stride = row_stride(o->max_cols), .cols = o->max_cols, .max_rows = o->max_rows};
    s->logits_stride = o->vocab ? row_stride(o->vocab) : 0;
    if (!stream_alloc(s)) {
        stream_close(s);
        return error_memory(err, "activations");
    }
    if (o->n_ropes > 0)
        memcpy(s->ropes, o->ropes, (size_t)o->n_ropes * sizeof *s->ropes);
    s->options.ropes = s->ropes;
    pllm_status status = o->experts ? routing_open(&s->routing, s, err) : PLLM_OK;
    if (status != PLLM_OK) {
        stream_close(s);
        return status;
    }
    *out = s;
    return PLLM_OK;
}

void stream_close(struct stream *s)
{
    if (!s)
        return;
    struct buffer buffer[BUFFERS];
    stream_buffers(buffer, s, s->k, s->n_threads, &s->options);
    buffers_close(buffer, BUFFERS);
    routing_close(s->routing);
    mem_free(s);
}

size_t act_bytes(int max_rows, int cols)
{
    return (size_t)max_rows * row_stride(cols) * sizeof(float);
}

pllm_status act_open(struct act **out, struct stream *s, int max_rows, int cols, pllm_error *err)
{
    struct act *a = mem_zalloc(1, sizeof *a);
    if (!a)
        return error_memory(err, "activations");
    a->cols = cols;
    a->max_rows = max_rows;
    a->stride = row_stride(cols);
    a->bytes = act_bytes(max_rows, cols);
    a->data = mem_alloc_aligned(a->bytes);
    if (!a->data) {
        mem_free(a);
        return error_memory(err, "activations");
    }
    act_written(s, a);
    *out = a;
    return PLLM_OK;
}

void act_close(struct act *a)
{
    if (!a)
        return;
    mem_free_aligned(a->data, a->bytes);
    mem_free(a);
}

void act_written(struct stream *s, struct act *a)
{
    a->version = ++s->version;
}

/* ---- The batch ------------------------------------------------------------------------------------- */

struct angle_job {
    struct stream *s;
    int per_task;
};

/* Angles in float32, as position times inverse frequency: what transformers computes. */
static void row_angles(float *out, const struct rope *rope, int32_t pos, int variant)
{
    int half = rope->dims / 2;
    for (int i = 0; i < half; i++) {
        float angle = (float)pos * rope->inv_freq[variant][i];
        out[i] = cosf(angle) * rope->scale[variant];
        out[half + i] = sinf(angle) * rope->scale[variant];
    }
}

static void angle_task(void *argument, int task, int thread)
{
    const struct angle_job *job = argument;
    struct stream *s = job->s;
    (void)thread;
    int end = (task + 1) * job->per_task;
    for (int r = task * job->per_task; r < (end < s->n_rows ? end : s->n_rows); r++) {
        int variant = s->batch->seqs[s->row[r].seq].rope;
        for (int i = 0; i < s->options.n_ropes; i++) {
            size_t at = (size_t)i * (size_t)s->options.max_rows + (size_t)r;
            row_angles(s->angles + at * s->angle_stride, &s->ropes[i], s->row[r].pos, variant);
        }
    }
}

void stream_begin(struct stream *s, const struct batch *batch)
{
    s->batch = batch;
    s->n_rows = batch->n_rows;
    for (int i = 0; i < batch->n_seqs; i++) {
        const struct batch_seq *seq = &batch->seqs[i];
        for (int r = 0; r < seq->n_rows; r++)
            s->row[seq->first_row + r] = (struct row){.seq = i, .pos = seq->pos + r};
    }
    if (s->options.n_ropes > 0) {
        /* A cosine costs some thirty times as much as moving a number. */
        struct angle_job job = {s, rows_per_task(s, s->n_rows, 32 * (int)s->angle_stride * s->options.n_ropes)};
        pool_run(s->pool, angle_task, &job, (s->n_rows + job.per_task - 1) / job.per_task);
    }
    attend_begin(s);
    lora_begin(s);
}

void stream_end(struct stream *s)
{
    s->batch = NULL;
}
