#include "engine/sampler.h"

#include "base/file.h"
#include "base/json.h"
#include "base/rng.h"
#include "engine/engine.h"
#include "engine/logits.h"
#include "kernels/cpu.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_VOCAB = 2048 };

static struct kernels kernels; /* of this processor */

/* ---- The reference's distributions ---------------------------------------------------------------------- */

struct sample_case {
    float logits[MAX_VOCAB];
    double probs[MAX_VOCAB];
    int32_t tokens[512], eos[64], stop[64];
    pllm_bias bias[256];
    pllm_sampling params;
    struct sampler_input in;
    int min_tokens;
};

static double number(const struct json *in, const char *key, double otherwise)
{
    struct json at = json_get(in, key);
    double value = otherwise;
    if (json_kind(&at) != J_ABSENT && json_kind(&at) != J_NULL)
        assert_int_equal(json_as_number(&at, &value, NULL), PLLM_OK);
    return value;
}

static size_t ids(const struct json *in, const char *key, int32_t *out)
{
    struct json list = json_get(in, key);
    for (size_t i = 0; i < json_size(&list); i++) {
        struct json item = json_item(&list, i);
        int64_t id = 0;
        assert_int_equal(json_as_int(&item, 0, MAX_VOCAB, &id, NULL), PLLM_OK);
        out[i] = (int32_t)id;
    }
    return json_size(&list);
}

static void read_params(const struct json *p, struct sample_case *c)
{
    c->params = engine_default_request().sampling;
    c->params.temperature = (float)number(p, "temperature", 1);
    c->params.top_k = (int32_t)number(p, "top_k", 0);
    c->params.top_p = (float)number(p, "top_p", 1);
    c->params.min_p = (float)number(p, "min_p", 0);
    c->params.typical_p = (float)number(p, "typical_p", 1);
    c->params.repetition_penalty = (float)number(p, "repetition_penalty", 1);
    c->params.presence_penalty = (float)number(p, "presence_penalty", 0);
    c->params.frequency_penalty = (float)number(p, "frequency_penalty", 0);
    c->min_tokens = (int)number(p, "min_tokens", 0);
    struct json bias = json_get(p, "logit_bias"), member;
    void *cursor = NULL;
    while (json_next(&bias, &cursor, &member)) {
        double value = 0;
        assert_int_equal(json_as_number(&member, &value, NULL), PLLM_OK);
        c->bias[c->params.n_logit_bias++] = (pllm_bias){atoi(member.key), (float)value};
    }
    c->params.logit_bias = c->bias;
}

static void read_case(const struct json *line, struct sample_case *c, struct history *history)
{
    memset(c, 0, sizeof *c);
    struct json p = json_get(line, "params"), logits = json_get(line, "logits"), probs = json_get(line, "probs");
    read_params(&p, c);
    c->in.vocab = (int)json_size(&logits);
    for (int i = 0; i < c->in.vocab; i++) {
        struct json a = json_item(&logits, (size_t)i), b = json_item(&probs, (size_t)i);
        double x = 0;
        assert_int_equal(json_as_number(&a, &x, NULL), PLLM_OK);
        c->logits[i] = (float)x;
        assert_int_equal(json_as_number(&b, &c->probs[i], NULL), PLLM_OK);
    }
    c->in.n_prompt = ids(line, "prompt", c->tokens);
    c->in.n_tokens = c->in.n_prompt + ids(line, "output", c->tokens + c->in.n_prompt);
    if (c->in.n_tokens - c->in.n_prompt < (size_t)c->min_tokens) {
        c->in.n_held[0] = ids(line, "eos", c->eos);
        c->in.n_held[1] = ids(&p, "stop_token_ids", c->stop);
        c->in.held[0] = c->eos;
        c->in.held[1] = c->stop;
    }
    history_init(history, 0);
    assert_true(history_update(history, c->tokens, c->in.n_tokens, c->in.n_prompt));
    c->in.params = &c->params;
    c->in.logits = c->logits;
    c->in.tokens = c->tokens;
    c->in.history = history;
}

static void check_probs(const struct sample_case *c, const float *got, const char *name)
{
    for (int i = 0; i < c->in.vocab; i++) {
        bool wrong = fabs((double)got[i] - c->probs[i]) > 1e-5 || (c->probs[i] == 0 && got[i] != 0) ||
                     (c->probs[i] > 1e-30 && got[i] == 0);
        if (wrong)
            fail_msg("%s: token %d has %g, wanted %g", name, i, (double)got[i], c->probs[i]);
    }
}

