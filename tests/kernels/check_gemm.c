/* Products of all weight types and forms of activations: gemm, gemm_a15, gemm_f32 and the same of MLX's format.
 *
 * The reference is computed here in double, from the file's values as quant_decode or matrix_dequantize give
 * them and from the activations as their form rounds them. */
#include "check.h"

#include "kernels/quant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum pattern { NORMAL, EXACT, ZERO_CODES, MAX_CODES, DENORMAL, ZERO_ACTS, HUGE_ACTS, BAD_ACTS, PATTERNS };
static const char *const pattern_name[PATTERNS] = {"normal",   "exact",     "zero codes", "largest codes",
                                                   "denormal", "zero acts", "huge acts",  "acts with NaN"};

struct problem {
    struct matrix_rows m;
    uint8_t *data, *scales, *biases; /* as m's, to be written */
    float *acts;                     /* [rows][K] */
    int rows, K, N;
    double *want, *bound; /* [rows][N] */
    enum pattern pattern;
};

/* ---- Matrices ------------------------------------------------------------------------------------- */

/* Where the blocks of a type hold floats: byte offsets of d and dmin, -1: none. */
static const struct { int d, dmin; } float_at[TYPE_COUNT] = {
    [TYPE_Q4_0] = {0, -1},  [TYPE_Q4_1] = {0, 2},   [TYPE_Q5_0] = {0, -1}, [TYPE_Q5_1] = {0, 2},
    [TYPE_Q8_0] = {0, -1},  [TYPE_Q2_K] = {80, 82}, [TYPE_Q3_K] = {108, -1}, [TYPE_Q4_K] = {0, 2},
    [TYPE_Q5_K] = {0, 2},   [TYPE_Q6_K] = {208, -1}, [TYPE_IQ4_NL] = {0, -1}, [TYPE_IQ4_XS] = {0, -1},
};

/* A scale: normal numbers around 0.01, powers of two where sums shall be exact, or a subnormal half. */
static float random_scale(struct check *c, enum pattern pattern)
{
    if (pattern == EXACT)
        return 0.5f;
    if (pattern == DENORMAL)
        return (float)check_random(c, 1024) * 0x1p-24f;
    return 0.01f * check_normal(c);
}

static void store_value(uint8_t *to, enum block_type type, size_t i, float value)
{
    uint16_t half = type == TYPE_F16 ? f32_to_f16(value) : f32_to_bf16(value);
    if (type == TYPE_F32)
        memcpy(to + 4 * i, &value, 4);
    else
        memcpy(to + 2 * i, &half, 2);
}

static void fill_mlx(struct check *c, struct problem *p)
{
    size_t n = (size_t)p->N * (size_t)(p->K / p->m.group);
    for (size_t i = 0; i < n; i++) {
        store_value(p->scales, p->m.scale_type, i, random_scale(c, p->pattern));
        store_value(p->biases, p->m.scale_type, i, random_scale(c, p->pattern));
    }
}

static void fill_blocks(struct check *c, struct problem *p)
{
    size_t bytes = (size_t)block_info[p->m.type].bytes, n = (size_t)p->N * p->m.row_bytes / bytes;
    for (size_t i = 0; i < n; i++) {
        uint16_t d = f32_to_f16(random_scale(c, p->pattern)), dmin = f32_to_f16(random_scale(c, p->pattern));
        if (p->pattern == ZERO_CODES && p->m.type == TYPE_Q6_K) /* -32 times -128: no type's sums are larger */
            memset(p->data + i * bytes + 192, 0x80, 16);
        memcpy(p->data + i * bytes + float_at[p->m.type].d, &d, 2);
        if (float_at[p->m.type].dmin >= 0)
            memcpy(p->data + i * bytes + float_at[p->m.type].dmin, &dmin, 2);
    }
}

static void fill_floats(struct check *c, struct problem *p)
{
    size_t n = (size_t)p->N * (size_t)p->K;
    for (size_t i = 0; i < n; i++) {
        float value = check_normal(c);
        if (p->pattern == EXACT || p->pattern == MAX_CODES)
            value = (float)check_random(c, 15) - 7.0f;
        if (p->pattern == DENORMAL)
            value *= p->m.type == TYPE_F16 ? 0x1p-20f : 0x1p-130f;
        store_value(p->data, p->m.type, i, p->pattern == ZERO_CODES ? 0.0f : value);
    }
}

