/* Narrowing a list of candidates down without sorting it: selection by rank and by mass.
 *
 * All sums run in an order that the number of values alone determines. */
#ifndef PARALLM_ENGINE_FILTER_H
#define PARALLM_ENGINE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Candidates, ids ascending. weight = exp((logit - max) / temperature), so that the row's best has 1. The arrays have
 * room for the vocabulary and ROW_SLACK. */
struct filter_set {
    int n;
    int32_t *id;
    float *logit, *weight;
    uint32_t *key; /* scratch of the selections */
};

double filter_total(const struct filter_set *set); /* of the weights */
void filter_keep_top_k(struct filter_set *set, int k);             /* equals of the k-th stay */
void filter_keep_top_p(struct filter_set *set, double need);        /* the fewest that weigh so much, never none */
void filter_keep_min_p(struct filter_set *set, float min_p);
/* max: of their logits; scale: 1 / temperature */
void filter_keep_typical(struct filter_set *set, double p, float max, float scale);
/* Drops all candidates of at least `threshold`, but for the least probable of them. */
void filter_drop_top(struct filter_set *set, double threshold);

/* The candidate at fraction u (0 <= u < 1) of the total: an index. */
int filter_pick(const struct filter_set *set, double u);

#endif
