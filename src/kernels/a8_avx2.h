/* 32 activations to int8, or to 15 bits in two int8, as every x86 form of them begins (quant.h says how they are rounded).
 * Needs AVX2; static inline only, as the files of several tiers include it. A header for another instruction set has what
 * gemm_quant_dot.inc asks for: struct a8_block, a8_quantize, a8_words, a8_half_sums, and the helpers at the end. */
#ifndef PARALLM_KERNELS_A8_AVX2_H
#define PARALLM_KERNELS_A8_AVX2_H

#include "kernels/quant.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

struct a8_block {
    __m256i q[2]; /* int8 [32], in order; of A15 high and low, of A8 the first alone */
    float scale;  /* NaN, and q zeros, where a value is not finite */
};

/* Largest magnitude of 32 values as an integer of the same order; NaN is larger than infinity. */
static inline int a8_largest_bits(const __m256 *x)
{
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i m = _mm256_and_si256(_mm256_castps_si256(x[0]), magnitude);
    for (int i = 1; i < 4; i++)
        m = _mm256_max_epi32(m, _mm256_and_si256(_mm256_castps_si256(x[i]), magnitude));
    __m128i m4 = _mm_max_epi32(_mm256_castsi256_si128(m), _mm256_extracti128_si256(m, 1));
    m4 = _mm_max_epi32(m4, _mm_shuffle_epi32(m4, 0x4e));
    return _mm_cvtsi128_si32(_mm_max_epi32(m4, _mm_shuffle_epi32(m4, 0xb1)));
}

/* 32 int16, as vpackssdw left them, to int8 in order. */
static inline void a8_narrow(__m256i *out, __m256i first, __m256i second)
{
    *out = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(first, second), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* in[0 .. 31]; planes: 1 of A8, 2 of A15. */
static inline struct a8_block a8_quantize(const float *in, int planes)
{
    __m256 x[4];
    for (int i = 0; i < 4; i++)
        x[i] = _mm256_loadu_ps(in + 8 * i);
    int bits = a8_largest_bits(x);
    if (bits >= 0x7f800000)
        return (struct a8_block){{_mm256_setzero_si256(), _mm256_setzero_si256()}, NAN};
    float amax = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(bits)));
    __m256 f = _mm256_set1_ps(planes == 2 ? a15_inverse(amax) : a8_inverse(amax));
    __m256i q[4];
    for (int i = 0; i < 4; i++)
        q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(x[i], f));
    __m256i v0 = _mm256_packs_epi32(q[0], q[1]), v1 = _mm256_packs_epi32(q[2], q[3]);
    struct a8_block out = {{_mm256_setzero_si256(), _mm256_setzero_si256()}, planes == 2 ? a15_scale(amax) : a8_scale(amax)};
    if (planes == 1) {
        a8_narrow(&out.q[0], v0, v1);
        return out;
    }
    const __m256i half = _mm256_set1_epi16(A15_RADIX / 2);
    __m256i high0 = _mm256_srai_epi16(_mm256_add_epi16(v0, half), A15_RADIX_BITS);
    __m256i high1 = _mm256_srai_epi16(_mm256_add_epi16(v1, half), A15_RADIX_BITS);
    __m256i low0 = _mm256_sub_epi16(v0, _mm256_slli_epi16(high0, A15_RADIX_BITS));
    __m256i low1 = _mm256_sub_epi16(v1, _mm256_slli_epi16(high1, A15_RADIX_BITS));
    a8_narrow(&out.q[0], high0, high1);
    a8_narrow(&out.q[1], low0, low1);
    return out;
}

/* Four int8 each. */
static inline void a8_words(int32_t words[A8_BLOCK / 4], __m256i q)
{
    _mm256_storeu_si256((__m256i *)words, q);
}

/* Sums of either half of 32 int8. */
static inline void a8_half_sums(int sum[2], __m256i q)
{
    __m256i quads = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), q), _mm256_set1_epi16(1));
    __m128i pairs = _mm_hadd_epi32(_mm256_castsi256_si128(quads), _mm256_extracti128_si256(quads, 1));
    pairs = _mm_hadd_epi32(pairs, pairs);
    sum[0] = _mm_cvtsi128_si32(pairs);
    sum[1] = _mm_extract_epi32(pairs, 1);
}

/* Block `block` of a row of K values: in place, or in tail[32] where the row ends within it. */
static inline const float *a8_block_values(float *tail, const float *in, int block, int K)
{
    const float *from = in + A8_BLOCK * block;
    int left = K - A8_BLOCK * block;
    if (left >= A8_BLOCK)
        return from;
    memset(tail, 0, A8_BLOCK * sizeof(float));
    return memcpy(tail, from, (size_t)left * sizeof(float));
}

static inline void store_int(char *to, int value)
{
    memcpy(to, &value, 4);
}

static inline void store_float(char *to, float value)
{
    memcpy(to, &value, 4);
}

#endif
