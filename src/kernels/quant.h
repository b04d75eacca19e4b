/* What every tier of the quantized products shares: the blocks of model files as integers.
 *
 * Every quantized format of types.h is, over 32 values along K and with h = k / 16,
 *     value[k] = d * sub[h] * q[k] + dmin * submin[h],    q[k] = code[k] - offset, or table[code[k]]
 * with floats d, dmin that the file holds and small integers for the rest. A product of integers with the
 * activations' integers is exact; the factors are applied once for each block. */
#ifndef PARALLM_KERNELS_QUANT_H
#define PARALLM_KERNELS_QUANT_H

#include "kernels/kernels.h"

enum { QUANT_BLOCK = 32, QUANT_PARTS = 8 }; /* of a block of 256 */

struct quant_integers {
    int8_t sub[2], submin[2];
};

struct quant_block {
    uint8_t code[QUANT_BLOCK];
    float d, dmin;
    struct quant_integers sub;
};

/* Values [row][32 * block .. + 31] of a quantized matrix. Written apart from types.c on purpose: checkkernels compares both. */
void quant_decode(struct quant_block *out, const struct matrix_rows *m, int64_t row, int64_t block);

/* Parts of the above, for those who pack them all. A group is what has d and dmin in common: a block of the file, or
 * MLX's group. */
void quant_subs(struct quant_integers *out, enum block_type type, const uint8_t *in); /* of all blocks of one of 256 */
void quant_mlx_codes(uint8_t code[QUANT_BLOCK], const struct matrix_rows *m, int64_t row, int64_t block);

/* Where the file keeps d and dmin (NULL: there is none) of group 0 of a row; `step` bytes on are those of the next one. They
 * are of type m->scale_type in MLX's format, halves in all others. */
struct quant_factors {
    const uint8_t *d, *dmin;
    size_t step;
};
struct quant_factors quant_factors(const struct matrix_rows *m, int64_t row);

/* q of each code: 16 values of a 4-bit table, or NULL where q = code - quant_offset(type). */
const int8_t *quant_table(enum block_type type);
int quant_offset(enum block_type type);

/* 1 / scale of a block of activations whose largest magnitude is amax; the scale is amax / 127. Blocks too
 * small for a reciprocal count as zeros. The caller has dealt with amax that is not finite. */
static inline float a8_inverse(float amax)
{
    return amax < 1e-36f ? 0.0f : 127.0f / amax;
}

static inline float a8_scale(float amax)
{
    return amax < 1e-36f ? 0.0f : amax / 127.0f;
}

/* The same of form A15, whose integers are v = A15_RADIX * high + low, both int8: high is v / A15_RADIX, rounded half up. */
enum { A15_RADIX_BITS = 7, A15_RADIX = 1 << A15_RADIX_BITS, A15_LARGEST = 127 * A15_RADIX };

static inline float a15_inverse(float amax)
{
    return amax < 1e-32f ? 0.0f : A15_LARGEST / amax;
}

static inline float a15_scale(float amax)
{
    return amax < 1e-32f ? 0.0f : amax / A15_LARGEST;
}

static inline int a15_high(int v)
{
    return (v + A15_RADIX / 2) >> A15_RADIX_BITS;
}

#endif
