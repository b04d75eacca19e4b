#include "requests.h"

#include "base/rng.h"

static uint32_t random_of(uint32_t i, uint32_t what)
{
    uint32_t w[4];
    rng_words(w, 5, i, what, 0);
    return w[0];
}

/* Prompts that share beginnings of many lengths, within blocks and at their borders; a few are many blocks long. */
static void make_prompt(struct variant *v, uint32_t i, int32_t vocab)
{
    uint32_t n = 1 + random_of(i, 1) % 100;
    if (i % 4 == 1)
        n = 64 + i % 3;
    if (i % 29 == 0)
        n = MAX_PROMPT - i % 3;
    for (uint32_t j = 0; j < n; j++) {
        uint32_t family = j < 32 ? i % 3 : j < 61 ? i % 7 : i % 50;
        v->tokens[j] = (int32_t)(random_of(family, 1000 + j) % (uint32_t)vocab);
    }
    v->request.tokens = v->tokens;
    v->request.n_tokens = n;
}

static void make_sampling(struct variant *v, uint32_t i, int32_t vocab)
{
    pllm_sampling *s = &v->request.sampling;
    s->seed = i / 2; /* the same seed for different prompts and for equal ones */
    s->has_seed = true;
    if (i % 2)
        s->temperature = 0.5f + 0.1f * (float)(i % 10);
    s->top_p = i % 4 == 1 ? 0.9f : 1;
    s->min_p = i % 8 == 3 ? 0.05f : 0;
    s->top_k = i % 6 == 1 ? 20 : 0;
    s->typical_p = i % 16 == 7 ? 0.8f : 1;
    if (i % 16 == 9)
        s->xtc_probability = 0.5f, s->xtc_threshold = 0.01f;
    if (i % 3 == 0)
        s->repetition_penalty = 1.3f, s->repetition_context_size = i % 2 ? 0 : 20;
    s->frequency_penalty = i % 5 == 0 ? 0.4f : 0;
    s->presence_penalty = i % 5 == 1 ? 0.6f : 0;
    if (i % 11 == 2)
        s->dry_multiplier = 0.8f;
    if (i % 7 == 3) {
        v->bias[0] = (pllm_bias){(int32_t)(random_of(i, 5) % (uint32_t)vocab), 3};
        v->bias[1] = (pllm_bias){v->tokens[0], -5};
        s->logit_bias = v->bias;
        s->n_logit_bias = v->bias[0].token == v->bias[1].token ? 1 : 2;
    }
    if (i % 17 == 6) { /* few tokens may be drawn */
        for (int j = 0; j < N_ALLOWED; j++)
            v->allowed[j] = j % vocab;
        s->allowed_tokens = v->allowed;
        s->n_allowed_tokens = N_ALLOWED;
    }
    if (i % 13 == 4) {
        for (int j = 0; j < 4; j++)
            v->lists[j] = (int32_t)(random_of(i, 10 + (uint32_t)j) % (uint32_t)vocab);
        v->lengths[0] = v->lengths[1] = 2;
        s->bad_words = v->lists;
        s->bad_word_lengths = v->lengths;
        s->n_bad_words = 2;
    }
}

static void make_ends(struct variant *v, uint32_t i, int32_t vocab, bool has_text)
{
    static const char *const stops[] = {"e", " t", "in"};
    pllm_request *p = &v->request;
    p->max_tokens = i % 17 == 16 ? 0 : 1 + (int32_t)(random_of(i, 2) % MAX_NEW);
    if (i % 4 == 2)
        p->max_tokens = MAX_NEW;
    p->min_tokens = i % 9 == 0 && p->max_tokens > 2 ? 2 : 0;
    p->ignore_eos = i % 2;
    p->logprobs = (int32_t)(i % 4) - 1;
    p->processed_logprobs = i % 10 == 3;
    p->include_stop = i % 2;
    p->show_special = i % 3 == 0;
    if (i % 6 == 5 && has_text) {
        p->stop = stops;
        p->n_stop = 3;
    }
    if (i % 10 == 8) {
        v->lists[6] = (int32_t)(random_of(i, 20) % (uint32_t)vocab);
        p->stop_tokens = &v->lists[6];
        p->n_stop_tokens = 1;
    }
    if (i % 12 == 7 || p->max_tokens == 0)
        p->prompt_logprobs = (int32_t)(i % 3);
    p->prompt_logprobs_from = i % 24 == 7 ? (int32_t)p->n_tokens / 2 : 0;
}

void make_requests(struct variant *variants, int32_t vocab, bool has_text)
{
    for (uint32_t i = 0; i < N_REQUESTS; i++) {
        struct variant *v = &variants[i];
        *v = (struct variant){.request = pllm_request_default()};
        make_prompt(v, i, vocab);
        make_sampling(v, i, vocab);
        make_ends(v, i, vocab, has_text);
        v->request.n = i % 13 == 1 ? MAX_SAMPLES : i % 19 == 2 ? 2 : 1;
        v->request.cache_salt = i % 23 == 5 ? "tenant" : NULL;
        v->request.adapter = i % 6 == 4 ? "first" : i % 9 == 2 ? "second" : NULL;
        v->request.priority = i % 31 == 30 ? -1 : 0;
    }
}
