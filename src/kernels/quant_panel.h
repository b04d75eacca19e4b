/* How quantized weights lie in the panels of the vector tiers.
 *
 * A panel holds 2 * lanes outputs, where a vector register holds 4 * lanes bytes: lanes = 8 with 32-byte
 * registers, 16 with 64-byte ones. Along K it is a list of superblocks, and each of these is
 *     header   d[outputs], then dmin[outputs] where the type has minima: floats as the file stores them
 *     blocks   `blocks` times, 32 values along K each:
 *         sub      the block's integers, see enum quant_sub
 *         low      codes' low bits, as vectors (g, p): the four values k = 4g .. 4g+3 of outputs
 *                  p * lanes .. (p + 1) * lanes - 1, output after output
 *         high     their high bits
 * Vectors stand in the order v = 2g + p; of a plane with b bits, a stored vector holds the 8 / b vectors that
 * follow each other, the first one in its lowest bits. Planes of 8 bits hold code - 128 as int8. So one load
 * gives both halves of a panel, and all that is left to do are shifts and masks. */
#ifndef PARALLM_KERNELS_QUANT_PANEL_H
#define PARALLM_KERNELS_QUANT_PANEL_H

#include "kernels/quant.h"

enum quant_sub {
    SUB_NONE,
    SUB_SCALE,       /* int8 sub[outputs] */
    SUB_SCALE_MIN,   /* uint8 sub[outputs], uint8 -submin[outputs] */
    SUB_HALVES,      /* int8 sub[2][outputs], for k < 16 and the rest */
    SUB_HALF_NIBBLES /* uint8 [2][outputs]: low half sub, high half -submin */
};

struct quant_layout {
    int low_bits, high_bits;
    int blocks; /* of a superblock */
    enum quant_sub sub;
    bool dmin;
    enum block_type scale_type; /* of d and dmin */
};

static inline size_t quant_header_bytes(const struct quant_layout *l, int outputs)
{
    return (size_t)outputs * (l->scale_type == TYPE_F32 ? 4 : 2) * (l->dmin ? 2 : 1);
}

static inline size_t quant_sub_bytes(const struct quant_layout *l, int outputs)
{
    return (size_t)outputs * (l->sub == SUB_NONE ? 0 : l->sub == SUB_SCALE ? 1 : 2);
}

static inline size_t quant_block_bytes(const struct quant_layout *l, int outputs)
{
    return quant_sub_bytes(l, outputs) + (size_t)outputs * 4 * (size_t)(l->low_bits + l->high_bits);
}

/* MLX panels begin with this: the kernel learns from it what no type says. */
struct quant_mlx_header {
    int32_t blocks; /* of a superblock: group / 32 */
    int32_t scale_type;
    char rest[56];
};

/* A tier's products of these panels. */
struct quant_runs {
    const struct act_kernel *a8, *a15;
    int panel; /* outputs: 16 or 32 */
    gemm_run *blocks[TYPE_MLX][2]; /* by type; of A8, and of A15 */
    gemm_run *mlx[2][2];           /* of up to four bits, and of more */
};

/* Puts them in: gemm, gemm_a15, gemm_mlx and gemm_mlx_a15 of all quantized types. */
void quant_panel_install(struct kernels *k, const struct quant_runs *runs);

#endif
