/* Norms, rotation, activations and reductions over one row, against float64. Bounds are the rounding of float32
 * (U) times the length of a sum in the widest chain that a tier may take, times what is added up. */
#include "check.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double U = 0x1p-24;
static const int lengths[] = {1,  2,  3,  5,  7,  8,   9,   15,  16,  17,  20,  31,   33,
                              40, 64, 65, 80, 96, 100, 127, 128, 256, 257, 576, 2048, 5001};
enum { N_LENGTHS = sizeof(lengths) / sizeof(lengths[0]), N_RANDOM = 6, MAX_LENGTH = 5001 };

/* Relative error of a sum of n: vector tiers have eight lanes or more, the scalar code adds in double. */
static double chain(int n)
{
    return (n / 8 + 16) * U;
}

static float *guarded(struct check *c, int n, float scale)
{
    float *x = guard_alloc((size_t)n * sizeof(float));
    for (int i = 0; i < n; i++)
        x[i] = scale * check_normal(c);
    return x;
}

static void release(struct check *c, float *x, int n)
{
    guard_free(c, x, (size_t)n * sizeof(float));
}

/* ---- Norms and rotation ----------------------------------------------------------------------------- */

static void check_same(struct check *c, const float *got, const float *want, int n)
{
    if (memcmp(got, want, (size_t)n * sizeof(float)) != 0)
        check_fail(c, "%d values: in place differs", n);
}

/* In place, and from another alignment: the same bits. */
static void check_norms_in_place(struct check *c, int n, const float *in, const float *w, const float *b)
{
    float *out = guarded(c, n, 0.0f), *other = guarded(c, n + 1, 0.0f);
    if (check_wanted(c, "rms_norm", rms_norm)) {
        c->k->rms_norm(out, in, w, n, 1e-6f);
        memcpy(other, in, (size_t)n * sizeof(float));
        c->k->rms_norm(other, other, w, n, 1e-6f);
        check_same(c, other, out, n);
    }
    if (check_wanted(c, "layer_norm", layer_norm)) {
        c->k->layer_norm(out, in, w, b, n, 1e-5f);
        memcpy(other, in, (size_t)n * sizeof(float));
        c->k->layer_norm(other, other, w, b, n, 1e-5f);
        check_same(c, other, out, n);
    }
    release(c, out, n);
    release(c, other, n + 1);
}

static void check_norms_of(struct check *c, int n, float scale, float mean)
{
    float *in = guarded(c, n, scale), *w = guarded(c, n, 1.0f), *b = guarded(c, n, 1.0f), *out = guarded(c, n, 1.0f);
    double sum = 0, absolute = 0, squares = 0, var = 0;
    for (int i = 0; i < n; i++) {
        in[i] += mean;
        sum += in[i];
        absolute += fabs(in[i]);
        squares += (double)in[i] * in[i];
    }
    for (int i = 0; i < n; i++)
        var += (in[i] - sum / n) * (in[i] - sum / n) / n;
    if (check_wanted(c, "rms_norm", rms_norm)) {
        check_case(c);
        c->k->rms_norm(out, in, w, n, 1e-6f);
        for (int i = 0; i < n; i++) {
            double want = in[i] * w[i] / sqrt(squares / n + (double)1e-6f);
            check_close(c, out[i], want, chain(n) * fabs(want) + FLT_MIN, n, i);
        }
    }
    for (int with = 0; with < 2 && check_wanted(c, "layer_norm", layer_norm); with++) {
        check_case(c);
        c->k->layer_norm(out, in, w, with ? b : NULL, n, 1e-5f);
        double inverse = 1 / sqrt(var + (double)1e-5f), off = chain(n) * absolute / n;
        for (int i = 0; i < n; i++) {
            double want = (in[i] - sum / n) * inverse * w[i], bias = with ? b[i] : 0;
            double bound = (off + U * fabs(in[i])) * inverse * fabs(w[i]) + (chain(n) + off * off * inverse * inverse) * (fabs(want) + fabs(bias));
            check_close(c, out[i], want + bias, bound + FLT_MIN, n, i);
        }
    }
    check_norms_in_place(c, n, in, w, b);
    float *all[] = {in, w, b, out};
    for (int i = 0; i < 4; i++)
        release(c, all[i], n);
}

static void check_rope_of(struct check *c, int half)
{
    int n = 2 * half;
    float *x = guarded(c, n, 1.0f), *cs = guarded(c, half, 1.0f), *sn = guarded(c, half, 1.0f), old[2 * MAX_LENGTH];
    if (check_wanted(c, "rope", rope)) {
        check_case(c);
        memcpy(old, x, (size_t)n * sizeof(float));
        c->k->rope(x, cs, sn, n);
        for (int i = 0; i < half; i++) {
            double a = old[i], b = old[half + i];
            check_close(c, x[i], a * cs[i] - b * sn[i], 3 * U * (fabs(a * cs[i]) + fabs(b * sn[i])), n, i);
            check_close(c, x[half + i], b * cs[i] + a * sn[i], 3 * U * (fabs(b * cs[i]) + fabs(a * sn[i])), n, half + i);
        }
    }
    release(c, x, n);
    release(c, cs, half);
    release(c, sn, half);
}

