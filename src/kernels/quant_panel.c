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
static struct quant_layout quant_layout(const struct matrix_rows *m)
{
    if (m->type != TYPE_MLX)
        return layouts[m->type];
    return (struct quant_layout){m->bits <= 4 ? 4 : 8, 0, m->group / QUANT_BLOCK, SUB_NONE, true, m->scale_type};
}

static size_t panel_bytes(const struct matrix_rows *m, int outputs)
{
    struct quant_layout l = quant_layout(m);
    size_t blocks = (size_t)(m->cols / QUANT_BLOCK);
    size_t bytes = blocks / (size_t)l.blocks * quant_header_bytes(&l, outputs) + blocks * quant_block_bytes(&l, outputs);
    return mem_round_up(bytes + (m->type == TYPE_MLX ? sizeof(struct quant_mlx_header) : 0), MEM_ALIGN);
}

enum { MAX_OUTPUTS = 32, HALF = QUANT_BLOCK / 2 };

/* ---- Where a file has the codes --------------------------------------------------------------------- */

/* 16 codes' bits of a plane: those of 16 bytes of a block, from bit `shift` up. */
struct place {
    int at, shift;
};

/* Nearly all formats have them so (types.c draws them); `part` and `h` say which block of 32, and which half. */
static struct place low_place(enum block_type type, int part, int h)
{
    switch (type) {
    case TYPE_Q4_0:
    case TYPE_IQ4_NL: return (struct place){2, 4 * h};
    case TYPE_Q4_1: return (struct place){4, 4 * h};
    case TYPE_Q5_0: return (struct place){6, 4 * h};
    case TYPE_Q5_1: return (struct place){8, 4 * h};
    case TYPE_Q8_0: return (struct place){2 + HALF * h, 0};
    case TYPE_Q2_K: return (struct place){16 + 32 * (part / 4) + HALF * h, 2 * (part % 4)};
    case TYPE_Q3_K: return (struct place){32 + 32 * (part / 4) + HALF * h, 2 * (part % 4)};
    case TYPE_Q4_K: return (struct place){16 + 32 * (part / 2) + HALF * h, 4 * (part % 2)};
    case TYPE_Q5_K: return (struct place){48 + 32 * (part / 2) + HALF * h, 4 * (part % 2)};
    case TYPE_Q6_K: return (struct place){64 * (part / 4) + 32 * (part % 2) + HALF * h, 4 * (part / 2 % 2)};
    case TYPE_IQ4_XS: return (struct place){8 + 16 * part, 4 * h};
    default: return (struct place){QUANT_BLOCK * part + HALF * h, 0}; /* of codes that were spread, a byte each */
    }
}

static struct place high_place(enum block_type type, int part, int h)
{
    switch (type) {
    case TYPE_Q3_K: return (struct place){HALF * h, part};
    case TYPE_Q5_K: return (struct place){16 + HALF * h, part};
    case TYPE_Q6_K: return (struct place){128 + 32 * (part / 4) + HALF * h, 2 * (part % 4)};
    default: return (struct place){HALF * h, 0}; /* of fifth bits that were spread */
    }
}

/* ---- Codes of all outputs -------------------------------------------------------------------------------- */

typedef uint64_t bytes16 __attribute__((vector_size(16)));

