/* Narrowing a distribution down without sorting it: maxima by blocks, exponentials, selection by rank and by mass.
 *
 * All sums run in an order that the number of values alone determines. */
#ifndef PARALLM_ENGINE_FILTER_H
#define PARALLM_ENGINE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FILTER_BLOCK = 64 };

/* Candidates, ids ascending. weight = exp((logit - max) / temperature), so the best has 1. */
struct filter_set {
    int n;
    int32_t *id;
    float *logit, *weight;
    uint32_t *key; /* scratch of the selections */
};

/* block_max[i] = max of the i-th FILTER_BLOCK values of x. Returns the largest; NaN if any value is NaN. */
float filter_block_max(float *block_max, const float *x, int n);

/* First index of the largest value, given what filter_block_max found. */
int filter_arg_max(const float *block_max, const float *x, int n, float max);

/* out[i] = exp((x[i] - max) * scale), 0 below exp(-87); returns the sum. x <= max; out NULL: only the sum. */
double filter_exp(float *out, const float *x, int n, float max, float scale);

/* The k-th largest of n values, 1 <= k <= n. `scratch` has room for n. */
float filter_kth(float *scratch, const float *x, int n, int k);

/* A value v that at least k of the n values of x are not below, as large as blocks tell: few more are not. */
float filter_bound(float *scratch, const float *block_max, const float *x, int n, int k);

/* Puts the values of x that are not below `bound` into set (id and logit). */
void filter_collect(struct filter_set *set, const float *block_max, const float *x, int n, float bound);

double filter_total(const struct filter_set *set); /* of the weights */
void filter_keep_top_k(struct filter_set *set, int k);             /* equals of the k-th stay */
void filter_keep_top_p(struct filter_set *set, double p);
void filter_keep_min_p(struct filter_set *set, float min_p);
void filter_keep_typical(struct filter_set *set, double p, float scale); /* scale: 1 / temperature */
/* Drops all candidates of at least `threshold`, but for the least probable of them. */
void filter_drop_top(struct filter_set *set, double threshold);

/* The candidate at fraction u (0 <= u < 1) of the total: an index. */
int filter_pick(const struct filter_set *set, double u);

#endif
