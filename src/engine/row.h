/* A row of logits and what is known of its blocks: the largest value of each, and the sum of its exponentials. The
 * vocabulary is read once for each of the two, by vectors, and never sorted. All sums run in an order that its
 * length alone determines. */
#ifndef PARALLM_ENGINE_ROW_H
#define PARALLM_ENGINE_ROW_H

#include "backend/backend.h"

struct row {
    const struct kernels *k;
    const float *x; /* [n], no NaN */
    int n;
    float max;                    /* finite */
    float *block_max, *block_sum; /* [row_blocks(n)], the owner's */
    float scale, bound;           /* block_sum and total: of exp((x - max) * scale), where x >= bound */
    double total;                 /* 0: none yet */
};

static inline int row_blocks(int n)
{
    return (n + ROW_BLOCK - 1) / ROW_BLOCK;
}

/* Sets x, n, max and the maxima; r->k and the arrays are there. False: no value is finite, or one is NaN or infinite. */
bool row_read(struct row *r, const float *x, int n);

/* First index of the largest value. */
int row_best(const struct row *r);

/* Sums of exp((x - max) * scale) over the values not below `bound`, unless they are there already. Returns the total. */
double row_weigh(struct row *r, float scale, float bound);

/* The value at fraction u (0 <= u < 1) of the total of row_weigh: its index, and its weight. */
int row_pick(const struct row *r, double u, float *weight);

/* How many values before index i are equal to x[i]. */
int row_equals_before(const struct row *r, int i);

/* Values not below `bound` and their indices, in order; arrays with room for n + ROW_SLACK. Returns how many. */
int row_collect(const struct row *r, int32_t *id, float *value, float bound);

/* A bound that at least k values are not below, as large as blocks tell: few more are not. `scratch` has room for n. */
float row_bound(const struct row *r, float *scratch, int k);

/* The k-th largest of n values, 1 <= k <= n. `scratch` has room for n. */
float row_kth(float *scratch, const float *x, int n, int k);

#endif