/* ---- Activations ------------------------------------------------------------------------------------ */

static double activation(enum activation a, double g)
{
    switch (a) {
    case ACTIVATE_SILU: return g / (1 + exp(-g));
    case ACTIVATE_GELU_TANH: return 0.5 * g * (1 + tanh(0.79788456080286535588 * (g + 0.044715 * g * g * g)));
    case ACTIVATE_GELU: return 0.5 * g * erfc(-g * 0.70710678118654752440);
    default: return g > 0 ? g : 0;
    }
}

static void check_activations_of(struct check *c, int n, float scale)
{
    static const char *const names[ACTIVATIONS] = {
        [ACTIVATE_SILU] = "silu_mul",
        [ACTIVATE_GELU_TANH] = "gelu_tanh_mul",
        [ACTIVATE_GELU] = "gelu_mul",
        [ACTIVATE_RELU] = "relu_mul",
    };
    static const float extremes[] = {0.0f, -0.0f, 1e-30f, -1e-30f, 87.4f, -87.4f, 89.0f, -89.0f, 200.0f, -200.0f, 1e6f, -1e6f, -5.5f, -13.0f};
    float *g = guarded(c, n, scale), *up = guarded(c, n, 1.0f), *out = guarded(c, n, 1.0f), *same = guarded(c, n, 0.0f);
    for (int i = 0; scale > 1.0f && i < n && i < (int)(sizeof extremes / sizeof *extremes); i++)
        g[i] = extremes[i];
    for (int a = 0; a < ACTIVATIONS; a++) {
        if (!check_wanted(c, names[a], gate_mul[a]))
            continue;
        check_case(c);
        c->k->gate_mul[a](out, g, up, n);
        for (int i = 0; i < n; i++) {
            double want = activation((enum activation)a, g[i]) * up[i], product = fabs((double)g[i] * up[i]);
            /* U product: the scalar code subtracts from 1; a tenth of a thousandth of the least normal: e^88 is all there is */
            check_close(c, out[i], want, 12 * U * fabs(want) + (a == ACTIVATE_RELU ? 0 : 2 * U * product) + FLT_MIN, n, i);
        }
        memcpy(same, g, (size_t)n * sizeof *same);
        c->k->gate_mul[a](same, same, up, n);
        check_same(c, same, out, n);
        if (n > 3) {
            float kept = g[2];
            g[2] = NAN;
            c->k->gate_mul[a](out, g, up, n);
            if (!isnan(out[2]) || isnan(out[1]) || isnan(out[3]))
                check_fail(c, "%d values: NaN does not stay where it is", n);
            g[2] = kept;
        }
    }
    release(c, g, n);
    release(c, up, n);
    release(c, out, n);
    release(c, same, n);
}

static void check_simple_of(struct check *c, int n)
{
    float *x = guarded(c, n, 1.0f), *in = guarded(c, n, 1.0f), old[MAX_LENGTH];
    memcpy(old, x, (size_t)n * sizeof(float));
    if (check_wanted(c, "add_scaled", add_scaled)) {
        check_case(c);
        c->k->add_scaled(x, in, 0.3f, n);
        for (int i = 0; i < n; i++)
            check_close(c, x[i], old[i] + (double)0.3f * in[i], 2 * U * (fabs(old[i]) + fabs(in[i])), n, i);
    }
    for (float cap = 0.5f; cap < 100 && check_wanted(c, "softcap", softcap); cap *= 10) {
        check_case(c);
        for (int i = 0; i < n; i++)
            x[i] = old[i] * (i % 3 == 0 ? 1e-3f : i % 3 == 1 ? 1.0f : 100.0f);
        memcpy(in, x, (size_t)n * sizeof(float));
        c->k->softcap(x, cap, n);
        for (int i = 0; i < n; i++) {
            double want = cap * tanh((double)in[i] / cap);
            check_close(c, x[i], want, 8 * U * fabs(want), n, i);
        }
    }
    release(c, x, n);
    release(c, in, n);
}

/* ---- Reductions ------------------------------------------------------------------------------------- */

static void check_dots_of(struct check *c, int rows, int K, int stride)
{
    int n = (rows - 1) * stride + K;
    float *m = guarded(c, n, 1.0f), *x = guarded(c, K, 1.0f), *out = guarded(c, rows, 0.0f), one;
    check_case(c);
    c->k->dots(out, m, (size_t)stride, rows, x, K);
    for (int i = 0; i < rows; i++) {
        double sum = 0, absolute = 0;
        for (int k = 0; k < K; k++) {
            sum += (double)m[i * stride + k] * x[k];
            absolute += fabs((double)m[i * stride + k] * x[k]);
        }
        check_close(c, out[i], sum, chain(K) * absolute, i, K);
        c->k->dots(&one, m + i * stride, (size_t)stride, 1, x, K);
        if (memcmp(&one, &out[i], sizeof one) != 0)
            check_fail(c, "row %d of %d, K %d: alone it is %.9g, among others %.9g", i, rows, K, one, out[i]);
    }
    release(c, m, n);
    release(c, x, K);
    release(c, out, rows);
}

