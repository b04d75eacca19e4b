/* Every operation of the CPU backend against plain arithmetic in float64. */
#include "backend_fixture.h"

enum { ROWS = 13 };

static const struct backend *const be = &backend_cpu;

/* |got - want| <= tolerance * (1 + |want|), where the tolerance covers float32's rounding in short sums. */
static void check_close(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * (1.0 + fabs(want))))
        fail_msg("got %.9g, wanted %.9g", got, want);
}

/* ---- Element-wise ---------------------------------------------------------------------------------- */

static void embeds_norms_adds_gathers(void **state)
{
    (void)state;
    static const int widths[] = {20, 64, 100, 2048};
    for (int threads = 1; threads <= 3; threads++)
        for (size_t c = 0; c < sizeof widths / sizeof *widths; c++) {
            uint64_t seed = c + 1;
            int cols = widths[c];
            struct fixture f;
            fixture_open(&f, NULL, threads, (struct stream_options){.max_rows = ROWS, .max_seqs = ROWS, .max_out = ROWS, .max_cols = cols});
            struct fixture_matrix table = fixture_matrix(&seed, 50, cols, TYPE_F32);
            float *weight = fixture_floats(&seed, (size_t)cols, 1.0f), *bias = fixture_floats(&seed, (size_t)cols, 1.0f);
            struct act *x = fixture_act(&f, ROWS, cols, NULL), *y = fixture_act(&f, ROWS, cols, NULL), *z = fixture_act(&f, ROWS, cols, NULL);
            struct fixture_batch b;
            fixture_rows(&b, ROWS, 50, &seed);
            be->begin(f.stream, &b.batch);
            be->embed(f.stream, x, &table.m, table.m.type, 3.0f);
            const struct norm rms = {NORM_RMS, 1e-5f, weight, NULL}, layer = {NORM_LAYER, 1e-5f, weight, bias};
            be->norm(f.stream, y, x, &rms);
            be->norm(f.stream, z, x, &layer);
            be->add(f.stream, y, z, 0.25f);
            for (int r = 0; r < ROWS; r++) {
                const float *e = (const float *)table.data + (size_t)b.tokens[r] * (size_t)cols;
                double sum = 0, squares = 0, var = 0;
                for (int i = 0; i < cols; i++) {
                    sum += 3.0 * e[i];
                    squares += 9.0 * e[i] * e[i];
                }
                for (int i = 0; i < cols; i++)
                    var += (3.0 * e[i] - sum / cols) * (3.0 * e[i] - sum / cols) / cols;
                for (int i = 0; i < cols; i++) {
                    double a = 3.0 * e[i] / sqrt(squares / cols + 1e-5) * weight[i];
                    double l = (3.0 * e[i] - sum / cols) / sqrt(var + 1e-5) * weight[i] + bias[i];
                    check_close(act_row(x, r)[i], 3.0 * e[i], 1e-6);
                    check_close(act_row(y, r)[i], a + 0.25 * l, 3e-6);
                }
            }
            be->gather(f.stream, z, y);
            for (int i = 0; i < b.batch.n_out; i++)
                assert_memory_equal(act_row(z, i), act_row(y, b.out_rows[i]), (size_t)cols * sizeof(float));
            be->norm(f.stream, x, z, &rms); /* now over the gathered rows only */
            be->end(f.stream);
            be->act_close(x);
            be->act_close(y);
            be->act_close(z);
            mem_free(table.data);
            mem_free(weight);
            mem_free(bias);
            fixture_close(&f);
        }
}

/* ---- Linear layers --------------------------------------------------------------------------------- */

/* One row through the kernel by itself: what a product must give, bit for bit, in any batch. */
static void one_product(float *out, const struct weight *w, const float *in)
{
    void *packed = mem_alloc_aligned(w->kernel->act->bytes(1, w->cols));
    w->kernel->act->pack(packed, in, (size_t)w->cols, 1, w->cols);
    w->kernel->run(out, (size_t)w->n_panels * (size_t)w->kernel->panel, packed, 1, w->panels, w->n_panels, w->cols);
    mem_free_aligned(packed, w->kernel->act->bytes(1, w->cols));
}

