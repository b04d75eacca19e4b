/* Products of quantized weights with AVX-VNNI, 256 bits wide: panels of 2 x 8 outputs, parts of 4 rows; of the 16
 * registers 8 hold sums, the rest the weights, an activation and what a block is closed with. */
#include "kernels/a8_avx2.h"

#include <immintrin.h>
#include <stdint.h>

enum { LANES = 8 };
#define PART 4
#define TIER(name) name##_avxvnni

typedef __m256i vint;
typedef __m256 vfloat;

static inline vint v_zero(void) { return _mm256_setzero_si256(); }
static inline vint v_load(const void *p) { return _mm256_loadu_si256(p); }
static inline vint v_set8(char x) { return _mm256_set1_epi8(x); }
static inline vint v_set32(int x) { return _mm256_set1_epi32(x); }
static inline vint v_and(vint a, vint b) { return _mm256_and_si256(a, b); }
static inline vint v_or(vint a, vint b) { return _mm256_or_si256(a, b); }
static inline vint v_xor(vint a, vint b) { return _mm256_xor_si256(a, b); }
static inline vint v_add(vint a, vint b) { return _mm256_add_epi32(a, b); }
#define v_right16(v, n) _mm256_srl_epi16(v, _mm_cvtsi32_si128(n))
#define v_left16(v, n) _mm256_sll_epi16(v, _mm_cvtsi32_si128(n))
#define v_right32(v, n) _mm256_srli_epi32(v, n)
#define v_left32(v, n) _mm256_sll_epi32(v, _mm_cvtsi32_si128(n))
/* s + u . x, four bytes to a lane: u unsigned, x signed. */
static inline vint v_dot(vint s, vint u, vint x) { return _mm256_dpbusd_avx_epi32(s, u, x); }
/* Keeps the compiler from reordering sums of integers: it would need more registers than there are. */
static inline vint v_keep(vint v)
{
#ifndef PORTABLE_TIER
    __asm__("" : "+x"(v));
#endif
    return v;
}
/* The int at p in every lane. */
static inline vint v_broadcast(const char *p)
{
    int32_t x;
    __builtin_memcpy(&x, p, sizeof(x));
    return _mm256_set1_epi32(x);
}
/* table[c] for each byte c < 16. */
static inline vint v_lookup(const int8_t *table, vint c)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table)), c);
}
static inline vint v_load_i8(const void *p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64(p)); }
static inline vint v_load_u8(const void *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64(p)); }

static inline vfloat f_zero(void) { return _mm256_setzero_ps(); }
static inline vfloat f_set1(float x) { return _mm256_set1_ps(x); }
static inline vfloat f_int(vint v) { return _mm256_cvtepi32_ps(v); }
static inline vfloat f_load(const void *p) { return _mm256_loadu_ps(p); }
static inline void f_store(float *p, vfloat v) { _mm256_storeu_ps(p, v); }
static inline vfloat f_load_f16(const void *p) { return _mm256_cvtph_ps(_mm_loadu_si128(p)); }
static inline vfloat f_load_bf16(const void *p)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(p)), 16));
}
static inline vfloat f_broadcast(const char *p) { return _mm256_castsi256_ps(v_broadcast(p)); }
static inline vfloat f_mul(vfloat a, vfloat b) { return _mm256_mul_ps(a, b); }
static inline vfloat f_fma(vfloat a, vfloat b, vfloat c) { return _mm256_fmadd_ps(a, b, c); } /* a b + c */

#include "kernels/gemm_quant_dot.inc"