static void check_add_rows_of(struct check *c, int K, int n, int stride)
{
    float *m = guarded(c, (K - 1) * stride + n, 1.0f), *x = guarded(c, K, 1.0f), *out = guarded(c, n, 1.0f), old[MAX_LENGTH], one;
    memcpy(old, out, (size_t)n * sizeof(float));
    check_case(c);
    c->k->add_rows(out, m, (size_t)stride, K, x, 0.7f, n);
    for (int i = 0; i < n; i++) {
        double sum = 0, absolute = 0;
        for (int k = 0; k < K; k++) {
            sum += (double)m[k * stride + i] * x[k];
            absolute += fabs((double)m[k * stride + i] * x[k]);
        }
        check_close(c, out[i], old[i] + (double)0.7f * sum, (K + 4) * U * (fabs(old[i]) + absolute), K, i);
        one = old[i];
        c->k->add_rows(&one, m + i, (size_t)stride, K, x, 0.7f, 1);
        if (memcmp(&one, &out[i], sizeof one) != 0)
            check_fail(c, "value %d of %d, K %d: alone it is %.9g, among others %.9g", i, n, K, one, out[i]);
    }
    release(c, m, (K - 1) * stride + n);
    release(c, x, K);
    release(c, out, n);
}

/* ---- Timing ----------------------------------------------------------------------------------------- */

struct bench {
    const struct kernels *k;
    float *a, *b, *c;
    int n, what;
};

enum { RMS_NORM, ROPE, SILU, GELU_TANH, GELU, ADD, SOFTCAP, ADD_ROWS, DOTS, BENCHES };

static const struct {
    const char *name;
    int n, moved; /* values; how often each is read or written */
} benches[BENCHES] = {
    [RMS_NORM] = {"rms_norm", 2048, 3},
    [ROPE] = {"rope", 256, 3},
    [SILU] = {"silu_mul", 16384, 3},
    [GELU_TANH] = {"gelu_tanh_mul", 16384, 3},
    [GELU] = {"gelu_mul", 16384, 3},
    [ADD] = {"add_scaled", 2048, 3},
    [SOFTCAP] = {"softcap", 256000, 2},
    [ADD_ROWS] = {"add_rows", 2048, 1},
    [DOTS] = {"dots", 4096, 1},
};

static void bench_run(void *argument)
{
    struct bench *b = argument;
    switch (b->what) {
    case RMS_NORM: b->k->rms_norm(b->a, b->b, b->c, b->n, 1e-6f); break;
    case ROPE: b->k->rope(b->a, b->b, b->c, b->n); break;
    case SILU: b->k->gate_mul[ACTIVATE_SILU](b->a, b->b, b->c, b->n); break;
    case GELU_TANH: b->k->gate_mul[ACTIVATE_GELU_TANH](b->a, b->b, b->c, b->n); break;
    case GELU: b->k->gate_mul[ACTIVATE_GELU](b->a, b->b, b->c, b->n); break;
    case ADD: b->k->add_scaled(b->a, b->b, 1e-9f, b->n); break;
    case SOFTCAP: b->k->softcap(b->a, 30.0f, b->n); break;
    case ADD_ROWS: b->k->add_rows(b->a, b->b, (size_t)b->n / 16, 16, b->c, 1e-9f, b->n / 16); break;
    default: b->k->dots(b->a, b->b, 16, b->n / 16, b->c, 16);
    }
}

static void bench_rows(struct check *c)
{
    for (int i = 0; i < BENCHES; i++) {
        if (!check_wants(c, benches[i].name, 0, 0))
            continue;
        int n = benches[i].n;
        char shape[32];
        struct bench b = {c->k, guarded(c, n, 1.0f), guarded(c, n, 1.0f), guarded(c, n, 1.0f), n, i};
        snprintf(shape, sizeof(shape), "%d values", n);
        check_bench(c, shape, 1, check_time(bench_run, &b), n, (double)n * 4 * benches[i].moved, LIMIT_F32);
        release(c, b.a, n);
        release(c, b.b, n);
        release(c, b.c, n);
    }
}

void check_rows(struct check *c)
{
    if (c->bench) {
        bench_rows(c);
        return;
    }
    for (int i = 0; i < N_LENGTHS + N_RANDOM; i++) {
        int n = i < N_LENGTHS ? lengths[i] : 1 + (int)check_random(c, 600);
        check_norms_of(c, n, 1.0f, 0.0f);
        check_norms_of(c, n, 1e-3f, 2.0f);
        check_norms_of(c, n, 0.0f, 0.0f);
        check_rope_of(c, n);
        check_activations_of(c, n, 1.0f);
        check_activations_of(c, n, 20.0f);
        check_simple_of(c, n);
        for (int rows = 1; rows < 20 && check_wanted(c, "dots", dots); rows += n > 100 ? 9 : 3)
            check_dots_of(c, rows, n, n + (rows & 3));
        for (int K = 1; K < 20 && check_wanted(c, "add_rows", add_rows); K += n > 100 ? 9 : 3)
            check_add_rows_of(c, K, n, n + (K & 3));
    }
}
