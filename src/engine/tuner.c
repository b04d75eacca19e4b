#include "engine/tuner.h"

#include <stdlib.h>

/* The first limit: no model at hand is slower with so many than with fewer, and a short job, or one that mostly reads
 * prompts, says too little to come so far from below. */
enum { FIRST_LIMIT = 64, SKIPPED_STEPS = 1, MIN_STEPS = 4 };
static const double enough_seconds = 0.5;
static const double worth = 1.03; /* gain of doubling that is worth the memory; noise is about 2 % */

void tuner_init(struct tuner *t, int max)
{
    *t = (struct tuner){.limit = max < FIRST_LIMIT ? max : FIRST_LIMIT, .max = max};
    t->settled = t->limit == max;
}

static int compare_rates(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_rate(struct tuner *t)
{
    qsort(t->rate, (size_t)t->n_steps, sizeof *t->rate, compare_rates);
    return (t->rate[(t->n_steps - 1) / 2] + t->rate[t->n_steps / 2]) / 2;
}

static void next_level(struct tuner *t)
{
    double rate = median_rate(t);
    if (t->best_limit > 0 && rate < t->best_rate * worth) {
        t->settled = true;
        t->limit = rate > t->best_rate ? t->limit : t->best_limit;
        return;
    }
    t->best_rate = rate;
    t->best_limit = t->limit;
    t->settled = t->limit >= t->max - t->max / 4; /* the few places more are not worth a search */
    t->limit = t->limit < t->max / 2 ? t->limit * 2 : t->max;
    t->n_steps = -SKIPPED_STEPS;
    t->seconds = 0;
}

/* Seconds of a step without its rows of prompts; 0: nothing is known of what they take, or they are nearly all of it. */
static double decode_seconds(struct tuner *t, int n_rows, int n_decode, double seconds)
{
    int read = n_rows - n_decode;
    if (read <= n_decode / 8)
        return seconds;
    if (read >= 4 * n_decode) {
        t->read_rows += n_rows;
        t->read_seconds += seconds;
        return 0;
    }
    double rest = t->read_rows > 0 ? seconds - read * t->read_seconds / t->read_rows : 0;
    return rest > seconds / 8 ? rest : 0;
}

int tuner_step(struct tuner *t, int n_rows, int n_decode, int running, double seconds)
{
    if (t->settled || seconds <= 0)
        return t->limit;
    seconds = decode_seconds(t, n_rows, n_decode, seconds);
    if (running < t->limit - t->limit / 4 || seconds == 0) /* nothing to learn: too little work, or too much reading */
        return t->limit;
    if (++t->n_steps <= 0)
        return t->limit;
    t->rate[t->n_steps - 1] = n_decode / seconds;
    t->seconds += seconds;
    if (t->n_steps == TUNER_STEPS || (t->n_steps >= MIN_STEPS && t->seconds >= enough_seconds))
        next_level(t);
    return t->limit;
}