static double low_rank(const struct lora_matrix *m, const float *in, int j)
{
    double sum = 0;
    for (int i = 0; i < m->rank; i++) {
        double low = 0;
        for (int k = 0; k < m->in; k++)
            low += (double)m->a[i * m->in + k] * in[k];
        sum += lora_b(m, j)[i * LORA_PANEL] * low;
    }
    return m->rank ? sum * m->scale : 0;
}

struct layers {
    struct fixture_matrix matrix[4];
    struct weight w[4];
    float *bias[4];
    int outputs[4];
};

static void layers_open(struct layers *l, struct fixture *f, uint64_t *seed, int cols, const int outputs[4], enum block_type type)
{
    for (int i = 0; i < 4; i++) {
        l->outputs[i] = outputs[i];
        l->matrix[i] = fixture_matrix(seed, outputs[i], cols, type);
        l->w[i] = fixture_weight(f, &l->matrix[i]);
        l->bias[i] = fixture_floats(seed, (size_t)outputs[i], 1.0f);
    }
}

static void layers_fini(struct layers *l)
{
    for (int i = 0; i < 4; i++) {
        mem_free(l->matrix[i].data);
        mem_free(l->bias[i]);
    }
}

static bool has_kernel(enum block_type type)
{
    struct device *d;
    assert_int_equal(be->device_open(&d, NULL, NULL), PLLM_OK);
    bool has = be->device_kernels(d)->gemm[type].run != NULL;
    be->device_close(d);
    return has;
}

/* What linear_case computed for one row: q, k, v, the gated ones and logits. `old`: what q held before. */
static void check_linear_row(const struct layers *l, const struct adapter *a, const float *row, const float *old,
                             const float *const got[5])
{
    float product[1024];
    one_product(product, &l->w[0], row);
    for (int j = 0; j < 70; j++)
        check_close(got[0][j], old[j] + 0.5 * (product[j] + l->bias[0][j] + (a ? low_rank(&a->at[LORA_Q], row, j) : 0)), 2e-5);
    one_product(product, &l->w[1], row);
    for (int j = 0; j < 33; j++)
        check_close(got[1][j], product[j] + (a ? low_rank(&a->at[LORA_K], row, j) : 0), 2e-5);
    one_product(product, &l->w[2], row);
    for (int j = 0; j < 33; j++)
        assert_true(got[2][j] == 2.0f * (product[j] + l->bias[2][j]));
    one_product(product, &l->w[3], row);
    for (int j = 0; j < 500; j++) {
        double g = product[j] + l->bias[3][j] + (a ? low_rank(&a->at[LORA_MODULES + LORA_GATE], row, j) : 0);
        double u = product[j] + (a ? low_rank(&a->at[LORA_MODULES + LORA_UP], row, j) : 0);
        check_close(got[3][j], g / (1 + exp(-g)) * u, 5e-5);
        check_close(got[4][j], 3.0 * tanh(0.5 * product[j] / 3.0), 2e-6);
    }
}

