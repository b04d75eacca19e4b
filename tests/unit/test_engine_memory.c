/* Nothing is lost when memory runs short: a failed step is repeated, a failed call leaves all as it was. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(failed_steps_are_repeated)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
