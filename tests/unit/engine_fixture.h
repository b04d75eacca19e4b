/* Running requests through an engine on the fake model, and what they must give. */
#ifndef PARALLM_TESTS_UNIT_ENGINE_FIXTURE_H
#define PARALLM_TESTS_UNIT_ENGINE_FIXTURE_H

#include "base/mem.h"
#include "base/rng.h"
#include "engine/engine.h"
#include "engine/sampler.h"
#include "fake_model.h"
#include "test.h"

enum { MAX_OUT = 96 };

/* One sample's result. */
struct answer {
    int n;
    int32_t tokens[MAX_OUT];
    float logprobs[MAX_OUT];
    int n_prompt_scores;
    float prompt_scores[512];
    pllm_finish finish;
    pllm_event end;
    bool done;
};

static inline struct engine *open_engine(struct fake_model *m, pllm_engine_options o)
{
    struct engine_model em = fake_engine_model(m);
    struct engine_text text = {0};
    struct engine *e = NULL;
    pllm_error err;
    if (engine_open(&e, &em, &text, &o, &err) != PLLM_OK)
        fail_msg("engine_open: %s", err.message);
    return e;
}

/* Fills the answer of (id, sample) from an event; `find` gives the place. */
static inline void take_event(struct answer *a, const pllm_event *v)
{
    if (v->kind == PLLM_EVENT_PROMPT) {
        assert_true(a->n_prompt_scores < 512);
        a->prompt_scores[a->n_prompt_scores++] = v->logprob;
    } else if (v->kind == PLLM_EVENT_TOKEN) {
        if (a->n == 0)
            a->n = v->position; /* a fork begins later */
        assert_int_equal(v->position, a->n);
        assert_false(a->done);
        assert_true(a->n < MAX_OUT);
        a->tokens[a->n] = v->token;
        a->logprobs[a->n++] = v->logprob;
    } else {
        assert_false(a->done);
        a->done = true;
        a->finish = v->finish;
        a->end = *v;
    }
}

/* Continues a->tokens[0 .. a->n-1], output after the request's tokens, as it must go on by definition: full logits of the
 * whole sequence at each step, and the sampler. */
static inline void expect_more(const struct fake_model *m, const pllm_request *p, int32_t sample, struct answer *a)
{
    struct sampler_scratch scratch;
    struct history history;
    size_t n_prompt = p->n_tokens;
    int32_t *tokens = mem_alloc(n_prompt + MAX_OUT, sizeof *tokens);
    float *logits = mem_alloc((size_t)m->vocab, sizeof *logits);
    assert_true(sampler_scratch_init(&scratch, fake_kernels(), m->vocab, 4096));
    memcpy(tokens, p->tokens, n_prompt * sizeof *tokens);
    memcpy(tokens + n_prompt, a->tokens, (size_t)a->n * sizeof *tokens);
    history_init(&history, p->sampling.repetition_context_size);
    for (size_t n = n_prompt + (size_t)a->n; a->n < p->max_tokens; n++) {
        fake_logits(m, tokens, (int)n, -1, logits);
        assert_true(history_update(&history, tokens, n, n_prompt));
        struct sampler_input in = {.params = &p->sampling, .logits = logits, .vocab = m->vocab, .tokens = tokens,
                                   .n_tokens = n, .n_prompt = n_prompt, .history = &history,
                                   .seed = p->sampling.seed, .sample = (uint32_t)sample};
        size_t none = 0;
        struct sampler_result r = sampler_draw(&in, &scratch, p->processed_logprobs, NULL, &none);
        tokens[n] = a->tokens[a->n] = r.token;
        a->logprobs[a->n++] = r.logprob;
    }
    history_fini(&history);
    sampler_scratch_fini(&scratch);
    mem_free(logits);
    mem_free(tokens);
}

static inline void expect_answer(const struct fake_model *m, const pllm_request *p, int32_t sample, struct answer *a)
{
    *a = (struct answer){0};
    expect_more(m, p, sample, a);
}

static inline void assert_same(const struct answer *a, const struct answer *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->tokens, b->tokens, (size_t)a->n * sizeof *a->tokens);
    assert_memory_equal(a->logprobs, b->logprobs, (size_t)a->n * sizeof *a->logprobs);
}

#endif
