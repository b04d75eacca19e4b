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

static uint16_t load_half(const char *p, size_t i)
{
    uint16_t u;
    memcpy(&u, p + 2 * i, sizeof u);
    return u;
}

static float load_f16(const char *p, size_t i)
{
    return f16_to_f32(load_half(p, i));
}

static float load_bf16(const char *p, size_t i)
{
    return bf16_to_f32(load_half(p, i));
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

#define TIER(name) name##_scalar
#include "kernels/gemm_float_runs.inc"
