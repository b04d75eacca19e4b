/* store and attend of every type of the KV cache, and merging of parts, against float64 over the values that were stored. */
#include "check.h"

#include "kernels/kv_block.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 3, MAX_ROWS = 12, MAX_DIM = 256 };

static const double U = 0x1p-24;
static const char *const type_name[KV_TYPES] = {"f32", "f16", "bf16", "int8"};

struct problem {
    enum kv_type type;
    int head_dim, rows;
    float softcap;
    void *block[BLOCKS];
    size_t block_bytes;
    size_t q_stride, acc_stride;
    float *q;                                            /* [rows][q_stride] */
    int first[BLOCKS][MAX_ROWS], last[BLOCKS][MAX_ROWS]; /* positions that each row sees of each block */
    float *m, *l, *acc;                                  /* [rows], [rows], [rows][acc_stride] */
};

static double read_back(const struct problem *p, const void *block, bool v, int t, int d)
{
    const char *half = (const char *)block + (v ? kv_half_bytes(p->type, p->head_dim) : 0);
    const void *values = half + kv_scale_bytes(p->type);
    size_t i = v ? (size_t)(t * p->head_dim + d) : (size_t)(d * KV_BLOCK + t);
    switch (p->type) {
    case KV_F32: return ((const float *)values)[i];
    case KV_F16: return f16_to_f32(((const uint16_t *)values)[i]);
    case KV_BF16: return bf16_to_f32(((const uint16_t *)values)[i]);
    default: return (double)((const int8_t *)values)[i] * ((const float *)half)[t];
    }
}

static double stored(const struct problem *p, int block, bool v, int t, int d)
{
    return read_back(p, p->block[block], v, t, d);
}

/* ---- Store ------------------------------------------------------------------------------------------ */

/* What was stored is the vector, but for the rounding of the type. */
static void check_rounding(struct check *c, const struct problem *p, const void *block, bool v, int at, const float *x)
{
    double largest = 0;
    for (int d = 0; d < p->head_dim; d++)
        largest = isfinite(x[d]) ? fmax(largest, fabs((double)x[d])) : INFINITY;
    for (int d = 0; d < p->head_dim; d++) {
        double want = x[d], bound = 0;
        if (p->type == KV_F16) {
            want = isnan(want) ? want : fmax(-65504, fmin(65504, want));
            bound = fabs(want) * 0x1p-11 + 0x1p-25;
        } else if (p->type == KV_BF16) {
            bound = fabs(want) * 0x1p-8 + 0x1p-133;
        } else if (p->type == KV_INT8) {
            want = isfinite(largest) ? want : (double)NAN; /* of the whole vector */
            bound = largest / 254 * 1.0001 + 1e-36;
        }
        check_close(c, read_back(p, block, v, at, d), want, bound, at, d);
    }
}

/* Bytes as the scalar code stores them; the rest of the block is left alone. */
static void check_store(struct check *c, const struct problem *p, int at, const float *k, const float *v)
{
    void *block = guard_alloc(p->block_bytes);
    void *want = malloc(p->block_bytes);
    check_case(c);
    memset(block, 0x5a, p->block_bytes);
    memset(want, 0x5a, p->block_bytes);
    c->k->kv[p->type].store(block, at, k, v, p->head_dim);
    c->ref->kv[p->type].store(want, at, k, v, p->head_dim);
    if (memcmp(block, want, p->block_bytes) != 0)
        check_fail(c, "head size %d, position %d: bytes differ from the scalar ones", p->head_dim, at);
    check_rounding(c, p, block, false, at, k);
    check_rounding(c, p, block, true, at, v);
    free(want);
    guard_free(c, block, p->block_bytes);
}

/* Positions that nobody sees stay all ones: NaN, in the types that have it. */
static void fill_block(struct check *c, const struct problem *p, int block, int n)
{
    float *k = guard_alloc((size_t)p->head_dim * sizeof(float)), *v = guard_alloc((size_t)p->head_dim * sizeof(float));
    memset(p->block[block], 0xff, p->block_bytes);
    for (int t = 0; t < n; t++) {
        for (int d = 0; d < p->head_dim; d++) {
            k[d] = check_normal(c);
            v[d] = check_normal(c) * (t == 3 ? 1e5f : 1.0f);
        }
        c->k->kv[p->type].store(p->block[block], t, k, v, p->head_dim);
        if (t % 7 == 0)
            check_store(c, p, t, k, v);
    }
    guard_free(c, k, (size_t)p->head_dim * sizeof(float));
    guard_free(c, v, (size_t)p->head_dim * sizeof(float));
}

