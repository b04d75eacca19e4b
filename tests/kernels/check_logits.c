/* What the sampler reads rows of logits with: maxima and sums of exponentials by blocks, and picking out what is not
 * below a bound; against plain loops in float64. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 5001, BLOCKS = (LONGEST + ROW_BLOCK - 1) / ROW_BLOCK };

static const double U = 0x1p-24;
static const int lengths[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 100, 127, 128, 129, 143, 256, 257, 300, 1000, 2048, LONGEST};
enum { N_LENGTHS = sizeof(lengths) / sizeof(lengths[0]), N_RANDOM = 6 };

static float *logits(struct check *c, int n, float scale)
{
    float *x = guard_alloc((size_t)n * sizeof(float));
    for (int i = 0; i < n; i++)
        x[i] = scale * check_normal(c);
    return x;
}

static int n_blocks(int n)
{
    return (n + ROW_BLOCK - 1) / ROW_BLOCK;
}

static void maxima_case(struct check *c, const float *x, int n)
{
    float got[BLOCKS + 1], want[BLOCKS + 1];
    got[n_blocks(n)] = want[n_blocks(n)] = 123.0f; /* nothing is written behind */
    check_case(c);
    float all = c->k->block_max(got, x, n), ref = c->ref->block_max(want, x, n);
    if (!(all == ref || (isnan(all) && isnan(ref))))
        check_fail(c, "%d values: the largest is %g, wanted %g", n, (double)all, (double)ref);
    else if (!isnan(ref) && memcmp(got, want, ((size_t)n_blocks(n) + 1) * sizeof(float)) != 0)
        check_fail(c, "%d values: maxima of blocks differ", n);
}

static void check_maxima(struct check *c, int n)
{
    float *x = logits(c, n, 3.0f);
    maxima_case(c, x, n);
    for (int round = 0; round < 8; round++) {
        int at = (int)check_random(c, (uint32_t)n);
        float kept = x[at];
        x[at] = round % 4 == 0 ? NAN : round % 4 == 1 ? INFINITY : round % 4 == 2 ? -INFINITY : 50.0f;
        maxima_case(c, x, n);
        x[at] = kept;
    }
    for (int i = 0; i < n; i++)
        x[i] = -INFINITY;
    maxima_case(c, x, n);
    guard_free(c, x, (size_t)n * sizeof(float));
}

/* e^((x - base) scale), and a bound on its error in float32. */
static double exponential(float x, float base, float scale, double *error)
{
    double y = ((double)x - (double)base) * (double)scale, e = y < -87.3 ? 0 : exp(y);
    *error = (4 + (e > 0 ? 2 * fabs(y) : 0)) * U * e;
    return e;
}

static void exp_case(struct check *c, const float *x, int n, float base, float scale)
{
    float each[LONGEST], same[LONGEST];
    check_case(c);
    c->k->exp_scaled(each, x, n, base, scale);
    for (int i = 0; i < n; i++) {
        double error, e = exponential(x[i], base, scale, &error);
        check_close(c, (double)each[i], e, error + 2e-38, n, i);
    }
    memcpy(same, x, (size_t)n * sizeof *same);
    c->k->exp_scaled(same, same, n, base, scale);
    if (memcmp(same, each, (size_t)n * sizeof *same) != 0)
        check_fail(c, "%d values: in place differs", n);
}

/* The sums of all blocks. */
static void sum_case(struct check *c, const float *x, int n, float base, const float *largest, float scale, float bound)
{
    float got[BLOCKS + 1];
    got[n_blocks(n)] = 123.0f;
    check_case(c);
    double all = c->k->block_exp(got, largest, x, n, base, scale, bound), total = 0;
    for (int b = 0; b < n_blocks(n); b++) {
        double sum = 0, errors = 0;
        for (int i = b * ROW_BLOCK; i < n && i < (b + 1) * ROW_BLOCK; i++) {
            double error, e = exponential(x[i], base, scale, &error);
            sum += x[i] >= bound ? e : 0;
            errors += error + 16 * U * e;
        }
        check_close(c, (double)got[b], sum, errors + 1e-35, n, b);
        total += (double)got[b];
    }
    check_close(c, all, total, 0, n, 0);
    if (got[n_blocks(n)] != 123.0f)
        check_fail(c, "%d values: more sums than blocks", n);
}

static void sums_case(struct check *c, const float *x, int n, float scale, float bound)
{
    float largest[BLOCKS], base = c->ref->block_max(largest, x, n);
    if (check_wanted(c, "exp_scaled", exp_scaled))
        exp_case(c, x, n, base, scale);
    if (check_wanted(c, "block_exp", block_exp))
        sum_case(c, x, n, base, largest, scale, bound);
}

