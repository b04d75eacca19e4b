/* Random operations against a simple model: which samples must be live, what each must give, and that all blocks come
 * back. PARALLM_RANDOM_OPERATIONS sets how many for each seed (10,000 in the full tier, also under sanitizers),
 * PARALLM_RANDOM_SEEDS how many seeds each of both tests has, PARALLM_RANDOM_FIRST the number of the first. */
#include "engine_fixture.h"

#include <stdlib.h>

/* Most prompts are short, so that many run at once; one of eight may be long. */
enum { MAX_LIVE = 40, SHORT_PROMPT = 220, MAX_PROMPT = 380, MAX_SAMPLES = 3 };

/* What the simple model knows of a request. */
struct shadow {
    uint64_t id; /* 0: free */
    bool keep, ended;
    int n_done;
    int32_t tokens[MAX_PROMPT + MAX_OUT];
    pllm_request p;
    int n_prompt, n_given; /* given: output that a fork began with */
    struct answer expected[MAX_SAMPLES], got[MAX_SAMPLES];
};

static struct shadow shadows[MAX_LIVE];
static int most_tokens; /* that a sequence may have: the pool has no room for more */
static uint64_t random_state;

static uint32_t pick(uint32_t n) /* 0 .. n-1 */
{
    uint32_t w[4];
    rng_words(w, random_state++, 0, 0, 0);
    return w[0] % n;
}

static struct shadow *free_shadow(void)
{
    for (int i = 0; i < MAX_LIVE; i++)
        if (!shadows[i].id)
            return &shadows[i];
    return NULL;
}

static struct shadow *some_shadow(void)
{
    for (int tries = 0; tries < 20; tries++) {
        struct shadow *s = &shadows[pick(MAX_LIVE)];
        if (s->id)
            return s;
    }
    return NULL;
}

static struct shadow *shadow_of(uint64_t id)
{
    for (int i = 0; i < MAX_LIVE; i++)
        if (shadows[i].id == id)
            return &shadows[i];
    fail_msg("an event of request %d, which is not live", (int)id);
    return NULL;
}

static void random_parameters(pllm_request *p)
{
    *p = engine_default_request();
    p->max_tokens = 1 + (int32_t)pick(60);
    p->n = 1 + (int32_t)pick(MAX_SAMPLES);
    p->first_sample = (int32_t)pick(2) * 5;
    p->keep = pick(4) == 0;
    p->priority = pick(5) == 0 ? -1 : 0;
    p->sampling.temperature = pick(3) ? 0.9f : 0;
    p->sampling.seed = pick(1000);
    p->sampling.has_seed = true;
    p->prompt_logprobs = pick(8) == 0 ? 1 : -1;
    if (pick(4) == 0)
        p->sampling.presence_penalty = 0.7f;
    if (pick(6) == 0)
        p->cache_salt = "salt";
}

/* What samples must give: the sampler over the definition's logits, continuing what was given. */
static void expect(const struct fake_model *m, struct shadow *s)
{
    for (int32_t i = 0; i < s->p.n; i++) {
        struct answer *a = &s->expected[i];
        pllm_request p = s->p;
        p.tokens = s->tokens;
        p.n_tokens = (size_t)s->n_prompt;
        *a = (struct answer){.n = s->n_given};
        memcpy(a->tokens, s->tokens + s->n_prompt, (size_t)s->n_given * sizeof *a->tokens);
        expect_more(m, &p, p.first_sample + i, a);
        s->got[i] = (struct answer){0};
    }
    s->n_done = 0;
    s->ended = false;
}

static void do_submit(struct engine *e, const struct fake_model *m)
{
    struct shadow *s = free_shadow();
    if (!s)
        return;
    random_parameters(&s->p);
    uint32_t family = pick(4), own = pick(6);
    s->n_prompt = 1 + (int)pick(pick(8) ? SHORT_PROMPT : MAX_PROMPT);
    for (int i = 0; i < s->n_prompt; i++) {
        uint32_t w[4];
        rng_words(w, i < 100 ? family : family * 100 + own, 5, (uint32_t)i, 0);
        s->tokens[i] = (int32_t)(w[0] % 100);
    }
    s->n_given = 0;
    s->p.tokens = s->tokens;
    s->p.n_tokens = (size_t)s->n_prompt;
    pllm_error err;
    if (engine_submit(e, &s->p, &s->id, &err))
        fail_msg("%s", err.message);
    s->keep = s->p.keep;
    expect(m, s);
}

static void do_fork(struct engine *e, const struct fake_model *m)
{
    struct shadow *parent = some_shadow(), *s = free_shadow();
    if (!parent || !s)
        return;
    int32_t sample = (int32_t)pick((uint32_t)parent->p.n);
    const struct answer *a = &parent->got[sample];
    int n_output = a->n > parent->n_given ? a->n : parent->n_given;
    int n = 1 + (int)pick((uint32_t)(parent->n_prompt + n_output)), extra = pick(2) ? (int)pick(20) : 0;
    random_parameters(&s->p);
    s->p.cache_salt = parent->p.cache_salt;
    memcpy(s->tokens, parent->tokens, (size_t)parent->n_prompt * sizeof *s->tokens);
    memcpy(s->tokens + parent->n_prompt, parent->expected[sample].tokens, (size_t)n_output * sizeof *s->tokens);
    int total = n + extra, given = n > parent->n_prompt ? total - parent->n_prompt : 0;
    if (total - given > MAX_PROMPT || given + s->p.max_tokens >= MAX_OUT || total + s->p.max_tokens > most_tokens)
        return;
    for (int i = n; i < total; i++)
        s->tokens[i] = (int32_t)pick(100);
    int32_t more[20];
    memcpy(more, s->tokens + n, (size_t)extra * sizeof *more);
    s->p.tokens = more;
    s->p.n_tokens = (size_t)extra;
    s->p.max_tokens += given;
    s->n_given = given;
    s->n_prompt = total - given;
    pllm_error err;
    if (engine_fork(e, parent->id, parent->p.first_sample + sample, (size_t)n, &s->p, &s->id, &err))
        fail_msg("fork: %s", err.message);
    s->keep = s->p.keep;
    expect(m, s);
}