/* Vectors with a value that is not finite, and so small ones that 127 / largest is none. */
static void check_odd_vectors(struct check *c, enum kv_type type, int head_dim)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, 0.0f};
    struct problem p = {.type = type, .head_dim = head_dim, .block_bytes = c->k->kv[type].block_bytes(head_dim)};
    float k[MAX_DIM], v[MAX_DIM];
    for (int i = 0; i < 4; i++) {
        for (int d = 0; d < head_dim; d++) {
            k[d] = check_normal(c) * (odd[i] == 0 ? 1e-39f : 1.0f);
            v[d] = check_normal(c) * (odd[i] == 0 ? 1e-38f : 1.0f);
        }
        k[check_random(c, (uint32_t)head_dim)] = odd[i];
        v[check_random(c, (uint32_t)head_dim)] = odd[i];
        check_store(c, &p, 5 + i, k, v);
    }
}

/* ---- Attend ----------------------------------------------------------------------------------------- */

static size_t acc_bytes(const struct problem *p)
{
    return ((size_t)(p->rows - 1) * p->acc_stride + (size_t)p->head_dim) * sizeof(float);
}

static void open_problem(struct check *c, struct problem *p)
{
    size_t floats = (size_t)(p->rows - 1) * p->q_stride + (size_t)p->head_dim;
    p->block_bytes = c->k->kv[p->type].block_bytes(p->head_dim);
    p->q = guard_alloc(floats * sizeof(float));
    p->acc = guard_alloc(acc_bytes(p));
    p->m = guard_alloc((size_t)p->rows * sizeof(float));
    p->l = guard_alloc((size_t)p->rows * sizeof(float));
    for (size_t i = 0; i < floats; i++)
        p->q[i] = check_normal(c) * 2.0f / sqrtf((float)p->head_dim);
    for (int b = 0; b < BLOCKS; b++) {
        int most = 0;
        for (int r = 0; r < p->rows; r++) {
            /* whole blocks, beginnings, ends, single positions, nothing; neighbours often alike */
            int kind = r > 0 && check_random(c, 3) ? -1 : (int)check_random(c, 5);
            p->first[b][r] = kind < 0 ? p->first[b][r - 1] : kind == 1 || kind == 3 ? (int)check_random(c, KV_BLOCK) : 0;
            p->last[b][r] = kind < 0    ? p->last[b][r - 1]
                            : kind == 2 ? 1 + (int)check_random(c, KV_BLOCK)
                            : kind == 3 ? p->first[b][r] + 1
                            : kind == 4 ? 0
                                        : KV_BLOCK;
            most = p->last[b][r] > most ? p->last[b][r] : most;
        }
        p->block[b] = guard_alloc(p->block_bytes);
        fill_block(c, p, b, most);
    }
}

static void close_problem(struct check *c, struct problem *p)
{
    for (int b = 0; b < BLOCKS; b++)
        guard_free(c, p->block[b], p->block_bytes);
    guard_free(c, p->q, ((size_t)(p->rows - 1) * p->q_stride + (size_t)p->head_dim) * sizeof(float));
    guard_free(c, p->acc, acc_bytes(p));
    guard_free(c, p->m, (size_t)p->rows * sizeof(float));
    guard_free(c, p->l, (size_t)p->rows * sizeof(float));
}

static void begin_rows(float *m, float *l, float *acc, size_t acc_stride, int rows, int head_dim)
{
    for (int r = 0; r < rows; r++) {
        m[r] = -INFINITY;
        l[r] = 0.0f;
        memset(acc + (size_t)r * acc_stride, 0, (size_t)head_dim * sizeof(float));
    }
}

