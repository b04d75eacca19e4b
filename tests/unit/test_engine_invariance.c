/* The fixed promise: a request's tokens and log-probabilities are the same bits alone and in any batch. */
#include "engine_fixture.h"

enum { N_REQUESTS = 200, N_PROMPT = 150 };

static int32_t prompts[N_REQUESTS][N_PROMPT];
static pllm_request requests[N_REQUESTS];
static struct answer expected[N_REQUESTS];

static uint32_t random_of(uint32_t i, uint32_t what)
{
    uint32_t w[4];
    rng_words(w, 11, i, what, 0);
    return w[0];
}

/* Prompts that share beginnings of many lengths; greedy and drawn, with penalties and without. */
static void make_requests(const struct fake_model *m)
{
    for (uint32_t i = 0; i < N_REQUESTS; i++) {
        pllm_request *p = &requests[i];
        *p = engine_default_request();
        for (uint32_t j = 0; j < N_PROMPT; j++) {
            uint32_t family = j < 40 ? i % 3 : j < 70 ? i % 7 : i % 50;
            prompts[i][j] = (int32_t)(random_of(family, 1000 + j) % 100u);
        }
        p->tokens = prompts[i];
        p->n_tokens = 1 + random_of(i, 1) % N_PROMPT;
        p->max_tokens = 1 + (int32_t)(random_of(i, 2) % MAX_OUT);
        p->logprobs = 2;
        p->sampling.seed = i;
        p->sampling.has_seed = true;
        if (i % 2) {
            p->sampling.temperature = 0.8f;
            p->sampling.top_p = 0.9f;
            p->sampling.top_k = i % 4 == 1 ? 20 : 0;
        }
        if (i % 3 == 0) {
            p->sampling.repetition_penalty = 1.2f;
            p->sampling.frequency_penalty = 0.3f;
            p->sampling.repetition_context_size = i % 2 ? 0 : 10;
        }
        expect_answer(m, p, 0, &expected[i]);
    }
}

struct way {
    int seqs, rows, threads, blocks;
    bool caching, shuffled;
};

static void check_way(struct fake_model *m, const struct way *w, uint64_t *preemptions)
{
    pllm_engine_options o = engine_default_options();
    o.max_num_seqs = w->seqs;
    o.max_num_batched_tokens = w->rows;
    o.threads = w->threads;
    o.max_model_len = 256;
    o.enable_prefix_caching = w->caching;
    o.kv_cache_memory = (uint64_t)w->blocks * 1024 * (m->window > 0 ? 2 : 1) +
                        (m->window > 0 ? (uint64_t)(w->rows / KV_BLOCK + 4) * 1024 : 0);
    struct engine *e = open_engine(m, o);
    for (int pass = 0; pass < 2; pass++) { /* the second finds the cache warm */
        static struct answer got[N_REQUESTS];
        uint64_t ids[N_REQUESTS], first = 0;
        memset(got, 0, sizeof got);
        pllm_error err;
        for (int i = 0; i < N_REQUESTS; i++) {
            int which = w->shuffled ? (i * 77 + 13) % N_REQUESTS : i;
            uint64_t id;
            if (engine_submit(e, &requests[which], &id, &err))
                fail_msg("%s", err.message);
            first = first ? first : id;
            ids[id - first] = (uint64_t)which;
        }
        while (!engine_idle(e)) {
            const pllm_event *events;
            size_t n;
            assert_int_equal(engine_step(e, &events, &n, &err), PLLM_OK);
            assert_int_equal(m->wrong, 0);
            for (size_t i = 0; i < n; i++)
                take_event(&got[ids[events[i].id - first]], &events[i]);
        }
        for (int i = 0; i < N_REQUESTS; i++)
            assert_same(&got[i], &expected[i]);
    }
    pllm_stats s = engine_stats(e);
    *preemptions += s.preemptions;
    assert_int_equal(s.blocks_used, 0);
    engine_close(e);
}

static void run_matrix(struct fake_model *m)
{
    static const struct way ways[] = {
        {1, 1, 1, 64, true, false},     {1, 512, 1, 64, false, false},   {3, 7, 2, 64, true, true},
        {3, 64, 1, 64, false, false},   {64, 64, 2, 512, true, true},    {64, 512, 1, 512, true, false},
        {64, 512, 2, 512, false, true}, {0, 0, 2, 2000, true, false},    {64, 512, 1, 24, true, false},
        {64, 70, 2, 16, true, true},    {64, 512, 1, 12, false, true},
    };
    uint64_t preemptions = 0;
    make_requests(m);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        check_way(m, &ways[i], &preemptions);
    assert_true(preemptions > 24);
    assert_int_equal(m->n_open, 0);
}

static void answers_do_not_depend_on_the_batch(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    run_matrix(&m);
}

static void nor_with_a_window(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    m.window = 40;
    run_matrix(&m);
}

static void nor_where_rotation_changes_with_length(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    m.rope_switch = 90;
    run_matrix(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_do_not_depend_on_the_batch),
                                       cmocka_unit_test(nor_with_a_window),
                                       cmocka_unit_test(nor_where_rotation_changes_with_length)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
