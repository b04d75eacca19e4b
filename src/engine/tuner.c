#include "engine/tuner.h"

enum { FIRST_LIMIT = 16, SKIPPED_STEPS = 1, MIN_STEPS = 4, ENOUGH_STEPS = 24 };
static const double enough_seconds = 0.25;
static const double worth = 1.03; /* gain of doubling that is worth the memory; noise is about 2 % */

void tuner_init(struct tuner *t, int max)
{
    *t = (struct tuner){.limit = max < FIRST_LIMIT ? max : FIRST_LIMIT, .max = max};
    t->settled = t->limit == max;
}

static void next_level(struct tuner *t)
{
    double rate = t->tokens / t->seconds;
    if (t->best_limit > 0 && rate < t->best_rate * worth) {
        t->settled = true;
        t->limit = rate > t->best_rate ? t->limit : t->best_limit;
        return;
    }
    t->best_rate = rate;
    t->best_limit = t->limit;
    t->settled = t->limit == t->max;
    t->limit = t->limit < t->max / 2 ? t->limit * 2 : t->max;
    t->n_steps = -SKIPPED_STEPS;
    t->tokens = t->seconds = 0;
}

int tuner_step(struct tuner *t, int n_rows, int n_decode, int running, bool waiting, double seconds)
{
    if (t->settled || seconds <= 0)
        return t->limit;
    if (running < t->limit && !waiting) /* nothing to learn: there is no more work */
        return t->limit;
    if (running < t->limit || n_rows > n_decode + n_decode / 8)
        return t->limit;
    if (++t->n_steps <= 0)
        return t->limit;
    t->tokens += n_decode;
    t->seconds += seconds;
    if (t->n_steps >= ENOUGH_STEPS || (t->n_steps >= MIN_STEPS && t->seconds >= enough_seconds))
        next_level(t);
    return t->limit;
}
