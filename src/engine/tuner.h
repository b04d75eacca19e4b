/* `max_num_seqs auto`: how many sequences to run at once, found while running.
 *
 * Begins with what hardly any machine is too small for and doubles as long as decoding more of them at once yields more tokens
 * per second: the median of some steps, as one that the system held up says nothing of the rest. Only steps that have
 * (nearly) all their places taken are counted. What their rows of prompts took is left out: so much for each as in steps
 * that do little else. */
#ifndef PARALLM_ENGINE_TUNER_H
#define PARALLM_ENGINE_TUNER_H

#include <stdbool.h>

enum { TUNER_STEPS = 32 };

struct tuner {
    int limit, max;
    bool settled;
    double best_rate; /* of the last level that was better than the ones before */
    int best_limit;
    int n_steps;      /* counted at this level; below 0: still to be skipped */
    double rate[TUNER_STEPS], seconds; /* of those steps, tokens per second; all of them */
    double read_rows, read_seconds; /* of steps that mostly read prompts */
};

void tuner_init(struct tuner *t, int max);

/* A step is over: n_decode of its n_rows rows continued an output, `running` sequences were there. Returns how many
 * sequences may run from now on. */
int tuner_step(struct tuner *t, int n_rows, int n_decode, int running, double seconds);

#endif