static inline bytes16 load(const uint8_t *p)
{
    bytes16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Words 0 .. 3 of two rows: {first, second} of the even words, and of the odd ones. */
struct word_pairs {
    bytes16 even, odd;
};

static inline struct word_pairs pair_words(bytes16 first, bytes16 second)
{
    const bytes16 low = {0xFFFFFFFF, 0xFFFFFFFF};
    return (struct word_pairs){(first & low) | second << 32, first >> 32 | (second & ~low)};
}

/* The pairs into four vectors, `step` bytes apart. */
static inline void put_pairs(uint8_t *to, struct word_pairs p, size_t step)
{
    const uint64_t words[4] = {p.even[0], p.odd[0], p.even[1], p.odd[1]};
    for (int g = 0; g < 4; g++)
        memcpy(to + (size_t)g * step, &words[g], sizeof words[g]);
}

/* 16 codes of two rows of the panel's first half, a, and two of its second, b, into a plane of `bits` bits; `to`: where the
 * first one's word of codes 0 .. 3 belongs. */
static inline void put_codes(uint8_t *to, const bytes16 a[2], const bytes16 b[2], int lanes, int bits, int shift)
{
    const size_t vector = 4 * (size_t)lanes;
    if (bits == 8) {
        put_pairs(to, pair_words(a[0], a[1]), 2 * vector);
        put_pairs(to + vector, pair_words(b[0], b[1]), 2 * vector);
        return;
    }
    const uint64_t mask = ((1U << bits) - 1) * (uint64_t)0x0101010101010101;
    const struct word_pairs p = pair_words((a[0] >> shift & mask) | (b[0] >> shift & mask) << bits,
                                           (a[1] >> shift & mask) | (b[1] >> shift & mask) << bits);
    if (bits == 4) {
        put_pairs(to, p, vector);
        return;
    }
    const bytes16 two = p.even | p.odd << (2 * bits);
    const uint64_t words[2] = {bits == 2 ? two[0] : two[0] | two[1] << 4, two[1]};
    memcpy(to, words, sizeof *words);
    if (bits == 2)
        memcpy(to + vector, words + 1, sizeof *words);
}

/* Of the blocks that begin `at` bytes on in each row. */
static inline void put_rows(uint8_t *to, const uint8_t *const *row, size_t at, int shift, int lanes, int bits)
{
    for (int n = 0; n < lanes; n += 2) {
        const bytes16 a[2] = {load(row[n] + at), load(row[n + 1] + at)};
        const bytes16 b[2] = {load(row[lanes + n] + at), load(row[lanes + n + 1] + at)};
        put_codes(to + 4 * n, a, b, lanes, bits, shift);
    }
}

/* Words 0 .. 3 of four rows: word i of each side by side, `step` bytes after word i - 1. */
static inline void put_words(uint8_t *to, const bytes16 row[4], size_t step)
{
    const struct word_pairs p = pair_words(row[0], row[1]), q = pair_words(row[2], row[3]);
    const bytes16 words[4] = {
        {p.even[0], q.even[0]}, {p.odd[0], q.odd[0]}, {p.even[1], q.even[1]}, {p.odd[1], q.odd[1]}};
    for (int i = 0; i < 4; i++)
        memcpy(to + (size_t)i * step, &words[i], sizeof words[i]);
}

/* A whole plane of four bits whose halves are the two nibbles of the same 16 bytes, `at` bytes on in each row. */
static inline void put_nibbles(uint8_t *to, const uint8_t *const *row, size_t at, int lanes)
{
    const bytes16 low = {0x0F0F0F0F0F0F0F0F, 0x0F0F0F0F0F0F0F0F};
    const size_t vector = 4 * (size_t)lanes;
    for (int n = 0; n < lanes; n += 4) {
        bytes16 first[4], second[4];
        for (int i = 0; i < 4; i++) {
            const bytes16 a = load(row[n + i] + at), b = load(row[lanes + n + i] + at);
            first[i] = (a & low) | (b & low) << 4;
            second[i] = (a >> 4 & low) | (b & ~low);
        }
        put_words(to + 4 * n, first, vector);
        put_words(to + 4 * vector + 4 * n, second, vector);
    }
}

/* The number of bits is a constant to the compiler. */
static inline void put_plane(uint8_t *to, const uint8_t *const *row, size_t at, const struct place from[2], int lanes,
                             int bits)
{
    if (bits == 4 && from[0].at == from[1].at && from[0].shift == 0 && from[1].shift == 4) {
        put_nibbles(to, row, at + (size_t)from[0].at, lanes);
        return;
    }
    for (int h = 0; h < 2; h++, to += 4 * bits * lanes) {
        const size_t first = at + (size_t)from[h].at;
        switch (bits) {
        case 1: put_rows(to, row, first, from[h].shift, lanes, 1); break;
        case 2: put_rows(to, row, first, from[h].shift, lanes, 2); break;
        case 4: put_rows(to, row, first, from[h].shift, lanes, 4); break;
        default: put_rows(to, row, first, 0, lanes, 8); break;
        }
    }
}

/* ---- Integers and floats ------------------------------------------------------------------------------------ */

static inline void pack_sub(uint8_t *to, enum quant_sub kind, const struct quant_integers *s, int outputs)
{
    if (kind == SUB_HALF_NIBBLES) {
        to[0] = (uint8_t)(s->sub[0] | -s->submin[0] << 4);
        to[outputs] = (uint8_t)(s->sub[1] | -s->submin[1] << 4);
        return;
    }
    to[0] = (uint8_t)s->sub[0];
    if (kind != SUB_SCALE)
        to[outputs] = (uint8_t)(kind == SUB_HALVES ? s->sub[1] : -s->submin[0]);
}

/* Of the superblock of output j; the kind is a constant to the compiler. */
static inline void pack_subs(uint8_t *to, const struct quant_layout *l, const struct quant_integers s[QUANT_PARTS],
                             size_t block_bytes, int outputs)
{
    for (int part = 0; part < QUANT_PARTS; part++, to += block_bytes)
        switch (l->sub) {
        case SUB_SCALE: pack_sub(to, SUB_SCALE, &s[part], outputs); break;
        case SUB_SCALE_MIN: pack_sub(to, SUB_SCALE_MIN, &s[part], outputs); break;
        case SUB_HALVES: pack_sub(to, SUB_HALVES, &s[part], outputs); break;
        default: pack_sub(to, SUB_HALF_NIBBLES, &s[part], outputs); break;
        }
}

/* The factors of all outputs, `at` bytes on from the first ones; halves four at a time, since stores are what takes time. */
static inline void put_factors(uint8_t *to, const uint8_t *const *from, size_t at, size_t bytes, int outputs)
{
    if (bytes == 2)
        for (int j = 0; j < outputs; j += 4) {
            uint16_t half[4];
            for (int i = 0; i < 4; i++)
                memcpy(&half[i], from[j + i] + at, sizeof half[i]);
            const uint64_t four = half[0] | (uint32_t)half[1] << 16 | (uint64_t)(half[2] | (uint32_t)half[3] << 16) << 32;
            memcpy(to + 2 * j, &four, sizeof four);
        }
    else
        for (int j = 0; j < outputs; j++)
            memcpy(to + 4 * j, from[j] + at, 4);
}

/* ---- A superblock of all outputs --------------------------------------------------------------------------- */

/* What is known of a panel before its superblocks. */
struct packing {
    struct quant_layout l;
    const struct matrix_rows *m;
    const int32_t *index;
    size_t block_bytes, factor_bytes, factor_step;
    bool full;                       /* all outputs are there */
    const uint8_t *row[MAX_OUTPUTS]; /* of an output that is not there, any: its factors are 0 */
    const uint8_t *d[MAX_OUTPUTS], *dmin[MAX_OUTPUTS]; /* of the row's first superblock, others `factor_step` bytes on */
    struct place low[QUANT_PARTS][2], high[QUANT_PARTS][2];
};

static void prepare(struct packing *p, const struct matrix_rows *m, const int32_t *index, int outputs)
{
    p->l = quant_layout(m);
    p->m = m;
    p->index = index;
    p->block_bytes = quant_block_bytes(&p->l, outputs);
    p->factor_bytes = (size_t)block_info[p->l.scale_type].bytes;
    p->full = true;
    for (int j = 0; j < outputs; j++) {
        const int32_t row = index[j] < 0 ? 0 : index[j];
        const struct quant_factors f = quant_factors(m, row);
        p->full = p->full && index[j] >= 0;
        p->row[j] = m->data + (size_t)row * m->row_bytes;
        p->d[j] = f.d;
        p->dmin[j] = f.dmin;
        p->factor_step = f.step;
    }
    for (int part = 0; part < p->l.blocks; part++)
        for (int h = 0; h < 2; h++) {
            p->low[part][h] = low_place(m->type, part, h);
            p->high[part][h] = high_place(m->type, part, h);
        }
}

/* The header and the blocks' integers; *to is behind the header then. Outputs that are not there get zeros. */
static inline void pack_scales(uint8_t **to, const struct packing *p, int64_t g, int outputs)
{
    uint8_t *const blocks = *to + quant_header_bytes(&p->l, outputs), *const dmin = *to + (size_t)outputs * p->factor_bytes;
    const size_t at = (size_t)g * p->factor_step;
    put_factors(*to, p->d, at, p->factor_bytes, outputs);
    if (p->l.dmin)
        put_factors(dmin, p->dmin, at, p->factor_bytes, outputs);
    for (int j = 0; j < outputs && !p->full; j++)
        if (p->index[j] < 0) {
            memset(*to + (size_t)j * p->factor_bytes, 0, p->factor_bytes);
            if (p->l.dmin)
                memset(dmin + (size_t)j * p->factor_bytes, 0, p->factor_bytes);
        }
    for (int j = 0; j < outputs && p->l.sub != SUB_NONE; j++)
        if (p->index[j] >= 0) {
            struct quant_integers s[QUANT_PARTS];
            quant_subs(s, p->m->type, p->row[j] + at);
            pack_subs(blocks + j, &p->l, s, p->block_bytes, outputs);
        }
    *to = blocks;
}

/* Codes that the file has in another order: MLX's, a byte each (as int8 in planes of eight bits). */
static void spread_mlx(uint8_t *code, const struct packing *p, int j, int64_t g)
{
    const int32_t row = p->index[j] < 0 ? 0 : p->index[j];
    for (int part = 0; part < p->l.blocks; part++, code += QUANT_BLOCK) {
        quant_mlx_codes(code, p->m, row, g * p->l.blocks + part);
        for (int i = 0; i < QUANT_BLOCK && p->l.low_bits == 8; i++)
            code[i] ^= 0x80;
    }
}

/* The fifth bits of Q5_0 and Q5_1, which are four bytes: bit i of each becomes bit 0 of byte i of eight. */
static void spread_fifth(uint8_t *code, const uint8_t *in)
{
    for (int i = 0; i < 4; i++) {
        const uint64_t each = in[i] * (uint64_t)0x0101010101010101 & 0x8040201008040201;
        const uint64_t bits = ((each + 0x7F7F7F7F7F7F7F7F) & 0x8080808080808080) >> 7;
        memcpy(code + 8 * i, &bits, sizeof bits);
    }
}

static inline void pack_codes(uint8_t *to, const struct packing *p, int64_t g, int outputs)
{
    uint8_t spread[MAX_OUTPUTS][4 * QUANT_BLOCK];
    const uint8_t *made[MAX_OUTPUTS]; /* rows of `spread` */
    const enum block_type type = p->m->type;
    const bool fifth = type == TYPE_Q5_0 || type == TYPE_Q5_1;
    const size_t bytes = (size_t)block_info[type].bytes, at = (size_t)g * bytes;
    for (int j = 0; j < outputs && (fifth || type == TYPE_MLX); j++) {
        made[j] = spread[j];
        if (fifth)
            spread_fifth(spread[j], p->row[j] + at + (type == TYPE_Q5_0 ? 2 : 4));
        else
            spread_mlx(spread[j], p, j, g);
    }
    for (int part = 0; part < p->l.blocks; part++, to += p->block_bytes) {
        uint8_t *low = to + quant_sub_bytes(&p->l, outputs), *high = low + outputs * 4 * p->l.low_bits;
        put_plane(low, type == TYPE_MLX ? made : p->row, at, p->low[part], outputs / 2, p->l.low_bits);
        if (p->l.high_bits > 0)
            put_plane(high, fifth ? made : p->row, fifth ? 0 : at, p->high[part], outputs / 2, p->l.high_bits);
    }
}

/* A fifth of packing was waiting for lines to write to. Behind the panel comes the next one; asking for what is nobody's does
 * nothing. */
static inline void ask_for(const uint8_t *to, size_t bytes)
{
    enum { AHEAD = 4608, LINE = 64 };
    for (size_t i = 0; i < bytes; i += LINE)
        __builtin_prefetch(to + AHEAD + i, 1);
}

static inline void pack_panel(uint8_t *to, const struct matrix_rows *m, const int32_t *index, const int outputs)
{
    struct packing p;
    uint8_t *const end = to + panel_bytes(m, outputs);
    prepare(&p, m, index, outputs);
    if (!p.full) /* outputs that are not there leave zeros behind */
        memset(to, 0, (size_t)(end - to));
    if (m->type == TYPE_MLX) {
        struct quant_mlx_header h = {.blocks = p.l.blocks, .scale_type = p.l.scale_type};
        memcpy(to, &h, sizeof(h));
        to += sizeof(h);
    }
    const size_t superblock = quant_header_bytes(&p.l, outputs) + (size_t)p.l.blocks * p.block_bytes;
    for (int64_t g = 0; g < m->cols / (QUANT_BLOCK * p.l.blocks); g++) {
        ask_for(to, superblock);
        pack_scales(&to, &p, g, outputs);
        pack_codes(to, &p, g, outputs);
        to += (size_t)p.l.blocks * p.block_bytes;
    }
    memset(to, 0, (size_t)(end - to));
}

/* ---- The entries -------------------------------------------------------------------------------------------- */

/* The number of outputs is a constant to the compiler, of which the loops over lanes are made. */
#define PANEL(OUTPUTS)                                                                                  \
    static size_t panel_bytes_##OUTPUTS(const struct matrix_rows *m)                                    \
    {                                                                                                   \
        return panel_bytes(m, OUTPUTS);                                                                 \
    }                                                                                                   \
    static void pack_##OUTPUTS(void *packed, const struct matrix_rows *m, const int32_t *index)         \
    {                                                                                                   \
        pack_panel(packed, m, index, OUTPUTS);                                                          \
    }

PANEL(16)
PANEL(32)

/* The names stay as the scalar tier gave them. */
static void set(struct gemm_kernel *g, const struct act_kernel *act, int panel, gemm_run *run)
{
    if (panel == 16)
        *g = (struct gemm_kernel){g->name, act, 16, panel_bytes_16, pack_16, run};
    else
        *g = (struct gemm_kernel){g->name, act, 32, panel_bytes_32, pack_32, run};
}

void quant_panel_install(struct kernels *k, const struct quant_runs *runs)
{
    for (int type = TYPE_Q4_0; type < TYPE_MLX; type++) {
        set(&k->gemm[type], runs->a8, runs->panel, runs->blocks[type][0]);
        set(&k->gemm_a15[type], runs->a15, runs->panel, runs->blocks[type][1]);
    }
    for (int bits = 0; bits < MLX_WIDTHS; bits++)
        if (mlx_name[bits]) {
            set(&k->gemm_mlx[bits], runs->a8, runs->panel, runs->mlx[bits > 4][0]);
            set(&k->gemm_mlx_a15[bits], runs->a15, runs->panel, runs->mlx[bits > 4][1]);
        }
}
