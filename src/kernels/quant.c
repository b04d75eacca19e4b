/* The quantized formats as integers, one function each; matrix_dequantize of types.c gives the same values
 * as floats. Used when weights are packed, and by the scalar product. */
#include "kernels/quant.h"

#include <assert.h>
#include <string.h>

static unsigned load_u16(const uint8_t *p)
{
    return p[0] | (unsigned)p[1] << 8;
}

static float load_f16(const uint8_t *p)
{
    return f16_to_f32((uint16_t)load_u16(p));
}

static void set_sub(struct quant_block *out, int h, int sub, int submin)
{
    out->sub[h] = (int16_t)sub;
    out->submin[h] = (int16_t)submin;
}

/* ---- Blocks of 32 ------------------------------------------------------------------------------- */

static void nibbles(uint8_t *code, const uint8_t *in)
{
    for (int i = 0; i < 16; i++) {
        code[i] = in[i] & 15;
        code[16 + i] = in[i] >> 4;
    }
}

static void fifth_bits(uint8_t *code, const uint8_t *high)
{
    for (int i = 0; i < 32; i++)
        code[i] |= (uint8_t)((high[i / 8] >> (i % 8) & 1) << 4);
}

static void decode_q4_0(struct quant_block *out, const uint8_t *in)
{
    out->d = load_f16(in);
    nibbles(out->code, in + 2);
}

static void decode_q4_1(struct quant_block *out, const uint8_t *in)
{
    out->d = load_f16(in);
    out->dmin = load_f16(in + 2);
    out->submin[0] = out->submin[1] = 1;
    nibbles(out->code, in + 4);
}

static void decode_q5_0(struct quant_block *out, const uint8_t *in)
{
    out->d = load_f16(in);
    nibbles(out->code, in + 6);
    fifth_bits(out->code, in + 2);
}

static void decode_q5_1(struct quant_block *out, const uint8_t *in)
{
    out->d = load_f16(in);
    out->dmin = load_f16(in + 2);
    out->submin[0] = out->submin[1] = 1;
    nibbles(out->code, in + 8);
    fifth_bits(out->code, in + 4);
}

static void decode_q8_0(struct quant_block *out, const uint8_t *in)
{
    out->d = load_f16(in);
    for (int i = 0; i < 32; i++)
        out->code[i] = in[2 + i] ^ 0x80; /* q + 128 */
}

/* ---- Blocks of 256, of which `part` (0 .. 7) is wanted; layouts: see types.c -------------------- */

static void two_bits(uint8_t *code, const uint8_t *in, int part)
{
    for (int i = 0; i < 32; i++)
        code[i] = in[32 * (part / 4) + i] >> (2 * (part % 4)) & 3;
}

static void decode_q2_k(struct quant_block *out, const uint8_t *in, int part)
{
    out->d = load_f16(in + 80);
    out->dmin = load_f16(in + 82);
    for (int h = 0; h < 2; h++)
        set_sub(out, h, in[2 * part + h] & 15, -(in[2 * part + h] >> 4));
    two_bits(out->code, in + 16, part);
}

static void decode_q3_k(struct quant_block *out, const uint8_t *in, int part)
{
    const uint8_t *scales = in + 96;
    out->d = load_f16(in + 108);
    for (int h = 0; h < 2; h++) {
        int j = 2 * part + h;
        int low = j < 8 ? scales[j] & 15 : scales[j - 8] >> 4;
        set_sub(out, h, (low | (scales[8 + j % 4] >> (2 * (j / 4)) & 3) << 4) - 32, 0);
    }
    two_bits(out->code, in + 32, part);
    for (int i = 0; i < 32; i++)
        out->code[i] |= (uint8_t)((in[i] >> part & 1) << 2);
}

static void scale_and_min(struct quant_block *out, const uint8_t *s, int part)
{
    int scale, min;
    if (part < 4) {
        scale = s[part] & 63;
        min = s[part + 4] & 63;
    } else {
        scale = (s[part + 4] & 15) | s[part - 4] >> 6 << 4;
        min = s[part + 4] >> 4 | s[part] >> 6 << 4;
    }
    set_sub(out, 0, scale, -min);
    set_sub(out, 1, scale, -min);
}

static void decode_q4_k(struct quant_block *out, const uint8_t *in, int part)
{
    out->d = load_f16(in);
    out->dmin = load_f16(in + 2);
    scale_and_min(out, in + 4, part);
    for (int i = 0; i < 32; i++)
        out->code[i] = in[16 + 32 * (part / 2) + i] >> (4 * (part % 2)) & 15;
}

static void decode_q5_k(struct quant_block *out, const uint8_t *in, int part)
{
    out->d = load_f16(in);
    out->dmin = load_f16(in + 2);
    scale_and_min(out, in + 4, part);
    for (int i = 0; i < 32; i++) {
        int low = in[48 + 32 * (part / 2) + i] >> (4 * (part % 2)) & 15;
        out->code[i] = (uint8_t)(low | (in[16 + i] >> part & 1) << 4);
    }
}