static void linear_case(int threads, int cols, int n_rows, enum block_type type)
{
    uint64_t seed = (uint64_t)(cols + n_rows);
    const int outputs[4] = {70, 33, 33, 500}, in_of[LORA_MODULES] = {cols, cols, cols, 0, cols, cols, 0},
              out_of[LORA_MODULES] = {70, 33, 33, 0, 500, 500, 0};
    struct fixture f;
    fixture_open(&f, NULL, threads, (struct stream_options){.max_rows = 64, .max_seqs = 64, .max_out = 64, .max_cols = cols > 500 ? cols : 500, .vocab = 500});
    struct layers l;
    layers_open(&l, &f, &seed, cols, outputs, type);
    struct adapter adapters[2];
    fixture_adapter(&adapters[0], &seed, 2, in_of, out_of, 5);
    fixture_adapter(&adapters[1], &seed, 2, in_of, out_of, 16);
    const struct adapter *const list[] = {&adapters[0], &adapters[1]};
    struct fixture_batch b;
    fixture_rows(&b, n_rows, 50, &seed);
    b.batch.adapters = list;
    for (int r = 0; r < n_rows; r++)
        b.seqs[r].adapter = r % 3 - 1;
    float *in = fixture_floats(&seed, (size_t)n_rows * (size_t)cols, 1.0f), *old = fixture_floats(&seed, (size_t)n_rows * 70, 1.0f);
    struct act *x = fixture_act(&f, n_rows, cols, in), *q = fixture_act(&f, n_rows, 70, old), *k = fixture_act(&f, n_rows, 33, NULL),
               *v = fixture_act(&f, n_rows, 33, NULL), *h = fixture_act(&f, n_rows, 500, NULL);
    be->begin(f.stream, &b.batch);
    const struct linear qkv[3] = {
        {.w = &l.w[0], .bias = l.bias[0], .out = q, .accumulate = true, .scale = 0.5f, .layer = 0, .module = LORA_Q},
        {.w = &l.w[1], .out = k, .scale = 1.0f, .layer = 0, .module = LORA_K},
        {.w = &l.w[2], .bias = l.bias[2], .out = v, .scale = 2.0f, .module = -1},
    };
    be->linear(f.stream, qkv, 3, x);
    const struct linear gate = {.w = &l.w[3], .bias = l.bias[3], .scale = 1.0f, .layer = 1, .module = LORA_GATE};
    const struct linear up = {.w = &l.w[3], .scale = 1.0f, .layer = 1, .module = LORA_UP};
    be->gate_up(f.stream, h, &gate, &up, x, ACTIVATE_SILU);
    size_t stride;
    const float *logits = be->logits(f.stream, &l.w[3], x, 0.5f, 3.0f, &stride);
    for (int r = 0; r < n_rows; r++)
        check_linear_row(&l, b.seqs[r].adapter < 0 ? NULL : list[b.seqs[r].adapter], in + (size_t)r * (size_t)cols, old + r * 70,
                         (const float *[]){act_row(q, r), act_row(k, r), act_row(v, r), act_row(h, r), logits + (size_t)r * stride});
    be->end(f.stream);
    struct act *all[] = {x, q, k, v, h};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        be->act_close(all[i]);
    mem_free(in);
    mem_free(old);
    fixture_adapter_fini(&adapters[0]);
    fixture_adapter_fini(&adapters[1]);
    layers_fini(&l);
    fixture_close(&f);
}

static void multiplies(void **state)
{
    (void)state;
    static const int n_rows[] = {1, 2, 7, 13, 64};
    for (int threads = 1; threads <= 3; threads++)
        for (size_t i = 0; i < sizeof n_rows / sizeof *n_rows; i++) {
            linear_case(threads, 64, n_rows[i], TYPE_Q8_0);
            linear_case(threads, 544, n_rows[i], TYPE_Q8_0);
            if (has_kernel(TYPE_F32))
                linear_case(threads, 100, n_rows[i], TYPE_F32);
        }
}

/* An input that is written again must be packed again; one that is not must not change what is computed. */
static void packs_what_was_written(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct fixture f;
    fixture_open(&f, NULL, 2, (struct stream_options){.max_rows = 4, .max_seqs = 4, .max_out = 4, .max_cols = 64});
    struct fixture_matrix m = fixture_matrix(&seed, 64, 64, TYPE_Q8_0);
    struct weight w = fixture_weight(&f, &m);
    float *in = fixture_floats(&seed, 4 * 64, 1.0f);
    struct act *x = fixture_act(&f, 4, 64, in), *y = fixture_act(&f, 4, 64, NULL), *z = fixture_act(&f, 4, 64, NULL);
    struct fixture_batch b;
    fixture_rows(&b, 4, 5, &seed);
    be->begin(f.stream, &b.batch);
    const struct linear layer = {.w = &w, .out = y, .scale = 1.0f, .module = -1}, other = {.w = &w, .out = z, .scale = 1.0f, .module = -1};
    be->linear(f.stream, &layer, 1, x);
    be->linear(f.stream, &other, 1, x);
    assert_memory_equal(act_row(y, 3), act_row(z, 3), 64 * sizeof(float));
    be->add(f.stream, x, x, 1.0f);
    be->linear(f.stream, &other, 1, x);
    float product[64];
    one_product(product, &w, act_row(x, 3));
    assert_memory_equal(act_row(z, 3), product, sizeof product);
    assert_memory_not_equal(act_row(y, 3), product, sizeof product);
    be->end(f.stream);
    be->act_close(x);
    be->act_close(y);
    be->act_close(z);
    mem_free(m.data);
    mem_free(in);
    fixture_close(&f);
}

