#include "engine/logits.h"

#include <math.h>
#include <string.h>

bool logits_change(const struct sampler_input *in)
{
    const pllm_sampling *p = in->params;
    return p->n_allowed_tokens || p->n_bad_words || in->n_held[0] || in->n_held[1] || p->n_logit_bias ||
           (in->history && in->history->n_used) || p->dry_multiplier > 0;
}

static void keep_allowed(const struct sampler_input *in, float *out)
{
    const pllm_sampling *p = in->params;
    if (!p->n_allowed_tokens) {
        memcpy(out, in->logits, (size_t)in->vocab * sizeof *out);
        return;
    }
    for (int i = 0; i < in->vocab; i++)
        out[i] = -INFINITY;
    for (size_t i = 0; i < p->n_allowed_tokens; i++)
        out[p->allowed_tokens[i]] = in->logits[p->allowed_tokens[i]];
}

/* The last token of a bad word is out where the output ends with the ones before it. */
static void drop_bad_words(const struct sampler_input *in, float *out)
{
    const int32_t *word = in->params->bad_words, *output = in->tokens + in->n_prompt;
    size_t n_output = in->n_tokens - in->n_prompt;
    for (size_t i = 0; i < in->params->n_bad_words; i++) {
        size_t before = in->params->bad_word_lengths[i] - 1;
        if (before <= n_output && memcmp(output + n_output - before, word, before * sizeof *word) == 0)
            out[word[before]] = -INFINITY;
        word += before + 1;
    }
}

static void hold_ends(const struct sampler_input *in, float *out)
{
    for (int list = 0; list < 2; list++)
        for (size_t i = 0; i < in->n_held[list]; i++) {
            int32_t token = in->held[list][i];
            if (token >= 0 && token < in->vocab)
                out[token] = -INFINITY;
        }
}

static void repetition(const struct sampler_input *in, float *out)
{
    float penalty = in->params->repetition_penalty;
    if (penalty == 1)
        return;
    for (size_t i = 0; i < in->history->size; i++) {
        const struct history_entry *e = &in->history->entries[i];
        if (e->token >= 0 && e->n_recent > 0)
            out[e->token] = out[e->token] > 0 ? out[e->token] / penalty : out[e->token] * penalty;
    }
}

static void frequency_and_presence(const struct sampler_input *in, float *out)
{
    float frequency = in->params->frequency_penalty, presence = in->params->presence_penalty;
    if (frequency == 0 && presence == 0)
        return;
    for (size_t i = 0; i < in->history->size; i++) {
        const struct history_entry *e = &in->history->entries[i];
        if (e->token >= 0 && e->n_output > 0)
            out[e->token] -= frequency * (float)e->n_output + presence;
    }
}

/* Stands in `longest` for tokens that break matches, so that they are told without a search in their list. */
enum { BREAKER = -1 };

static void mark_breakers(const pllm_sampling *p, int32_t *longest, int32_t mark)
{
    for (size_t i = 0; i < p->n_dry_breakers; i++)
        longest[p->dry_breakers[i]] = mark;
}

/* matches[i] = how many tokens before and with the i-th from the end agree with the end of the history (the Z function
 * of the history read backwards), for 1 <= i < n; at most `most`. */
static void match_ends(const int32_t *end, size_t n, size_t most, int32_t *matches)
{
    size_t from = 0, to = 0; /* the window [from, to) that agrees with the beginning */
    for (size_t i = 1; i < n; i++) {
        size_t k = i < to ? (size_t)matches[i - from] : 0;
        if (k > to - i && i < to)
            k = to - i;
        while (i + k < n && end[-(ptrdiff_t)k] == end[-(ptrdiff_t)(i + k)])
            k++;
        matches[i] = (int32_t)k;
        if (i + k > to) {
            from = i;
            to = i + k;
        }
    }
    for (size_t i = 1; i < n; i++)
        if ((size_t)matches[i] > most)
            matches[i] = (int32_t)most;
}

void logits_dry(const struct sampler_input *in, float *out, const struct logits_scratch *scratch)
{
    const pllm_sampling *p = in->params;
    size_t n = in->n_tokens, most = 0;
    if (p->dry_range > 0 && n > (size_t)p->dry_range)
        n = (size_t)p->dry_range;
    if (n > scratch->n_matches)
        n = scratch->n_matches;
    if (p->dry_multiplier <= 0 || n < 2)
        return;
    int32_t *matches = scratch->matches, *longest = scratch->longest;
    const int32_t *end = in->tokens + in->n_tokens - 1;
    mark_breakers(p, longest, BREAKER);
    while (most < n && longest[end[-(ptrdiff_t)most]] != BREAKER)
        most++;
    match_ends(end, n, most, matches);
    for (size_t i = 1; i < n; i++) {
        int32_t token = end[-(ptrdiff_t)(i - 1)];
        if (longest[token] != BREAKER && matches[i] > longest[token])
            longest[token] = matches[i];
    }
    for (size_t i = 1; i < n; i++) {
        int32_t token = end[-(ptrdiff_t)(i - 1)], length = longest[token];
        longest[token] = 0;
        if (length < p->dry_allowed_length)
            continue;
        double penalty = (double)p->dry_multiplier * pow((double)p->dry_base, length - p->dry_allowed_length);
        out[token] -= (float)(penalty < 1e30 ? penalty : 1e30);
    }
    mark_breakers(p, longest, 0);
}

void logits_process(const struct sampler_input *in, float *out, const struct logits_scratch *scratch)
{
    keep_allowed(in, out);
    drop_bad_words(in, out);
    hold_ends(in, out);
    for (size_t i = 0; i < in->params->n_logit_bias; i++)
        out[in->params->logit_bias[i].token] += in->params->logit_bias[i].bias;
    if (in->history)
        repetition(in, out);
    logits_dry(in, out, scratch);
    if (in->history)
        frequency_and_presence(in, out);
}
