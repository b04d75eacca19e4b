/* Linear layers: activations packed once for all layers that read them, outputs cut into pieces.
 *
 * A task is a piece of some layer's outputs (whole panels, few enough for the second-level cache) by a range
 * of rows, usually all. All layers of a call are in one job: one barrier. */
#include "backend/cpu/stream.h"

#include "base/mem.h"

#include <assert.h>

enum {
    PIECE_BYTES = 256 << 10, /* weights of a piece: half of a small second-level cache */
    TASKS_PER_THREAD = 6,    /* at least, where there is that much: the last ones to finish are small */
};

/* ---- Packing --------------------------------------------------------------------------------------- */

struct pack_job {
    struct packed *p;
    const struct act *in;
    int tasks;
};

/* Where range i of n of `rows` rows begins; i = n: where they end. */
static int range_first(const struct act_kernel *form, int rows, int i, int n)
{
    return i < n ? (int)((int64_t)act_tiles(form, rows) * i / n) * form->tile_rows : rows;
}

static void pack_task(void *argument, int task, int thread)
{
    const struct pack_job *job = argument;
    const struct packed *p = job->p;
    int first = range_first(p->form, p->n_rows, task, job->tasks);
    int n = range_first(p->form, p->n_rows, task + 1, job->tasks) - first;
    (void)thread;
    p->form->pack(p->memory + p->form->bytes(first, p->cols), act_row(job->in, first), job->in->stride, n, p->cols);
}

/* The act's rows as w reads them: packed now, unless they already are. Holds until PACKED_FORMS others were packed. */
static const struct packed *pack(struct stream *s, const struct act *in, const struct weight *w)
{
    const struct act_kernel *form = w->kernel->act;
    struct packed *p = &s->packed[0];
    for (int i = 0; i < PACKED_FORMS; i++) {
        struct packed *other = &s->packed[i];
        if (other->form == form && other->version == in->version && other->n_rows == s->n_rows) {
            other->used = ++s->version;
            return other;
        }
        p = other->used < p->used ? other : p;
    }
    assert(form->bytes(s->n_rows, in->cols) <= s->packed_bytes);
    *p = (struct packed){.form = form, .memory = p->memory, .version = in->version, .used = ++s->version,
                         .n_rows = s->n_rows, .cols = in->cols};
    int tiles = act_tiles(form, s->n_rows), per_task = rows_per_task(s, s->n_rows, in->cols);
    int tasks = (s->n_rows + per_task - 1) / per_task;
    struct pack_job job = {p, in, tasks < tiles ? tasks : tiles};
    pool_run(s->pool, pack_task, &job, job.tasks);
    return p;
}

/* ---- Cutting --------------------------------------------------------------------------------------- */

int piece_columns(const struct weight *w, const struct weight *other, int split)
{
    int panel = w->kernel->panel;
    size_t column_bytes = w->panel_bytes / (size_t)panel;
    if (other) {
        column_bytes += other->panel_bytes / (size_t)other->kernel->panel;
        panel = other->kernel->panel > panel ? other->kernel->panel : panel;
    }
    size_t by_bytes = PIECE_BYTES / (column_bytes ? column_bytes : 1);
    int columns = w->rows / split;
    columns = by_bytes < (size_t)columns ? (int)by_bytes : columns;
    columns = (columns < PIECE_COLUMNS ? columns : PIECE_COLUMNS) / panel * panel;
    return columns > 0 ? columns : panel;
}

static int n_pieces(const struct weight *w, int columns)
{
    return (w->rows + columns - 1) / columns;
}

/* Rows are cut into ranges where the pieces of the outputs alone do not make enough tasks, and so that a range's activations,
 * which every piece reads, stay in a cache: weights are read again for each range, a hundredth of what the products take. */
static int row_ranges(const struct stream *s, int pieces, const struct packed *in)
{
    int wanted = s->n_threads > 1 ? TASKS_PER_THREAD * s->n_threads : 1, ranges = (wanted + pieces - 1) / pieces;
    int tiles = act_tiles(in->form, s->n_rows), few = (s->n_rows + PIECE_ROWS - 1) / PIECE_ROWS;
    ranges = ranges > few ? ranges : few;
    return ranges < tiles ? ranges : tiles;
}

/* Outputs [first, first + n) of a layer, in whole panels, for rows [row, end). */
struct piece {
    int first, n, row, end;
};

/* All pieces of the outputs for one range of rows, then for the next one. */
static struct piece piece_at(const struct stream *s, const struct weight *w, int columns, int ranges, const struct packed *in,
                             int task)
{
    int pieces = n_pieces(w, columns), range = task / pieces;
    struct piece p = {.first = task % pieces * columns};
    p.n = w->rows - p.first < columns ? w->rows - p.first : columns;
    p.row = range_first(in->form, s->n_rows, range, ranges);
    p.end = range_first(in->form, s->n_rows, range + 1, ranges);
    return p;
}

static int step_end(const struct piece *p, int row, const struct packed *in)
{
    return act_range_end(in->form, row, p->end, PIECE_ROWS);
}