static void check_row(struct check *c, const struct problem *p, int r)
{
    static double v[MAX_DIM], absolute[MAX_DIM];
    double score[BLOCKS][KV_BLOCK], largest = -INFINITY, sum = 0, off = 0;
    int seen = 0;
    for (int b = 0; b < BLOCKS; b++)
        for (int t = p->first[b][r]; t < p->last[b][r]; t++, seen++) {
            double s = 0, a = 0;
            for (int d = 0; d < p->head_dim; d++) {
                s += p->q[(size_t)r * p->q_stride + (size_t)d] * stored(p, b, false, t, d);
                a += fabs(p->q[(size_t)r * p->q_stride + (size_t)d] * stored(p, b, false, t, d));
            }
            off = fmax(off, (p->head_dim + 8) * U * a);
            score[b][t] = p->softcap != 0 ? p->softcap * tanh(s / p->softcap) : s;
            off = fmax(off, 8 * U * fabs(score[b][t]));
            largest = fmax(largest, score[b][t]);
        }
    if (seen == 0) {
        if (p->m[r] != -INFINITY || p->l[r] != 0)
            check_fail(c, "head size %d: a row that sees nothing changed", p->head_dim);
        return;
    }
    memset(v, 0, sizeof v);
    memset(absolute, 0, sizeof absolute);
    for (int b = 0; b < BLOCKS; b++)
        for (int t = p->first[b][r]; t < p->last[b][r]; t++) {
            double w = exp(score[b][t] - largest);
            sum += w;
            for (int d = 0; d < p->head_dim; d++) {
                v[d] += w * stored(p, b, true, t, d);
                absolute[d] += fabs(w * stored(p, b, true, t, d));
            }
        }
    double relative = 2 * off + (seen + 24) * U;
    check_close(c, p->m[r], largest, off, r, -1);
    for (int d = 0; d < p->head_dim; d++)
        check_close(c, p->acc[(size_t)r * p->acc_stride + (size_t)d] / p->l[r], v[d] / sum, 2 * relative * absolute[d] / sum, r, d);
}

/* The row by itself: the same bits. */
static void check_alone(struct check *c, const struct problem *p, int r)
{
    float m, l, acc[MAX_DIM];
    begin_rows(&m, &l, acc, 0, 1, p->head_dim);
    for (int b = 0; b < BLOCKS; b++)
        c->k->kv[p->type].attend(&m, &l, acc, MAX_DIM, p->q + (size_t)r * p->q_stride, 1, 1, &p->first[b][r], &p->last[b][r],
                                 p->block[b], p->head_dim, p->softcap);
    if (memcmp(&m, &p->m[r], sizeof m) != 0 || memcmp(&l, &p->l[r], sizeof l) != 0 ||
        memcmp(acc, p->acc + (size_t)r * p->acc_stride, (size_t)p->head_dim * sizeof(float)) != 0)
        check_fail(c, "head size %d: row %d of %d differs from itself alone", p->head_dim, r, p->rows);
}

static void check_attend_of(struct check *c, enum kv_type type, int head_dim, int rows, float softcap)
{
    struct problem p = {.type = type, .head_dim = head_dim, .rows = rows, .softcap = softcap,
                        .q_stride = (size_t)head_dim + 3, .acc_stride = (size_t)head_dim + 5};
    check_case(c);
    open_problem(c, &p);
    begin_rows(p.m, p.l, p.acc, p.acc_stride, rows, head_dim);
    for (int b = 0; b < BLOCKS; b++)
        c->k->kv[type].attend(p.m, p.l, p.acc, p.acc_stride, p.q, p.q_stride, rows, p.first[b], p.last[b], p.block[b], head_dim,
                              softcap);
    for (int r = 0; r < rows; r++) {
        check_row(c, &p, r);
        check_alone(c, &p, r);
    }
    close_problem(c, &p);
}

/* ---- Merge ------------------------------------------------------------------------------------------ */

/* One part merged into those before it (first: there are none), against float64. */
static void check_merge(struct check *c, int n, bool first)
{
    float *acc = guard_alloc((size_t)n * sizeof *acc), *part = guard_alloc((size_t)n * sizeof *part);
    float m = first ? -INFINITY : 8 * check_normal(c), l = first ? 0 : 1 + 40 * fabsf(check_normal(c));
    float part_m = check_random(c, 4) || first ? 8 * check_normal(c) : m, part_l = 1 + 40 * fabsf(check_normal(c));
    double want[MAX_DIM], bound[MAX_DIM], largest = fmax(m, part_m), a = exp(m - largest), b = exp(part_m - largest);
    double off = (8 + (first ? 0 : fabs((double)m - part_m))) * U, want_l = l * a + part_l * b;
    for (int d = 0; d < n; d++) {
        acc[d] = first ? 0 : check_normal(c);
        part[d] = check_normal(c);
        want[d] = acc[d] * a + part[d] * b;
        bound[d] = off * (fabs(acc[d] * a) + fabs(part[d] * b));
    }
    check_case(c);
    c->k->attend_merge(&m, &l, acc, part_m, part_l, part, n);
    check_close(c, m, largest, 0, -1, -1);
    check_close(c, l, want_l, off * want_l, -1, -1);
    for (int d = 0; d < n; d++)
        check_close(c, acc[d], want[d], bound[d], -1, d);
    guard_free(c, acc, (size_t)n * sizeof *acc);
    guard_free(c, part, (size_t)n * sizeof *part);
}

