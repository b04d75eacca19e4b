/* The formats of types.h, one function each: blocks in, float32 values out. Plain on purpose, as these are
 * the specification. The order of the roundings is gguf-py's (and mlx's): the scale of a sub-block is
 * rounded first, then its product with the integer, then the sum with the minimum. */
#include "kernels/types.h"

#include <assert.h>
#include <string.h>

/* ---- Half and bfloat16 -------------------------------------------------------------------------- */

static float from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static uint32_t to_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* Without branches, so that loops over halves become vectors. */
static inline float half_value(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7FFF;
    const uint32_t value = to_bits(from_bits(rest << 13) * 0x1p112f); /* the exponents' biases are 15 and 127 */
    const uint32_t large = rest >= 0x7C00 ? 0x7F800000 : 0, nan = rest > 0x7C00 ? 0x400000 : 0; /* infinity; NaN is made quiet */
    return from_bits(sign | value | large | nan);
}

float f16_to_f32(uint16_t h)
{
    return half_value(h);
}

uint16_t f32_to_f16(float f)
{
    uint32_t u = to_bits(f), sign = u >> 16 & 0x8000, rest = u & 0x7FFFFFFF;
    if (rest > 0x7F800000)
        return (uint16_t)(sign | 0x7E00 | (rest >> 13 & 0x3FF));
    if (rest >= 0x477FF000) /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7C00);
    if (rest < 0x38800000) /* below 2^-14: the unit in the last place of 0.5 is 2^-24, so the sum rounds there */
        return (uint16_t)(sign | (to_bits(from_bits(rest) + 0.5f) - to_bits(0.5f)));
    rest += 0xFFF + (rest >> 13 & 1); /* half a unit, or just below it where the kept part is even */
    return (uint16_t)(sign | ((rest - ((127 - 15) << 23)) >> 13));
}

uint16_t f32_to_bf16(float f)
{
    uint32_t u = to_bits(f);
    if ((u & 0x7FFFFFFF) > 0x7F800000)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7FFF + (u >> 16 & 1)) >> 16);
}

static float load_f16(const uint8_t *p)
{
    return f16_to_f32(load_u16(p));
}

float load_float(const uint8_t *p, enum block_type type)
{
    float f;
    switch (type) {
    case TYPE_F32: memcpy(&f, p, sizeof f); return f;
    case TYPE_BF16: return bf16_to_f32(load_u16(p));
    default: return load_f16(p);
    }
}

/* ---- Floats ------------------------------------------------------------------------------------- */

static void values_f32(float *out, const uint8_t *in, int64_t n)
{
    memcpy(out, in, (size_t)n * sizeof *out);
}

static void values_f16(float *out, const uint8_t *in, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, in + 2 * i, sizeof half);
        out[i] = half_value(half);
    }
}

static void values_bf16(float *out, const uint8_t *in, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, in + 2 * i, sizeof half);
        out[i] = bf16_to_f32(half);
    }
}

/* ---- Blocks of 32 ------------------------------------------------------------------------------- */

/* Nibbles: value i in the low half of byte i, value 16 + i in the high half. */

static void values_q4_0(float *out, const uint8_t *in, int64_t n)
{
    for (; n > 0; n--, in += 18, out += 32) {
        float d = load_f16(in);
        for (int i = 0; i < 16; i++) {
            out[i] = d * (float)((in[2 + i] & 15) - 8);
            out[16 + i] = d * (float)((in[2 + i] >> 4) - 8);
        }
    }
}

static void values_q4_1(float *out, const uint8_t *in, int64_t n)
{
    for (; n > 0; n--, in += 20, out += 32) {
        float d = load_f16(in), m = load_f16(in + 2);
        for (int i = 0; i < 16; i++) {
            out[i] = d * (float)(in[4 + i] & 15) + m;
            out[16 + i] = d * (float)(in[4 + i] >> 4) + m;
        }
    }
}

/* Value i of 32 with its fifth bit in bit i of the four bytes `high`. */
static int five_bits(const uint8_t *low, const uint8_t *high, int i)
{
    int nibble = i < 16 ? low[i] & 15 : low[i - 16] >> 4;
    return nibble | (high[i / 8] >> (i % 8) & 1) << 4;
}

static void values_q5_0(float *out, const uint8_t *in, int64_t n)
{
    for (; n > 0; n--, in += 22, out += 32) {
        float d = load_f16(in);
        for (int i = 0; i < 32; i++)
            out[i] = d * (float)(five_bits(in + 6, in + 2, i) - 16);
    }
}

static void values_q5_1(float *out, const uint8_t *in, int64_t n)
{
    for (; n > 0; n--, in += 24, out += 32) {
        float d = load_f16(in), m = load_f16(in + 2);
        for (int i = 0; i < 32; i++)
            out[i] = d * (float)five_bits(in + 8, in + 4, i) + m;
    }
}

