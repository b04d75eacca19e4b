/* From logits to the next token: a pure function of (logits, tokens so far, parameters, seed, sample, position).
 *
 * Order: allowed and bad tokens, min_tokens, logit bias, repetition penalty, DRY, frequency and presence penalty,
 * temperature, top-k, top-p, min-p, typical-p, XTC. Each of the last five sees the distribution that the ones before
 * it left, renormalized; ties go to the lower id. The vocabulary is never sorted: it is read by blocks (row.h), most
 * draws need no more (draw.h), and the others narrow it down to few candidates by a bound (filter.h). */
#ifndef PARALLM_ENGINE_SAMPLER_H
#define PARALLM_ENGINE_SAMPLER_H

#include "engine/filter.h"
#include "engine/history.h"
#include "engine/row.h"
#include "parallm.h"

struct sampler_input {
    const pllm_sampling *params;
    const float *logits; /* [vocab] */
    int vocab;
    const int32_t *tokens; /* prompt and output so far */
    size_t n_tokens, n_prompt;
    const struct history *history; /* of these tokens; NULL: there are no penalties */
    /* Tokens that would end the output, while it has fewer than min_tokens. */
    const int32_t *held[2];
    size_t n_held[2];
    uint64_t seed;
    uint32_t sample; /* position is n_tokens - n_prompt */
};

struct logits_scratch { /* for DRY */
    int32_t *matches;   /* [n_matches] */
    size_t n_matches;
    int32_t *longest;   /* [vocab], zeros between uses */
};

struct sampler_scratch {
    struct row row;        /* being read: as it came, then processed */
    struct filter_set set; /* candidates */
    float *logits;         /* [vocab], processed */
    struct logits_scratch process;
};

/* Scratch of one thread; `k` outlives it; max_tokens: longest history. */
bool sampler_scratch_init(struct sampler_scratch *s, const struct kernels *k, int vocab, size_t max_tokens);
void sampler_scratch_fini(struct sampler_scratch *s);
size_t sampler_scratch_bytes(int vocab, size_t max_tokens);

enum {
    SAMPLER_NOT_FINITE = -1, /* the logits have no finite maximum, or NaN */
    SAMPLER_NONE_LEFT = -2,  /* they have, but after masks, bias and penalties none is left */
};

struct sampler_result {
    int32_t token;   /* or one of these two */
    float logprob;   /* of the distribution asked for */
    bool is_greedy;  /* it is the most probable one of that distribution */
};

/* Draws. `processed`: log-probabilities are of the distribution drawn from, else of the logits as they came.
 * top[0 .. n_top-1]: the most probable tokens of that distribution, best first; fewer if it has fewer, *n_top says. */
struct sampler_result sampler_draw(const struct sampler_input *in, struct sampler_scratch *s, bool processed,
                                   pllm_top *top, size_t *n_top);

/* Log-probability of a given token. */
struct sampler_result sampler_score(const float *logits, int vocab, int32_t token, struct sampler_scratch *s,
                                    pllm_top *top, size_t *n_top);

/* All of the distribution that a token would be drawn from: for tests. False: there is none. */
bool sampler_probs(const struct sampler_input *in, struct sampler_scratch *s, float *probs);

#endif
