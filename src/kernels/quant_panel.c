/* Packs matrices into the panels that quant_panel.h draws. Runs once, at load; compiled for any processor. */
#include "kernels/quant_panel.h"

#include "base/mem.h"

#include <string.h>

static const struct quant_layout layouts[TYPE_COUNT] = {
    [TYPE_Q4_0] = {4, 0, 1, SUB_NONE, false, TYPE_F16},
    [TYPE_Q4_1] = {4, 0, 1, SUB_NONE, true, TYPE_F16},
    [TYPE_Q5_0] = {4, 1, 1, SUB_NONE, false, TYPE_F16},
    [TYPE_Q5_1] = {4, 1, 1, SUB_NONE, true, TYPE_F16},
    [TYPE_Q8_0] = {8, 0, 1, SUB_NONE, false, TYPE_F16},
    [TYPE_Q2_K] = {2, 0, 8, SUB_HALF_NIBBLES, true, TYPE_F16},
    [TYPE_Q3_K] = {2, 1, 8, SUB_HALVES, false, TYPE_F16},
    [TYPE_Q4_K] = {4, 0, 8, SUB_SCALE_MIN, true, TYPE_F16},
    [TYPE_Q5_K] = {4, 1, 8, SUB_SCALE_MIN, true, TYPE_F16},
    [TYPE_Q6_K] = {4, 2, 8, SUB_HALVES, false, TYPE_F16},
    [TYPE_IQ4_NL] = {4, 0, 1, SUB_NONE, false, TYPE_F16},
    [TYPE_IQ4_XS] = {4, 0, 8, SUB_SCALE, false, TYPE_F16},
};

/* MLX widths without planes of their own take the next wider ones; the values are the same. */
struct quant_layout quant_layout(const struct matrix_rows *m)
{
    if (m->type != TYPE_MLX)
        return layouts[m->type];
    return (struct quant_layout){m->bits <= 4 ? 4 : 8, 0, m->group / QUANT_BLOCK, SUB_NONE, true, m->scale_type};
}

size_t quant_panel_bytes(const struct matrix_rows *m, int outputs)
{
    struct quant_layout l = quant_layout(m);
    size_t blocks = (size_t)(m->cols / QUANT_BLOCK);
    size_t bytes = blocks / (size_t)l.blocks * quant_header_bytes(&l, outputs) + blocks * quant_block_bytes(&l, outputs);
    return mem_round_up(bytes + (m->type == TYPE_MLX ? sizeof(struct quant_mlx_header) : 0), MEM_ALIGN);
}

/* Vectors of a block; words of four bytes of the widest vector, and of a row's block. */
enum { VECTORS = 16, MAX_LANES = 16, WORDS = QUANT_BLOCK / 4 };

/* ---- A block of one row -------------------------------------------------------------------------- */

/* What the packed form has of it: the codes, four to a word, scale and minimum as the file's bits, and the integers. */
struct row_block {
    uint32_t code[WORDS];
    uint32_t d, dmin;
    struct quant_block decoded; /* sub and submin alone, of types that have them */
};