/* Activations of 15 bits: near to the product with the activations as they are, and the same bits for a row in any batch. */
static void fine_case(int threads, int cols, int n_rows)
{
    enum { OUTPUTS = 150 };
    uint64_t seed = (uint64_t)(cols + n_rows);
    struct fixture f;
    fixture_open(&f, NULL, threads, (struct stream_options){.max_rows = n_rows, .max_seqs = n_rows, .max_out = n_rows,
                                                            .max_cols = cols > OUTPUTS ? cols : OUTPUTS, .fine = true, .vocab = OUTPUTS});
    struct fixture_matrix m = fixture_matrix(&seed, OUTPUTS, cols, TYPE_Q8_0);
    struct weight w = fixture_weight_of(&f, &m, true);
    float *in = fixture_floats(&seed, (size_t)n_rows * (size_t)cols, 1.0f), *values = mem_alloc((size_t)cols, sizeof(float));
    struct act *x = fixture_act(&f, n_rows, cols, in), *y = fixture_act(&f, n_rows, OUTPUTS, NULL), *g = fixture_act(&f, n_rows, OUTPUTS, NULL);
    const struct linear layer = {.w = &w, .out = y, .scale = 1.0f, .module = -1};
    struct fixture_batch b;
    fixture_rows(&b, n_rows, 5, &seed);
    be->begin(f.stream, &b.batch);
    be->linear(f.stream, &layer, 1, x);
    be->gate_up(f.stream, g, &layer, &layer, x, ACTIVATE_RELU);
    for (int j = 0; j < OUTPUTS; j++) {
        matrix_dequantize(values, &m.m, j, 0, cols);
        for (int r = 0; r < n_rows; r++) {
            double want = 0, absolute = 0;
            for (int k = 0; k < cols; k++) {
                want += (double)values[k] * in[r * cols + k];
                absolute += fabs((double)values[k] * in[r * cols + k]);
            }
            float got = act_row(y, r)[j], square = got > 0 ? got * got : 0;
            if (!(fabs(got - want) <= absolute / 10000)) /* of int8: some 1/250 of a block's largest */
                fail_msg("row %d, output %d: is %.9g, wanted %.9g", r, j, got, want);
            assert_true(act_row(g, r)[j] == square);
        }
    }
    size_t stride;
    const float *logits = be->logits(f.stream, &w, x, 1.0f, 0.0f, &stride);
    for (int r = 0; r < n_rows; r++)
        assert_memory_equal(logits + (size_t)r * stride, act_row(y, r), OUTPUTS * sizeof(float));
    be->end(f.stream);
    float first[OUTPUTS];
    memcpy(first, act_row(y, n_rows - 1), sizeof first);
    fixture_rows(&b, 1, 5, &seed);
    memcpy(act_row(x, 0), act_row(x, n_rows - 1), (size_t)cols * sizeof(float));
    act_written(f.stream, x);
    be->begin(f.stream, &b.batch);
    be->linear(f.stream, &layer, 1, x);
    assert_memory_equal(act_row(y, 0), first, sizeof first);
    be->end(f.stream);
    be->act_close(x);
    be->act_close(y);
    be->act_close(g);
    mem_free(m.data);
    mem_free(in);
    mem_free(values);
    fixture_close(&f);
}

static void multiplies_finely(void **state)
{
    (void)state;
    static const int n_rows[] = {1, 2, 3, 7, 64, 65, 140, 200};
    for (int threads = 1; threads <= 3; threads++)
        for (size_t i = 0; i < sizeof n_rows / sizeof *n_rows; i++)
            fine_case(threads, 96, n_rows[i]);
}

/* ---- Experts --------------------------------------------------------------------------------------- */

