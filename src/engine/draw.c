#include "engine/draw.h"

#include "base/rng.h"

#include <math.h>

/* Numbers of the draws of one position. Rounds of draw_from_row take DRAW_ROUND + round; a draw from the list takes
 * another, so that it does not depend on what they rejected. */
enum { DRAW_TOKEN, DRAW_XTC, DRAW_ROUND, MOST_ROUNDS = 16 };

static double uniform(const struct sampler_input *in, uint32_t draw)
{
    return rng_uniform(in->seed, in->sample, (uint32_t)(in->n_tokens - in->n_prompt), draw);
}

float draw_scale(const pllm_sampling *p)
{
    return p->temperature > 1e-30f ? 1 / p->temperature : 1e30f;
}

static bool has_top_k(const struct sampler_input *in)
{
    return in->params->top_k > 0 && in->params->top_k < in->vocab;
}

/* A logit below which every weight is less than w, by a little more than rounding. */
static float logit_of_weight(const struct row *r, double w, float scale)
{
    return r->max + (float)((log(w) - 1e-3) / (double)scale);
}

/* ---- The list of candidates --------------------------------------------------------------------------- */

static void collect(struct sampler_scratch *s, float bound)
{
    s->set.n = row_collect(&s->row, s->set.id, s->set.logit, bound);
}

static void weigh(struct sampler_scratch *s, float scale)
{
    s->row.k->exp_scaled(s->set.weight, s->set.logit, s->set.n, s->row.max, scale);
}

/* A weight that counts: less is rounding, and log(0) has no place in an entropy. */
static const double least_weight = 1e-37;

/* The best k by logit. */
static void fill_top_k(struct sampler_scratch *s, int k, float scale)
{
    float least = logit_of_weight(&s->row, least_weight, scale), bound = row_bound(&s->row, s->set.weight, k);
    collect(s, bound > least ? bound : least);
    filter_keep_top_k(&s->set, k);
    weigh(s, scale);
}

/* All that have a weight; for top-p without those that together weigh less than 1 - p. */
static void fill_all(struct sampler_scratch *s, double top_p, double total, float scale)
{
    double rest = (1 - top_p) * total / s->row.n * 0.999;
    collect(s, logit_of_weight(&s->row, rest > least_weight ? rest : least_weight, scale));
    weigh(s, scale);
}

void draw_set(const struct sampler_input *in, struct sampler_scratch *s)
{
    const pllm_sampling *p = in->params;
    float scale = draw_scale(p);
    double total = 0;
    if (has_top_k(in)) {
        fill_top_k(s, p->top_k, scale);
        total = filter_total(&s->set);
    } else {
        total = row_weigh(&s->row, scale, -INFINITY);
        fill_all(s, (double)p->top_p, total, scale);
    }
    if (p->top_p < 1)
        filter_keep_top_p(&s->set, (double)p->top_p * total);
    if (p->min_p > 0)
        filter_keep_min_p(&s->set, p->min_p);
    if (p->typical_p < 1)
        filter_keep_typical(&s->set, (double)p->typical_p, s->row.max, scale);
    if (p->xtc_probability > 0 && uniform(in, DRAW_XTC) < (double)p->xtc_probability)
        filter_drop_top(&s->set, (double)p->xtc_threshold);
}

int draw_from_set(const struct sampler_input *in, const struct sampler_scratch *s)
{
    return filter_pick(&s->set, uniform(in, DRAW_TOKEN));
}

/* ---- Without a list ------------------------------------------------------------------------------------- */

/* Whether token i belongs to the fewest most probable ones that weigh `need`: whether what comes before it weighs less.
 * If not, *bound rises: no token below it belongs to them either. */
static bool in_nucleus(struct row *r, int i, float weight, double need, float *bound)
{
    float above = nextafterf(r->x[i], INFINITY);
    double before = row_weigh(r, r->scale, above);
    if (before >= need && before > 0) {
        *bound = above;
        return false;
    }
    int equals = row_equals_before(r, i);
    if (before + (double)weight * equals < need || (before <= 0 && equals == 0))
        return true;
    *bound = r->x[i]; /* of its equals, some belong to them */
    return false;
}

/* Draws from all that lie above a bound which is too low, until it is a token that may be drawn: each that may has the
 * same chance in proportion to its weight. What is not in the nucleus raises the bound, so rounds are few. */
int32_t draw_from_row(const struct sampler_input *in, struct sampler_scratch *s)
{
    const pllm_sampling *p = in->params;
    struct row *r = &s->row;
    if (has_top_k(in) || p->typical_p < 1 || p->xtc_probability > 0)
        return -1;
    float scale = draw_scale(p), bound = p->min_p > 0 ? logit_of_weight(r, (double)p->min_p, scale) : -INFINITY;
    double need = p->top_p < 1 ? (double)p->top_p * row_weigh(r, scale, -INFINITY) : 0;
    for (uint32_t round = 0; round < MOST_ROUNDS; round++) {
        float weight;
        row_weigh(r, scale, bound);
        int i = row_pick(r, uniform(in, DRAW_ROUND + round), &weight);
        if (weight >= p->min_p && (p->top_p >= 1 || in_nucleus(r, i, weight, need, &bound)))
            return i;
    }
    return -1;
}