static void values_q8_0(float *out, const uint8_t *in, int64_t n)
{
    for (; n > 0; n--, in += 34, out += 32) {
        float d = load_f16(in);
        for (int i = 0; i < 32; i++)
            out[i] = (float)(int8_t)in[2 + i] * d;
    }
}

/* Denser near zero. */
const int8_t iq4_level[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static void iq4_values(float *out, const uint8_t *codes, float d)
{
    for (int i = 0; i < 16; i++) {
        out[i] = d * (float)iq4_level[codes[i] & 15];
        out[16 + i] = d * (float)iq4_level[codes[i] >> 4];
    }
}

static void values_iq4_nl(float *out, const uint8_t *in, int64_t n)
{
    for (; n > 0; n--, in += 18, out += 32)
        iq4_values(out, in + 2, load_f16(in));
}

/* ---- Blocks of 256 ------------------------------------------------------------------------------ */

/* scales u8[16] (low nibble: scale, high: minimum), two bits u8[64], d, dmin. Two halves of 128 values; in
 * each, bits 2j and 2j+1 of 32 bytes hold values 32j .. 32j+31; a scale for every 16 values. */
static void values_q2_k(float *out, const uint8_t *in, int64_t n)
{
    for (; n > 0; n--, in += 84, out += 256) {
        float d = load_f16(in + 80), dmin = load_f16(in + 82);
        for (int i = 0; i < 256; i++) {
            int half = i / 128, j = i / 32 % 4, scale = in[i / 16];
            int q = in[16 + 32 * half + i % 32] >> (2 * j) & 3;
            out[i] = d * (float)(scale & 15) * (float)q - dmin * (float)(scale >> 4);
        }
    }
}

/* Scale i of 16, six bits: the low four in nibbles of s[0..7], the high two in s[8..11]. */
static int q3_k_scale(const uint8_t *s, int i)
{
    int low = i < 8 ? s[i] & 15 : s[i - 8] >> 4;
    return (low | (s[8 + i % 4] >> (2 * (i / 4)) & 3) << 4) - 32;
}

/* high bits u8[32], two bits u8[64] as in Q2_K, scales u8[12], d. A high bit that is not set takes 4 away. */
static void values_q3_k(float *out, const uint8_t *in, int64_t n)
{
    for (; n > 0; n--, in += 110, out += 256) {
        float d = load_f16(in + 108);
        for (int i = 0; i < 256; i++) {
            int half = i / 128, j = i / 32 % 4;
            int q = in[32 + 32 * half + i % 32] >> (2 * j) & 3;
            int high = in[i % 32] >> (i / 32) & 1;
            out[i] = d * (float)q3_k_scale(in + 96, i / 16) * (float)(q - (high ? 0 : 4));
        }
    }
}

/* Scale and minimum j of 8, six bits each, in 12 bytes: those of j < 4 in the low six bits of bytes j and 4+j,
 * of the others the low four bits in byte 4+j, and the high two above those of j-4. */
static void q4_k_scale(const uint8_t *s, int j, int *scale, int *minimum)
{
    if (j < 4) {
        *scale = s[j] & 63;
        *minimum = s[j + 4] & 63;
    } else {
        *scale = (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
        *minimum = s[j + 4] >> 4 | s[j] >> 6 << 4;
    }
}

/* d, dmin, scales u8[12], fifth bits u8[32] of Q5_K alone, nibbles u8[128]: sub-blocks 2g and 2g+1 of 32 values in the halves
 * of 32 bytes, the fifth bit of sub-block j in bit j. */
static inline void values_q45_k(float *out, const uint8_t *in, int64_t n, bool fifth)
{
    const int nibbles = fifth ? 48 : 16;
    for (; n > 0; n--, in += nibbles + 128, out += 256) {
        float d = load_f16(in), dmin = load_f16(in + 2);
        for (int j = 0; j < 8; j++) {
            int scale, minimum;
            q4_k_scale(in + 4, j, &scale, &minimum);
            float dj = d * (float)scale, mj = dmin * (float)minimum;
            for (int i = 0; i < 32; i++) {
                int q = in[nibbles + 32 * (j / 2) + i] >> (4 * (j % 2)) & 15;
                if (fifth)
                    q |= (in[16 + i] >> j & 1) << 4;
                out[32 * j + i] = dj * (float)q - mj;
            }
        }
    }
}

static void values_q4_k(float *out, const uint8_t *in, int64_t n)
{
    values_q45_k(out, in, n, false);
}

static void values_q5_k(float *out, const uint8_t *in, int64_t n)
{
    values_q45_k(out, in, n, true);
}

/* low four bits u8[128], high two u8[64], scales i8[16], d. In each half of 128 values, quarter j has its low
 * bits in half j/2 of the bytes 32 (j%2) .. +31 and its high bits in bits 2j and 2j+1. */
static void values_q6_k(float *out, const uint8_t *in, int64_t n)
{
    for (; n > 0; n--, in += 210, out += 256) {
        float d = load_f16(in + 208);
        for (int i = 0; i < 256; i++) {
            int half = i / 128, j = i / 32 % 4, k = i % 32;
            int low = in[64 * half + 32 * (j % 2) + k] >> (4 * (j / 2)) & 15;
            int high = in[128 + 32 * half + k] >> (2 * j) & 3;
            out[i] = d * (float)(int8_t)in[192 + i / 16] * (float)((low | high << 4) - 32);
        }
    }
}

/* d, high two bits of the eight scales u16, low four u8[4], codes u8[128]. */
static void values_iq4_xs(float *out, const uint8_t *in, int64_t n)
{
    for (; n > 0; n--, in += 136, out += 256) {
        float d = load_f16(in);
        unsigned high = load_u16(in + 2);
        for (int j = 0; j < 8; j++) {
            int scale = (in[4 + j / 2] >> (4 * (j % 2)) & 15) | (int)(high >> (2 * j) & 3) << 4;
            iq4_values(out + 32 * j, in + 8 + 16 * j, d * (float)(scale - 32));
        }
    }
}

/* ---- MLX ---------------------------------------------------------------------------------------- */

/* Value i of a row stands in bits i * bits and up of the row, the lowest first. */
static void values_mlx(float *out, const struct matrix_rows *m, int64_t row, int64_t first, int64_t n)
{
    const uint8_t *in = m->data + (size_t)row * m->row_bytes;
    size_t groups = (size_t)(m->cols / m->group), mask = (1u << m->bits) - 1;
    for (int64_t g = first / m->group; g < (first + n) / m->group; g++, out += m->group) {
        size_t at = ((size_t)row * groups + (size_t)g) * (size_t)block_info[m->scale_type].bytes;
        float s = load_float(m->scales + at, m->scale_type), b = load_float(m->biases + at, m->scale_type);
        for (int i = 0; i < m->group; i++) {
            size_t bit = ((size_t)g * (size_t)m->group + (size_t)i) * (size_t)m->bits;
            unsigned q = in[bit / 8];
            if (bit % 8 + (size_t)m->bits > 8)
                q |= (unsigned)in[bit / 8 + 1] << 8;
            out[i] = s * (float)(q >> (bit % 8) & mask) + b;
        }
    }
}

/* ---- The table ---------------------------------------------------------------------------------- */

const struct block_info block_info[TYPE_COUNT] = {
    [TYPE_F32] = {"f32", 1, 4},        [TYPE_F16] = {"f16", 1, 2},        [TYPE_BF16] = {"bf16", 1, 2},
    [TYPE_Q4_0] = {"q4_0", 32, 18},    [TYPE_Q4_1] = {"q4_1", 32, 20},    [TYPE_Q5_0] = {"q5_0", 32, 22},
    [TYPE_Q5_1] = {"q5_1", 32, 24},    [TYPE_Q8_0] = {"q8_0", 32, 34},    [TYPE_Q2_K] = {"q2_k", 256, 84},
    [TYPE_Q3_K] = {"q3_k", 256, 110},  [TYPE_Q4_K] = {"q4_k", 256, 144},  [TYPE_Q5_K] = {"q5_k", 256, 176},
    [TYPE_Q6_K] = {"q6_k", 256, 210},  [TYPE_IQ4_NL] = {"iq4_nl", 32, 18}, [TYPE_IQ4_XS] = {"iq4_xs", 256, 136},
    [TYPE_MLX] = {"mlx", 0, 0},
};

const char *const mlx_name[MLX_WIDTHS] = {[2] = "mlx2", [3] = "mlx3", [4] = "mlx4", [5] = "mlx5", [6] = "mlx6", [8] = "mlx8"};

typedef void values_fn(float *out, const uint8_t *in, int64_t n_blocks);

static values_fn *const values[TYPE_COUNT] = {
    [TYPE_F32] = values_f32,   [TYPE_F16] = values_f16,   [TYPE_BF16] = values_bf16,
    [TYPE_Q4_0] = values_q4_0, [TYPE_Q4_1] = values_q4_1, [TYPE_Q5_0] = values_q5_0,
    [TYPE_Q5_1] = values_q5_1, [TYPE_Q8_0] = values_q8_0, [TYPE_Q2_K] = values_q2_k,
    [TYPE_Q3_K] = values_q3_k, [TYPE_Q4_K] = values_q4_k, [TYPE_Q5_K] = values_q5_k,
    [TYPE_Q6_K] = values_q6_k, [TYPE_IQ4_NL] = values_iq4_nl, [TYPE_IQ4_XS] = values_iq4_xs,
};

void matrix_dequantize(float *out, const struct matrix_rows *m, int64_t row, int64_t first, int64_t n)
{
    if (m->type == TYPE_MLX) {
        assert(first % m->group == 0 && n % m->group == 0);
        values_mlx(out, m, row, first, n);
        return;
    }
    const struct block_info *info = &block_info[m->type];
    assert(first % info->values == 0 && n % info->values == 0);
    const uint8_t *in = m->data + (size_t)row * m->row_bytes + (size_t)(first / info->values) * (size_t)info->bytes;
    values[m->type](out, in, n / info->values);
}
