/* Products with float32 activations, plainly: the specification of the other tiers. */
#include "kernels/gemm_float.h"
#include "kernels/tiers.h"

#include <string.h>

enum { MAX_ROWS = FLOAT_TILE_ROWS };

static float load_f32(const char *p, size_t i)
{
    float f;
    memcpy(&f, p + 4 * i, sizeof f);
    return f;
}

static uint16_t load_u16(const char *p, size_t i)
{
    uint16_t u;
    memcpy(&u, p + 2 * i, sizeof u);
    return u;
}

static float load_f16(const char *p, size_t i)
{
    return f16_to_f32(load_u16(p, i));
}

static float load_bf16(const char *p, size_t i)
{
    return bf16_to_f32(load_u16(p, i));
}

/* One step of k: the 16 weights are widened once for all rows. */
static void add_products(float *out, size_t out_stride, const float *act, int rows, const float *weight)
{
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < FLOAT_PANEL; j++)
            out[(size_t)r * out_stride + (size_t)j] += act[r] * weight[j];
}

static inline void tile(const struct float_tile *t, float (*load)(const char *, size_t))
{
    for (int p = 0; p < t->panels; p++) {
        const char *panel = t->weights + (size_t)p * t->panel_stride;
        float *out = t->out + FLOAT_PANEL * p;
        for (int r = 0; t->first && r < t->rows; r++)
            memset(out + (size_t)r * t->out_stride, 0, FLOAT_PANEL * sizeof *out);
        for (int i = 0; i < t->k; i++) {
            float weight[FLOAT_PANEL];
            for (int j = 0; j < FLOAT_PANEL; j++)
                weight[j] = load(panel, (size_t)(i * FLOAT_PANEL + j));
            add_products(out, t->out_stride, t->act + (size_t)i * t->act_stride, t->rows, weight);
        }
    }
}

static void tile_f32(const struct float_tile *t)
{
    tile(t, load_f32);
}

static void tile_f16(const struct float_tile *t)
{
    tile(t, load_f16);
}

static void tile_bf16(const struct float_tile *t)
{
    tile(t, load_bf16);
}

static void gemm_f32_scalar(float *out, size_t out_stride, const void *acts, int rows, const void *packed, int panels,
                            int K)
{
    gemm_float_plain(out, out_stride, acts, rows, packed, panels, K, tile_f32, MAX_ROWS, 4);
}

static void gemm_f16_scalar(float *out, size_t out_stride, const void *acts, int rows, const void *packed, int panels,
                            int K)
{
    gemm_float_plain(out, out_stride, acts, rows, packed, panels, K, tile_f16, MAX_ROWS, 2);
}

static void gemm_bf16_scalar(float *out, size_t out_stride, const void *acts, int rows, const void *packed, int panels,
                             int K)
{
    gemm_float_plain(out, out_stride, acts, rows, packed, panels, K, tile_bf16, MAX_ROWS, 2);
}

static void gemm_blocks_scalar(float *out, size_t out_stride, const void *acts, int rows, const void *packed,
                               int panels, int K)
{
    gemm_float_blocks(out, out_stride, acts, rows, packed, panels, K, tile_f32, MAX_ROWS);
}

void kernels_init_gemm_float_scalar(struct kernels *k)
{
    static const struct float_runs runs = {gemm_f32_scalar, gemm_f16_scalar, gemm_bf16_scalar, gemm_blocks_scalar};
    gemm_float_install(k, &runs);
}