static void run_rows(float *out, size_t stride, const struct weight *w, const struct packed *in,
                     const struct piece *p, int row, int end)
{
    int panel = w->kernel->panel, panels = (p->n + panel - 1) / panel;
    const char *acts = in->memory + in->form->bytes(row, in->cols);
    const char *first = (const char *)w->panels + (size_t)(p->first / panel) * w->panel_bytes;
    w->kernel->run(out, stride, acts, end - row, first, panels, w->cols);
}

/* ---- linear ---------------------------------------------------------------------------------------- */

struct part {
    const struct linear *layer;
    const struct packed *in;
    int columns, ranges; /* of a piece; of the rows */
    int first_task;
    int lora;            /* place in the call of lora_project, -1: none */
};

struct linear_job {
    const struct stream *s;
    int n;
    struct part part[LAYERS_MAX];
};

/* Bias and adapter of n outputs of one row that begin at column `first`. */
static void finish_product(const struct stream *s, const struct part *part, float *x, int row, const struct piece *p)
{
    if (part->layer->bias)
        s->k->add_scaled(x, part->layer->bias + p->first, 1.0f, p->n);
    if (part->lora >= 0)
        lora_add(s, x, part->layer, part->lora, row, p->first, p->n);
}

static void finish_row(const struct stream *s, const struct part *part, float *x, int row, const struct piece *p)
{
    const struct linear *layer = part->layer;
    finish_product(s, part, x, row, p);
    float *out = act_row(layer->out, row) + p->first;
    if (layer->accumulate)
        s->k->add_scaled(out, x, layer->scale, p->n);
    else if (layer->scale != 1.0f)
        for (int i = 0; i < p->n; i++)
            out[i] *= layer->scale;
}

static void linear_task(void *argument, int task, int thread)
{
    const struct linear_job *job = argument;
    const struct stream *s = job->s;
    int i = job->n - 1;
    while (job->part[i].first_task > task)
        i--;
    const struct part *part = &job->part[i];
    const struct linear *layer = part->layer;
    struct piece p = piece_at(s, layer->w, part->columns, part->ranges, part->in, task - part->first_task);
    float *sums = thread_scratch(s, thread);
    for (int row = p.row, end; row < p.end; row = end) {
        end = step_end(&p, row, part->in);
        float *x = layer->accumulate ? sums : act_row(layer->out, row) + p.first;
        size_t stride = layer->accumulate ? PIECE_COLUMNS : layer->out->stride;
        run_rows(x, stride, layer->w, part->in, &p, row, end);
        for (int r = row; r < end; r++)
            finish_row(s, part, x + (size_t)(r - row) * stride, r, &p);
    }
}

/* Which of the layers meet adapters in this batch; their A x is computed here. */
static void project(struct stream *s, struct part *part, int n, const struct act *in)
{
    const struct linear *adapted[LORA_LAYERS_MAX];
    int found = 0;
    for (int i = 0; i < n; i++) {
        part[i].lora = -1;
        if (s->n_lora_rows > 0 && part[i].layer->module >= 0) {
            assert(found < LORA_LAYERS_MAX);
            adapted[found] = part[i].layer;
            part[i].lora = found++;
        }
    }
    if (found > 0)
        lora_project(s, adapted, found, in);
}

void op_linear(struct stream *s, const struct linear *layers, int n, const struct act *in)
{
    if (s->n_rows == 0)
        return;
    struct linear_job job = {.s = s, .n = n};
    assert(n <= LAYERS_MAX);
    for (int i = 0; i < n; i++)
        job.part[i] = (struct part){.layer = &layers[i]};
    project(s, job.part, n, in);
    int pieces = 0, tasks = 0, split = TASKS_PER_THREAD * s->n_threads / n;
    for (int i = 0; i < n; i++) {
        struct part *part = &job.part[i];
        part->in = pack(s, in, layers[i].w);
        part->columns = piece_columns(layers[i].w, NULL, split > 1 ? split : 1);
        pieces += n_pieces(layers[i].w, part->columns);
    }
    for (int i = 0; i < n; i++) {
        struct part *part = &job.part[i];
        part->ranges = row_ranges(s, pieces, part->in);
        part->first_task = tasks;
        tasks += n_pieces(layers[i].w, part->columns) * part->ranges;
    }
    pool_run(s->pool, linear_task, &job, tasks);
    for (int i = 0; i < n; i++)
        act_written(s, layers[i].out);
}

/* ---- gate_up --------------------------------------------------------------------------------------- */

struct gate_up_job {
    const struct stream *s;
    struct part gate, up;
    struct act *out;
    void (*gate_mul)(float *out, const float *gate, const float *up, int n);
    int columns, ranges;
};

/* The products of gate or up for rows [row, end), finished but for the activation. */
static void half(const struct gate_up_job *job, const struct part *part, float *x, const struct piece *p, int row, int end)
{
    run_rows(x, PIECE_COLUMNS, part->layer->w, part->in, p, row, end);
    for (int r = row; r < end; r++)
        finish_product(job->s, part, x + (size_t)(r - row) * PIECE_COLUMNS, r, p);
}

