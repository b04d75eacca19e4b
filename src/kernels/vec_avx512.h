/* The vector operations that rows.inc and attend.inc are written over, with AVX-512 (F, BW, DQ, VL):
 * vectors of sixteen floats. static inline only (docs/add-a-kernel.md). vec_avx2.h has the same list. */
#ifndef PARALLM_KERNELS_VEC_AVX512_H
#define PARALLM_KERNELS_VEC_AVX512_H

#include <immintrin.h>
#include <stdint.h>

enum { VEC_WIDTH = 16, VEC_REGISTERS = 32 };

typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vmask;

static inline vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vf_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
static inline vf vf_set1(float x) { return _mm512_set1_ps(x); }
static inline vf vf_zero(void) { return _mm512_setzero_ps(); }
static inline vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }   /* a b + c */
static inline vf vf_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); } /* c - a b */
/* b where either is NaN. */
static inline vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf vf_abs(vf a) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a); }
static inline vf vf_copysign(vf magnitude, vf sign)
{
    const vf bit = _mm512_set1_ps(-0.0f);
    return _mm512_or_ps(_mm512_andnot_ps(bit, magnitude), _mm512_and_ps(bit, sign));
}
static inline vf vf_round(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

/* 2^n for whole n from -126 to 127. */
static inline vf vf_pow2(vf n)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
}

static inline vmask vf_less(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline vmask vf_is_nan(vf a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
static inline vmask vmask_or(vmask a, vmask b) { return (vmask)(a | b); }
static inline unsigned vmask_bits(vmask m) { return m; }
static inline vf vf_select(vmask m, vf yes, vf no) { return _mm512_mask_blend_ps(m, no, yes); }

/* Lanes i with first <= at + i < last; all lie in [0, 32]. */
static inline vmask vmask_range(int at, int first, int last)
{
    uint64_t all = ((uint64_t)1 << last) - ((uint64_t)1 << first);
    return last > first ? (vmask)(all >> at) : 0;
}

/* The first n lanes (0 < n < VEC_WIDTH); the others read as zero and are not written. */
static inline vmask vec_part(int n) { return (vmask)((1u << n) - 1); }
static inline vf vf_load_part(const float *p, int n) { return _mm512_maskz_loadu_ps(vec_part(n), p); }
static inline void vf_store_part(float *p, vf v, int n) { _mm512_mask_storeu_ps(p, vec_part(n), v); }

static inline __m256 vf_low(vf v) { return _mm512_castps512_ps256(v); }
static inline __m256 vf_high(vf v) { return _mm512_extractf32x8_ps(v, 1); }

/* Sum of the lanes: halves, then quarters, then eighths, then pairs. */
static inline float vf_sum(vf v)
{
    __m256 y = _mm256_add_ps(vf_low(v), vf_high(v));
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
}
static inline float vf_largest(vf v)
{
    __m256 y = _mm256_max_ps(vf_low(v), vf_high(v));
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps(x, x, 1)));
}

/* out[i] = sum of the lanes of a[i], for eight vectors. */
static inline void vf_sum_8(float out[8], const vf a[8])
{
    __m256 h[8];
    for (int i = 0; i < 8; i++)
        h[i] = _mm256_add_ps(vf_low(a[i]), vf_high(a[i]));
    __m256 ab = _mm256_hadd_ps(h[0], h[1]), cd = _mm256_hadd_ps(h[2], h[3]);
    __m256 ef = _mm256_hadd_ps(h[4], h[5]), gh = _mm256_hadd_ps(h[6], h[7]);
    __m256 abcd = _mm256_hadd_ps(ab, cd), efgh = _mm256_hadd_ps(ef, gh);
    _mm256_storeu_ps(out, _mm256_add_ps(_mm256_permute2f128_ps(abcd, efgh, 0x20), _mm256_permute2f128_ps(abcd, efgh, 0x31)));
}

/* Writes the lanes whose bits are set, and first + their numbers, one after another; whole vectors are written. How many. */
static inline int vec_keep(int32_t *number, float *value, vf v, int first, unsigned wanted)
{
    const vi lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    vi at = _mm512_add_epi32(lane, _mm512_set1_epi32(first));
    _mm512_storeu_ps(value, _mm512_maskz_compress_ps((vmask)wanted, v));
    _mm512_storeu_si512(number, _mm512_maskz_compress_epi32((vmask)wanted, at));
    return __builtin_popcount(wanted);
}

/* ---- The cache's types ------------------------------------------------------------------------------ */

static inline vf vf_load_f16(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
static inline vf vf_load_bf16(const uint16_t *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
static inline vf vf_load_int8(const int8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
static inline void vf_store_f16(uint16_t *p, vf v)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

#endif