/* Calls check for each case of a file. Returns how many there are. */
static int each_case(const char *path, void (*check)(struct sample_case *c, struct sampler_scratch *s, const char *name))
{
    struct buf text = {0};
    int n = 0;
    if (file_kind(path) != FILE_REGULAR || file_read(&text, path, 1 << 24, NULL))
        return 0;
    static struct sample_case c;
    struct sampler_scratch scratch;
    assert_true(sampler_scratch_init(&scratch, &kernels, MAX_VOCAB, 512));
    for (char *at = text.at, *end; (end = strchr(at, '\n')); at = end + 1, n++) {
        struct json line;
        struct history history;
        const char *name = "?";
        size_t n_name;
        assert_int_equal(json_parse(&line, at, (size_t)(end - at), "cases", NULL), PLLM_OK);
        read_case(&line, &c, &history);
        struct json named = json_get(&line, "name");
        json_as_string(&named, &name, &n_name, NULL);
        check(&c, &scratch, name);
        history_fini(&history);
        json_free(&line);
    }
    sampler_scratch_fini(&scratch);
    vec_fini(&text);
    return n;
}

static void check_distribution(struct sample_case *c, struct sampler_scratch *s, const char *name)
{
    float probs[MAX_VOCAB];
    assert_true(sampler_probs(&c->in, s, probs));
    check_probs(c, probs, name);
}

static void distributions_are_those_of_the_reference(void **state)
{
    (void)state;
    assert_true(each_case(TEST_DATA "/sampling.jsonl", check_distribution) > 40);
    each_case("../shared/reference/sampling/cases.jsonl", check_distribution); /* all of them, where they are */
}

/* ---- Drawing ---------------------------------------------------------------------------------------------- */

struct small {
    float logits[MAX_VOCAB];
    int32_t tokens[256];
    pllm_sampling params;
    struct sampler_input in;
    struct sampler_scratch scratch;
};

static struct small *small_open(int vocab)
{
    struct small *s = calloc(1, sizeof *s);
    s->params = engine_default_request().sampling;
    s->params.temperature = 1;
    for (int i = 0; i < vocab; i++)
        s->logits[i] = (float)(3 * sin(i * 1.7) + 2 * cos(i * 0.37));
    s->in = (struct sampler_input){.params = &s->params, .logits = s->logits, .vocab = vocab, .tokens = s->tokens,
                                   .seed = 5};
    assert_true(sampler_scratch_init(&s->scratch, &kernels, vocab, 256));
    return s;
}

static void small_close(struct small *s)
{
    sampler_scratch_fini(&s->scratch);
    free(s);
}

/* Draws n times, as n samples of a prompt do, and compares the counts with the probabilities by chi-square. Tokens
 * that are expected less than five times count as one. Returns how many deviations of a normal distribution the
 * result is above its mean (Wilson and Hilferty's approximation). */
static double deviations(struct sampler_input *in, struct sampler_scratch *s, const double *probs, int n)
{
    int counts[MAX_VOCAB] = {0}, rare = 0;
    for (int i = 0; i < n; i++) {
        size_t none = 0;
        in->sample = (uint32_t)i;
        counts[sampler_draw(in, s, false, NULL, &none).token]++;
    }
    double chi = 0, expected_rare = 0, degrees = -1;
    for (int i = 0; i < in->vocab; i++) {
        double want = probs[i] * n;
        if (probs[i] == 0 && counts[i] > 0)
            return INFINITY;
        if (want < 5) {
            rare += counts[i];
            expected_rare += want;
            continue;
        }
        chi += (counts[i] - want) * (counts[i] - want) / want;
        degrees++;
    }
    if (expected_rare >= 5) {
        chi += (rare - expected_rare) * (rare - expected_rare) / expected_rare;
        degrees++;
    }
    if (degrees < 1)
        return 0;
    double spread = 2 / (9 * degrees);
    return (cbrt(chi / degrees) - (1 - spread)) / sqrt(spread);
}

