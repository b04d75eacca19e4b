#include "engine/request.h"

#include "base/mem.h"
#include "base/rng.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_SAMPLES = 1 << 16, MAX_LIST = 1 << 24 };

/* A field that is a number, and the values it may have. */
struct range {
    const char *name;
    double value, lo, hi;
};

/* Whole numbers have all their digits: what was typed is found again. */
static const char *spell(char *out, size_t size, double x)
{
    snprintf(out, size, fabs(x) < 1e15 && x == floor(x) ? "%.0f" : "%g", x);
    return out;
}

static pllm_status check_ranges(const struct range *r, size_t n, pllm_error *err)
{
    char is[32], lo[32], hi[32];
    for (size_t i = 0; i < n; i++)
        if (!(r[i].value >= r[i].lo && r[i].value <= r[i].hi)) /* catches NaN */
            return error_set(err, PLLM_E_ARGUMENT, "%s: is %s, wanted %s to %s", r[i].name,
                             spell(is, sizeof is, r[i].value), spell(lo, sizeof lo, r[i].lo),
                             spell(hi, sizeof hi, r[i].hi));
    return PLLM_OK;
}

static pllm_status check_numbers(const pllm_request *p, int vocab, pllm_error *err)
{
    const pllm_sampling *s = &p->sampling;
    const double tiny = 1e-6, huge = 1e30;
    const struct range ranges[] = {
        {"temperature", s->temperature, 0, huge},
        {"top_k", s->top_k, -1, INT_MAX},
        {"top_p", s->top_p, 0, 1},
        {"min_p", s->min_p, 0, 1},
        {"typical_p", s->typical_p, 0, 1},
        {"repetition_penalty", s->repetition_penalty, tiny, huge},
        {"repetition_context_size", s->repetition_context_size, 0, INT_MAX},
        {"presence_penalty", s->presence_penalty, -huge, huge},
        {"frequency_penalty", s->frequency_penalty, -huge, huge},
        {"xtc_probability", s->xtc_probability, 0, 1},
        {"xtc_threshold", s->xtc_threshold, 0, 1},
        {"dry_multiplier", s->dry_multiplier, 0, huge},
        {"dry_base", s->dry_base, tiny, huge},
        {"dry_allowed_length", s->dry_allowed_length, 1, INT_MAX},
        {"dry_range", s->dry_range, 0, INT_MAX},
        {"n", p->n, 1, MAX_SAMPLES},
        {"first_sample", p->first_sample, 0, INT_MAX - MAX_SAMPLES},
        {"max_tokens", p->max_tokens, 0, INT_MAX},
        {"min_tokens", p->min_tokens, 0, INT_MAX},
        {"logprobs", p->logprobs, -1, vocab},
        {"prompt_logprobs", p->prompt_logprobs, -1, vocab},
        {"prompt_logprobs_from", p->prompt_logprobs_from, 0, INT_MAX},
    };
    return check_ranges(ranges, sizeof ranges / sizeof *ranges, err);
}

static pllm_status check_tops(const pllm_request *p, pllm_error *err)
{
    if ((int64_t)p->logprobs * p->n <= REQUEST_MAX_TOPS)
        return PLLM_OK;
    return error_set(err, PLLM_E_ARGUMENT, "logprobs: is %d, wanted at most %d of each of %d samples", (int)p->logprobs,
                     REQUEST_MAX_TOPS / (int)p->n, (int)p->n);
}

static pllm_status check_count(const char *name, size_t n, pllm_error *err)
{
    if (n > MAX_LIST)
        return error_set(err, PLLM_E_ARGUMENT, "%s: has %zu entries, wanted at most %d", name, n, MAX_LIST);
    return PLLM_OK;
}

static pllm_status check_tokens(const char *name, const int32_t *tokens, size_t n, int vocab, pllm_error *err)
{
    pllm_status status = check_count(name, n, err);
    for (size_t i = 0; !status && i < n; i++)
        if (tokens[i] < 0 || tokens[i] >= vocab)
            return error_set(err, PLLM_E_ARGUMENT, "%s[%zu]: is token %d, the vocabulary has 0 to %d", name, i,
                             (int)tokens[i], vocab - 1);
    return status;
}

static pllm_status check_bias(const pllm_sampling *s, int vocab, pllm_error *err)
{
    pllm_status status = check_count("logit_bias", s->n_logit_bias, err);
    for (size_t i = 0; !status && i < s->n_logit_bias; i++) {
        const pllm_bias *b = &s->logit_bias[i];
        if (b->token < 0 || b->token >= vocab)
            return error_set(err, PLLM_E_ARGUMENT, "logit_bias: token is %d, the vocabulary has 0 to %d",
                             (int)b->token, vocab - 1);
        if (isnan(b->bias) || b->bias == INFINITY)
            return error_set(err, PLLM_E_ARGUMENT, "logit_bias: of token %d is %g, wanted a finite number or -inf",
                             (int)b->token, (double)b->bias);
    }
    return status;
}