static void check_sums(struct check *c, int n)
{
    static const float scales[] = {1.0f, 0.3f, 100.0f, 1e-30f};
    float *x = logits(c, n, 3.0f);
    x[check_random(c, (uint32_t)n)] = 9.0f;
    for (int s = 0; s < 4; s++) {
        sums_case(c, x, n, scales[s], -INFINITY);
        sums_case(c, x, n, scales[s], x[check_random(c, (uint32_t)n)]); /* which belongs to the sum */
        sums_case(c, x, n, scales[s], 1.0f);
    }
    if (n > 1)
        x[0] = -INFINITY; /* a token that is masked out */
    sums_case(c, x, n, 1.0f, -INFINITY);
    guard_free(c, x, (size_t)n * sizeof(float));
}

static void collect_case(struct check *c, const float *x, int n, float bound)
{
    float got[LONGEST + ROW_SLACK], want[LONGEST + ROW_SLACK];
    int32_t got_at[LONGEST + ROW_SLACK], want_at[LONGEST + ROW_SLACK];
    check_case(c);
    int m = c->k->collect(got_at, got, x, n, 1000, bound), w = c->ref->collect(want_at, want, x, n, 1000, bound);
    if (m != w || memcmp(got, want, (size_t)m * sizeof *got) != 0 || memcmp(got_at, want_at, (size_t)m * sizeof *got_at) != 0)
        check_fail(c, "%d values not below %g: got %d, wanted %d, or others", n, (double)bound, m, w);
}

static void check_collect(struct check *c, int n)
{
    float *x = logits(c, n, 3.0f);
    for (int round = 0; round < 4; round++)
        collect_case(c, x, n, x[check_random(c, (uint32_t)n)]);
    x[n / 2] = -INFINITY;
    collect_case(c, x, n, 5.0f);
    collect_case(c, x, n, 0.0f);
    collect_case(c, x, n, -INFINITY); /* all of them */
    collect_case(c, x, n, INFINITY);
    guard_free(c, x, (size_t)n * sizeof(float));
}

/* ---- Timing ----------------------------------------------------------------------------------------- */

enum { BENCH_VALUES = 256000 };

struct bench {
    const struct kernels *k;
    const float *x;
    float *largest, *out;
    int32_t *number;
    float base, bound;
    int what;
};

static void bench_run(void *argument)
{
    struct bench *b = argument;
    switch (b->what) {
    case 0: b->k->block_max(b->largest, b->x, BENCH_VALUES); break;
    case 1: b->k->block_exp(b->out, b->largest, b->x, BENCH_VALUES, b->base, 1.0f, -INFINITY); break;
    case 2: b->k->exp_scaled(b->out, b->x, BENCH_VALUES, b->base, 1.0f); break;
    default: b->k->collect(b->number, b->out, b->x, BENCH_VALUES, 0, b->bound);
    }
}

static void bench_logits(struct check *c)
{
    static const char *const names[] = {"block_max", "block_exp", "exp_scaled", "collect"};
    static const int moved[] = {1, 1, 2, 3};
    size_t bytes = (BENCH_VALUES + ROW_SLACK) * sizeof(float);
    struct bench b = {c->k, logits(c, BENCH_VALUES, 3.0f), guard_alloc(bytes), guard_alloc(bytes), guard_alloc(bytes), 0, 0, 0};
    b.base = c->k->block_max(b.largest, b.x, BENCH_VALUES);
    for (b.what = 0; b.what < 4; b.what++)
        if (check_wants(c, names[b.what], 0, 0))
            check_bench(c, "256000 values", 1, check_time(bench_run, &b), BENCH_VALUES, 4.0 * BENCH_VALUES * moved[b.what], LIMIT_F32);
    guard_free(c, (void *)b.x, BENCH_VALUES * sizeof(float));
    guard_free(c, b.largest, bytes);
    guard_free(c, b.out, bytes);
    guard_free(c, b.number, bytes);
}

void check_logits(struct check *c)
{
    if (c->bench) {
        bench_logits(c);
        return;
    }
    for (int i = 0; i < N_LENGTHS + N_RANDOM; i++) {
        int n = i < N_LENGTHS ? lengths[i] : 1 + (int)check_random(c, LONGEST);
        if (check_wanted(c, "block_max", block_max))
            check_maxima(c, n);
        check_sums(c, n);
        if (check_wanted(c, "collect", collect))
            check_collect(c, n);
    }
}
