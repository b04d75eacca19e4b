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

static void store_scale(uint8_t *to, enum block_type type, int i, float value)
{
    uint16_t half = type == TYPE_F16 ? f32_to_f16(value) : f32_to_bf16(value);
    if (type == TYPE_F32)
        memcpy(to + 4 * i, &value, 4);
    else
        memcpy(to + 2 * i, &half, 2);
}

static void pack_header(uint8_t *to, const struct quant_layout *l, const struct quant_block *b, int j, int outputs)
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

enum { VECTORS = 16, MAX_VECTOR = 64 }; /* of a block; bytes of a vector */

/* Packs vectors of codes, `shift` taken off, into a zeroed plane of `bits` bits. */
static void pack_plane(uint8_t *plane, uint8_t (*vector)[MAX_VECTOR], int bytes, int bits, int shift)
{
    int per_byte = 8 / bits, mask = (1 << bits) - 1;
    for (int v = 0; v < VECTORS; v++) {
        uint8_t *to = plane + v / per_byte * bytes;
        for (int i = 0; i < bytes; i++)
            to[i] = (uint8_t)(to[i] | (vector[v][i] >> shift & mask) << (bits * (v % per_byte)));
    }
}

/* The block of all outputs; header NULL: not the first of its superblock. */
static void pack_block(uint8_t *header, uint8_t *to, const struct quant_layout *l, const struct matrix_rows *m,
                       const int32_t *index, int64_t b, int outputs)
{
    uint8_t vector[VECTORS][MAX_VECTOR] = {{0}}, flip = l->low_bits == 8 ? 0x80 : 0;
    int lanes = outputs / 2;
    for (int j = 0; j < outputs; j++) {
        struct quant_block block;
        if (index[j] < 0)
            continue;
        quant_decode(&block, m, index[j], b);
        if (header)
            pack_header(header, l, &block, j, outputs);
        pack_sub(to, l, &block, j, outputs);
        for (int k = 0; k < QUANT_BLOCK; k++)
            vector[2 * (k / 4) + j / lanes][4 * (j % lanes) + k % 4] = block.code[k] ^ flip;
    }
    uint8_t *low = to + quant_sub_bytes(l, outputs);
    pack_plane(low, vector, 4 * lanes, l->low_bits, 0);
    if (l->high_bits > 0)
        pack_plane(low + outputs * 4 * l->low_bits, vector, 4 * lanes, l->high_bits, l->low_bits);
}

void quant_panel_pack(void *packed, const struct matrix_rows *m, const int32_t *index, int outputs)
{
    struct quant_layout l = quant_layout(m);
    uint8_t *to = packed, *header;
    memset(to, 0, quant_panel_bytes(m, outputs));
    if (m->type == TYPE_MLX) {
        struct quant_mlx_header h = {.blocks = l.blocks, .scale_type = l.scale_type};
        memcpy(to, &h, sizeof(h));
        to += sizeof(h);
    }
    for (int64_t b = 0; b < m->cols / QUANT_BLOCK; b++) {
        bool first = b % l.blocks == 0;
        header = first ? to : NULL;
        to += first ? quant_header_bytes(&l, outputs) : 0;
        pack_block(header, to, &l, m, index, b, outputs);
        to += quant_block_bytes(&l, outputs);
    }
}