static void fill_matrix(struct check *c, struct problem *p)
{
    for (size_t i = 0; i < (size_t)p->N * p->m.row_bytes; i++)
        p->data[i] = p->pattern == ZERO_CODES ? 0 : p->pattern == MAX_CODES ? 0xff : (uint8_t)check_random(c, 256);
    if (p->m.type == TYPE_MLX)
        fill_mlx(c, p);
    else if (block_info[p->m.type].values == 1)
        fill_floats(c, p);
    else
        fill_blocks(c, p);
}

static void fill_acts(struct check *c, struct problem *p)
{
    for (int i = 0; i < p->rows * p->K; i++) {
        float x = check_normal(c);
        if (p->pattern == EXACT) /* integers that int8 holds, with 127 in each block: the scale is 1 */
            x = i % p->K % A8_BLOCK == 5 ? 127.0f : (float)check_random(c, 255) - 127.0f;
        else if (p->pattern == MAX_CODES || p->pattern == ZERO_CODES)
            x = i / p->K % 2 ? -127.0f : 127.0f;
        else if (p->pattern == DENORMAL)
            x *= 0x1p-130f;
        else if (p->pattern == ZERO_ACTS)
            x = 0.0f;
        else if (p->pattern == HUGE_ACTS)
            x *= 1e30f;
        p->acts[i] = x;
    }
    if (p->pattern == BAD_ACTS) { /* in two of the rows */
        p->acts[p->K / 2] = NAN;
        p->acts[(size_t)(p->rows / 2) * (size_t)p->K + 1] = INFINITY;
    }
}

/* ---- Reference ------------------------------------------------------------------------------------ */

/* The activations of a row as the form rounds them. */
static void round_acts(double *out, const float *in, int K, const char *form)
{
    for (int k0 = 0; k0 < K; k0 += A8_BLOCK) {
        int n = K - k0 < A8_BLOCK ? K - k0 : A8_BLOCK;
        float amax = 0;
        bool finite = true;
        for (int k = 0; k < n; k++) {
            finite = finite && isfinite(in[k0 + k]);
            amax = fmaxf(amax, fabsf(in[k0 + k]));
        }
        for (int k = 0; k < n; k++) {
            float x = in[k0 + k];
            if (strcmp(form, "a15") == 0)
                out[k0 + k] = finite ? (double)nearbyintf(x * a15_inverse(amax)) * (double)a15_scale(amax) : (double)NAN;
            else if (strcmp(form, "a8") == 0)
                out[k0 + k] = finite ? (double)nearbyintf(x * a8_inverse(amax)) * (double)a8_scale(amax) : (double)NAN;
            else
                out[k0 + k] = strcmp(form, "bf16") == 0 ? (double)bf16_to_f32(f32_to_bf16(x)) : (double)x;
        }
    }
}

/* Values of a row, and magnitudes that bound the rounding of any way to apply scale and minimum. */
static void decode_row(double *value, double *size, const struct matrix_rows *m, int row)
{
    int K = (int)m->cols;
    if (m->type < TYPE_Q4_0) {
        for (int k = 0; k < K; k++) {
            float w;
            matrix_dequantize(&w, m, row, k, 1);
            value[k] = (double)w;
            size[k] = fabs((double)w);
        }
        return;
    }
    const int8_t *table = quant_table(m->type);
    struct quant_block b;
    for (int k = 0; k < K; k++) {
        if (k % QUANT_BLOCK == 0)
            quant_decode(&b, m, row, k / QUANT_BLOCK);
        int i = k % QUANT_BLOCK, q = table ? table[b.code[i]] : b.code[i] - quant_offset(m->type);
        int largest = m->type == TYPE_Q8_0 || m->type == TYPE_MLX || table ? 255 : 64;
        double d = (double)b.d * b.sub.sub[i / 16], low = (double)b.dmin * b.sub.submin[i / 16];
        value[k] = d * q + low;
        size[k] = fabs(d) * largest + fabs(low);
    }
}

/* The integers of quant_decode are the file's values. */
static void check_decode(struct check *c, const struct problem *p, int row, const double *value, const double *size)
{
    float *w = malloc((size_t)p->K * 4);
    matrix_dequantize(w, &p->m, row, 0, p->K);
    for (int k = 0; k < p->K; k++)
        check_close(c, value[k], (double)w[k], 0x1p-22 * size[k], row, k);
    free(w);
}

