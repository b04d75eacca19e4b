#include "engine/sampler.h"

#include "base/mem.h"
#include "engine/draw.h"
#include "engine/logits.h"

#include <math.h>
#include <string.h>

bool sampler_scratch_init(struct sampler_scratch *s, const struct kernels *k, int vocab, size_t max_tokens)
{
    size_t n = (size_t)vocab, room = n + ROW_SLACK, blocks = (size_t)row_blocks(vocab);
    *s = (struct sampler_scratch){.row.k = k, .process.n_matches = max_tokens};
    s->row.block_max = mem_alloc(blocks, sizeof(float));
    s->row.block_sum = mem_alloc(blocks, sizeof(float));
    s->logits = mem_alloc(n, sizeof *s->logits);
    s->process.matches = mem_alloc(max_tokens, sizeof *s->process.matches);
    s->process.longest = mem_zalloc(n, sizeof *s->process.longest);
    s->set.id = mem_alloc(room, sizeof *s->set.id);
    s->set.logit = mem_alloc(room, sizeof *s->set.logit);
    s->set.weight = mem_alloc(room, sizeof *s->set.weight);
    s->set.key = mem_alloc(room, sizeof *s->set.key);
    if (s->row.block_max && s->row.block_sum && s->logits && s->process.matches && s->process.longest && s->set.id &&
        s->set.logit && s->set.weight && s->set.key)
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
    mem_free(s->logits);
    mem_free(s->row.block_sum);
    mem_free(s->row.block_max);
    *s = (struct sampler_scratch){0};
}

size_t sampler_scratch_bytes(int vocab, size_t max_tokens)
{
    return sizeof(float) * (6 * (size_t)vocab + 4 * ROW_SLACK + 2 * (size_t)row_blocks(vocab) + max_tokens);
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
    float bound = row_kth(set->weight, set->logit, set->n, (int)n);
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

/* Of a row as it came: log p(i) = (logits[i] - max) - log_sum. */
struct raw {
    float max;
    double log_sum;
    int best;
};

static float raw_logprob(const struct raw *raw, float logit)
{
    return (float)((double)logit - (double)raw->max - raw->log_sum);
}

/* Reads the row, and takes its n best. False: it is none. */
static bool read_raw(const float *logits, int vocab, struct sampler_scratch *s, struct raw *raw, pllm_top *top, size_t *n_top)
{
    size_t n = *n_top;
    *n_top = 0;
    if (!row_read(&s->row, logits, vocab))
        return false;
    raw->max = s->row.max;
    raw->log_sum = log(row_weigh(&s->row, 1, -INFINITY));
    raw->best = row_best(&s->row);
    if (n == 0)
        return true;
    float bound = row_bound(&s->row, s->set.weight, n < (size_t)vocab ? (int)n : vocab);
    s->set.n = row_collect(&s->row, s->set.id, s->set.logit, bound);
    *n_top = best_of(&s->set, top, n);
    for (size_t i = 0; i < *n_top; i++)
        top[i].logprob = raw_logprob(raw, top[i].logprob);
    return true;
}

struct sampler_result sampler_score(const float *logits, int vocab, int32_t token, struct sampler_scratch *s,
                                    pllm_top *top, size_t *n_top)
{
    struct raw raw;
    if (!read_raw(logits, vocab, s, &raw, top, n_top))
        return (struct sampler_result){.token = SAMPLER_NOT_FINITE};
    return (struct sampler_result){token, raw_logprob(&raw, logits[token]), token == raw.best};
}

/* ---- The distribution that is drawn from ---------------------------------------------------------------- */

/* Reads the processed logits; false: none is finite. */
static bool read_processed(const struct sampler_input *in, struct sampler_scratch *s, bool is_read)
{
    if (logits_change(in)) {
        logits_process(in, s->logits, &s->process);
        return row_read(&s->row, s->logits, in->vocab);
    }
    return is_read || row_read(&s->row, in->logits, in->vocab);
}

/* What is asked for of the distribution in s->set, about the candidate i that was drawn from it. */
static void report_processed(struct sampler_scratch *s, int i, float scale, struct sampler_result *result,
                             pllm_top *top, size_t *n_top)
{
    struct filter_set *set = &s->set;
    float max = set->logit[0], logit = set->logit[i];
    int best = 0;
    for (int j = 1; j < set->n; j++)
        if (set->logit[j] > max) {
            max = set->logit[j];
            best = j;
        }
    s->row.k->exp_scaled(set->weight, set->logit, set->n, max, scale);
    double log_sum = log(filter_total(set));
    result->is_greedy = i == best;
    result->logprob = (float)((double)((logit - max) * scale) - log_sum);
    *n_top = best_of(set, top, *n_top);
    for (size_t j = 0; j < *n_top; j++)
        top[j].logprob = (float)((double)((top[j].logprob - max) * scale) - log_sum);
}

/* Draws from s->row, and reports about that distribution. */
static struct sampler_result draw_processed(const struct sampler_input *in, struct sampler_scratch *s, pllm_top *top,
                                            size_t *n_top)
{
    struct sampler_result result = {.is_greedy = true};
    if (in->params->temperature <= 0) {
        result.token = row_best(&s->row);
        if (*n_top > 0)
            top[0] = (pllm_top){result.token, 0};
        *n_top = *n_top > 0;
        return result;
    }
    draw_set(in, s);
    int i = draw_from_set(in, s);
    result.token = s->set.id[i];
    report_processed(s, i, draw_scale(in->params), &result, top, n_top);
    return result;
}

static int32_t draw(const struct sampler_input *in, struct sampler_scratch *s)
{
    if (in->params->temperature <= 0)
        return row_best(&s->row);
    int32_t token = draw_from_row(in, s);
    if (token >= 0)
        return token;
    draw_set(in, s);
    return s->set.id[draw_from_set(in, s)];
}

struct sampler_result sampler_draw(const struct sampler_input *in, struct sampler_scratch *s, bool processed,
                                   pllm_top *top, size_t *n_top)
{
    struct raw raw;
    if (!processed && !read_raw(in->logits, in->vocab, s, &raw, top, n_top))
        return (struct sampler_result){.token = SAMPLER_NOT_FINITE};
    if (!read_processed(in, s, !processed)) {
        *n_top = 0;
        bool finite = row_read(&s->row, in->logits, in->vocab);
        return (struct sampler_result){.token = finite ? SAMPLER_NONE_LEFT : SAMPLER_NOT_FINITE};
    }
    if (processed)
        return draw_processed(in, s, top, n_top);
    int32_t token = draw(in, s);
    return (struct sampler_result){token, raw_logprob(&raw, in->logits[token]), token == raw.best};
}

bool sampler_probs(const struct sampler_input *in, struct sampler_scratch *s, float *probs)
{
    if (!read_processed(in, s, false))
        return false;
    memset(probs, 0, (size_t)in->vocab * sizeof *probs);
    if (in->params->temperature <= 0) {
        probs[row_best(&s->row)] = 1;
        return true;
    }
    draw_set(in, s);
    double total = filter_total(&s->set);
    for (int i = 0; i < s->set.n; i++)
        probs[s->set.id[i]] = (float)((double)s->set.weight[i] / total);
    return true;
}
