/* Times products with weights from memory, as a backend runs them: panels are handed to threads in groups. */
#include "check.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_job {
    const struct gemm_kernel *g;
    const char *panels;
    size_t panel_bytes;
    int n_panels, n_copies, group; /* of the matrix; matrices one after another; panels to a task */
    const float *in;
    char *acts;
    float *out;
    size_t out_stride;
    int rows, N, K;
    struct pool *pool;
};

static void multiply(void *argument, int task, int thread)
{
    (void)thread;
    struct bench_job *j = argument;
    int tasks = (j->n_panels + j->group - 1) / j->group, copy = task / tasks, first = task % tasks * j->group;
    int n = j->n_panels - first < j->group ? j->n_panels - first : j->group;
    const char *panel = j->panels + ((size_t)copy * (size_t)j->n_panels + (size_t)first) * j->panel_bytes;
    j->g->run(j->out + (size_t)first * (size_t)j->g->panel, j->out_stride, j->acts, j->rows, panel, n, j->K);
}

static void pack_acts(void *argument, int task, int thread)
{
    (void)thread;
    struct bench_job *j = argument;
    const struct act_kernel *act = j->g->act;
    int first = task * act->tile_rows, n = task + 1 < act_tiles(act, j->rows) ? act->tile_rows : j->rows - first;
    act->pack(j->acts + act->bytes(first, j->K), j->in + (size_t)first * (size_t)j->K, (size_t)j->K, n, j->K);
}

static void run_bench(void *argument)
{
    struct bench_job *j = argument;
    pool_run(j->pool, pack_acts, j, act_tiles(j->g->act, j->rows));
    pool_run(j->pool, multiply, j, (j->n_panels + j->group - 1) / j->group * j->n_copies);
}

/* Panels of a task, and floats from row to row of the results, about as linear.c and stream.c of backend/cpu/ have them. */
static int task_panels(const struct gemm_kernel *g, size_t panel_bytes)
{
    const int by_bytes = (int)(((size_t)256 << 10) / panel_bytes), by_columns = 128 / g->panel;
    const int n = by_bytes < by_columns ? by_bytes : by_columns;
    return n > 0 ? n : 1;
}

static size_t result_stride(size_t columns)
{
    return columns + 16; /* no two rows in the same set of a cache */
}

/* Weights that fill no less than this are not in any cache when their turn comes again. */
static const size_t from_memory = (size_t)192 << 20;

/* The numbers of a matrix do not matter for time, as long as they are ordinary: of f16 and of floats, below 2. */
static uint8_t *random_bytes(struct check *c, size_t n)
{
    uint8_t *data = malloc(n);
    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)check_random(c, 64);
    return data;
}

/* One panel of a matrix like m, over and over. */
static char *make_weights(struct check *c, struct bench_job *j, struct matrix_rows m)
{
    const struct block_info *info = &block_info[m.type];
    bool mlx = m.type == TYPE_MLX;
    m.rows = j->g->panel;
    m.cols = j->K;
    m.row_bytes = mlx ? (size_t)(j->K * m.bits / 8) : (size_t)(j->K / info->values) * (size_t)info->bytes;
    size_t scales = mlx ? (size_t)m.rows * (size_t)(j->K / m.group) * (size_t)block_info[m.scale_type].bytes : 0;
    uint8_t *data = random_bytes(c, (size_t)m.rows * m.row_bytes + 2 * scales);
    m.data = data;
    m.scales = data + (size_t)m.rows * m.row_bytes;
    m.biases = m.scales + scales;
    j->panel_bytes = j->g->panel_bytes(&m);
    size_t matrix = j->panel_bytes * (size_t)j->n_panels;
    j->n_copies = (int)(from_memory / matrix) + 1;
    char *panels = mem_alloc_aligned(matrix * (size_t)j->n_copies);
    int32_t index[256];
    for (int i = 0; i < j->g->panel; i++)
        index[i] = i;
    j->g->pack(panels, &m, index);
    for (size_t i = 1; i < (size_t)j->n_panels * (size_t)j->n_copies; i++)
        memcpy(panels + i * j->panel_bytes, panels, j->panel_bytes);
    free(data);
    return panels;
}

static void bench_shape(struct check *c, const struct gemm_kernel *g, struct matrix_rows m, const struct check_shape *s)
{
    int most = 1;
    for (int i = 0; i < c->n_rows; i++)
        most = c->rows[i] > most ? c->rows[i] : most;
    struct bench_job j = {.g = g, .N = s->N, .K = s->K, .pool = c->pool, .n_panels = (s->N + g->panel - 1) / g->panel};
    char *panels = make_weights(c, &j, m);
    size_t act_bytes = g->act->bytes(most, s->K), weight_bytes = j.panel_bytes * (size_t)j.n_panels * (size_t)j.n_copies;
    j.out_stride = result_stride((size_t)j.n_panels * (size_t)g->panel);
    float *in = malloc((size_t)most * (size_t)s->K * 4), *out = malloc((size_t)most * j.out_stride * 4);
    for (size_t i = 0; i < (size_t)most * (size_t)s->K; i++)
        in[i] = check_normal(c);
    j.panels = panels;
    j.in = in;
    j.out = out;
    j.acts = mem_alloc_aligned(act_bytes);
    j.group = task_panels(g, j.panel_bytes);
    for (int i = 0; i < c->n_rows; i++) {
        j.rows = c->rows[i];
        double seconds = check_time(run_bench, &j);
        char label[64];
        snprintf(label, sizeof(label), "%s %dx%d", s->name, s->N, s->K);
        const char *form = g->act->name;
        const bool a15 = strcmp(form, "a15") == 0; /* two int8 for each activation */
        double operations = (a15 ? 4.0 : 2.0) * s->N * s->K * j.rows * j.n_copies;
        check_bench(c, label, j.rows, seconds / j.n_copies, operations / j.n_copies, (double)weight_bytes / j.n_copies,
                    a15 || strcmp(form, "a8") == 0 ? LIMIT_INT8 : strcmp(form, "bf16") == 0 ? LIMIT_BF16 : LIMIT_F32);
    }
    mem_free_aligned(panels, weight_bytes);
    mem_free_aligned(j.acts, act_bytes);
    free(in);
    free(out);
}

void bench_gemm(struct check *c, const char *prefix, const struct gemm_kernel *g, struct matrix_rows m)
{
    char name[64];
    if (!g->run)
        return;
    snprintf(name, sizeof(name), "%s_%s", prefix, g->name);
    if (!check_wants(c, name, 0, 0))
        return;
    for (int i = 0; i < c->n_shapes; i++)
        if (strcmp(c->shapes[i].type, "*") == 0 || strcmp(c->shapes[i].type, g->name) == 0)
            bench_shape(c, g, m, &c->shapes[i]);
}