/* Parameters for which no list of candidates is made, and one for which it is; equal logits among them. */
static void draws_follow_the_distribution(void **state)
{
    (void)state;
    static const struct {
        float temperature, top_p, min_p;
        int32_t top_k;
    } cases[] = {{1, 1, 0, 0},          {1.3f, 0.95f, 0, 0}, {1, 0.5f, 0, 0},      {1, 0.1f, 0, 0}, {1, 0.01f, 0, 0},
                 {0.7f, 1, 0.1f, 0},    {1, 0.8f, 0.05f, 0}, {1, 0.99f, 0.02f, 0}, {1, 0, 0, 0},    {1, 0.9f, 0, 20},
                 {50, 0.3f, 0, 0}};
    enum { N = 200000, VOCAB = 300 };
    for (int equal = 0; equal < 3; equal++)
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            struct small *s = small_open(VOCAB);
            for (int i = 0; i < VOCAB; i++)
                s->logits[i] = equal == 1 ? s->logits[i % 7] : equal == 2 ? 3 : s->logits[i];
            s->params.temperature = cases[c].temperature;
            s->params.top_p = cases[c].top_p;
            s->params.min_p = cases[c].min_p;
            s->params.top_k = cases[c].top_k;
            float probs[VOCAB];
            double exact[VOCAB];
            assert_true(sampler_probs(&s->in, &s->scratch, probs));
            for (int i = 0; i < VOCAB; i++)
                exact[i] = (double)probs[i];
            double off = deviations(&s->in, &s->scratch, exact, N);
            if (off > 4.5)
                fail_msg("temperature %g, top_p %g, min_p %g, top_k %d, equal %d: %g deviations off", (double)cases[c].temperature,
                         (double)cases[c].top_p, (double)cases[c].min_p, (int)cases[c].top_k, equal, off);
            small_close(s);
        }
}

static int n_draws;

static void check_draws(struct sample_case *c, struct sampler_scratch *s, const char *name)
{
    double off = deviations(&c->in, s, c->probs, n_draws);
    if (off > 4.5)
        fail_msg("%s: %d draws are %g deviations off", name, n_draws, off);
}

static void draws_follow_the_reference(void **state)
{
    (void)state;
    n_draws = 1000000;
    assert_true(each_case(TEST_DATA "/sampling.jsonl", check_draws) > 40);
    n_draws = 100000;
    each_case("../shared/reference/sampling/cases.jsonl", check_draws); /* all of them, where they are */
}

static void a_draw_depends_on_seed_sample_and_position(void **state)
{
    (void)state;
    struct small *s = small_open(1000);
    s->params.temperature = 2;
    size_t none = 0;
    int other = 0;
    for (uint32_t i = 0; i < 50; i++) {
        s->in.seed = i;
        int32_t first = sampler_draw(&s->in, &s->scratch, false, NULL, &none).token;
        assert_int_equal(sampler_draw(&s->in, &s->scratch, false, NULL, &none).token, first);
        s->in.sample = 1;
        other += sampler_draw(&s->in, &s->scratch, false, NULL, &none).token != first;
        s->in.sample = 0;
        s->in.n_tokens = 1;
        other += sampler_draw(&s->in, &s->scratch, false, NULL, &none).token != first;
        s->in.n_tokens = 0;
    }
    assert_true(other > 80);
    small_close(s);
}

/* Positions are counted from the first token of the output: however long the prompt is, the draws are the same. */
static void a_draw_is_keyed_by_the_place_in_the_output(void **state)
{
    (void)state;
    static const size_t prompts[] = {1, 31, 1000}, places[] = {0, 1, 5, 300, 70000};
    struct small *s = small_open(1000);
    s->params.temperature = 2;
    size_t none = 0;
    int other = 0;
    for (uint32_t seed = 0; seed < 50; seed++) {
        s->in.seed = seed;
        int32_t before = -1;
        for (size_t place = 0; place < sizeof places / sizeof *places; place++) {
            s->in.n_prompt = 0;
            s->in.n_tokens = places[place];
            int32_t first = sampler_draw(&s->in, &s->scratch, false, NULL, &none).token;
            for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
                s->in.n_prompt = prompts[i];
                s->in.n_tokens = prompts[i] + places[place];
                assert_int_equal(sampler_draw(&s->in, &s->scratch, false, NULL, &none).token, first);
            }
            other += first != before;
            before = first;
        }
    }
    assert_true(other > 230); /* of 250 */
    small_close(s);
}

/* ---- Log-probabilities --------------------------------------------------------------------------------------- */

static double exact_logprob(const float *x, int n, int token)
{
    double sum = 0, max = -INFINITY;
    for (int i = 0; i < n; i++)
        max = (double)x[i] > max ? (double)x[i] : max;
    for (int i = 0; i < n; i++)
        sum += exp((double)x[i] - max);
    return (double)x[token] - max - log(sum);
}

