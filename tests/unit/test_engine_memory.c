/* Nothing is lost when memory runs short: a failed step is repeated, a failed call leaves all as it was. */
#include "engine/engine_inside.h"
#include "engine_fixture.h"
#include "failing.h"

static int32_t text[300];

static pllm_request request_of(int i)
{
    pllm_request p = engine_default_request();
    p.tokens = text;
    p.n_tokens = (size_t)(40 + i * 17);
    p.max_tokens = 50;
    p.n = 1 + i % 3;
    p.logprobs = i % 2 ? 3 : -1;
    p.prompt_logprobs = i == 1 ? 2 : -1;
    p.keep = i == 3;
    p.cache_salt = i == 2 ? "salt" : NULL;
    p.sampling.temperature = 0.7f;
    p.sampling.seed = 9;
    p.sampling.has_seed = true;
    p.sampling.repetition_penalty = i % 2 ? 1.1f : 1;
    return p;
}

/* Opens with the n-th allocation failing, n = 0, 1 ... until none does. */
static struct engine *open_failing(struct fake_model *m)
{
    struct engine_model em = fake_engine_model(m);
    const int32_t end_tokens[] = {100};
    struct engine_text words = {.end_tokens = end_tokens, .n_end_tokens = 1};
    pllm_engine_options o = engine_default_options();
    o.threads = 2;
    o.max_num_seqs = 4;
    o.kv_cache_memory = 20 * 1024;
    for (int n = 0;; n++) {
        struct engine *e = NULL;
        fail_at(n);
        pllm_status status = engine_open(&e, &em, &words, &o, NULL);
        if (!fail_happened()) {
            assert_int_equal(status, PLLM_OK);
            return e;
        }
        assert_int_equal(status, PLLM_E_MEMORY);
        assert_null(e);
        assert_int_equal(m->n_open, 0);
    }
}

static uint64_t submit_failing(struct engine *e, const pllm_request *p)
{
    for (int n = 0;; n++) {
        uint64_t id = 0;
        pllm_stats before = engine_stats(e);
        fail_at(n);
        pllm_status status = engine_submit(e, p, &id, NULL);
        if (!fail_happened()) {
            assert_int_equal(status, PLLM_OK);
            return id;
        }
        if (status == PLLM_OK) /* what failed was not needed */
            return id;
        assert_int_equal(engine_stats(e).waiting, before.waiting);
        assert_int_equal(engine_stats(e).prompt_tokens, before.prompt_tokens);
    }
}

/* One step, repeated until it succeeds; each time a later allocation fails. */
static int step_failing(struct engine *e, int first, const pllm_event **events, size_t *n)
{
    for (int i = first, failures = 0;; i++, failures++) {
        fail_at(i);
        pllm_status status = engine_step(e, events, n, NULL);
        fail_happened();
        if (status == PLLM_OK)
            return failures;
        assert_int_equal(status, PLLM_E_MEMORY);
    }
}

static void failed_steps_are_repeated(void **state)
{
    (void)state;
    static struct answer got[5][3], expected;
    uint64_t ids[5];
    int failures = 0;
    struct fake_model m = fake_model_default();
    for (int i = 0; i < 300; i++)
        text[i] = (i * i + 3) % 97;
    struct engine *e = open_failing(&m);
    for (int i = 0; i < 5; i++) {
        pllm_request p = request_of(i);
        p.ignore_eos = true;
        ids[i] = submit_failing(e, &p);
    }
    for (int step = 0; !engine_idle(e); step++) {
        const pllm_event *events;
        size_t n;
        failures += step_failing(e, step % 5, &events, &n);
        if (step == 30)
            engine_cancel(e, ids[4]);
        for (size_t i = 0; i < n; i++)
            for (int j = 0; j < 5; j++)
                if (ids[j] == events[i].id)
                    take_event(&got[j][events[i].sample], &events[i]);
    }
    assert_true(failures > 20);
    for (int i = 0; i < 4; i++) {
        pllm_request p = request_of(i);
        for (int32_t s = 0; s < p.n; s++) {
            expect_answer(&m, &p, s, &expected);
            assert_same(&got[i][s], &expected);
        }
    }
    assert_int_equal(got[1][0].n_prompt_scores, 56);
    uint64_t fork;
    pllm_request p = request_of(0);
    p.n_tokens = 0;
    for (int n = 0; n >= 0; n++) {
        fail_at(n);
        pllm_status status = engine_fork(e, ids[3], 0, 100, &p, &fork, NULL);
        if (!fail_happened() || status == PLLM_OK)
            n = -2;
    }
    engine_cancel(e, fork);
    engine_cancel(e, ids[3]);
    assert_int_equal(engine_stats(e).blocks_used, 0);
    assert_int_equal(m.wrong, 0);
    engine_close(e);
}

static struct engine *open_two(struct fake_model *m, pllm_request *p, uint64_t ids[2])
{
    pllm_engine_options o = engine_default_options();
    *m = fake_model_default();
    o.threads = 1;
    o.max_num_seqs = 4;
    o.kv_cache_memory = 40 * 1024;
    o.enable_prefix_caching = false; /* the second does not wait for the first */
    struct engine *e = open_engine(m, o);
    *p = request_of(0);
    p->n_tokens = 5;
    p->n = 6; /* more events in a step than there is room for at first */
    p->logprobs = 90;
    for (int i = 0; i < 2; i++)
        assert_int_equal(engine_submit(e, p, &ids[i], NULL), PLLM_OK);
    return e;
}

/* Wherever a step stopped: who is cancelled then has no events of it when it is repeated. */
static void who_is_cancelled_in_a_failed_step_has_no_events(void **state)
{
    (void)state;
    struct fake_model m;
    pllm_request p;
    uint64_t ids[2];
    int failures = 0;
    for (int n = 0, happened = 1; happened; n++) {
        const pllm_event *events;
        size_t n_events;
        int of_other = 0;
        struct engine *e = open_two(&m, &p, ids);
        fail_at(n);
        const bool failed = engine_step(e, &events, &n_events, NULL) != PLLM_OK; /* else it did without */
        happened = fail_happened();
        failures += failed;
        engine_cancel(e, ids[0]);
        while (failed && !engine_idle(e)) {
            assert_int_equal(engine_step(e, &events, &n_events, NULL), PLLM_OK);
            for (size_t i = 0; i < n_events; i++) {
                assert_int_equal(events[i].id, ids[1]);
                of_other += events[i].kind == PLLM_EVENT_TOKEN;
            }
        }
        assert_int_equal(of_other, failed ? 6 * 50 : 0);
        engine_close(e);
    }
    assert_true(failures > 5);
}

/* Each try of a step has the memory of the one before again, instead of taking what is left piece by piece. */
static void repeated_steps_take_no_more_memory(void **state)
{
    (void)state;
    struct fake_model m;
    pllm_request p;
    uint64_t ids[2];
    size_t high[2];
    for (int tries = 0; tries < 2; tries++) {
        const pllm_event *events;
        size_t n;
        struct engine *e = open_two(&m, &p, ids);
        /* From 8 on: what fails before is of tables, and of the tree, which does without. */
        const int failures = step_failing(e, tries ? 8 : 1000, &events, &n);
        assert_true(tries ? failures > 5 : failures == 0);
        high[tries] = e->arena.high;
        engine_close(e);
    }
    assert_int_equal(high[0], high[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(failed_steps_are_repeated),
                                       cmocka_unit_test(who_is_cancelled_in_a_failed_step_has_no_events),
                                       cmocka_unit_test(repeated_steps_take_no_more_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