static void reference(struct check *c, struct problem *p, const char *form)
{
    size_t K = (size_t)p->K;
    double *x = malloc(K * sizeof(double)), *w = malloc(K * sizeof(double)), *size = malloc(K * sizeof(double));
    bool a8 = form[0] == 'a';
    double epsilon = 0x1p-24 * (a8 ? p->K / A8_BLOCK + 16.0 : p->K + 8.0); /* roundings of a sum */
    for (int r = 0; r < p->rows; r++) {
        round_acts(x, p->acts + (size_t)r * K, p->K, form);
        for (int j = 0; j < p->N; j++) {
            double sum = 0, sizes = 0;
            decode_row(w, size, &p->m, j);
            if (r == 0)
                check_decode(c, p, j, w, size);
            for (size_t k = 0; k < K; k++) {
                sum += x[k] * w[k];
                sizes += fabs(x[k]) * size[k];
            }
            p->want[(size_t)r * (size_t)p->N + (size_t)j] = sum;
            p->bound[(size_t)r * (size_t)p->N + (size_t)j] = epsilon * sizes + 0x1p-126; /* results below are flushed or not */
        }
    }
    free(x);
    free(w);
    free(size);
}

/* ---- One problem ---------------------------------------------------------------------------------- */

struct packed {
    const struct gemm_kernel *g;
    void *panels;
    size_t bytes;
    int n_panels;
};

static struct packed pack_weights(struct check *c, const struct gemm_kernel *g, const struct problem *p)
{
    struct packed w = {.g = g, .n_panels = (p->N + g->panel - 1) / g->panel};
    size_t panel_bytes = g->panel_bytes(&p->m);
    if (panel_bytes % 64 != 0)
        check_fail(c, "panel_bytes is %zu, no multiple of 64", panel_bytes);
    w.bytes = panel_bytes * (size_t)w.n_panels;
    w.panels = guard_alloc(w.bytes);
    int32_t index[256];
    for (int i = 0; i < w.n_panels; i++) {
        for (int j = 0; j < g->panel; j++)
            index[j] = i * g->panel + j < p->N ? i * g->panel + j : -1;
        g->pack((char *)w.panels + panel_bytes * (size_t)i, &p->m, index);
    }
    return w;
}

/* out[r][0 .. width-1] for rows first .. first+n-1 of the problem (round the end), in one call of `run`.
 * All memory is guarded; between the rows stand canaries, of the input NaN. */
static void run_rows(struct check *c, float *out, const struct packed *w, const struct problem *p, int first, int n)
{
    const struct act_kernel *act = w->g->act;
    size_t K = (size_t)p->K, width = (size_t)w->n_panels * (size_t)w->g->panel, stride = width + 3;
    size_t in_stride = K + 5, in_bytes = ((size_t)(n - 1) * in_stride + K) * 4, act_bytes = act->bytes(n, p->K), out_bytes = ((size_t)n * stride - 3) * 4;
    float *in = guard_alloc(in_bytes), *to = guard_alloc(out_bytes);
    void *acts = guard_alloc(act_bytes);
    memset(in, 0xff, in_bytes);
    for (int r = 0; r < n; r++)
        memcpy(in + (size_t)r * in_stride, p->acts + (size_t)((first + r) % p->rows) * K, K * 4);
    for (size_t i = 0; i < out_bytes / 4; i++)
        to[i] = 12345.0f;
    act->pack(acts, in, in_stride, n, p->K);
    w->g->run(to, stride, acts, n, w->panels, w->n_panels, p->K);
    for (int r = 0; r < n; r++) {
        memcpy(out + (size_t)r * width, to + (size_t)r * stride, width * 4);
        for (size_t j = width; r < n - 1 && j < stride; j++)
            if (to[(size_t)r * stride + j] != 12345.0f)
                check_fail(c, "wrote behind row %d of the output", r);
    }
    guard_free(c, acts, act_bytes);
    guard_free(c, to, out_bytes);
    guard_free(c, in, in_bytes);
}