/* *total: tokens in all bad words together. */
static pllm_status check_bad_words(const pllm_sampling *s, int vocab, size_t *total, pllm_error *err)
{
    pllm_status status = check_count("bad_words", s->n_bad_words, err);
    size_t n = 0;
    for (size_t i = 0; !status && i < s->n_bad_words; n += s->bad_word_lengths[i++])
        if (s->bad_word_lengths[i] < 1 || s->bad_word_lengths[i] > MAX_LIST - n)
            return error_set(err, PLLM_E_ARGUMENT, "bad_words[%zu]: has %zu tokens, wanted 1 to %zu", i,
                             s->bad_word_lengths[i], MAX_LIST - n);
    *total = n;
    return status ? status : check_tokens("bad_words", s->bad_words, n, vocab, err);
}

static pllm_status check(const pllm_request *p, size_t n_given, size_t n_prompt, int vocab, size_t *n_bad,
                         pllm_error *err)
{
    const pllm_sampling *s = &p->sampling;
    pllm_status status = check_numbers(p, vocab, err);
    if (!status)
        status = check_tops(p, err);
    if (!status && (n_given + p->n_tokens == 0 || n_prompt == 0))
        status = error_set(err, PLLM_E_ARGUMENT, "tokens: the prompt is empty, wanted at least one token");
    if (!status)
        status = check_tokens("tokens", p->tokens, p->n_tokens, vocab, err);
    if (!status)
        status = check_count("stop", p->n_stop, err);
    if (!status)
        status = check_tokens("stop_token_ids", p->stop_tokens, p->n_stop_tokens, vocab, err);
    if (!status)
        status = check_tokens("allowed_token_ids", s->allowed_tokens, s->n_allowed_tokens, vocab, err);
    if (!status)
        status = check_bad_words(s, vocab, n_bad, err);
    if (!status)
        status = check_tokens("dry_breakers", s->dry_breakers, s->n_dry_breakers, vocab, err);
    if (!status)
        status = check_bias(s, vocab, err);
    return status;
}

/* A copy in new memory; NULL: no memory. */
static void *copy_of(const void *from, size_t n, size_t size)
{
    void *to = mem_alloc(n, size);
    if (to && n)
        memcpy(to, from, n * size);
    return to;
}

/* Replaces every pointer of r->p by a copy of its own. On failure the rest are NULL. */
static bool copy_lists(struct request *r, const pllm_request *p, size_t n_bad)
{
    const pllm_sampling *s = &p->sampling;
    pllm_sampling *own = &r->p.sampling;
    r->p.tokens = NULL; /* sequences have their own */
    own->dry_breakers = copy_of(s->dry_breakers, s->n_dry_breakers, sizeof *s->dry_breakers);
    own->logit_bias = copy_of(s->logit_bias, s->n_logit_bias, sizeof *s->logit_bias);
    own->allowed_tokens = copy_of(s->allowed_tokens, s->n_allowed_tokens, sizeof *s->allowed_tokens);
    own->bad_words = copy_of(s->bad_words, n_bad, sizeof *s->bad_words);
    own->bad_word_lengths = copy_of(s->bad_word_lengths, s->n_bad_words, sizeof *s->bad_word_lengths);
    r->p.stop_tokens = copy_of(p->stop_tokens, p->n_stop_tokens, sizeof *p->stop_tokens);
    r->p.adapter = p->adapter ? mem_strdup(p->adapter) : NULL;
    r->p.cache_salt = p->cache_salt ? mem_strdup(p->cache_salt) : NULL;
    const char **stop = mem_zalloc(p->n_stop, sizeof *stop);
    r->p.stop = stop;
    bool ok = stop && own->dry_breakers && own->logit_bias && own->allowed_tokens && own->bad_words &&
              own->bad_word_lengths && r->p.stop_tokens && !p->adapter == !r->p.adapter &&
              !p->cache_salt == !r->p.cache_salt;
    for (size_t i = 0; ok && i < p->n_stop; i++)
        ok = (stop[i] = mem_strdup(p->stop[i])) != NULL;
    return ok;
}

static void free_lists(struct request *r)
{
    pllm_sampling *s = &r->p.sampling;
    for (size_t i = 0; r->p.stop && i < r->p.n_stop; i++)
        mem_free((void *)r->p.stop[i]);
    mem_free((void *)r->p.stop);
    mem_free((void *)r->p.cache_salt);
    mem_free((void *)r->p.adapter);
    mem_free((void *)r->p.stop_tokens);
    mem_free((void *)s->bad_word_lengths);
    mem_free((void *)s->bad_words);
    mem_free((void *)s->allowed_tokens);
    mem_free((void *)s->logit_bias);
    mem_free((void *)s->dry_breakers);
}

