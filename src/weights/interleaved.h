/* Order of the rows of q and k. Files of some families have the two halves of each head's rotated dimensions interleaved: values
 * that rotate together stand side by side. Everything behind the loader has one half after the other. */
#ifndef PARALLM_WEIGHTS_INTERLEAVED_H
#define PARALLM_WEIGHTS_INTERLEAVED_H

#include <stdint.h>

struct interleaved {
    int head_dim, rope_dims; /* of a head the first rope_dims, an even number, are permuted; head_dim 0: nothing is */
};

/* Where a file has output o: dimensions i and i + rope_dims / 2 of a head are 2i and 2i + 1 there. */
static inline int64_t interleaved_row(struct interleaved h, int64_t o)
{
    const int64_t in_head = h.head_dim > 0 ? o % h.head_dim : 0, half = h.rope_dims / 2;
    return in_head < 2 * half ? o + 2 * (in_head % half) + in_head / half - in_head : o;
}

/* The other way: which output a file's row i is. */
static inline int64_t interleaved_output(struct interleaved h, int64_t i)
{
    const int64_t in_head = h.head_dim > 0 ? i % h.head_dim : 0, half = h.rope_dims / 2;
    return in_head < 2 * half ? i + in_head % 2 * half + in_head / 2 - in_head : i;
}

#endif