/* Each row alone, and all rows beginning elsewhere, give the same bits. */
static void check_independence(struct check *c, const float *all, const struct packed *w, const struct problem *p)
{
    size_t width = (size_t)w->n_panels * (size_t)w->g->panel;
    float *other = malloc((size_t)p->rows * width * 4);
    for (int r = 0; r < p->rows; r++) {
        run_rows(c, other, w, p, r, 1);
        if (memcmp(other, all + (size_t)r * width, width * 4) != 0)
            check_fail(c, "%s: row %d alone differs from row %d of %d", pattern_name[p->pattern], r, r, p->rows);
    }
    for (int shift = 1; shift < p->rows && shift < 12; shift++) {
        run_rows(c, other, w, p, shift, p->rows);
        for (int r = 0; r < p->rows; r++)
            if (memcmp(other + (size_t)r * width, all + (size_t)((shift + r) % p->rows) * width, width * 4) != 0)
                check_fail(c, "%s: a row at position %d of %d differs from itself at %d", pattern_name[p->pattern], r,
                           p->rows, (shift + r) % p->rows);
    }
    free(other);
}

/* Rows packed tile by tile and multiplied two tiles at a time, panel by panel, as threads share them, give the same bits. */
static void check_ranges(struct check *c, const float *all, const struct packed *w, const struct problem *p)
{
    const struct act_kernel *act = w->g->act;
    size_t K = (size_t)p->K, width = (size_t)w->n_panels * (size_t)w->g->panel, act_bytes = act->bytes(p->rows, p->K);
    float *other = malloc((size_t)p->rows * width * 4);
    char *acts = guard_alloc(act_bytes);
    for (int i = 0, tiles = act_tiles(act, p->rows); i < tiles; i++) {
        int first = i * act->tile_rows, n = i + 1 < tiles ? act->tile_rows : p->rows - first;
        act->pack(acts + act->bytes(first, p->K), p->acts + (size_t)first * K, K, n, p->K);
    }
    for (int first = 0, end; first < p->rows; first = end) {
        end = act_range_end(act, first, p->rows, 2 * act->tile_rows);
        for (int i = 0; i < w->n_panels; i++)
            w->g->run(other + (size_t)first * width + i * w->g->panel, width, acts + act->bytes(first, p->K), end - first,
                      (const char *)w->panels + (size_t)i * (w->bytes / (size_t)w->n_panels), 1, p->K);
    }
    if (memcmp(other, all, (size_t)p->rows * width * 4) != 0)
        check_fail(c, "%s: %d rows in ranges, by single panels, differ from all of them at once", pattern_name[p->pattern], p->rows);
    guard_free(c, acts, act_bytes);
    free(other);
}

static void check_problem(struct check *c, const struct gemm_kernel *g, struct problem *p)
{
    check_case(c);
    fill_matrix(c, p);
    fill_acts(c, p);
    reference(c, p, g->act->name);
    struct packed w = pack_weights(c, g, p);
    size_t width = (size_t)w.n_panels * (size_t)g->panel;
    float *out = malloc((size_t)p->rows * width * 4);
    run_rows(c, out, &w, p, 0, p->rows);
    int failed = c->n_failed;
    for (int r = 0; r < p->rows; r++)
        for (int j = 0; j < p->N; j++) {
            size_t at = (size_t)r * (size_t)p->N + (size_t)j;
            check_close(c, (double)out[(size_t)r * width + (size_t)j], p->want[at],
                        p->pattern == EXACT && p->K <= 512 ? 0.0 : p->bound[at], r, j);
        }
    if (c->n_failed > failed)
        check_fail(c, "that was: %s, %d rows, N = %d, K = %d", pattern_name[p->pattern], p->rows, p->N, p->K);
    if (p->pattern == NORMAL || p->pattern == BAD_ACTS)
        check_independence(c, out, &w, p);
    if (p->pattern == NORMAL)
        check_ranges(c, out, &w, p);
    free(out);
    guard_free(c, w.panels, w.bytes);
}

static void check_shape(struct check *c, const struct gemm_kernel *g, struct matrix_rows m, int rows, int N, int K)
{
    struct problem p = {.m = m, .rows = rows, .N = N, .K = K};
    p.m.rows = N;
    p.m.cols = K;
    const struct block_info *info = &block_info[m.type];
    p.m.row_bytes = m.type == TYPE_MLX ? (size_t)K * (size_t)m.bits / 8 : (size_t)(K / info->values) * (size_t)info->bytes;
    size_t scale_bytes = m.type == TYPE_MLX ? (size_t)(N * (K / m.group)) * 4 : 4;
    p.m.data = p.data = guard_alloc((size_t)N * p.m.row_bytes);
    p.m.scales = p.scales = malloc(scale_bytes);
    p.m.biases = p.biases = malloc(scale_bytes);
    p.acts = malloc((size_t)(rows * K) * 4);
    p.want = malloc((size_t)(rows * N) * sizeof(double));
    p.bound = malloc((size_t)(rows * N) * sizeof(double));
    for (p.pattern = 0; p.pattern < PATTERNS; p.pattern++)
        check_problem(c, g, &p);
    guard_free(c, p.data, (size_t)N * p.m.row_bytes);
    free(p.scales);
    free(p.biases);
    free(p.acts);
    free(p.want);
    free(p.bound);
}