static void expert_row(double *out, const struct experts *e, const float *in, int cols, int inner)
{
    float logits[64], gate[512], up[512], hidden[512], result[512];
    double p[64], sum = 0, kept = 0;
    int chosen[64];
    one_product(logits, e->router, in);
    for (int i = 0; i < e->n_experts; i++)
        sum += p[i] = exp(logits[i]);
    for (int k = 0; k < e->top_k; k++) {
        int best = -1;
        for (int i = 0; i < e->n_experts; i++) {
            bool taken = false;
            for (int t = 0; t < k; t++)
                taken = taken || chosen[t] == i;
            if (!taken && (best < 0 || p[i] > p[best]))
                best = i;
        }
        chosen[k] = best;
        kept += p[best];
    }
    for (int j = 0; j < cols; j++)
        out[j] = 0;
    for (int k = 0; k < e->top_k; k++) {
        one_product(gate, &e->gate[chosen[k]], in);
        one_product(up, &e->up[chosen[k]], in);
        for (int j = 0; j < inner; j++)
            hidden[j] = gate[j] / (1.0f + expf(-gate[j])) * up[j];
        one_product(result, &e->down[chosen[k]], hidden);
        for (int j = 0; j < cols; j++)
            out[j] += p[chosen[k]] / (e->normalize ? kept : sum) * result[j];
    }
}

static void experts_case(int threads, int n_rows, int n_experts, int top_k, bool normalize)
{
    enum { COLS = 64, INNER = 96 };
    uint64_t seed = (uint64_t)(n_rows * 10 + n_experts);
    struct fixture f;
    fixture_open(&f, "scalar", threads, (struct stream_options){.max_rows = 1, .max_seqs = 1, .max_out = 1, .max_cols = 1});
    struct fixture_matrix m[1 + 3 * 16];
    struct weight w[1 + 3 * 16];
    m[0] = fixture_matrix(&seed, n_experts, COLS, TYPE_Q8_0);
    for (int i = 0; i < n_experts; i++) {
        m[1 + i] = fixture_matrix(&seed, INNER, COLS, TYPE_Q8_0);
        m[17 + i] = fixture_matrix(&seed, INNER, COLS, TYPE_Q8_0);
        m[33 + i] = fixture_matrix(&seed, COLS, INNER, TYPE_Q8_0);
        w[1 + i] = fixture_weight(&f, &m[1 + i]);
        w[17 + i] = fixture_weight(&f, &m[17 + i]);
        w[33 + i] = fixture_weight(&f, &m[33 + i]);
    }
    w[0] = fixture_weight(&f, &m[0]);
    const struct experts e = {&w[0], n_experts, top_k, normalize, &w[1], &w[17], &w[33], ACTIVATE_SILU};
    const struct stream_options o = {.pool = f.pool, .max_rows = n_rows, .max_seqs = n_rows, .max_out = 1, .max_cols = INNER, .experts = &e};
    struct stream *s;
    assert_int_equal(be->stream_open(&s, f.device, &o, NULL), PLLM_OK);
    assert_true(be->stream_bytes(f.device, &o) > 0);
    be->stream_close(f.stream);
    f.stream = s;
    struct fixture_batch b;
    fixture_rows(&b, n_rows, 5, &seed);
    float *in = fixture_floats(&seed, (size_t)n_rows * COLS, 0.5f), *old = fixture_floats(&seed, (size_t)n_rows * COLS, 0.5f);
    struct act *x = fixture_act(&f, n_rows, COLS, in), *y = fixture_act(&f, n_rows, COLS, old);
    be->begin(s, &b.batch);
    be->experts(s, y, x, &e, 0.5f);
    be->end(s);
    for (int r = 0; r < n_rows; r++) {
        double want[COLS];
        expert_row(want, &e, in + r * COLS, COLS, INNER);
        for (int j = 0; j < COLS; j++)
            check_close(act_row(y, r)[j], old[r * COLS + j] + 0.5 * want[j], 1e-4);
    }
    be->act_close(x);
    be->act_close(y);
    for (int i = 0; i < n_experts; i++)
        for (int part = 1; part <= 33; part += 16)
            mem_free(m[part + i].data);
    mem_free(m[0].data);
    mem_free(in);
    mem_free(old);
    fixture_close(&f);
}

static void routes_to_experts(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        experts_case(threads, 1, 4, 2, true);
        experts_case(threads, 13, 4, 2, false);
        experts_case(threads, 30, 16, 3, true);
        experts_case(threads, 5, 2, 2, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embeds_norms_adds_gathers),
        cmocka_unit_test(multiplies),
        cmocka_unit_test(packs_what_was_written),
        cmocka_unit_test(multiplies_finely),
        cmocka_unit_test(routes_to_experts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