static uint64_t load_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint32_t load_half(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t scale_bits(enum block_type type, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return type == TYPE_F32 ? bits : type == TYPE_F16 ? f32_to_f16(value) : f32_to_bf16(value);
}

static const uint64_t LOW_NIBBLES = 0x0F0F0F0F0F0F0F0F;

/* 16 bytes of two codes each: the low halves are codes 0 .. 15, the high ones 16 .. 31. */
static void take_nibbles(uint32_t *code, const uint8_t *in)
{
    const uint64_t a = load_u64(in), b = load_u64(in + 8);
    const uint64_t codes[4] = {a & LOW_NIBBLES, b & LOW_NIBBLES, a >> 4 & LOW_NIBBLES, b >> 4 & LOW_NIBBLES};
    memcpy(code, codes, sizeof codes);
}

/* Bit i of the byte as 16 in byte i. */
static uint64_t spread_bits(uint8_t byte)
{
    const uint64_t each = (byte * (uint64_t)0x0101010101010101) & 0x8040201008040201;
    return ((each + 0x7F7F7F7F7F7F7F7F) & 0x8080808080808080) >> 3;
}

static void take_fifth_bits(uint32_t *code, const uint8_t *in)
{
    for (int i = 0; i < 4; i++) {
        const uint64_t bits = spread_bits(in[i]);
        code[2 * i] |= (uint32_t)bits;
        code[2 * i + 1] |= (uint32_t)(bits >> 32);
    }
}

static void take_q5_0(struct row_block *out, const uint8_t *in)
{
    out->d = load_half(in);
    take_nibbles(out->code, in + 6);
    take_fifth_bits(out->code, in + 2);
}

static void take_q5_1(struct row_block *out, const uint8_t *in)
{
    out->d = load_half(in);
    out->dmin = load_half(in + 2);
    take_nibbles(out->code, in + 8);
    take_fifth_bits(out->code, in + 4);
}

/* Codes are q + 128 (quant.c), planes of eight bits hold q: twice flipped is not at all. */
static void take_q8_0(struct row_block *out, const uint8_t *in)
{
    out->d = load_half(in);
    memcpy(out->code, in + 2, sizeof out->code);
    for (int g = 0; g < WORDS; g++)
        out->code[g] ^= 0x80808080;
}

/* Any type, by the integers that every reader of it agrees on. */
static void take_decoded(struct row_block *out, const struct quant_layout *l, const struct matrix_rows *m, int64_t row,
                         int64_t b)
{
    quant_decode(&out->decoded, m, row, b);
    memcpy(out->code, out->decoded.code, sizeof out->code);
    out->d = scale_bits(l->scale_type, out->decoded.d);
    out->dmin = l->dmin ? scale_bits(l->scale_type, out->decoded.dmin) : 0;
}

static void take_block(struct row_block *out, const struct quant_layout *l, const struct matrix_rows *m, int64_t row,
                       int64_t b)
{
    const uint8_t *in = m->data + (size_t)row * m->row_bytes + (size_t)b * (size_t)block_info[m->type].bytes;
    switch (m->type) {
    case TYPE_Q5_0: take_q5_0(out, in); break;
    case TYPE_Q5_1: take_q5_1(out, in); break;
    case TYPE_Q8_0: take_q8_0(out, in); break;
    default: take_decoded(out, l, m, row, b); break;
    }
}

/* ---- A block of all outputs ---------------------------------------------------------------------------- */

static void store_scale(uint8_t *to, enum block_type type, int i, uint32_t bits)
{
    const uint16_t half = (uint16_t)bits;
    if (type == TYPE_F32)
        memcpy(to + 4 * i, &bits, 4);
    else
        memcpy(to + 2 * i, &half, 2);
}

static void pack_header(uint8_t *to, const struct quant_layout *l, const struct row_block *b, int j, int outputs)
{
    store_scale(to, l->scale_type, j, b->d);
    if (l->dmin)
        store_scale(to, l->scale_type, outputs + j, b->dmin);
}

static void pack_sub(uint8_t *to, const struct quant_layout *l, const struct quant_block *b, int j, int outputs)
{
    switch (l->sub) {
    case SUB_NONE:
        break;
    case SUB_SCALE:
        to[j] = (uint8_t)b->sub[0];
        break;
    case SUB_SCALE_MIN:
        to[j] = (uint8_t)b->sub[0];
        to[outputs + j] = (uint8_t)-b->submin[0];
        break;
    case SUB_HALVES:
        to[j] = (uint8_t)b->sub[0];
        to[outputs + j] = (uint8_t)b->sub[1];
        break;
    case SUB_HALF_NIBBLES:
        to[j] = (uint8_t)(b->sub[0] | -b->submin[0] << 4);
        to[outputs + j] = (uint8_t)(b->sub[1] | -b->submin[1] << 4);
        break;
    }
}

/* Packs vectors of codes, `shift` taken off, into a plane of `bits` bits. */
static inline void pack_plane(uint8_t *plane, uint32_t (*vector)[MAX_LANES], int lanes, int bits, int shift)
{
    const uint32_t mask = ((1U << bits) - 1) * 0x01010101;
    const int per_byte = 8 / bits;
    for (int v = 0; v < VECTORS; v += per_byte, plane += 4 * lanes) {
        uint32_t words[MAX_LANES] = {0};
        for (int i = 0; i < per_byte; i++)
            for (int n = 0; n < lanes; n++)
                words[n] |= (vector[v + i][n] >> shift & mask) << (bits * i);
        memcpy(plane, words, 4 * (size_t)lanes);
    }
}

/* The block of all outputs; header NULL: not the first of its superblock. */
static inline void pack_block(uint8_t *header, uint8_t *to, const struct quant_layout *l, const struct matrix_rows *m,
                       const int32_t *index, int64_t b, int outputs)
{
    uint32_t vector[VECTORS][MAX_LANES];
    const uint32_t flip = l->low_bits == 8 ? 0x80808080 : 0;
    const int lanes = outputs / 2;
    for (int j = 0; j < outputs; j++) {
        struct row_block block;
        if (index[j] >= 0) {
            take_block(&block, l, m, index[j], b);
            if (header)
                pack_header(header, l, &block, j, outputs);
            pack_sub(to, l, &block.decoded, j, outputs);
        }
        for (int g = 0; g < WORDS; g++)
            vector[2 * g + j / lanes][j % lanes] = index[j] < 0 ? 0 : block.code[g] ^ flip;
    }
    uint8_t *low = to + quant_sub_bytes(l, outputs);
    pack_plane(low, vector, lanes, l->low_bits, 0);
    if (l->high_bits > 0)
        pack_plane(low + outputs * 4 * l->low_bits, vector, lanes, l->high_bits, l->low_bits);
}

/* ---- q4_0 and q4_1, the most common: two rows' codes meet in one word, without a step between -------------- */

static inline void put_words(uint8_t *plane, int g, int lane, int lanes, uint64_t two)
{
    const uint32_t low = (uint32_t)two, high = (uint32_t)(two >> 32);
    memcpy(plane + 4 * (g * lanes + lane), &low, 4);
    memcpy(plane + 4 * ((g + 1) * lanes + lane), &high, 4);
}

/* The codes of rows `lane` and `lane + lanes`: low halves of a byte are codes 0 .. 15, high ones 16 .. 31. */
static inline void pack_pair(uint8_t *plane, const uint8_t *a, const uint8_t *b, int lane, int lanes)
{
    for (int h = 0; h < 2; h++) {
        const uint64_t x = load_u64(a + 8 * h), y = load_u64(b + 8 * h);
        put_words(plane, 2 * h, lane, lanes, (x & LOW_NIBBLES) | (y & LOW_NIBBLES) << 4);
        put_words(plane, 4 + 2 * h, lane, lanes, (x >> 4 & LOW_NIBBLES) | (y & ~LOW_NIBBLES));
    }
}

static inline void pack_nibble_panel(uint8_t *to, const struct matrix_rows *m, const int32_t *index, const int outputs)
{
    static const uint8_t none[20] = {0}; /* a block of a row that is not there */
    const int lanes = outputs / 2, bytes = block_info[m->type].bytes, scales = bytes - 16;
    for (int64_t b = 0; b < m->cols / QUANT_BLOCK; b++) {
        const uint8_t *row[2 * MAX_LANES];
        for (int j = 0; j < outputs; j++) {
            row[j] = index[j] < 0 ? none : m->data + (size_t)index[j] * m->row_bytes + (size_t)b * (size_t)bytes;
            memcpy(to + 2 * j, row[j], 2);
            if (scales == 4)
                memcpy(to + 2 * (outputs + j), row[j] + 2, 2);
        }
        to += scales * outputs;
        for (int lane = 0; lane < lanes; lane++)
            pack_pair(to, row[lane] + scales, row[lanes + lane] + scales, lane, lanes);
        to += 16 * outputs;
    }
}

/* Outputs that are not there leave zeros behind. */
static bool is_full(const int32_t *index, int outputs)
{
    bool full = true;
    for (int j = 0; j < outputs; j++)
        full = full && index[j] >= 0;
    return full;
}

static inline void pack_panel(uint8_t *to, const struct matrix_rows *m, const int32_t *index, const int outputs)
{
    const struct quant_layout l = quant_layout(m);
    uint8_t *const end = to + quant_panel_bytes(m, outputs);
    if (!is_full(index, outputs))
        memset(to, 0, (size_t)(end - to));
    if (m->type == TYPE_MLX) {
        struct quant_mlx_header h = {.blocks = l.blocks, .scale_type = l.scale_type};
        memcpy(to, &h, sizeof(h));
        to += sizeof(h);
    }
    if (m->type == TYPE_Q4_0 || m->type == TYPE_Q4_1) {
        pack_nibble_panel(to, m, index, outputs);
        to += (size_t)(m->cols / QUANT_BLOCK) * (quant_header_bytes(&l, outputs) + quant_block_bytes(&l, outputs));
        memset(to, 0, (size_t)(end - to));
        return;
    }
    for (int64_t b = 0; b < m->cols / QUANT_BLOCK; b++) {
        bool first = b % l.blocks == 0;
        uint8_t *header = first ? to : NULL;
        to += first ? quant_header_bytes(&l, outputs) : 0;
        pack_block(header, to, &l, m, index, b, outputs);
        to += quant_block_bytes(&l, outputs);
    }
    memset(to, 0, (size_t)(end - to));
}

/* The width is a constant to the compiler, of which the loops over lanes are made. */
void quant_panel_pack(void *packed, const struct matrix_rows *m, const int32_t *index, int outputs)
{
    if (outputs == 2 * MAX_LANES)
        pack_panel(packed, m, index, 2 * MAX_LANES);
    else
        pack_panel(packed, m, index, MAX_LANES);
}
