#include "engine/sampler.h"

#include "base/mem.h"
#include "base/rng.h"
#include "engine/logits.h"

#include <math.h>
#include <string.h>

enum { DRAW_TOKEN, DRAW_XTC }; /* numbers of the draws of one position */

static int n_blocks(int vocab)
{
    return (vocab + FILTER_BLOCK - 1) / FILTER_BLOCK;
}

bool sampler_scratch_init(struct sampler_scratch *s, int vocab, size_t max_tokens)
{
    size_t n = (size_t)vocab;
    *s = (struct sampler_scratch){.vocab = vocab, .process.n_matches = max_tokens};
    s->logits = mem_alloc(n, sizeof *s->logits);
    s->block_max = mem_alloc((size_t)n_blocks(vocab), sizeof *s->block_max);
    s->process.matches = mem_alloc(max_tokens, sizeof *s->process.matches);
    s->process.longest = mem_zalloc(n, sizeof *s->process.longest);
    s->set.id = mem_alloc(n + 1, sizeof *s->set.id); /* filter_collect writes one ahead */
    s->set.logit = mem_alloc(n + 1, sizeof *s->set.logit);
    s->set.weight = mem_alloc(n + 1, sizeof *s->set.weight);
    s->set.key = mem_alloc(n + 1, sizeof *s->set.key);
    if (s->logits && s->block_max && s->process.matches && s->process.longest && s->set.id && s->set.logit &&
        s->set.weight && s->set.key)
        return true;
    sampler_scratch_fini(s);
    return false;
}

void sampler_scratch_fini(struct sampler_scratch *s)
{
    mem_free(s->set.key);
    mem_free(s->set.weight);
    mem_free(s->set.logit);
    mem_free(s->set.id);
    mem_free(s->process.longest);
    mem_free(s->process.matches);
    mem_free(s->block_max);
    mem_free(s->logits);
    *s = (struct sampler_scratch){0};
}

size_t sampler_scratch_bytes(int vocab, size_t max_tokens)
{
    return 6 * sizeof(float) * (size_t)vocab + sizeof(float) * (size_t)n_blocks(vocab) + sizeof(int32_t) * max_tokens;
}

/* ---- The most probable ------------------------------------------------------------------------------ */

static bool top_before(const pllm_top *a, const pllm_top *b)
{
    return a->logprob != b->logprob ? a->logprob > b->logprob : a->token < b->token;
}

/* Restores the heap below i, whose root is what comes last in the order. */
static void sift(pllm_top *heap, size_t n, size_t i)
{
    pllm_top moved = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && top_before(&heap[child], &heap[child + 1]))
            child++;
        if (!top_before(&moved, &heap[child]))
            break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

static void sort_top(pllm_top *top, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(top, n, i);
    for (size_t m = n; m-- > 1;) {
        pllm_top first = top[0];
        top[0] = top[m];
        top[m] = first;
        sift(top, m, 0);
    }
}

/* The n best of the candidates, by logit; their logits stand in `logprob` afterwards. The set's weights are lost. */
static size_t best_of(struct filter_set *set, pllm_top *top, size_t n)
{
    if (n > (size_t)set->n)
        n = (size_t)set->n;
    if (n == 0)
        return 0;
    float bound = filter_kth(set->weight, set->logit, set->n, (int)n);
    size_t m = 0;
    for (int i = 0; i < set->n; i++)
        if (set->logit[i] > bound)
            top[m++] = (pllm_top){set->id[i], set->logit[i]};
    for (int i = 0; i < set->n && m < n; i++) /* ids ascend: of equals the lowest */
        if (set->logit[i] == bound)
            top[m++] = (pllm_top){set->id[i], set->logit[i]};
    sort_top(top, n);
    return n;
}

/* ---- Raw log-probabilities ---------------------------------------------------------------------------- */

/* A row of logits as it came: log p(i) = (logits[i] - max) - log_sum. */
struct row {
    float max;
    double log_sum;
};

