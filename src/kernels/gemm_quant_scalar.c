/* The products of quantized weights with int8 activations, as plainly as possible: the specification, which
 * every tier is checked against. One code for all formats; a panel is one row as the file stores it. */
#include "base/mem.h"
#include "kernels/quant.h"
#include "kernels/tiers.h"

#include <math.h>
#include <string.h>

/* ---- Activations: tiles of one row ---------------------------------------------------------------- */

/* x[k] = scale * (q[0][k] of A8, of A15 A15_RADIX * q[0][k] + q[1][k]); sum[h] the sum of those integers over half h. */
struct a8_block {
    float scale;
    int32_t sum[2];
    int8_t q[2][A8_BLOCK];
};

static size_t a8_row_bytes(int K)
{
    return mem_round_up((size_t)((K + A8_BLOCK - 1) / A8_BLOCK) * sizeof(struct a8_block), MEM_ALIGN);
}

static size_t a8_bytes(int rows, int K)
{
    return (size_t)rows * a8_row_bytes(K);
}

/* Into one plane of int8 or two. A block with a value that is not finite gets NaN for a scale, and the outputs of its row
 * become NaN. */
static void pack_block(struct a8_block *out, const float *in, int n, int planes)
{
    float amax = 0.0f;
    bool finite = true;
    for (int k = 0; k < n; k++) {
        finite = finite && isfinite(in[k]);
        amax = fmaxf(amax, fabsf(in[k]));
    }
    float scale = planes == 2 ? a15_scale(amax) : a8_scale(amax);
    float inverse = planes == 2 ? a15_inverse(amax) : a8_inverse(amax);
    *out = (struct a8_block){.scale = finite ? scale : NAN};
    for (int k = 0; finite && k < n; k++) {
        int v = (int)nearbyintf(in[k] * inverse), high = planes == 2 ? a15_high(v) : v;
        out->q[0][k] = (int8_t)high;
        out->q[1][k] = (int8_t)(planes == 2 ? v - A15_RADIX * high : 0);
        out->sum[k / 16] += v;
    }
}

static void pack_rows(void *packed, const float *in, size_t stride, int rows, int K, int planes)
{
    for (int r = 0; r < rows; r++) {
        struct a8_block *out = (struct a8_block *)((char *)packed + a8_bytes(r, K));
        for (int k = 0; k < K; k += A8_BLOCK)
            pack_block(out++, in + (size_t)r * stride + k, K - k < A8_BLOCK ? K - k : A8_BLOCK, planes);
    }
}

static void a8_pack(void *packed, const float *in, size_t stride, int rows, int K)
{
    pack_rows(packed, in, stride, rows, K, 1);
}

static void a15_pack(void *packed, const float *in, size_t stride, int rows, int K)
{
    pack_rows(packed, in, stride, rows, K, 2);
}

static const struct act_kernel a8 = {"a8", 1, 1, a8_bytes, a8_pack}, a15 = {"a15", 1, 1, a8_bytes, a15_pack};

/* ---- Weights: a description, then the bytes of one row ------------------------------------------- */

struct panel {
    bool zero; /* an output that is not there */
    enum block_type type, scale_type;
    int bits, group, cols;
    size_t row_bytes, scale_bytes; /* of the data, and of each of scales and biases behind it */
};

enum { PANEL_HEADER = 64 };
_Static_assert(sizeof(struct panel) <= PANEL_HEADER, "the header of a panel");

static size_t panel_bytes(const struct matrix_rows *m)
{
    return mem_round_up(PANEL_HEADER + m->row_bytes + 2 * matrix_scale_bytes(m), MEM_ALIGN);
}

static void pack(void *packed, const struct matrix_rows *m, const int32_t *index)
{
    struct panel p = {.zero = index[0] < 0, .type = m->type, .scale_type = m->scale_type, .bits = m->bits,
                      .group = m->group, .cols = (int)m->cols, .row_bytes = m->row_bytes,
                      .scale_bytes = matrix_scale_bytes(m)};
    char *to = packed;
    memset(to, 0, panel_bytes(m));
    memcpy(to, &p, sizeof(p));
    if (p.zero)
        return;
    size_t row = (size_t)index[0];
    memcpy(to + PANEL_HEADER, m->data + row * m->row_bytes, m->row_bytes);
    if (p.scale_bytes > 0) {
        memcpy(to + PANEL_HEADER + p.row_bytes, m->scales + row * p.scale_bytes, p.scale_bytes);
        memcpy(to + PANEL_HEADER + p.row_bytes + p.scale_bytes, m->biases + row * p.scale_bytes, p.scale_bytes);
    }
}

