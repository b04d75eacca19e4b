/* Products with float32 activations on AVX-512: up to 12 rows x 2 panels of 16 outputs in 24 registers. f16 and bf16
 * weights are widened as they are loaded. */
#include "kernels/gemm_float.h"
#include "kernels/tiers.h"

#include <immintrin.h>

/* The portable build of the tests defines it otherwise. */
#ifndef INLINE
#define INLINE static inline __attribute__((always_inline))
#endif

enum { MAX_ROWS = 12, MAX_PANELS = 2 };

typedef __m512 load_fn(const char *weights, size_t i); /* values i .. i+15 */

INLINE __m512 load_f32(const char *weights, size_t i)
{
    return _mm512_loadu_ps((const float *)(const void *)weights + i);
}

INLINE __m512 load_f16(const char *weights, size_t i)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)(weights + 2 * i)));
}

INLINE __m512 load_bf16(const char *weights, size_t i)
{
    __m256i halves = _mm256_loadu_si256((const __m256i *)(const void *)(weights + 2 * i));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

/* R rows x P panels from panel p on: constants at every call, so that the sums are registers. */
INLINE void multiply(const struct float_tile *t, int p, const int R, const int P, load_fn *load)
{
    const char *weights = t->weights + (size_t)p * t->panel_stride, *ahead = t->ahead + (size_t)p * t->panel_stride;
    const float *act = t->act;
    float *out = t->out + FLOAT_PANEL * p;
    __m512 sum[MAX_ROWS][MAX_PANELS], w[MAX_PANELS];
    for (int r = 0; r < R; r++)
        for (int q = 0; q < P; q++)
            sum[r][q] = t->first ? _mm512_setzero_ps() : _mm512_loadu_ps(out + (size_t)r * t->out_stride + FLOAT_PANEL * q);
    for (int i = 0; i < t->k; i++, act += t->act_stride, ahead += t->ahead_step) {
        for (int q = 0; q < P; q++) {
            _mm_prefetch(ahead + (size_t)q * t->panel_stride, _MM_HINT_T0);
            w[q] = load(weights + (size_t)q * t->panel_stride, FLOAT_PANEL * (size_t)i);
        }
        for (int r = 0; r < R; r++) {
            __m512 a = _mm512_set1_ps(act[r]);
            for (int q = 0; q < P; q++)
                sum[r][q] = _mm512_fmadd_ps(a, w[q], sum[r][q]);
        }
    }
    for (int r = 0; r < R; r++)
        for (int q = 0; q < P; q++)
            _mm512_storeu_ps(out + (size_t)r * t->out_stride + FLOAT_PANEL * q, sum[r][q]);
}

/* All panels, two at a time and then one by one. */
INLINE void panels(const struct float_tile *t, const int R, load_fn *load)
{
    int p = 0;
    for (; p + MAX_PANELS <= t->panels; p += MAX_PANELS)
        multiply(t, p, R, MAX_PANELS, load);
    for (; p < t->panels; p++)
        multiply(t, p, R, 1, load);
}

INLINE void tile(const struct float_tile *t, load_fn *load)
{
    switch (t->rows) {
    case 1: panels(t, 1, load); break;
    case 2: panels(t, 2, load); break;
    case 3: panels(t, 3, load); break;
    case 4: panels(t, 4, load); break;
    case 5: panels(t, 5, load); break;
    case 6: panels(t, 6, load); break;
    case 7: panels(t, 7, load); break;
    case 8: panels(t, 8, load); break;
    case 9: panels(t, 9, load); break;
    case 10: panels(t, 10, load); break;
    case 11: panels(t, 11, load); break;
    default: panels(t, 12, load); break;
    }
}

#define FLOAT(name) name##_avx512
#define FLOAT_INIT kernels_init_gemm_float_avx512
#include "kernels/gemm_float_runs.inc"
