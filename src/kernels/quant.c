/* The quantized formats as integers, one function each; matrix_dequantize of types.c, where they are drawn, gives the same
 * values as floats. Used when weights are packed, and by the scalar product. */
#include "kernels/quant.h"

#include <assert.h>
#include <string.h>

static inline void set_sub(struct quant_integers *out, int h, int sub, int submin)
{
    out->sub[h] = (int8_t)sub;
    out->submin[h] = (int8_t)submin;
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

static void codes_q4_0(uint8_t *code, const uint8_t *in, int part)
{
    (void)part;
    nibbles(code, in + 2);
}

static void codes_q4_1(uint8_t *code, const uint8_t *in, int part)
{
    (void)part;
    nibbles(code, in + 4);
}

static void codes_q5_0(uint8_t *code, const uint8_t *in, int part)
{
    (void)part;
    nibbles(code, in + 6);
    fifth_bits(code, in + 2);
}

static void codes_q5_1(uint8_t *code, const uint8_t *in, int part)
{
    (void)part;
    nibbles(code, in + 8);
    fifth_bits(code, in + 4);
}

static void codes_q8_0(uint8_t *code, const uint8_t *in, int part)
{
    (void)part;
    for (int i = 0; i < 32; i++)
        code[i] = in[2 + i] ^ 0x80; /* q + 128 */
}

/* ---- Blocks of 256, of which `part` (0 .. 7) is wanted; layouts: see types.c -------------------- */

static void two_bits(uint8_t *code, const uint8_t *in, int part)
{
    for (int i = 0; i < 32; i++)
        code[i] = in[32 * (part / 4) + i] >> (2 * (part % 4)) & 3;
}

static void codes_q2_k(uint8_t *code, const uint8_t *in, int part)
{
    two_bits(code, in + 16, part);
}

static inline void sub_q2_k(struct quant_integers *out, const uint8_t *in, int part)
{
    for (int h = 0; h < 2; h++)
        set_sub(out, h, in[2 * part + h] & 15, -(in[2 * part + h] >> 4));
}

static void codes_q3_k(uint8_t *code, const uint8_t *in, int part)
{
    two_bits(code, in + 32, part);
    for (int i = 0; i < 32; i++)
        code[i] |= (uint8_t)((in[i] >> part & 1) << 2);
}

static inline void sub_q3_k(struct quant_integers *out, const uint8_t *in, int part)
{
    const uint8_t *scales = in + 96;
    for (int h = 0; h < 2; h++) {
        const int j = 2 * part + h;
        const int low = j < 8 ? scales[j] & 15 : scales[j - 8] >> 4;
        set_sub(out, h, (low | (scales[8 + j % 4] >> (2 * (j / 4)) & 3) << 4) - 32, 0);
    }
}

static void codes_q4_k(uint8_t *code, const uint8_t *in, int part)
{
    for (int i = 0; i < 32; i++)
        code[i] = in[16 + 32 * (part / 2) + i] >> (4 * (part % 2)) & 15;
}

static void codes_q5_k(uint8_t *code, const uint8_t *in, int part)
{
    for (int i = 0; i < 32; i++) {
        int low = in[48 + 32 * (part / 2) + i] >> (4 * (part % 2)) & 15;
        code[i] = (uint8_t)(low | (in[16 + i] >> part & 1) << 4);
    }
}

/* Of Q4_K and Q5_K. */
static inline void sub_q4_k(struct quant_integers *out, const uint8_t *in, int part)
{
    const uint8_t *s = in + 4;
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

static void codes_q6_k(uint8_t *code, const uint8_t *in, int part)
{
    int half = part / 4, j = part % 4;
    for (int i = 0; i < 32; i++) {
        int low = in[64 * half + 32 * (j % 2) + i] >> (4 * (j / 2)) & 15;
        code[i] = (uint8_t)(low | (in[128 + 32 * half + i] >> (2 * j) & 3) << 4);
    }
}

static inline void sub_q6_k(struct quant_integers *out, const uint8_t *in, int part)
{
    for (int h = 0; h < 2; h++)
        set_sub(out, h, (int8_t)in[192 + 2 * part + h], 0);
}

static void codes_iq4_xs(uint8_t *code, const uint8_t *in, int part)
{
    nibbles(code, in + 8 + 16 * part);
}

static inline void sub_iq4_xs(struct quant_integers *out, const uint8_t *in, int part)
{
    const int low = in[4 + part / 2] >> (4 * (part % 2)) & 15, high = load_u16(in + 2) >> (2 * part) & 3;
    set_sub(out, 0, (low | high << 4) - 32, 0);
    set_sub(out, 1, (low | high << 4) - 32, 0);
}

/* ---- MLX: value i of a row in bits i * bits and up; scales and biases in matrices of their own ---- */

/* Eight codes of `bits` bits, which are `bits` bytes. */
static inline void eight_codes(uint8_t *code, const uint8_t *in, int bits)
{
    uint64_t packed = 0;
    for (int i = 0; i < bits; i++)
        packed |= (uint64_t)in[i] << (8 * i);
    for (int i = 0; i < 8; i++)
        code[i] = (uint8_t)(packed >> (bits * i) & ((1U << bits) - 1));
}

/* The widths in use are constants to the compiler. */
void quant_mlx_codes(uint8_t code[QUANT_BLOCK], const struct matrix_rows *m, int64_t row, int64_t block)
{
    const uint8_t *in = m->data + (size_t)row * m->row_bytes + (size_t)block * (size_t)(QUANT_BLOCK / 8 * m->bits);
    for (int i = 0; i < QUANT_BLOCK; i += 8, in += m->bits)
        switch (m->bits) {
        case 3: eight_codes(code + i, in, 3); break;
        case 4: eight_codes(code + i, in, 4); break;
        case 6: eight_codes(code + i, in, 6); break;
        default: eight_codes(code + i, in, m->bits); break;
        }
}

/* ---- The table ---------------------------------------------------------------------------------- */

/* Of all parts, each with its places as constants. */
#define ALL_SUBS(type)                                                       \
    static void subs_##type(struct quant_integers *out, const uint8_t *in)   \
    {                                                                        \
        _Pragma("GCC unroll 8") for (int part = 0; part < QUANT_PARTS; part++) \
            sub_##type(&out[part], in, part);                                \
    }
ALL_SUBS(q2_k)
ALL_SUBS(q3_k)
ALL_SUBS(q4_k)
ALL_SUBS(q6_k)
ALL_SUBS(iq4_xs)

static const struct {
    void (*codes)(uint8_t *code, const uint8_t *in, int part);   /* blocks of 32 are part 0 of themselves */
    void (*subs)(struct quant_integers *out, const uint8_t *in); /* NULL: 1, and 1 of the minimum if there is one */
    int d, dmin; /* where a block has them; dmin 0: nowhere */
    int offset;
    const int8_t *table;
} formats[TYPE_COUNT] = {
    [TYPE_Q4_0] = {codes_q4_0, .offset = 8},
    [TYPE_Q4_1] = {codes_q4_1, .dmin = 2},
    [TYPE_Q5_0] = {codes_q5_0, .offset = 16},
    [TYPE_Q5_1] = {codes_q5_1, .dmin = 2},
    [TYPE_Q8_0] = {codes_q8_0, .offset = 128},
    [TYPE_IQ4_NL] = {codes_q4_0, .table = iq4_level},
    [TYPE_Q2_K] = {codes_q2_k, subs_q2_k, .d = 80, .dmin = 82},
    [TYPE_Q3_K] = {codes_q3_k, subs_q3_k, .d = 108, .offset = 4},
    [TYPE_Q4_K] = {codes_q4_k, subs_q4_k, .dmin = 2},
    [TYPE_Q5_K] = {codes_q5_k, subs_q4_k, .dmin = 2},
    [TYPE_Q6_K] = {codes_q6_k, subs_q6_k, .d = 208, .offset = 32},
    [TYPE_IQ4_XS] = {codes_iq4_xs, subs_iq4_xs, .table = iq4_level},
};

/* Blocks of 32 in a group. */
static int group_blocks(const struct matrix_rows *m)
{
    return (m->type == TYPE_MLX ? m->group : block_info[m->type].values) / QUANT_BLOCK;
}

void quant_subs(struct quant_integers *out, enum block_type type, const uint8_t *in)
{
    formats[type].subs(out, in);
}

struct quant_factors quant_factors(const struct matrix_rows *m, int64_t row)
{
    if (m->type == TYPE_MLX) {
        const size_t at = (size_t)row * matrix_scale_bytes(m);
        return (struct quant_factors){m->scales + at, m->biases + at, (size_t)block_info[m->scale_type].bytes};
    }
    const uint8_t *in = m->data + (size_t)row * m->row_bytes;
    const int d = formats[m->type].d, dmin = formats[m->type].dmin;
    return (struct quant_factors){in + d, dmin ? in + dmin : NULL, (size_t)block_info[m->type].bytes};
}

void quant_decode(struct quant_block *out, const struct matrix_rows *m, int64_t row, int64_t block)
{
    const int n = group_blocks(m);
    const int64_t group = block / n, part = block % n;
    const enum block_type factor = m->type == TYPE_MLX ? m->scale_type : TYPE_F16;
    const struct quant_factors f = quant_factors(m, row);
    const uint8_t *in = m->data + (size_t)row * m->row_bytes + (size_t)group * (size_t)block_info[m->type].bytes;
    struct quant_integers subs[QUANT_PARTS] = {{{1, 1}, {(int8_t)(f.dmin != NULL), (int8_t)(f.dmin != NULL)}}};
    if (m->type == TYPE_MLX) {
        quant_mlx_codes(out->code, m, row, block);
    } else {
        assert(formats[m->type].codes);
        formats[m->type].codes(out->code, in, (int)part);
    }
    if (formats[m->type].subs)
        formats[m->type].subs(subs, in);
    out->sub = subs[formats[m->type].subs ? part : 0];
    out->d = load_float(f.d + (size_t)group * f.step, factor);
    out->dmin = f.dmin ? load_float(f.dmin + (size_t)group * f.step, factor) : 0;
}

const int8_t *quant_table(enum block_type type)
{
    return formats[type].table;
}

int quant_offset(enum block_type type)
{
    return formats[type].offset;
}
