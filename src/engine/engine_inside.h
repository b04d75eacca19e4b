/* The engine's own structure, for engine.c, step.c, output.c and adapters.c only. */
#ifndef PARALLM_ENGINE_ENGINE_INSIDE_H
#define PARALLM_ENGINE_ENGINE_INSIDE_H

#include "base/mem.h"
#include "base/pool.h"
#include "engine/engine.h"
#include "engine/sampler.h"
#include "engine/sched.h"
#include "engine/tuner.h"

enum { ENGINE_ADAPTERS = 256, ENGINE_BUCKETS = 4096 };

/* One row of logits and what is asked of it. A prompt's last row may have one for each sample. */
struct job {
    struct seq *seq;
    int out;          /* which row of logits */
    int32_t target;   /* the prompt's token to score, or -1: draw */
    pllm_top *top;    /* [n_top], in the step's memory */
    size_t n_top;
    struct sampler_result result;
};

struct adapter_slot {
    char *name;              /* NULL: removed, or never used */
    struct adapter *adapter; /* NULL: the slot is free */
    uint64_t number;         /* of this loading */
    int n_users;             /* requests */
};

/* A step that lacks memory stops where it is and goes on when it is repeated. */
enum engine_phase {
    PHASE_IDLE,     /* between steps */
    PHASE_MADE,     /* the rows of the step are chosen */
    PHASE_COMPUTED, /* results are there; those before n_applied have become events */
};

struct engine {
    struct engine_model model;
    void *decoder;
    struct pool *pool;
    struct engine_sizes sizes;
    struct engine_text text;
    bool caching;

    struct request *requests[ENGINE_BUCKETS]; /* by id */
    uint64_t last_id, last_adapter;
    int n_live; /* requests with a sample that is not done */
    struct adapter_slot adapters[ENGINE_ADAPTERS];
    const struct adapter *adapter_list[ENGINE_ADAPTERS]; /* as the decoder sees them */

    struct sched sched;
    struct sampler_scratch *scratch; /* [threads] */
    struct tuner tuner;

    enum engine_phase phase;
    VEC(struct job) jobs;
    size_t n_applied;
    const float *logits;
    size_t logits_stride;
    double started; /* when the step began */
    VEC(pllm_event) events;
    struct arena arena; /* texts and tops of the events */
    bool doomed;        /* requests were cancelled while a step was unfinished */

    pllm_stats stats;
};

/* Takes a request out: its sequences give up their blocks, its memory is freed. */
void engine_forget(struct engine *e, struct request *r);
/* A sample is complete: its blocks go back, and its request goes with the last one unless it is kept. */
void engine_finish(struct engine *e, struct seq *s);

/* Turns one result into events and state. False: no memory, and nothing has changed. */
bool output_apply(struct engine *e, struct job *j);
/* The prompt of a sequence from which nothing is to be drawn is computed: it ends. False: no memory. */
bool output_prompt_done(struct engine *e, struct seq *s);
/* Puts a forked sequence's text where its given output ends; the text of the last n_new tokens is not looked at. */
pllm_status output_replay(struct engine *e, struct seq *s, size_t n_new, pllm_error *err);

/* The slot of an adapter by name; PLLM_E_ARGUMENT if there is none. NULL name: -1. */
pllm_status adapters_find(const struct engine *e, const char *name, int *slot, pllm_error *err);
void adapters_put(struct engine *e, int slot);
void adapters_close(struct engine *e);

#endif