static struct matrix_rows panel_matrix(const struct panel *p)
{
    const uint8_t *data = (const uint8_t *)p + PANEL_HEADER;
    return (struct matrix_rows){.type = p->type, .rows = 1, .cols = p->cols, .data = data,
                                .row_bytes = p->row_bytes, .bits = p->bits, .group = p->group,
                                .scales = data + p->row_bytes, .biases = data + p->row_bytes + p->scale_bytes,
                                .scale_type = p->scale_type};
}

/* sum over k of value[k] * x[k], over one block. The largest integer, of Q6_K and A15, is 32 x 32 x 128 x 16256, a hundredth
 * below 2^31. */
static float block_product(const struct quant_block *w, const int *q, const struct a8_block *x, int planes)
{
    int32_t sum[2] = {0, 0};
    for (int k = 0; k < QUANT_BLOCK; k++)
        sum[k / 16] += q[k] * (planes == 2 ? A15_RADIX * x->q[0][k] + x->q[1][k] : x->q[0][k]);
    float product = w->d * (float)(w->sub.sub[0] * sum[0] + w->sub.sub[1] * sum[1]);
    float minimum = w->dmin * (float)(w->sub.submin[0] * x->sum[0] + w->sub.submin[1] * x->sum[1]);
    return x->scale * (product + minimum);
}

/* Order of the sum: blocks of 32 one after another. */
static void run_panel(float *out, size_t out_stride, const void *acts, int rows, const struct panel *p, int planes)
{
    const struct matrix_rows m = panel_matrix(p);
    const int8_t *table = quant_table(p->type);
    for (int r = 0; r < rows; r++)
        out[(size_t)r * out_stride] = 0.0f;
    for (int b = 0; !p->zero && b < p->cols / QUANT_BLOCK; b++) {
        struct quant_block w;
        int q[QUANT_BLOCK];
        quant_decode(&w, &m, 0, b);
        for (int k = 0; k < QUANT_BLOCK; k++)
            q[k] = table ? table[w.code[k]] : w.code[k] - quant_offset(p->type);
        for (int r = 0; r < rows; r++) {
            const struct a8_block *x = (const struct a8_block *)((const char *)acts + a8_bytes(r, p->cols)) + b;
            out[(size_t)r * out_stride] += block_product(&w, q, x, planes);
        }
    }
}

static void run_panels(float *out, size_t out_stride, const void *acts, int rows, const void *packed, int panels, int planes)
{
    const char *at = packed;
    for (int i = 0; i < panels; i++) {
        const struct panel *p = (const struct panel *)at;
        run_panel(out + i, out_stride, acts, rows, p, planes);
        at += mem_round_up(PANEL_HEADER + p->row_bytes + 2 * p->scale_bytes, MEM_ALIGN);
    }
}

static void run_a8(float *out, size_t out_stride, const void *acts, int rows, const void *packed, int panels, int K)
{
    (void)K; /* the panel knows */
    run_panels(out, out_stride, acts, rows, packed, panels, 1);
}

static void run_a15(float *out, size_t out_stride, const void *acts, int rows, const void *packed, int panels, int K)
{
    (void)K;
    run_panels(out, out_stride, acts, rows, packed, panels, 2);
}

void kernels_init_gemm_quant_scalar(struct kernels *k)
{
    for (int type = TYPE_Q4_0; type < TYPE_MLX; type++) {
        k->gemm[type] = (struct gemm_kernel){block_info[type].name, &a8, 1, panel_bytes, pack, run_a8};
        k->gemm_a15[type] = (struct gemm_kernel){block_info[type].name, &a15, 1, panel_bytes, pack, run_a15};
    }
    for (int bits = 0; bits < MLX_WIDTHS; bits++)
        if (mlx_name[bits]) {
            k->gemm_mlx[bits] = (struct gemm_kernel){mlx_name[bits], &a8, 1, panel_bytes, pack, run_a8};
            k->gemm_mlx_a15[bits] = (struct gemm_kernel){mlx_name[bits], &a15, 1, panel_bytes, pack, run_a15};
        }
}