static void logprobs_are_exact_and_sorted(void **state)
{
    (void)state;
    for (int vocab = 1; vocab < MAX_VOCAB; vocab = vocab * 3 + 1) {
        struct small *s = small_open(vocab);
        if (vocab > 20)
            s->logits[7] = s->logits[3] = 9; /* equal best */
        for (size_t k = 0; k <= (size_t)vocab; k = k * 2 + 1) {
            pllm_top top[MAX_VOCAB];
            size_t n = k;
            int32_t token = vocab / 2;
            struct sampler_result r = sampler_score(s->logits, vocab, token, &s->scratch, top, &n);
            assert_true(fabs((double)r.logprob - exact_logprob(s->logits, vocab, token)) < 1e-5);
            assert_int_equal(n, k);
            for (size_t i = 0; i < n; i++) {
                assert_true(fabs((double)top[i].logprob - exact_logprob(s->logits, vocab, top[i].token)) < 1e-5);
                assert_true(i == 0 || top[i - 1].logprob > top[i].logprob ||
                            (top[i - 1].logprob == top[i].logprob && top[i - 1].token < top[i].token));
            }
            if (n > 1)
                assert_true(r.is_greedy == (top[0].token == token));
        }
        small_close(s);
    }
}

static void processed_logprobs_are_those_drawn_from(void **state)
{
    (void)state;
    struct small *s = small_open(500);
    s->params.top_k = 10;
    s->params.temperature = 0.7f;
    float probs[500];
    pllm_top top[20];
    size_t n = 20;
    assert_true(sampler_probs(&s->in, &s->scratch, probs));
    struct sampler_result r = sampler_draw(&s->in, &s->scratch, true, top, &n);
    assert_int_equal(n, 10);
    assert_true(fabs((double)r.logprob - log((double)probs[r.token])) < 1e-5);
    for (size_t i = 0; i < n; i++)
        assert_true(fabs((double)top[i].logprob - log((double)probs[top[i].token])) < 1e-5);
    s->params.temperature = 0;
    n = 20;
    r = sampler_draw(&s->in, &s->scratch, true, top, &n);
    assert_true(r.logprob == 0 && r.is_greedy && n == 1 && top[0].token == r.token);
    small_close(s);
}

static void rows_that_are_no_numbers_are_noticed(void **state)
{
    (void)state;
    for (int at = 0; at < 200; at += 13) {
        struct small *s = small_open(200);
        size_t none = 0;
        s->logits[at] = NAN;
        assert_int_equal(sampler_draw(&s->in, &s->scratch, false, NULL, &none).token, -1);
        assert_int_equal(sampler_score(s->logits, 200, 3, &s->scratch, NULL, &none).token, -1);
        s->logits[at] = INFINITY;
        assert_int_equal(sampler_draw(&s->in, &s->scratch, true, NULL, &none).token, -1);
        s->logits[at] = -INFINITY;
        assert_true(sampler_draw(&s->in, &s->scratch, false, NULL, &none).token >= 0);
        small_close(s);
    }
}

/* ---- Masks and the rarer penalties ------------------------------------------------------------------------------ */

static void masks_keep_tokens_out(void **state)
{
    (void)state;
    struct small *s = small_open(100);
    static const int32_t allowed[] = {5, 50, 99}, bad[] = {50, 1, 2, 99}; /* "50" and "1 2 99" */
    static const size_t lengths[] = {1, 3};
    float probs[100];
    s->params.allowed_tokens = allowed;
    s->params.n_allowed_tokens = 3;
    s->params.bad_words = bad;
    s->params.bad_word_lengths = lengths;
    s->params.n_bad_words = 2;
    memcpy(s->tokens, (int32_t[]){1, 2, 7, 1, 2}, 5 * sizeof(int32_t));
    s->in.n_prompt = 2;
    s->in.n_tokens = 3;
    assert_true(sampler_probs(&s->in, &s->scratch, probs));
    assert_true(probs[5] > 0 && probs[50] == 0 && probs[99] > 0 && probs[6] == 0);
    s->in.n_tokens = 5;
    assert_true(sampler_probs(&s->in, &s->scratch, probs));
    assert_true(probs[5] == 1 && probs[99] == 0);
    s->in.n_prompt = 4; /* the beginning stands in the prompt: it does not count */
    assert_true(sampler_probs(&s->in, &s->scratch, probs));
    assert_true(probs[99] > 0);
    small_close(s);
}

