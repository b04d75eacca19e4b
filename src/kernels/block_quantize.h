/* What the quantizers share: rounding that takes any value, and stores of halves. Within kernels only. */
#ifndef PARALLM_KERNELS_BLOCK_QUANTIZE_H
#define PARALLM_KERNELS_BLOCK_QUANTIZE_H

#include "kernels/types.h"

static inline void store_f16(uint8_t *p, float f)
{
    uint16_t h = f32_to_f16(f);
    p[0] = (uint8_t)h;
    p[1] = (uint8_t)(h >> 8);
}

static inline int clip(int q, int lo, int hi)
{
    return q < lo ? lo : q > hi ? hi : q;
}

/* To int, towards zero, whatever the value: NaN and what is out of range give 0. */
static inline int to_int(float f)
{
    return f > -1e6f && f < 1e6f ? (int)f : 0;
}

/* 1 / d, and 0 for 0: an empty block has zeros as codes. */
static inline float inverse(float d)
{
    return d != 0 ? 1 / d : 0;
}

/* The value of largest magnitude, with its sign; the first of equal ones. */
float block_extreme(const float *in, int n);

/* n_blocks of 256 values. */
void block_quantize_q4_k(uint8_t *out, const float *in, int64_t n_blocks);
void block_quantize_q5_k(uint8_t *out, const float *in, int64_t n_blocks);
void block_quantize_q6_k(uint8_t *out, const float *in, int64_t n_blocks);

#endif
