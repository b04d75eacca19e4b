/* The vector operations that rows.inc and attend.inc are written over, with AVX2, FMA and F16C:
 * vectors of eight floats. static inline only (docs/add-a-kernel.md). vec_avx512.h has the same list. */
#ifndef PARALLM_KERNELS_VEC_AVX2_H
#define PARALLM_KERNELS_VEC_AVX2_H

#include <immintrin.h>
#include <stdint.h>

enum { VEC_WIDTH = 8, VEC_REGISTERS = 16 };

typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vmask; /* all ones in the lanes that are meant */

static inline vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void vf_store(float *p, vf v) { _mm256_storeu_ps(p, v); }
static inline vf vf_set1(float x) { return _mm256_set1_ps(x); }
static inline vf vf_zero(void) { return _mm256_setzero_ps(); }
static inline vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static inline vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
static inline vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }   /* a b + c */
static inline vf vf_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); } /* c - a b */
/* b where either is NaN. */
static inline vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static inline vf vf_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
static inline vf vf_copysign(vf magnitude, vf sign)
{
    const vf bit = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(bit, magnitude), _mm256_and_ps(bit, sign));
}
static inline vf vf_round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

/* 2^n for whole n from -126 to 127. */
static inline vf vf_pow2(vf n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}

static inline vmask vf_less(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static inline vmask vf_is_nan(vf a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
static inline vmask vmask_or(vmask a, vmask b) { return _mm256_or_ps(a, b); }
static inline unsigned vmask_bits(vmask m) { return (unsigned)_mm256_movemask_ps(m); }
static inline vf vf_select(vmask m, vf yes, vf no) { return _mm256_blendv_ps(no, yes, m); }

/* Lanes i with first <= at + i < last. */
static inline vmask vmask_range(int at, int first, int last)
{
    const vi lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(at));
    vi below = _mm256_cmpgt_epi32(_mm256_set1_epi32(first), lane), under = _mm256_cmpgt_epi32(_mm256_set1_epi32(last), lane);
    return _mm256_castsi256_ps(_mm256_andnot_si256(below, under));
}

/* The first n lanes (0 < n < VEC_WIDTH); the others read as zero and are not written. */
static inline vi vec_part(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vf vf_load_part(const float *p, int n) { return _mm256_maskload_ps(p, vec_part(n)); }
static inline void vf_store_part(float *p, vf v, int n) { _mm256_maskstore_ps(p, vec_part(n), v); }

/* Sum of the lanes: halves, then quarters, then pairs. */
static inline float vf_sum(vf v)
{
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps(x, x, 1)));
}
static inline float vf_largest(vf v)
{
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps(x, x, 1)));
}

/* out[i] = sum of the lanes of a[i], for eight vectors. */
static inline void vf_sum_8(float out[8], const vf a[8])
{
    vf ab = _mm256_hadd_ps(a[0], a[1]), cd = _mm256_hadd_ps(a[2], a[3]);
    vf ef = _mm256_hadd_ps(a[4], a[5]), gh = _mm256_hadd_ps(a[6], a[7]);
    vf abcd = _mm256_hadd_ps(ab, cd), efgh = _mm256_hadd_ps(ef, gh);
    _mm256_storeu_ps(out, _mm256_add_ps(_mm256_permute2f128_ps(abcd, efgh, 0x20), _mm256_permute2f128_ps(abcd, efgh, 0x31)));
}

/* Writes the lanes whose bits are set, and first + their numbers, one after another; up to VEC_WIDTH entries are written.
 * How many. */
static inline int vec_keep(int32_t *number, float *value, vf v, int first, unsigned wanted)
{
    float x[VEC_WIDTH];
    int n = 0;
    vf_store(x, v);
    for (int i = 0; i < VEC_WIDTH; i++) {
        number[n] = first + i;
        value[n] = x[i];
        n += (int)(wanted >> i & 1);
    }
    return n;
}

/* ---- The cache's types ------------------------------------------------------------------------------ */

static inline vf vf_load_f16(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
static inline vf vf_load_bf16(const uint16_t *p)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
static inline vf vf_load_int8(const int8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
static inline void vf_store_f16(uint16_t *p, vf v)
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

#endif