static void xtc_leaves_the_least_of_the_probable(void **state)
{
    (void)state;
    struct small *s = small_open(100);
    float before[100], after[100];
    assert_true(sampler_probs(&s->in, &s->scratch, before));
    s->params.xtc_probability = 1;
    s->params.xtc_threshold = 0.04f;
    assert_true(sampler_probs(&s->in, &s->scratch, after));
    int least = -1, dropped = 0;
    for (int i = 0; i < 100; i++)
        if (before[i] >= 0.04f) {
            least = least < 0 || before[i] <= before[least] ? i : least;
            dropped += after[i] == 0;
        } else {
            assert_true(after[i] > before[i] * 0.9999f);
        }
    assert_true(dropped >= 1 && after[least] > 0);
    s->params.xtc_probability = 0.5f;
    int applied = 0;
    for (uint32_t i = 0; i < 200; i++) {
        s->in.seed = i;
        assert_true(sampler_probs(&s->in, &s->scratch, after));
        applied += after[least] > before[least] * 1.0001f;
    }
    assert_true(applied > 60 && applied < 140);
    small_close(s);
}

/* DRY by its definition: for every earlier place, how long the match with the end is. */
static void plain_dry(const struct small *s, float *x)
{
    int n = (int)s->in.n_tokens;
    int longest[100] = {0};
    for (int i = 0; i + 1 < n; i++) {
        int k = 0;
        while (k <= i && s->tokens[i - k] == s->tokens[n - 1 - k] && s->tokens[i - k] != 7)
            k++;
        if (k > longest[s->tokens[i + 1]])
            longest[s->tokens[i + 1]] = k;
    }
    for (int t = 0; t < 100; t++)
        if (longest[t] >= s->params.dry_allowed_length && t != 7)
            x[t] -= (float)((double)s->params.dry_multiplier *
                            pow((double)s->params.dry_base, longest[t] - s->params.dry_allowed_length));
}

static void dry_is_its_definition(void **state)
{
    (void)state;
    struct small *s = small_open(100);
    static const int32_t breakers[] = {7};
    s->params.dry_multiplier = 0.8f;
    s->params.dry_breakers = breakers;
    s->params.n_dry_breakers = 1;
    for (uint32_t round = 0; round < 300; round++) {
        s->in.n_tokens = 1 + round % 200;
        for (uint32_t i = 0; i < 256; i++) { /* few different tokens: many repetitions */
            uint32_t w[4];
            rng_words(w, round, i, 0, 0);
            s->tokens[i] = (int32_t)(w[0] % (2 + round % 3) * 7 % 9);
        }
        float want[100], got[100];
        memcpy(want, s->logits, sizeof want);
        memcpy(got, s->logits, sizeof got);
        plain_dry(s, want);
        logits_dry(&s->in, got, &s->scratch.process);
        assert_memory_equal(got, want, sizeof got);
    }
    small_close(s);
}

/* Penalties by their published definition, as vLLM computes them: tokens that were in prompt or output are scaled by the
 * repetition penalty, divided if positive, multiplied if not; then frequency times the count in the output is
 * subtracted, then presence where that count is not 0. `window`: the repetition penalty sees the last tokens only. */
static void plain_penalties(double *x, int vocab, const int32_t *tokens, int n, int n_prompt, const pllm_sampling *p)
{
    int window = p->repetition_context_size;
    for (int t = 0; t < vocab; t++) {
        bool seen = false;
        int count = 0;
        for (int i = 0; i < n; i++) {
            seen = seen || (tokens[i] == t && (window == 0 || i >= n - window));
            count += tokens[i] == t && i >= n_prompt;
        }
        if (seen)
            x[t] = x[t] > 0 ? x[t] / (double)p->repetition_penalty : x[t] * (double)p->repetition_penalty;
        x[t] -= (double)p->frequency_penalty * count;
        x[t] -= count > 0 ? (double)p->presence_penalty : 0;
    }
}