static void gate_up_task(void *argument, int task, int thread)
{
    const struct gate_up_job *job = argument;
    const struct stream *s = job->s;
    struct piece p = piece_at(s, job->gate.layer->w, job->columns, job->ranges, job->gate.in, task);
    float *gate = thread_scratch(s, thread), *up = gate + PIECE_ROWS * PIECE_COLUMNS;
    for (int row = p.row, end; row < p.end; row = end) {
        end = step_end(&p, row, job->gate.in);
        half(job, &job->gate, gate, &p, row, end);
        half(job, &job->up, up, &p, row, end);
        for (int r = row; r < end; r++)
            job->gate_mul(act_row(job->out, r) + p.first, gate + (size_t)(r - row) * PIECE_COLUMNS,
                          up + (size_t)(r - row) * PIECE_COLUMNS, p.n);
    }
}

static void mul_task(void *argument, int task, int thread)
{
    const struct gate_up_job *job = argument;
    (void)thread;
    job->gate_mul(act_row(job->out, task), act_row(job->out, task), act_row(&job->s->spare, task), job->gate.layer->w->rows);
}

/* For layouts that do not fit together, as of a quantized gate and an unquantized up. */
static void gate_up_apart(struct stream *s, struct gate_up_job *job, const struct linear *gate, const struct linear *up,
                          const struct act *in)
{
    struct linear layers[2] = {*gate, *up};
    layers[0].out = job->out;
    layers[1].out = &s->spare;
    layers[0].accumulate = layers[1].accumulate = false;
    layers[0].scale = layers[1].scale = 1.0f;
    op_linear(s, layers, 2, in);
    job->gate.layer = gate;
    pool_run(s->pool, mul_task, job, s->n_rows);
    act_written(s, job->out);
}

/* Panels of one are whole panels of the other, and their rows stand in tiles of one height. */
static bool same_cut(const struct weight *v, const struct weight *w)
{
    const struct gemm_kernel *a = v->kernel, *b = w->kernel;
    return (a->panel % b->panel == 0 || b->panel % a->panel == 0) && a->act->tile_rows == b->act->tile_rows &&
           a->act->least_rows == b->act->least_rows;
}

void op_gate_up(struct stream *s, struct act *out, const struct linear *gate, const struct linear *up,
                const struct act *in, enum activation act)
{
    struct gate_up_job job = {.s = s, .out = out, .gate_mul = s->k->gate_mul[act]};
    if (s->n_rows == 0)
        return;
    if (!same_cut(gate->w, up->w)) {
        gate_up_apart(s, &job, gate, up, in);
        return;
    }
    struct part part[2] = {{.layer = gate}, {.layer = up}};
    project(s, part, 2, in);
    for (int i = 0; i < 2; i++)
        part[i].in = pack(s, in, part[i].layer->w);
    job.gate = part[0];
    job.up = part[1];
    job.columns = piece_columns(gate->w, up->w, TASKS_PER_THREAD * s->n_threads);
    int pieces = n_pieces(gate->w, job.columns);
    job.ranges = row_ranges(s, pieces, part[0].in);
    pool_run(s->pool, gate_up_task, &job, pieces * job.ranges);
    act_written(s, out);
}

/* ---- logits ---------------------------------------------------------------------------------------- */

struct logits_job {
    const struct stream *s;
    const struct weight *w;
    const struct packed *in;
    int columns;
    float scale, softcap;
};

static void logits_task(void *argument, int task, int thread)
{
    const struct logits_job *job = argument;
    const struct stream *s = job->s;
    (void)thread;
    struct piece p = piece_at(s, job->w, job->columns, 1, job->in, task);
    for (int row = 0, end; row < p.end; row = end) {
        end = step_end(&p, row, job->in);
        float *out = s->logits + (size_t)row * s->logits_stride + p.first;
        run_rows(out, s->logits_stride, job->w, job->in, &p, row, end);
        for (int r = row; r < end; r++, out += s->logits_stride) {
            for (int i = 0; job->scale != 1.0f && i < p.n; i++)
                out[i] *= job->scale;
            if (job->softcap != 0.0f)
                s->k->softcap(out, job->softcap, p.n);
        }
    }
}

const float *op_logits(struct stream *s, const struct weight *head, const struct act *in, float scale, float softcap,
                       size_t *stride)
{
    *stride = s->logits_stride;
    if (s->n_rows == 0)
        return s->logits;
    assert(head->rows <= s->options.vocab && s->n_rows <= s->options.max_out);
    struct logits_job job = {.s = s, .w = head, .in = pack(s, in, head),
                             .columns = piece_columns(head, NULL, TASKS_PER_THREAD * s->n_threads), .scale = scale,
                             .softcap = softcap};
    pool_run(s->pool, logits_task, &job, n_pieces(head, job.columns));
    return s->logits;
}