static float logprob_of(const struct row *row, float logit)
{
    return (float)((double)logit - (double)row->max - row->log_sum);
}

/* False: no finite maximum. Fills s->block_max. */
static bool read_row(const float *logits, int vocab, struct sampler_scratch *s, struct row *row)
{
    row->max = filter_block_max(s->block_max, logits, vocab);
    return isfinite(row->max);
}

static size_t raw_top(const float *logits, int vocab, struct sampler_scratch *s, const struct row *row,
                      pllm_top *top, size_t n)
{
    if (n == 0)
        return 0;
    filter_collect(&s->set, s->block_max, logits, vocab,
                   filter_bound(s->set.weight, s->block_max, logits, vocab, (int)n));
    n = best_of(&s->set, top, n);
    for (size_t i = 0; i < n; i++)
        top[i].logprob = logprob_of(row, top[i].logprob);
    return n;
}

struct sampler_result sampler_score(const float *logits, int vocab, int32_t token, struct sampler_scratch *s,
                                    pllm_top *top, size_t *n_top)
{
    struct row row;
    if (!read_row(logits, vocab, s, &row)) {
        *n_top = 0;
        return (struct sampler_result){.token = -1};
    }
    row.log_sum = log(filter_exp(NULL, logits, vocab, row.max, 1));
    int best = filter_arg_max(s->block_max, logits, vocab, row.max);
    *n_top = raw_top(logits, vocab, s, &row, top, *n_top);
    return (struct sampler_result){token, logprob_of(&row, logits[token]), token == best};
}

/* ---- The distribution that is drawn from ---------------------------------------------------------------- */

/* Weights of the whole vocabulary, in the set; those that no filter could keep may be left out. */
static void fill_all(const pllm_sampling *p, const float *x, int vocab, float max, float scale, struct filter_set *set)
{
    filter_exp(set->weight, x, vocab, max, scale);
    set->n = vocab;
    memcpy(set->logit, x, (size_t)vocab * sizeof *x);
    for (int i = 0; i < vocab; i++)
        set->id[i] = i;
    if (p->typical_p < 1) /* log(0) has no place in an entropy */
        filter_keep_min_p(set, 1e-37f);
}

/* The best k by logit, with their weights. */
static void fill_top_k(const float *x, int vocab, float max, float scale, int k, struct sampler_scratch *s)
{
    filter_collect(&s->set, s->block_max, x, vocab, filter_bound(s->set.weight, s->block_max, x, vocab, k));
    filter_keep_top_k(&s->set, k);
    filter_exp(s->set.weight, s->set.logit, s->set.n, max, scale);
    filter_keep_min_p(&s->set, 1e-37f);
}

/* What differences of logits are multiplied by; finite, so that a difference of 0 stays 0. */
static float scale_of(const pllm_sampling *p)
{
    return p->temperature > 1e-30f ? 1 / p->temperature : 1e30f;
}

/* Leaves in s->set what may be drawn; x are processed logits with their block maxima in s->block_max. */
static void make_set(const struct sampler_input *in, struct sampler_scratch *s, const float *x, float max)
{
    const pllm_sampling *p = in->params;
    float scale = scale_of(p);
    if (p->top_k > 0 && p->top_k < in->vocab)
        fill_top_k(x, in->vocab, max, scale, p->top_k, s);
    else
        fill_all(p, x, in->vocab, max, scale, &s->set);
    if (p->top_p < 1)
        filter_keep_top_p(&s->set, (double)p->top_p);
    if (p->min_p > 0)
        filter_keep_min_p(&s->set, p->min_p);
    if (p->typical_p < 1)
        filter_keep_typical(&s->set, (double)p->typical_p, scale);
    uint32_t position = (uint32_t)(in->n_tokens - in->n_prompt);
    if (p->xtc_probability > 0 &&
        rng_uniform(in->seed, in->sample, position, DRAW_XTC) < (double)p->xtc_probability)
        filter_drop_top(&s->set, (double)p->xtc_threshold);
}