static void sample_done(struct shadow *s, int i)
{
    int n = s->expected[i].n, given = s->n_given;
    assert_int_equal(s->got[i].n, n);
    assert_memory_equal(s->got[i].tokens + given, s->expected[i].tokens + given, (size_t)(n - given) * 4);
    assert_memory_equal(s->got[i].logprobs + given, s->expected[i].logprobs + given, (size_t)(n - given) * 4);
    assert_int_equal(s->got[i].n_prompt_scores, i == 0 && s->p.prompt_logprobs >= 0 ? s->n_prompt - 1 : 0);
    if (++s->n_done < s->p.n)
        return;
    s->ended = true;
    if (!s->keep)
        s->id = 0;
}

static void do_step(struct engine *e, const struct fake_model *m)
{
    const pllm_event *events;
    size_t n;
    pllm_error err;
    if (engine_step(e, &events, &n, &err))
        fail_msg("%s", err.message);
    assert_int_equal(m->wrong, 0);
    for (size_t i = 0; i < n; i++) {
        struct shadow *s = shadow_of(events[i].id);
        int sample = (int)(events[i].sample - s->p.first_sample);
        assert_in_range(sample, 0, s->p.n - 1);
        take_event(&s->got[sample], &events[i]);
        if (events[i].kind == PLLM_EVENT_FINISH)
            sample_done(s, sample);
    }
}

static void do_end(struct engine *e, bool cancel)
{
    struct shadow *s = some_shadow();
    if (!s)
        return;
    if (cancel) {
        engine_cancel(e, s->id);
        s->id = 0;
    } else {
        engine_release(e, s->id);
        s->keep = false;
        if (s->ended)
            s->id = 0;
    }
}

static void check_figures(const struct engine *e)
{
    pllm_stats s = engine_stats(e);
    int live = 0, samples = 0;
    for (int i = 0; i < MAX_LIVE; i++) {
        const struct shadow *r = &shadows[i];
        live += r->id && !r->ended;
        samples += r->id && !r->ended ? r->p.n - r->n_done : 0;
    }
    assert_true(engine_idle(e) == (live == 0));
    assert_true(s.running + s.waiting >= live && s.running + s.waiting <= samples);
    assert_true(s.blocks_used + s.blocks_cached <= s.blocks_total);
    assert_true(s.blocks_used >= s.running && s.blocks_shared <= s.blocks_used);
    if (live == 0)
        assert_int_equal(s.blocks_used, 0);
}

static void drive(struct fake_model m, uint64_t seed, int blocks, int n_operations, bool caching)
{
    pllm_engine_options o = engine_default_options();
    random_state = seed << 32;
    memset(shadows, 0, sizeof shadows);
    o.max_num_seqs = 1 + (int32_t)pick(12);
    o.max_num_batched_tokens = 1 + (int32_t)pick(80);
    o.threads = 1;
    o.max_model_len = 512;
    o.enable_prefix_caching = caching;
    o.kv_cache_memory = (uint64_t)blocks * 1024;
    struct engine *e = open_engine(&m, o);
    const int room = engine_plan(e).kv_blocks * KV_BLOCK;
    most_tokens = room < o.max_model_len ? room : o.max_model_len;
    for (int i = 0; i < n_operations; i++) {
        uint32_t what = pick(100);
        if (what < 12)
            do_submit(e, &m);
        else if (what < 18)
            do_fork(e, &m);
        else if (what < 22)
            do_end(e, true);
        else if (what < 26)
            do_end(e, false);
        else
            do_step(e, &m);
        check_figures(e);
    }
    while (!engine_idle(e))
        do_step(e, &m);
    for (int i = 0; i < MAX_LIVE; i++)
        if (shadows[i].id)
            engine_cancel(e, shadows[i].id);
    pllm_stats s = engine_stats(e);
    assert_int_equal(s.blocks_used, 0);
    assert_int_equal(s.blocks_shared, 0);
    assert_true(caching || s.blocks_cached == 0);
    engine_close(e);
}

static int setting(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

static int operations(void)
{
    return setting("PARALLM_RANDOM_OPERATIONS", 600);
}

static uint64_t first_seed(void)
{
    return (uint64_t)setting("PARALLM_RANDOM_FIRST", 1);
}

static uint64_t end_seed(void)
{
    return first_seed() + (uint64_t)setting("PARALLM_RANDOM_SEEDS", 10);
}

static void everything_in_any_order(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed(); seed < end_seed(); seed++)
        drive(fake_model_default(), seed, seed % 3 ? 14 : 200, operations(), seed % 2);
}

static void everything_with_a_window(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    for (uint64_t seed = first_seed(); seed < end_seed(); seed++) {
        m.window = 1 + (int)(seed % 5) * 16;
        m.rope_switch = seed % 4 == 0 ? 100 : 0;
        drive(m, seed + (1u << 20), seed % 3 ? 40 : 300, operations(), seed % 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(everything_in_any_order),
                                       cmocka_unit_test(everything_with_a_window)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
