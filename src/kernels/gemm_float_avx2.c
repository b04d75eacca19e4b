/* Products with float32 activations on AVX2: up to 6 rows x 16 outputs in 12 registers, or fewer rows of several
 * panels, so that there are always enough sums under way to hide the latency of a multiply-add (4 cycles, 2 a
 * cycle). f16 and bf16 weights are widened as they are loaded. */
#include "kernels/gemm_float.h"
#include "kernels/inline.h"
#include "kernels/tiers.h"

#include <immintrin.h>

enum { MAX_ROWS = 6, MAX_PANELS = 2 };

typedef __m256 load_fn(const char *weights, size_t i); /* values i .. i+7 */

INLINE __m256 load_f32(const char *weights, size_t i)
{
    return _mm256_load_ps((const float *)(const void *)weights + i);
}

INLINE __m256 load_f16(const char *weights, size_t i)
{
    return _mm256_cvtph_ps(_mm_load_si128((const __m128i *)(const void *)(weights + 2 * i)));
}

INLINE __m256 load_bf16(const char *weights, size_t i)
{
    __m128i halves = _mm_load_si128((const __m128i *)(const void *)(weights + 2 * i));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

typedef __m256 sums[MAX_ROWS][2 * MAX_PANELS];

/* Both halves of a panel. Of bf16 two operations make the sixteen values, where load_bf16 needs four; but the middle two
 * quarters of the panel have changed places. */
INLINE void load_panel(__m256 w[2], const char *weights, size_t i, load_fn *load)
{
    if (load == load_bf16) {
        const __m256i v = _mm256_load_si256((const __m256i *)(const void *)(weights + 2 * i)), zero = _mm256_setzero_si256();
        w[0] = _mm256_castsi256_ps(_mm256_unpacklo_epi16(zero, v));
        w[1] = _mm256_castsi256_ps(_mm256_unpackhi_epi16(zero, v));
        return;
    }
    w[0] = load(weights, i);
    w[1] = load(weights, i + 8);
}

/* Lets the middle two quarters of a panel's sums change places, there and back. */
INLINE void swap_middle(__m256 *sum)
{
    const __m256 low = _mm256_permute2f128_ps(sum[0], sum[1], 0x20), high = _mm256_permute2f128_ps(sum[0], sum[1], 0x31);
    sum[0] = low;
    sum[1] = high;
}

/* One step of k. Which operand is held for how long decides whether the registers suffice. */
INLINE void step(sums sum, const int R, const int P, const float *act, const char *weights, size_t panel_stride, size_t i,
                 load_fn *load)
{
    if (P == 1) {
        __m256 w[2];
        load_panel(w, weights, 16 * i, load);
        for (int r = 0; r < R; r++) {
            __m256 a = _mm256_broadcast_ss(act + r);
            sum[r][0] = _mm256_fmadd_ps(a, w[0], sum[r][0]);
            sum[r][1] = _mm256_fmadd_ps(a, w[1], sum[r][1]);
        }
        return;
    }
    __m256 a[3];
    for (int r = 0; r < R; r++)
        a[r] = _mm256_broadcast_ss(act + r);
    for (int v = 0; v < 2 * P; v++) {
        __m256 w = load(weights + (size_t)(v / 2) * panel_stride, 16 * i + 8 * (size_t)(v % 2));
        for (int r = 0; r < R; r++)
            sum[r][v] = _mm256_fmadd_ps(a[r], w, sum[r][v]);
    }
}

/* R rows x P panels from panel p on: constants at every call, so that the sums are registers. */
INLINE void multiply(const struct float_tile *t, int p, const int R, const int P, load_fn *load)
{
    const char *weights = t->weights + (size_t)p * t->panel_stride, *ahead = t->ahead + (size_t)p * t->panel_stride;
    const float *act = t->act;
    float *out = t->out + FLOAT_PANEL * p;
    const bool swapped = P == 1 && load == load_bf16;
    sums sum;
    for (int r = 0; r < R; r++) {
        for (int v = 0; v < 2 * P; v++)
            sum[r][v] = t->first ? _mm256_setzero_ps() : _mm256_loadu_ps(out + (size_t)r * t->out_stride + 8 * v);
        if (swapped)
            swap_middle(sum[r]);
    }
    for (int i = 0; i < t->k; i++, act += t->act_stride, ahead += t->ahead_step) {
        for (int q = 0; q < P; q++)
            _mm_prefetch(ahead + (size_t)q * t->panel_stride, _MM_HINT_T0);
        step(sum, R, P, act, weights, t->panel_stride, (size_t)i, load);
    }
    for (int r = 0; r < R; r++) {
        if (swapped)
            swap_middle(sum[r]);
        for (int v = 0; v < 2 * P; v++)
            _mm256_storeu_ps(out + (size_t)r * t->out_stride + 8 * v, sum[r][v]);
    }
}

/* All panels, P at a time and then one by one. */
INLINE void panels(const struct float_tile *t, const int R, const int P, load_fn *load)
{
    int p = 0;
    for (; p + P <= t->panels; p += P)
        multiply(t, p, R, P, load);
    for (; p < t->panels; p++)
        multiply(t, p, R, 1, load);
}

INLINE void tile(const struct float_tile *t, load_fn *load)
{
    switch (t->rows) {
    case 1: panels(t, 1, 2, load); break;
    case 2: panels(t, 2, 2, load); break;
    case 3: panels(t, 3, 2, load); break;
    case 4: panels(t, 4, 1, load); break;
    case 5: panels(t, 5, 1, load); break;
    default: panels(t, 6, 1, load); break;
    }
}

#define TIER(name) name##_avx2
#include "kernels/gemm_float_runs.inc"