/* Processed logits, their block maxima and maximum; false: none is finite. */
static bool process(const struct sampler_input *in, struct sampler_scratch *s, const float **x, float *max)
{
    *x = in->logits;
    if (logits_change(in)) {
        logits_process(in, s->logits, &s->process);
        *x = s->logits;
    }
    *max = filter_block_max(s->block_max, *x, in->vocab);
    return isfinite(*max);
}

/* What is asked for of the distribution in s->set, about the candidate i that was drawn from it. */
static void report_processed(struct sampler_scratch *s, int i, float scale, struct sampler_result *result,
                             pllm_top *top, size_t *n_top)
{
    struct filter_set *set = &s->set;
    float max = set->logit[0];
    int best = 0;
    for (int j = 1; j < set->n; j++)
        if (set->logit[j] > max) {
            max = set->logit[j];
            best = j;
        }
    double log_sum = log(filter_exp(NULL, set->logit, set->n, max, scale));
    float logit = set->logit[i];
    result->is_greedy = i == best;
    result->logprob = (float)((double)((logit - max) * scale) - log_sum);
    *n_top = best_of(set, top, *n_top);
    for (size_t j = 0; j < *n_top; j++)
        top[j].logprob = (float)((double)((top[j].logprob - max) * scale) - log_sum);
}

static struct sampler_result draw_greedy(const struct sampler_input *in, struct sampler_scratch *s, const float *x,
                                         float max, bool processed, pllm_top *top, size_t *n_top)
{
    struct sampler_result result = {.token = filter_arg_max(s->block_max, x, in->vocab, max), .is_greedy = true};
    if (processed && *n_top > 0) {
        top[0] = (pllm_top){result.token, 0};
        *n_top = 1;
    }
    return result;
}

struct sampler_result sampler_draw(const struct sampler_input *in, struct sampler_scratch *s, bool processed,
                                   pllm_top *top, size_t *n_top)
{
    struct sampler_result result = {.token = -1};
    struct row row = {0};
    int raw_best = -1;
    const float *x;
    float max;
    if (!processed) {
        if (!read_row(in->logits, in->vocab, s, &row))
            return *n_top = 0, result;
        row.log_sum = log(filter_exp(NULL, in->logits, in->vocab, row.max, 1));
        raw_best = filter_arg_max(s->block_max, in->logits, in->vocab, row.max);
        *n_top = raw_top(in->logits, in->vocab, s, &row, top, *n_top);
    }
    if (!process(in, s, &x, &max))
        return *n_top = 0, result;
    if (in->params->temperature <= 0) {
        result = draw_greedy(in, s, x, max, processed, top, n_top);
    } else {
        make_set(in, s, x, max);
        uint32_t position = (uint32_t)(in->n_tokens - in->n_prompt);
        int i = filter_pick(&s->set, rng_uniform(in->seed, in->sample, position, DRAW_TOKEN));
        result.token = s->set.id[i];
        if (processed)
            report_processed(s, i, scale_of(in->params), &result, top, n_top);
    }
    if (!processed) {
        result.logprob = logprob_of(&row, in->logits[result.token]);
        result.is_greedy = result.token == raw_best;
    }
    return result;
}

bool sampler_probs(const struct sampler_input *in, struct sampler_scratch *s, float *probs)
{
    const float *x;
    float max;
    if (!process(in, s, &x, &max))
        return false;
    memset(probs, 0, (size_t)in->vocab * sizeof *probs);
    if (in->params->temperature <= 0) {
        probs[filter_arg_max(s->block_max, x, in->vocab, max)] = 1;
        return true;
    }
    make_set(in, s, x, max);
    double total = filter_total(&s->set);
    for (int i = 0; i < s->set.n; i++)
        probs[s->set.id[i]] = (float)((double)s->set.weight[i] / total);
    return true;
}
