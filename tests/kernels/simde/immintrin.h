/* Stands in for the compiler's <immintrin.h> where a tier's file is compiled for tests with SIMDe: AVX-512 in
 * portable C, on any processor. Below: what SIMDe 0.7.4 lacks of what our files use, from its halves. */
#ifndef PARALLM_TESTS_KERNELS_SIMDE_IMMINTRIN_H
#define PARALLM_TESTS_KERNELS_SIMDE_IMMINTRIN_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wshadow"
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/avx2.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>
#pragma GCC diagnostic pop

#include <string.h>

typedef simde__mmask8 __mmask8;
typedef simde__mmask16 __mmask16;
typedef simde__mmask32 __mmask32;
typedef simde__mmask64 __mmask64;
#ifndef _MM_FROUND_NO_EXC
#define _MM_FROUND_NO_EXC SIMDE_MM_FROUND_NO_EXC
#endif

#ifndef _mm256_dpbusd_avx_epi32
#define _mm256_dpbusd_avx_epi32 simde_mm256_dpbusd_epi32
#endif

static inline __m512i simde_halves_(__m256i low, __m256i high)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

static inline __m512 simde_halves_ps_(__m256 low, __m256 high)
{
    return _mm512_castsi512_ps(simde_halves_(_mm256_castps_si256(low), _mm256_castps_si256(high)));
}

static inline __m256 simde_half_ps_(__m512 v, int i)
{
    __m256 half[2];
    memcpy(half, &v, sizeof v);
    return half[i];
}

#define _mm512_extractf32x8_ps simde_half_ps_

static inline __m512i _mm512_cvtps_epi32(__m512 v)
{
    return simde_halves_(_mm256_cvtps_epi32(simde_half_ps_(v, 0)), _mm256_cvtps_epi32(simde_half_ps_(v, 1)));
}

static inline __m512 _mm512_cvtepi32_ps(__m512i v)
{
    return simde_halves_ps_(_mm256_cvtepi32_ps(_mm512_castsi512_si256(v)),
                            _mm256_cvtepi32_ps(_mm512_extracti64x4_epi64(v, 1)));
}

static inline __m512i _mm512_cvtepu16_epi32(__m256i v)
{
    return simde_halves_(_mm256_cvtepu16_epi32(_mm256_castsi256_si128(v)),
                         _mm256_cvtepu16_epi32(_mm256_extracti128_si256(v, 1)));
}

static inline __m512i _mm512_cvtepi8_epi32(__m128i v)
{
    return simde_halves_(_mm256_cvtepi8_epi32(v), _mm256_cvtepi8_epi32(_mm_srli_si128(v, 8)));
}

static inline __m512i _mm512_cvtepu8_epi32(__m128i v)
{
    return simde_halves_(_mm256_cvtepu8_epi32(v), _mm256_cvtepu8_epi32(_mm_srli_si128(v, 8)));
}

/* To nearest even; numbers below the smallest normal one become zero; NaN stays one. */
typedef simde__m256bh __m256bh;
typedef simde__m512bh __m512bh;
static inline __m256bh _mm512_cvtneps_pbh(__m512 v)
{
    uint32_t x[16];
    uint16_t half[16];
    __m256bh out;
    memcpy(x, &v, sizeof x);
    for (int i = 0; i < 16; i++) {
        uint32_t magnitude = x[i] & 0x7fffffff;
        half[i] = (uint16_t)(magnitude > 0x7f800000   ? x[i] >> 16 | 0x40
                             : magnitude < 0x00800000 ? x[i] >> 16 & 0x8000
                                                      : (x[i] + 0x7fff + (x[i] >> 16 & 1)) >> 16);
    }
    memcpy(&out, half, sizeof out);
    return out;
}

static inline __m512d _mm512_cvtps_pd(__m256 v)
{
    __m256d half[2] = {_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
    __m512d out;
    memcpy(&out, half, sizeof out);
    return out;
}

static inline __m512 _mm512_cvtph_ps(__m256i v)
{
    return simde_halves_ps_(_mm256_cvtph_ps(_mm256_castsi256_si128(v)), _mm256_cvtph_ps(_mm256_extracti128_si256(v, 1)));
}

static inline __m256i simde_cvtps_ph_(__m512 v)
{
    __m128i half[2] = {_mm256_cvtps_ph(simde_half_ps_(v, 0), _MM_FROUND_TO_NEAREST_INT),
                       _mm256_cvtps_ph(simde_half_ps_(v, 1), _MM_FROUND_TO_NEAREST_INT)};
    __m256i out;
    memcpy(&out, half, sizeof out);
    return out;
}

#define _mm512_cvtps_ph(v, rounding) simde_cvtps_ph_(v)

static inline __m512 _mm512_maskz_loadu_ps(__mmask16 m, const void *p)
{
    float x[16] = {0};
    for (int i = 0; i < 16; i++)
        if (m >> i & 1)
            memcpy(&x[i], (const char *)p + 4 * i, 4);
    return _mm512_loadu_ps(x);
}

static inline void _mm512_mask_storeu_ps(void *p, __mmask16 m, __m512 v)
{
    float x[16];
    _mm512_storeu_ps(x, v);
    for (int i = 0; i < 16; i++)
        if (m >> i & 1)
            memcpy((char *)p + 4 * i, &x[i], 4);
}

#endif
