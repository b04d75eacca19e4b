/* Products with float32 activations on AVX-512: up to 12 rows x 2 panels of 16 outputs in 24 registers. f16 and bf16
 * weights are widened as they are loaded. */
#include "kernels/gemm_float.h"
#include "kernels/inline.h"
#include "kernels/tiers.h"

#include <immintrin.h>

typedef __m512 operand;
typedef operand load_fn(const char *weights, size_t i); /* values i .. i+15 */

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

INLINE __m512 broadcast(const float *act)
{
    return _mm512_set1_ps(*act);
}

INLINE __m512 multiply_add(__m512 sum, __m512 w, __m512 a)
{
    return _mm512_fmadd_ps(a, w, sum);
}

#include "kernels/gemm_float_avx512.inc"

#define TIER(name) name##_avx512
#include "kernels/gemm_float_runs.inc"