static bool needs_history(const pllm_sampling *s)
{
    return s->repetition_penalty != 1 || s->presence_penalty != 0 || s->frequency_penalty != 0;
}

static bool seq_init(struct seq *s, struct request *r, int index, const int32_t *given, size_t n_given,
                     size_t n_prompt, const pllm_request *p)
{
    size_t n = n_given + p->n_tokens;
    s->request = r;
    s->sample = p->first_sample + index;
    s->state = index == 0 ? SEQ_WAITING : SEQ_LATER;
    s->n_prompt = (int)n_prompt;
    s->n_given = (int)(n - n_prompt);
    s->copy_from = s->copy_window = -1;
    s->cached_tokens = -1;
    s->n_scored = s->n_prompt;
    if (index == 0 && p->prompt_logprobs >= 0 && p->prompt_logprobs_from < s->n_prompt)
        s->n_scored = p->prompt_logprobs_from > 1 ? p->prompt_logprobs_from : 1;
    history_init(&s->history, p->sampling.repetition_context_size);
    detok_init(&s->detok, !p->show_special);
    s->matched = mem_zalloc(p->n_stop, sizeof *s->matched);
    if (!s->matched || !vec_reserve(&s->tokens, n) || !vec_reserve(&s->logprobs, n - n_prompt))
        return false;
    for (size_t i = 0; i < n; i++)
        s->tokens.at[s->tokens.n++] = i < n_given ? given[i] : p->tokens[i - n_given];
    for (size_t i = n_prompt; i < n; i++)
        s->logprobs.at[s->logprobs.n++] = 0;
    return true;
}

pllm_status request_open(struct request **out, const pllm_request *p, const int32_t *given, size_t n_given,
                         size_t n_prompt, int vocab, pllm_error *err)
{
    size_t n_bad = 0;
    pllm_status status = check(p, n_given, n_prompt, vocab, &n_bad, err);
    if (status)
        return status;
    struct request *r = mem_zalloc(1, sizeof *r);
    if (!r)
        return error_memory(err, "request");
    r->p = *p;
    r->adapter = -1;
    /* Greedy answers draw nothing: without a fresh seed to report, a run repeats to the same bytes. */
    bool is_greedy = p->sampling.temperature == 0;
    r->seed = p->sampling.has_seed ? p->sampling.seed : is_greedy ? 0 : rng_fresh_seed();
    r->needs_history = needs_history(&p->sampling);
    bool ok = copy_lists(r, p, n_bad);
    r->seqs = mem_zalloc((size_t)p->n, sizeof *r->seqs);
    for (int i = 0; ok && r->seqs && i < p->n; i++)
        ok = seq_init(&r->seqs[i], r, i, given, n_given, n_prompt, p);
    if (!ok || !r->seqs)
        status = error_memory(err, "request");
    else
        status = stops_init(&r->stops, r->p.stop, p->n_stop, err);
    if (status) {
        request_close(r);
        return status;
    }
    *out = r;
    return PLLM_OK;
}

static void seq_fini(struct seq *s)
{
    mem_free(s->matched);
    vec_fini(&s->text);
    history_fini(&s->history);
    for (int g = 0; g < KV_GROUPS; g++)
        mem_free(s->blocks[g]);
    vec_fini(&s->logprobs);
    vec_fini(&s->tokens);
}

void request_close(struct request *r)
{
    if (!r)
        return;
    stops_fini(&r->stops);
    for (int i = 0; r->seqs && i < r->p.n; i++)
        seq_fini(&r->seqs[i]);
    mem_free(r->seqs);
    free_lists(r);
    mem_free(r);
}

bool seq_before(const struct seq *a, const struct seq *b)
{
    const struct request *p = a->request, *q = b->request;
    if (p->p.priority != q->p.priority)
        return p->p.priority < q->p.priority;
    return p->id != q->id ? p->id < q->id : a->sample < b->sample;
}

bool seq_reserve(struct seq *s)
{
    if (!vec_reserve(&s->tokens, 1) || !vec_reserve(&s->logprobs, 1))
        return false;
    size_t need = s->tokens.n / KV_BLOCK + 2;
    if (need <= (size_t)s->block_cap)
        return true;
    size_t cap = need + need / 2;
    for (int g = 0; g < KV_GROUPS; g++) {
        int32_t *grown = mem_realloc(s->blocks[g], cap, sizeof *grown);
        if (!grown)
            return false;
        s->blocks[g] = grown;
    }
    s->block_cap = (int)cap;
    return true;
}