static void decode_q6_k(struct quant_block *out, const uint8_t *in, int part)
{
    int half = part / 4, j = part % 4;
    out->d = load_f16(in + 208);
    for (int h = 0; h < 2; h++)
        set_sub(out, h, (int8_t)in[192 + 2 * part + h], 0);
    for (int i = 0; i < 32; i++) {
        int low = in[64 * half + 32 * (j % 2) + i] >> (4 * (j / 2)) & 15;
        out->code[i] = (uint8_t)(low | (in[128 + 32 * half + i] >> (2 * j) & 3) << 4);
    }
}

static void decode_iq4_xs(struct quant_block *out, const uint8_t *in, int part)
{
    int low = in[4 + part / 2] >> (4 * (part % 2)) & 15, high = (int)(load_u16(in + 2) >> (2 * part) & 3);
    out->d = load_f16(in);
    set_sub(out, 0, (low | high << 4) - 32, 0);
    set_sub(out, 1, (low | high << 4) - 32, 0);
    nibbles(out->code, in + 8 + 16 * part);
}

/* ---- MLX: value i of a row in bits i * bits and up; scales and biases in matrices of their own ---- */

static float load_scale(const uint8_t *matrix, enum block_type type, size_t i)
{
    const uint8_t *p = matrix + i * (size_t)block_info[type].bytes;
    float f;
    switch (type) {
    case TYPE_F16:
        return load_f16(p);
    case TYPE_BF16:
        return bf16_to_f32((uint16_t)load_u16(p));
    default:
        memcpy(&f, p, sizeof(f));
        return f;
    }
}

static void decode_mlx(struct quant_block *out, const struct matrix_rows *m, int64_t row, int64_t block)
{
    const uint8_t *in = m->data + (size_t)row * m->row_bytes;
    size_t bits = (size_t)m->bits, first = (size_t)block * QUANT_BLOCK;
    size_t group = (size_t)row * (size_t)(m->cols / m->group) + first / (size_t)m->group;
    out->d = load_scale(m->scales, m->scale_type, group);
    out->dmin = load_scale(m->biases, m->scale_type, group);
    out->submin[0] = out->submin[1] = 1;
    for (size_t i = 0; i < QUANT_BLOCK; i++) {
        size_t bit = (first + i) * bits, shift = bit % 8;
        unsigned v = in[bit / 8];
        if (shift + bits > 8)
            v |= (unsigned)in[bit / 8 + 1] << 8;
        out->code[i] = (uint8_t)(v >> shift & ((1u << bits) - 1));
    }
}

/* ---- The table ---------------------------------------------------------------------------------- */

const int8_t quant_iq4_level[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static const struct {
    void (*decode)(struct quant_block *out, const uint8_t *in);            /* blocks of 32, or */
    void (*decode_part)(struct quant_block *out, const uint8_t *in, int part); /* of 256 */
    int offset;
    const int8_t *table;
} formats[TYPE_COUNT] = {
    [TYPE_Q4_0] = {.decode = decode_q4_0, .offset = 8},
    [TYPE_Q4_1] = {.decode = decode_q4_1},
    [TYPE_Q5_0] = {.decode = decode_q5_0, .offset = 16},
    [TYPE_Q5_1] = {.decode = decode_q5_1},
    [TYPE_Q8_0] = {.decode = decode_q8_0, .offset = 128},
    [TYPE_IQ4_NL] = {.decode = decode_q4_0, .table = quant_iq4_level},
    [TYPE_Q2_K] = {.decode_part = decode_q2_k},
    [TYPE_Q3_K] = {.decode_part = decode_q3_k, .offset = 4},
    [TYPE_Q4_K] = {.decode_part = decode_q4_k},
    [TYPE_Q5_K] = {.decode_part = decode_q5_k},
    [TYPE_Q6_K] = {.decode_part = decode_q6_k, .offset = 32},
    [TYPE_IQ4_XS] = {.decode_part = decode_iq4_xs, .table = quant_iq4_level},
};

void quant_decode(struct quant_block *out, const struct matrix_rows *m, int64_t row, int64_t block)
{
    *out = (struct quant_block){.sub = {1, 1}};
    if (m->type == TYPE_MLX) {
        decode_mlx(out, m, row, block);
        return;
    }
    int parts = block_info[m->type].values / QUANT_BLOCK;
    const uint8_t *in = m->data + (size_t)row * m->row_bytes + (size_t)(block / parts) * (size_t)block_info[m->type].bytes;
    if (formats[m->type].decode) {
        formats[m->type].decode(out, in);
    } else {
        assert(formats[m->type].decode_part);
        formats[m->type].decode_part(out, in, (int)(block % parts));
    }
}

const int8_t *quant_table(enum block_type type)
{
    return formats[type].table;
}

int quant_offset(enum block_type type)
{
    return formats[type].offset;
}
