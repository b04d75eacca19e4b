/* float32 values into blocks, with the roundings of the formats' reference quantizers: what gguf-py gives,
 * bit for bit, where it can write a format. */
#include "kernels/block_quantize.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- Floats ------------------------------------------------------------------------------------- */

static void quantize_f32(uint8_t *out, const float *in, int64_t n)
{
    memcpy(out, in, (size_t)n * sizeof *in);
}

static void quantize_f16(uint8_t *out, const float *in, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        store_f16(out + 2 * i, in[i]);
}

static void quantize_bf16(uint8_t *out, const float *in, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(out + 2 * i, &(uint16_t){f32_to_bf16(in[i])}, 2);
}

/* ---- Blocks of 32 ------------------------------------------------------------------------------- */

float block_extreme(const float *in, int n)
{
    float most = 0;
    for (int i = 0; i < n; i++)
        if (fabsf(in[i]) > fabsf(most))
            most = in[i];
    return most;
}

/* block_extreme of 32 values. As integers, floats of one sign are in order, and compilers make vectors of the maxima; values of
 * the same magnitude and what is no number are left to the plain loop. */
static float extreme(const float *in)
{
    const int32_t infinity = 0x7F800000, sign = INT32_MIN;
    int32_t bits[32], most = 0, least = 0;
    memcpy(bits, in, sizeof bits);
    for (int i = 0; i < 32; i++) {
        const int32_t negated = bits[i] ^ sign;
        most = bits[i] > most ? bits[i] : most;
        least = negated > least ? negated : least;
    }
    if (most == least || most > infinity || least > infinity)
        return block_extreme(in, 32);
    const int32_t found = most > least ? most : least ^ sign;
    float value;
    memcpy(&value, &found, sizeof value);
    return value;
}

static void range(const float *in, int n, float *lo, float *hi)
{
    *lo = *hi = in[0];
    for (int i = 1; i < n; i++) {
        *lo = in[i] < *lo ? in[i] : *lo;
        *hi = in[i] > *hi ? in[i] : *hi;
    }
}

/* Of 32 values, halves away from zero. */
static void round_all(int32_t *code, const float *in, float id)
{
    for (int i = 0; i < 32; i++) {
        const float x = in[i] * id, y = fabsf(x) < 1e6f ? x : 0;
        const int32_t whole = (int32_t)y;
        const float rest = y - (float)whole;
        code[i] = whole + (rest >= 0.5f) - (rest <= -0.5f);
    }
}

static void quantize_q8_0(uint8_t *out, const float *in, int64_t n)
{
    for (; n > 0; n--, in += 32, out += 34) {
        const float d = fabsf(extreme(in)) / 127;
        int32_t code[32];
        store_f16(out, d);
        round_all(code, in, inverse(d));
        for (int i = 0; i < 32; i++)
            out[2 + i] = (uint8_t)code[i];
    }
}

/* Codes of 32 values in a format of `levels` codes round levels / 2: x * id + offset in one rounding, as the reference
 * does on processors with fused multiply-add. */
static inline void centre_all(int32_t *code, const float *in, float id, int levels)
{
    const float top = (float)(levels - 1);
    for (int i = 0; i < 32; i++) {
        const float q = (float)((double)in[i] * (double)id + (levels / 2 + 0.5));
        const float held = q < 1e6f ? q : 0, low = held < top ? held : top;
        code[i] = (int32_t)(low > 0 ? low : 0);
    }
}

static void store_nibbles(uint8_t *out, const int32_t *code)
{
    for (int i = 0; i < 16; i++)
        out[i] = (uint8_t)((code[i] & 15) | (code[16 + i] & 15) << 4);
}

static void quantize_q4_0(uint8_t *out, const float *in, int64_t n)
{
    for (; n > 0; n--, in += 32, out += 18) {
        const float d = extreme(in) / -8;
        int32_t code[32];
        store_f16(out, d);
        centre_all(code, in, inverse(d), 16);
        store_nibbles(out + 2, code);
    }
}

/* Fifth bits of 32 codes, bit i of the number in bit i % 8 of byte i / 8. */
static void store_high_bits(uint8_t *out, const int32_t *code)
{
    memset(out, 0, 4);
    for (int i = 0; i < 32; i++)
        out[i / 8] |= (uint8_t)((code[i] >> 4 & 1) << (i % 8));
}

static void quantize_q5_0(uint8_t *out, const float *in, int64_t n)
{
    for (; n > 0; n--, in += 32, out += 22) {
        const float d = extreme(in) / -16;
        int32_t code[32];
        centre_all(code, in, inverse(d), 32);
        store_f16(out, d);
        store_high_bits(out + 2, code);
        store_nibbles(out + 6, code);
    }
}

/* Codes 0 .. top of the 32 values over their range; returns the scale, *lo is the minimum. */
static inline float over_range(int32_t *code, const float *in, int top, float *lo)
{
    float hi;
    range(in, 32, lo, &hi);
    const float d = (hi - *lo) / (float)top, id = inverse(d), least = *lo, most = (float)top;
    for (int i = 0; i < 32; i++) {
        const float q = (in[i] - least) * id + 0.5f;
        const float held = q < 1e6f ? q : 0, low = held < most ? held : most;
        code[i] = (int32_t)(low > 0 ? low : 0);
    }
    return d;
}

static void quantize_q4_1(uint8_t *out, const float *in, int64_t n)
{
    for (; n > 0; n--, in += 32, out += 20) {
        int32_t code[32];
        float lo, d = over_range(code, in, 15, &lo);
        store_f16(out, d);
        store_f16(out + 2, lo);
        store_nibbles(out + 4, code);
    }
}

static void quantize_q5_1(uint8_t *out, const float *in, int64_t n)
{
    for (; n > 0; n--, in += 32, out += 24) {
        int32_t code[32];
        float lo, d = over_range(code, in, 31, &lo);
        store_f16(out, d);
        store_f16(out + 2, lo);
        store_high_bits(out + 4, code);
        store_nibbles(out + 8, code);
    }
}

/* ---- The table ---------------------------------------------------------------------------------- */

typedef void quantize_fn(uint8_t *out, const float *in, int64_t n_blocks);

static quantize_fn *const quantize[TYPE_COUNT] = {
    [TYPE_F32] = quantize_f32,   [TYPE_F16] = quantize_f16,   [TYPE_BF16] = quantize_bf16,
    [TYPE_Q4_0] = quantize_q4_0, [TYPE_Q4_1] = quantize_q4_1, [TYPE_Q5_0] = quantize_q5_0,
    [TYPE_Q5_1] = quantize_q5_1, [TYPE_Q8_0] = quantize_q8_0, [TYPE_Q4_K] = block_quantize_q4_k,
    [TYPE_Q5_K] = block_quantize_q5_k, [TYPE_Q6_K] = block_quantize_q6_k,
};

bool block_can_quantize(enum block_type type)
{
    return type < TYPE_COUNT && quantize[type] != NULL;
}

void block_quantize(uint8_t *out, enum block_type type, const float *in, int64_t n)
{
    assert(block_can_quantize(type) && n % block_info[type].values == 0);
    quantize[type](out, in, n / block_info[type].values);
}