/* Shapes: rows around the heights of tiles, outputs that fill no panel, K of one block and up; and some random ones. */
static void check_entry(struct check *c, const char *prefix, const struct gemm_kernel *g, const struct gemm_kernel *below,
                        struct matrix_rows m)
{
    char name[64];
    if (!g->run)
        return;
    snprintf(name, sizeof(name), "%s_%s", prefix, g->name);
    bool wanted = check_wants(c, name, (const char *)g - (const char *)c->k, sizeof *g);
    if (g->run == below->run)
        check_as_below(c);
    if (!wanted || g->run == below->run)
        return;
    int unit = m.type == TYPE_MLX ? m.group : block_info[m.type].values;
    int K = unit < 32 ? 37 : unit;
    check_shape(c, g, m, 1, 1, K);
    check_shape(c, g, m, 3, g->panel + 1, 3 * K);
    check_shape(c, g, m, 7, 2 * g->panel, 2 * K);
    check_shape(c, g, m, 2 * g->act->tile_rows + 5, 37, unit < 32 ? 200 : (1024 + unit - 1) / unit * unit);
    check_shape(c, g, m, 133, 2, K);
    if (unit <= 64)
        check_shape(c, g, m, 2, 16, 1024 + 3 * unit);
    for (int i = 0; i < 3; i++)
        check_shape(c, g, m, 1 + (int)check_random(c, 20), 1 + (int)check_random(c, 40), K * (1 + (int)check_random(c, 3)));
    for (int rows = 1; rows <= 17; rows++) {
        if (rows % 4 && rows > 9 && rows != 13) /* the parts of the others have no new height */
            continue;
        check_shape(c, g, m, rows, 5, 2 * K);
    }
}

static void check_mlx(struct check *c, const char *prefix, const struct gemm_kernel *g, const struct gemm_kernel *below, int bits)
{
    static const struct { int group; enum block_type scale; } variants[] = {
        {64, TYPE_F16}, {32, TYPE_BF16}, {128, TYPE_F32}};
    for (int i = 0; i < 3; i++)
        check_entry(c, prefix, g, below, (struct matrix_rows){.type = TYPE_MLX, .bits = bits, .group = variants[i].group,
                                                       .scale_type = variants[i].scale});
}

static void bench_all(struct check *c)
{
    for (int type = 0; type < TYPE_MLX; type++) {
        struct matrix_rows m = {.type = (enum block_type)type};
        bench_gemm(c, "gemm", &c->k->gemm[type], m);
        bench_gemm(c, "gemm_a15", &c->k->gemm_a15[type], m);
        bench_gemm(c, "gemm_f32", &c->k->gemm_f32[type], m);
    }
    for (int bits = 4; bits <= 8; bits += 4)
        bench_gemm(c, "gemm", &c->k->gemm_mlx[bits],
                   (struct matrix_rows){.type = TYPE_MLX, .bits = bits, .group = 64, .scale_type = TYPE_BF16});
}

void check_gemm(struct check *c)
{
    if (c->bench) {
        bench_all(c);
        return;
    }
    for (int type = 0; type < TYPE_MLX; type++) {
        struct matrix_rows m = {.type = (enum block_type)type};
        check_entry(c, "gemm", &c->k->gemm[type], &c->below->gemm[type], m);
        check_entry(c, "gemm_a15", &c->k->gemm_a15[type], &c->below->gemm_a15[type], m);
        check_entry(c, "gemm_f32", &c->k->gemm_f32[type], &c->below->gemm_f32[type], m);
    }
    for (int bits = 2; bits <= 8; bits++) {
        check_mlx(c, "gemm", &c->k->gemm_mlx[bits], &c->below->gemm_mlx[bits], bits);
        check_mlx(c, "gemm_a15", &c->k->gemm_mlx_a15[bits], &c->below->gemm_mlx_a15[bits], bits);
        check_mlx(c, "gemm_f32", &c->k->gemm_mlx_f32[bits], &c->below->gemm_mlx_f32[bits], bits);
    }
}