/* ---- Timing ----------------------------------------------------------------------------------------- */

/* `rows` query vectors over a context of `blocks` blocks: in the second-level cache, and from memory. */
struct bench {
    const struct kv_kernel *kernel;
    char *blocks;
    size_t block_bytes;
    int n_blocks, rows, head_dim, first[64], last[64];
    float q[64 * MAX_DIM], acc[64 * MAX_DIM], m[64], l[64];
};

static void bench_run(void *argument)
{
    struct bench *b = argument;
    begin_rows(b->m, b->l, b->acc, (size_t)b->head_dim, b->rows, b->head_dim);
    for (int i = 0; i < b->n_blocks; i++)
        b->kernel->attend(b->m, b->l, b->acc, (size_t)b->head_dim, b->q, (size_t)b->head_dim, b->rows, b->first, b->last,
                          b->blocks + (size_t)i * b->block_bytes, b->head_dim, 0.0f);
}

static void bench_attend(struct check *c, enum kv_type type)
{
    static const int dims[] = {64, 128, 256}, rows[] = {1, 4, 8, 64};
    static struct bench b;
    for (int d = 0; d < 3; d++)
        for (int r = 0; r < 4; r++)
            for (int far = 0; far < 2; far++) {
                char shape[32];
                b.kernel = &c->k->kv[type];
                b.head_dim = dims[d];
                b.rows = rows[r];
                b.block_bytes = b.kernel->block_bytes(b.head_dim);
                b.n_blocks = (int)((far ? (size_t)128 << 20 : (size_t)128 << 10) / b.block_bytes);
                b.blocks = calloc((size_t)b.n_blocks, b.block_bytes);
                memset(b.blocks, 0, (size_t)b.n_blocks * b.block_bytes);
                for (int i = 0; i < 64; i++)
                    b.last[i] = KV_BLOCK;
                snprintf(shape, sizeof(shape), "%d, %s", b.head_dim, far ? "memory" : "cache");
                check_bench(c, shape, b.rows, check_time(bench_run, &b), 4.0 * b.rows * b.head_dim * KV_BLOCK * b.n_blocks,
                            (double)b.n_blocks * (double)b.block_bytes, LIMIT_F32);
                free(b.blocks);
            }
}

void check_attend(struct check *c)
{
    enum { N_DIMS = 9 };
    static const int dims[N_DIMS] = {2, 8, 20, 64, 80, 96, 100, 128, 256};
    if (!c->bench && check_wanted(c, "attend_merge", attend_merge))
        for (int i = 0; i < 20 * N_DIMS; i++)
            check_merge(c, dims[i % N_DIMS], i / N_DIMS % 5 == 0);
    for (int type = 0; type < KV_TYPES; type++) {
        char name[32];
        snprintf(name, sizeof(name), "attend_%s", type_name[type]);
        if (!check_wanted(c, name, kv[type]))
            continue;
        if (c->bench) {
            bench_attend(c, (enum kv_type)type);
            continue;
        }
        for (int d = 0; d < N_DIMS; d++) {
            check_odd_vectors(c, (enum kv_type)type, dims[d]);
            for (int rows = 1; rows <= MAX_ROWS; rows += rows < 4 ? 1 : 4)
                check_attend_of(c, (enum kv_type)type, dims[d], rows, rows % 2 ? 0.0f : 3.0f);
        }
        for (int i = 0; i < 6; i++)
            check_attend_of(c, (enum kv_type)type, 2 + 2 * (int)check_random(c, MAX_DIM / 2), 1 + (int)check_random(c, MAX_ROWS),
                            check_random(c, 2) ? 0.0f : 3.0f);
    }
}