static void penalties_are_their_definition_over_2000_tokens(void **state)
{
    (void)state;
    enum { ALL = 2000, PROMPT = 700, VOCAB = 600 };
    static const pllm_sampling cases[] = {
        {.repetition_penalty = 1.3f},
        {.repetition_penalty = 0.8f, .repetition_context_size = 64},
        {.repetition_penalty = 1, .frequency_penalty = 0.7f},
        {.repetition_penalty = 1, .presence_penalty = 1.5f},
        {.repetition_penalty = 1.1f, .frequency_penalty = -0.2f, .presence_penalty = 0.6f},
        {.repetition_penalty = 1.05f, .repetition_context_size = 1500, .frequency_penalty = 0.01f, .presence_penalty = -1}};
    int32_t tokens[ALL];
    for (uint32_t i = 0; i < ALL; i++) { /* few tokens often, many seldom, some never */
        uint32_t w[4];
        rng_words(w, 9, i, 0, 0);
        tokens[i] = (int32_t)(w[0] % (1 + w[1] % VOCAB));
    }
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct small *s = small_open(VOCAB);
        struct history history;
        float got[VOCAB];
        double want[VOCAB];
        history_init(&history, cases[c].repetition_context_size);
        s->in.params = &cases[c];
        s->in.tokens = tokens;
        s->in.n_prompt = PROMPT;
        s->in.history = &history;
        for (int n = PROMPT; n <= ALL; n += 325) { /* as it grows */
            assert_true(history_update(&history, tokens, (size_t)n, PROMPT));
            s->in.n_tokens = (size_t)n;
            logits_process(&s->in, got, &s->scratch.process);
            for (int t = 0; t < VOCAB; t++)
                want[t] = (double)s->logits[t];
            plain_penalties(want, VOCAB, tokens, n, PROMPT, &cases[c]);
            for (int t = 0; t < VOCAB; t++)
                if (fabs((double)got[t] - want[t]) > 1e-6 * (1 + fabs(want[t])) * 10)
                    fail_msg("case %zu, %d tokens: token %d has %g, wanted %g", c, n, t, (double)got[t], want[t]);
        }
        history_fini(&history);
        small_close(s);
    }
}

/* A token's counts, which stand in one entry at most. */
static struct history_entry counts_of(const struct history *h, int32_t token)
{
    struct history_entry counts = {.token = -1};
    for (size_t i = 0; i < h->size; i++)
        if (h->entries[i].token == token) {
            assert_int_equal(counts.token, -1);
            counts = h->entries[i];
        }
    return counts;
}

static void histories_count_windows(void **state)
{
    (void)state;
    int32_t tokens[2000];
    for (uint32_t i = 0; i < 2000; i++) {
        uint32_t w[4];
        rng_words(w, 3, i, 0, 0);
        tokens[i] = (int32_t)(w[0] % 300);
    }
    for (int32_t window = 0; window < 600; window = window * 5 + 1) {
        struct history h;
        history_init(&h, window);
        for (size_t n = 1; n <= 2000; n += 333) {
            assert_true(history_update(&h, tokens, n, 500));
            for (int32_t t = 0; t < 300; t++) {
                int recent = 0, output = 0;
                for (size_t i = 0; i < n; i++) {
                    recent += tokens[i] == t && (window == 0 || i + (size_t)window >= n);
                    output += tokens[i] == t && i >= 500;
                }
                struct history_entry counts = counts_of(&h, t);
                assert_int_equal(counts.n_recent, recent);
                assert_int_equal(counts.n_output, output);
            }
        }
        history_fini(&h);
    }
}

/* `test_sampler draws`: the long test alone. */
int main(int argc, char **argv)
{
    kernels_init(&kernels, cpu_features(), NULL);
    const struct CMUnitTest draws[] = {cmocka_unit_test(draws_follow_the_reference)};
    if (argc > 1 && strcmp(argv[1], "draws") == 0)
        return cmocka_run_group_tests(draws, NULL, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions_are_those_of_the_reference), cmocka_unit_test(draws_follow_the_distribution),
        cmocka_unit_test(a_draw_depends_on_seed_sample_and_position),
        cmocka_unit_test(a_draw_is_keyed_by_the_place_in_the_output), cmocka_unit_test(logprobs_are_exact_and_sorted),
        cmocka_unit_test(processed_logprobs_are_those_drawn_from), cmocka_unit_test(rows_that_are_no_numbers_are_noticed),
        cmocka_unit_test(masks_keep_tokens_out), cmocka_unit_test(xtc_leaves_the_least_of_the_probable),
        cmocka_unit_test(dry_is_its_definition),
        cmocka_unit_test(penalties_are_their_definition_over_2000_tokens), cmocka_unit_test(histories_count_windows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
