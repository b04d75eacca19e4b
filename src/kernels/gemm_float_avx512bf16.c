/* Products of bf16 weights with vdpbf16ps: two products of bf16 to a lane, added into float32. The activations are
 * rounded to bf16 as well (nearest even). Everything else is as gemm_float.h has it, with the pair of values k and k + 1
 * in the place of one float: activations [pairs of K][rows], panels [pairs of K][16], an odd K ends in a zero.
 *
 * Numbers below the smallest normal one count as zero: this is how the instruction is defined. */
#include "base/mem.h"
#include "kernels/gemm_float.h"
#include "kernels/inline.h"
#include "kernels/tiers.h"

#include <immintrin.h>
#include <string.h>

enum { PAIR_BYTES = 4 };

static int pairs(int64_t K)
{
    return (int)((K + 1) / 2);
}

/* ---- Activations ---------------------------------------------------------------------------------- */

static size_t act_bytes(int rows, int K)
{
    return (size_t)rows * (size_t)pairs(K) * PAIR_BYTES;
}

/* The n <= 16 values at `in` as eight pairs, zeros behind them. */
static void round_values(uint32_t *out, const float *in, int n)
{
    __m512 x = _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), in);
    __m256bh rounded = _mm512_cvtneps_pbh(x);
    memcpy(out, &rounded, 8 * sizeof(*out));
}

static void pack_tile(uint32_t *out, const float *in, size_t stride, int rows, int K)
{
    for (int k = 0; k < K; k += 16) { /* a line of each row at a time */
        int n = K - k < 16 ? K - k : 16;
        for (int r = 0; r < rows; r++) {
            uint32_t pair[8];
            round_values(pair, in + (size_t)r * stride + (size_t)k, n);
            for (int i = 0; i < pairs(n); i++)
                out[(size_t)(k / 2 + i) * (size_t)rows + (size_t)r] = pair[i];
        }
    }
}

static void act_pack(void *packed, const float *in, size_t stride, int rows, int K)
{
    for (int r = 0; r < rows; r += FLOAT_TILE_ROWS)
        pack_tile((uint32_t *)packed + (size_t)r * (size_t)pairs(K), in + (size_t)r * stride, stride,
                  rows - r < FLOAT_TILE_ROWS ? rows - r : FLOAT_TILE_ROWS, K);
}

static const struct act_kernel act_bf16 = {"bf16", FLOAT_TILE_ROWS, 1, act_bytes, act_pack};

/* ---- Weights -------------------------------------------------------------------------------------- */

static size_t panel_bytes(const struct matrix_rows *m)
{
    return mem_round_up((size_t)pairs(m->cols) * FLOAT_PANEL * PAIR_BYTES, MEM_ALIGN);
}

static void pack(void *packed, const struct matrix_rows *m, const int32_t *index)
{
    uint8_t *out = packed;
    memset(out, 0, panel_bytes(m));
    for (int j = 0; j < FLOAT_PANEL; j++) {
        if (index[j] < 0)
            continue;
        const uint8_t *in = m->data + (size_t)index[j] * m->row_bytes;
        for (int64_t k = 0; k < m->cols; k++)
            memcpy(out + PAIR_BYTES * (FLOAT_PANEL * (k / 2) + j) + 2 * (k % 2), in + 2 * k, 2);
    }
}

/* ---- Products ------------------------------------------------------------------------------------- */

typedef __m512bh operand; /* pairs */
typedef operand load_fn(const char *weights, size_t i);

INLINE __m512bh load_pairs(const char *weights, size_t i)
{
    __m512bh v;
    memcpy(&v, weights + PAIR_BYTES * i, sizeof(v));
    return v;
}

INLINE __m512bh broadcast(const float *act)
{
    int32_t one;
    __m512bh v;
    memcpy(&one, act, sizeof(one));
    __m512i all = _mm512_set1_epi32(one);
    memcpy(&v, &all, sizeof(v));
    return v;
}

INLINE __m512 multiply_add(__m512 sum, __m512bh w, __m512bh a)
{
    return _mm512_dpbf16_ps(sum, w, a);
}

#include "kernels/gemm_float_avx512.inc"

static void tile_pairs(const struct float_tile *t)
{
    tile(t, load_pairs);
}

static void gemm_bf16_avx512bf16(float *out, size_t out_stride, const void *acts, int rows, const void *packed, int n, int K)
{
    gemm_float_plain(out, out_stride, acts, rows, packed, n, pairs(K), tile_pairs, MAX_ROWS, PAIR_BYTES);
}

/* With float32 activations asked for (gemm_f32), those of the tier below stay. */
void kernels_init_gemm_float_avx512bf16(struct kernels *k)
{
    k->gemm[TYPE_BF16] = (struct gemm_kernel){"bf16", &act_bf16, FLOAT_PANEL, panel_bytes, pack, gemm_bf16_avx512bf16};
}
