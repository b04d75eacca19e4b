/* What the engine promises besides equal bits: sharing, forks, ends, refusals, figures. */
#include "engine_fixture.h"

#include <math.h>

enum { MAX_ANSWERS = 1024 };

static struct answer answers[MAX_ANSWERS];
static uint64_t answer_ids[MAX_ANSWERS]; /* id * 64 + sample */
static int n_answers;

static struct answer *answer_of(uint64_t id, int32_t sample)
{
    uint64_t key = id * 64 + (uint64_t)sample;
    for (int i = 0; i < n_answers; i++)
        if (answer_ids[i] == key)
            return &answers[i];
    assert_true(n_answers < MAX_ANSWERS);
    answer_ids[n_answers] = key;
    answers[n_answers] = (struct answer){0};
    return &answers[n_answers++];
}

static void step(struct engine *e)
{
    const pllm_event *events;
    size_t n;
    pllm_error err;
    if (engine_step(e, &events, &n, &err))
        fail_msg("%s", err.message);
    for (size_t i = 0; i < n; i++)
        take_event(answer_of(events[i].id, events[i].sample), &events[i]);
}

static void run(struct engine *e)
{
    while (!engine_idle(e))
        step(e);
}

static int32_t text[2048];

static int start(void **state)
{
    (void)state;
    n_answers = 0;
    for (uint32_t i = 0; i < 2048; i++) {
        uint32_t w[4];
        rng_words(w, 99, i, 0, 0);
        text[i] = (int32_t)(w[0] % 101);
    }
    return 0;
}

static pllm_request request_of(const int32_t *tokens, size_t n, int32_t max_tokens)
{
    pllm_request p = engine_default_request();
    p.tokens = tokens;
    p.n_tokens = n;
    p.max_tokens = max_tokens;
    p.sampling.temperature = 1;
    p.sampling.seed = 42;
    p.sampling.has_seed = true;
    return p;
}

static uint64_t submit(struct engine *e, const pllm_request *p)
{
    uint64_t id = 0;
    pllm_error err;
    if (engine_submit(e, p, &id, &err))
        fail_msg("%s", err.message);
    return id;
}

static pllm_engine_options options(int seqs, int blocks)
{
    pllm_engine_options o = engine_default_options();
    o.threads = 1;
    o.max_num_seqs = seqs;
    o.kv_cache_memory = (uint64_t)blocks * 1024;
    return o;
}

static void refuse(struct engine *e, const pllm_request *p, const char *words)
{
    uint64_t id = 0;
    pllm_error err;
    assert_int_equal(engine_check(e, p, &err), PLLM_E_ARGUMENT);
    assert_message(err, words);
    assert_int_equal(engine_submit(e, p, &id, &err), PLLM_E_ARGUMENT);
    assert_message(err, words);
    assert_int_equal(id, 0);
}

/* ---- Sharing ------------------------------------------------------------------------------------------------- */

static void samples_share_their_prompt(void **state)
{
    (void)state;
    static const bool caching[] = {true, false};
    for (int c = 0; c < 2; c++) {
        struct fake_model m = fake_model_default();
        pllm_engine_options o = options(64, 1000);
        o.enable_prefix_caching = caching[c];
        struct engine *e = open_engine(&m, o);
        pllm_request p = request_of(text, 1024, 40);
        p.n = 48;
        uint64_t id = submit(e, &p);
        while (engine_stats(e).running < 48)
            step(e);
        pllm_stats s = engine_stats(e);
        assert_int_equal(s.blocks_shared, 32);
        assert_true(s.blocks_used <= 32 + 48);
        run(e);
        s = engine_stats(e);
        assert_int_equal(s.prefill_tokens_computed, 1024);
        assert_int_equal(s.prompt_tokens, 1024);
        assert_int_equal(s.completion_tokens, 48 * 40);
        assert_int_equal(s.blocks_used, 0);
        assert_int_equal(s.blocks_shared, 0);
        assert_true(caching[c] ? s.blocks_cached >= 32 : s.blocks_cached == 0);
        for (int32_t i = 0; i < 48; i++) {
            struct answer want;
            expect_answer(&m, &p, i, &want);
            assert_same(answer_of(id, i), &want);
        }
        p.n = 1;
        p.first_sample = 7; /* a lone sample is the same */
        run(e);
        uint64_t lone = submit(e, &p);
        run(e);
        assert_same(answer_of(lone, 7), answer_of(id, 7));
        assert_int_equal(m.wrong, 0);
        engine_close(e);
        n_answers = 0;
    }
}

static void few_places_do_not_compute_a_prompt_again(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    struct engine *e = open_engine(&m, options(3, 100));
    pllm_request p = request_of(text, 77, 30);
    p.n = 20;
    submit(e, &p);
    run(e);
    assert_int_equal(engine_stats(e).prefill_tokens_computed, 77);
    assert_int_equal(m.wrong, 0);
    engine_close(e);
}

/* 1,000 requests with a common header of 512 tokens and 32 of their own. Where the header ends inside a block, each copies
 * its part of it; the first ones begin at the same time. */
static void a_header_is_computed_once(void **state)
{
    (void)state;
    static const int headers[] = {512, 500};
    static int32_t prompts[1000][544];
    for (int h = 0; h < 2; h++) {
        struct fake_model m = fake_model_default();
        struct engine *e = open_engine(&m, options(64, 20000));
        const int header = headers[h], n = header + 32;
        for (int i = 0; i < 1000; i++) {
            memcpy(prompts[i], text, (size_t)header * sizeof *text);
            for (int j = header; j < n; j++)
                prompts[i][j] = (i * 7 + j * (i % 13 + 1)) % 101;
            prompts[i][header] = i % 101; /* ten of each go on alike for a token or two */
            prompts[i][header + 1] = i / 101;
            pllm_request p = request_of(prompts[i], (size_t)n, 1);
            submit(e, &p);
        }
        run(e);
        pllm_stats s = engine_stats(e);
        assert_int_equal(s.prompt_tokens, 1000 * n);
        assert_true(s.prefill_tokens_computed <= (uint64_t)(header + 1000 * 32) * 102 / 100);
        assert_true(s.prefill_tokens_computed + s.cached_tokens >= s.prompt_tokens);
        assert_int_equal(s.finished, 1000);
        assert_int_equal(m.wrong, 0);
        engine_close(e);
        n_answers = 0;
    }
}

static void salts_and_adapters_keep_apart(void **state)
{
    (void)state;
    static const char *const salts[] = {NULL, "one", "two", "one"};
    struct fake_model m = fake_model_default();
    struct engine *e = open_engine(&m, options(8, 400));
    struct adapter a = {0};
    assert_int_equal(engine_adapter_add(e, "a", &a, NULL), PLLM_OK);
    uint64_t last = 0;
    for (int i = 0; i < 6; i++) {
        pllm_request p = request_of(text, 200, 1);
        p.cache_salt = i < 4 ? salts[i] : NULL;
        p.adapter = i == 4 ? "a" : NULL;
        submit(e, &p);
        run(e);
        uint64_t now = engine_stats(e).prefill_tokens_computed;
        assert_int_equal(now - last, i == 3 || i == 5 ? 1 : 200);
        last = now;
    }
    /* The name stands for another adapter now: nothing of the first is used. */
    assert_int_equal(engine_adapter_remove(e, "a", NULL), PLLM_OK);
    assert_int_equal(a.n_layers, -1);
    pllm_request p = request_of(text, 200, 50);
    p.adapter = "a";
    refuse(e, &p, "none of the name \"a\"");
    struct adapter b = {0};
    assert_int_equal(engine_adapter_add(e, "a", &b, NULL), PLLM_OK);
    submit(e, &p);
    step(e);
    assert_int_equal(engine_stats(e).prefill_tokens_computed - last, 200);
    assert_int_equal(engine_adapter_remove(e, "a", NULL), PLLM_OK); /* in use: stays until then */
    assert_int_equal(b.n_layers, 0);
    run(e);
    assert_int_equal(b.n_layers, -1);
    engine_close(e);
}

/* ---- Forks ---------------------------------------------------------------------------------------------------- */

static void forks_continue_where_they_begin(void **state)
{
    (void)state;
    static const bool caching[] = {true, false};
    for (int c = 0; c < 2; c++) {
        struct fake_model m = fake_model_default();
        pllm_engine_options o = options(16, 200);
        o.enable_prefix_caching = caching[c];
        struct engine *e = open_engine(&m, o);
        pllm_request p = request_of(text, 50, 40), f = request_of(NULL, 0, 40);
        p.keep = true;
        p.sampling.presence_penalty = f.sampling.presence_penalty = 0.5f;
        uint64_t id = submit(e, &p), live, kept, turn;
        for (int i = 0; i < 20; i++)
            step(e);
        struct answer *parent = answer_of(id, 0);
        assert_true(parent->n >= 15);
        assert_int_equal(engine_fork(e, id, 0, 60, &f, &live, NULL), PLLM_OK);
        run(e);
        assert_int_equal(engine_fork(e, id, 0, 75, &f, &kept, NULL), PLLM_OK);
        f.tokens = text + 900;
        f.n_tokens = 30;
        f.max_tokens = 90;
        f.n = 3;
        assert_int_equal(engine_fork(e, id, 0, 90, &f, &turn, NULL), PLLM_OK);
        run(e);
        /* The same seed and sample: the fork repeats what its parent did from there on. */
        const struct answer *a = answer_of(id, 0);
        static const int from[] = {10, 25};
        for (int i = 0; i < 2; i++) {
            const struct answer *b = answer_of(i ? kept : live, 0);
            assert_int_equal(b->end.completion_tokens, 40);
            assert_true(b->end.cumulative_logprob == a->end.cumulative_logprob);
            assert_memory_equal(b->tokens + from[i], a->tokens + from[i], (size_t)(40 - from[i]) * sizeof *a->tokens);
        }
        assert_int_equal(answer_of(turn, 2)->end.completion_tokens, 90);
        assert_int_equal(engine_stats(e).blocks_used, 0);
        pllm_error err;
        assert_int_equal(engine_fork(e, id, 0, 91, &f, &turn, &err), PLLM_E_ARGUMENT);
        assert_message(err, "has 1 to 90");
        assert_int_equal(engine_fork(e, id, 1, 9, &f, &turn, &err), PLLM_E_ARGUMENT);
        engine_release(e, id);
        assert_int_equal(engine_fork(e, id, 0, 60, &f, &turn, &err), PLLM_E_ARGUMENT);
        assert_message(err, "not live or kept");
        assert_int_equal(m.wrong, 0);
        engine_close(e);
        n_answers = 0;
    }
}

/* A fork scores its prompt as the request itself does, be the rest of the step's rows output that it begins with. */
static void forks_score_their_prompt(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    struct engine *e = open_engine(&m, options(4, 100));
    pllm_request p = request_of(text, 9, 12), f = request_of(NULL, 0, 14);
    p.keep = true;
    p.prompt_logprobs = f.prompt_logprobs = 0;
    uint64_t id = submit(e, &p), fork;
    run(e);
    for (int caching = 0; caching < 2; caching++) { /* the second time with another's blocks */
        assert_int_equal(engine_fork(e, id, 0, 9 + 8, &f, &fork, NULL), PLLM_OK);
        run(e);
        assert_int_equal(answer_of(id, 0)->n_prompt_scores, 8);
        assert_int_equal(answer_of(fork, 0)->n_prompt_scores, 8);
        assert_memory_equal(answer_of(fork, 0)->prompt_scores, answer_of(id, 0)->prompt_scores, 8 * sizeof(float));
        assert_memory_equal(answer_of(fork, 0)->tokens + 8, answer_of(id, 0)->tokens + 8, 4 * sizeof(int32_t));
    }
    assert_int_equal(m.wrong, 0);
    engine_close(e);
}

/* ---- Prompts ---------------------------------------------------------------------------------------------------- */

static void prompts_are_scored(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    float logits[101];
    pllm_engine_options o = options(4, 100);
    o.max_num_batched_tokens = 33;
    struct engine *e = open_engine(&m, o);
    for (int pass = 0; pass < 4; pass++) { /* cold; warm; from a position on, so that the cache serves; only scored */
        pllm_request p = request_of(text, 300, pass == 3 ? 0 : 3);
        p.prompt_logprobs = 4;
        p.prompt_logprobs_from = pass == 2 ? 260 : 0;
        p.n = pass == 3 ? 2 : 1;
        uint64_t before = engine_stats(e).prefill_tokens_computed, id = submit(e, &p);
        run(e);
        struct answer *a = answer_of(id, 0);
        uint64_t computed = engine_stats(e).prefill_tokens_computed - before;
        int first = pass == 2 ? 260 : 1;
        assert_int_equal(a->n_prompt_scores, 300 - first);
        for (int i = first; i < 300; i++) {
            size_t none = 0;
            struct sampler_scratch scratch;
            assert_true(sampler_scratch_init(&scratch, fake_kernels(), m.vocab, 1));
            fake_logits(&m, text, i, -1, logits);
            struct sampler_result r = sampler_score(logits, m.vocab, text[i], &scratch, NULL, &none);
            assert_true(a->prompt_scores[i - first] == r.logprob);
            sampler_scratch_fini(&scratch);
        }
        assert_int_equal(computed, pass == 2 ? 41 : pass == 3 ? 299 : 300);
        assert_int_equal(a->n, pass == 3 ? 0 : 3);
        assert_int_equal(a->finish, PLLM_FINISH_LENGTH);
        if (pass == 3)
            assert_true(answer_of(id, 1)->done);
    }
    pllm_request one = request_of(text, 1, 0);
    submit(e, &one);
    run(e);
    assert_int_equal(m.wrong, 0);
    engine_close(e);
}

/* ---- Ends --------------------------------------------------------------------------------------------------------- */

static void samples_end_as_asked(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    pllm_engine_options o = options(4, 100);
    o.max_model_len = 64;
    struct engine_model em = fake_engine_model(&m);
    const int32_t end_tokens[] = {17, 18};
    struct engine_text words = {.end_tokens = end_tokens, .n_end_tokens = 2};
    struct engine *e;
    assert_int_equal(engine_open(&e, &em, &words, &o, NULL), PLLM_OK);
    static const pllm_bias bias[] = {{18, 40}}, other[] = {{60, 40}};
    pllm_request p = request_of(text, 20, 30);
    p.sampling.logit_bias = bias;
    p.sampling.n_logit_bias = 1;
    uint64_t id = submit(e, &p);
    p.min_tokens = 5;
    uint64_t late = submit(e, &p);
    p.ignore_eos = true;
    uint64_t never = submit(e, &p);
    p.sampling.logit_bias = other;
    p.stop_tokens = (const int32_t[]){60};
    p.n_stop_tokens = 1;
    p.min_tokens = 3;
    uint64_t stopped = submit(e, &p);
    p.n_stop_tokens = 0;
    p.max_tokens = 1000;
    uint64_t full = submit(e, &p);
    run(e);
    assert_true(answer_of(id, 0)->n == 1 && answer_of(id, 0)->tokens[0] == 18);
    assert_true(answer_of(id, 0)->finish == PLLM_FINISH_STOP && answer_of(id, 0)->end.stop_token == -1);
    assert_int_equal(answer_of(late, 0)->n, 6);
    assert_true(answer_of(never, 0)->n == 30 && answer_of(never, 0)->finish == PLLM_FINISH_LENGTH);
    assert_int_equal(answer_of(stopped, 0)->n, 4);
    assert_int_equal(answer_of(stopped, 0)->end.stop_token, 60);
    assert_true(answer_of(full, 0)->n == 44 && answer_of(full, 0)->finish == PLLM_FINISH_LENGTH);
    engine_close(e);
}

static void numbers_that_are_none_end_the_sample(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    m.nan_token = 100;
    struct engine *e = open_engine(&m, options(4, 100));
    int32_t bad[] = {1, 100, 5}, last[] = {1, 5, 100};
    for (int i = 0; i < 8; i++) {
        pllm_request p = request_of(i % 2 ? bad : last, 3, i < 4 ? 5 : 0);
        p.n = i < 2 ? 3 : 1;
        p.prompt_logprobs = i % 4 < 2 ? -1 : 0;
        uint64_t id = submit(e, &p);
        run(e);
        bool notices = i % 2 ? p.prompt_logprobs >= 0 : p.max_tokens > 0;
        for (int32_t s = 0; s < p.n; s++) {
            assert_true(answer_of(id, s)->done);
            assert_true((answer_of(id, s)->finish == PLLM_FINISH_ERROR) == notices || i == 1);
            if (answer_of(id, s)->finish == PLLM_FINISH_ERROR)
                assert_string_equal(answer_of(id, s)->end.error, "the model computed a number that is not finite");
            else
                assert_null(answer_of(id, s)->end.error);
        }
    }
    assert_true(engine_idle(e));
    assert_int_equal(engine_stats(e).blocks_used, 0);
    engine_close(e);
}

/* The model is not to blame where the request rules out every token. */
static void requests_that_leave_no_token_are_told_so(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    m.nan_token = 3;
    struct engine *e = open_engine(&m, options(4, 100));
    static const int32_t seven[] = {7}, bad[] = {3};
    for (int i = 0; i < 4; i++) {
        pllm_request p = request_of(i < 2 ? text : bad, 1, 5);
        p.processed_logprobs = i % 2;
        p.sampling.allowed_tokens = p.stop_tokens = seven;
        p.sampling.n_allowed_tokens = p.n_stop_tokens = 1;
        p.min_tokens = 2;
        uint64_t id = submit(e, &p);
        run(e);
        assert_int_equal(answer_of(id, 0)->finish, PLLM_FINISH_ERROR);
        assert_int_equal(answer_of(id, 0)->n, 0);
        assert_non_null(strstr(answer_of(id, 0)->end.error, i < 2 ? "no token is left to draw" : "not finite"));
    }
    engine_close(e);
}

static void cancelling_gives_all_back(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    struct engine *e = open_engine(&m, options(8, 100));
    uint64_t ids[20];
    for (int i = 0; i < 20; i++) {
        pllm_request p = request_of(text + i % 3, 100, 50);
        p.n = 1 + i % 3;
        p.keep = i % 2;
        ids[i] = submit(e, &p);
    }
    for (int i = 0; i < 10; i++)
        step(e);
    for (int i = 0; i < 20; i++)
        engine_cancel(e, ids[i]);
    assert_true(engine_idle(e));
    pllm_stats s = engine_stats(e);
    assert_int_equal(s.blocks_used, 0);
    assert_int_equal(s.waiting, 0);
    assert_int_equal(s.running, 0);
    assert_int_equal(s.cancelled, 20);
    engine_cancel(e, ids[3]);
    engine_cancel(e, 12345);
    engine_close(e);
}

/* ---- Service -------------------------------------------------------------------------------------------------------- */

enum { CROWD = 500, CROWD_PROMPT = 60, CROWD_OUTPUT = 60, CROWD_BLOCKS = 4 };

/* In which step each of the crowd had its first token and its end; wants nobody to fail. */
static void serve_crowd(struct engine *e, int first[CROWD], int last[CROWD], struct answer *got)
{
    uint64_t ids[CROWD];
    for (int i = 0; i < CROWD; i++) {
        pllm_request p = request_of(text + i, CROWD_PROMPT, CROWD_OUTPUT);
        p.sampling.repetition_penalty = i % 3 ? 1 : 1.2f;
        ids[i] = submit(e, &p);
        got[i] = (struct answer){0};
    }
    for (int steps = 1; !engine_idle(e); steps++) {
        const pllm_event *events;
        size_t n;
        assert_int_equal(engine_step(e, &events, &n, NULL), PLLM_OK);
        for (size_t j = 0; j < n; j++) {
            int i = (int)(events[j].id - ids[0]);
            take_event(&got[i], &events[j]);
            if (events[j].kind == PLLM_EVENT_TOKEN && events[j].position == 0)
                first[i] = steps;
            last[i] = steps;
        }
    }
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(got[i].finish, PLLM_FINISH_LENGTH);
        assert_int_equal(got[i].n, CROWD_OUTPUT);
    }
}

/* Room for 8 sequences and 500 requests: all finish with what a large pool gives them, in the order in which they came. */
static void small_pools_serve_everybody_in_order(void **state)
{
    (void)state;
    static struct answer small[CROWD], large[CROWD];
    static int first[CROWD], last[CROWD], unused[CROWD];
    struct fake_model m = fake_model_default();
    struct engine *e = open_engine(&m, options(64, 8 * CROWD_BLOCKS));
    serve_crowd(e, first, last, small);
    assert_true(engine_stats(e).preemptions > 24);
    assert_int_equal(engine_stats(e).blocks_used, 0);
    engine_close(e);
    e = open_engine(&m, options(64, CROWD * CROWD_BLOCKS));
    serve_crowd(e, unused, unused, large);
    assert_int_equal(engine_stats(e).preemptions, 0);
    engine_close(e);
    for (int i = 0; i < CROWD; i++)
        assert_same(&small[i], &large[i]);
    /* Nobody overtakes one who came earlier by more than the steps in which that one waits for a token that both share,
     * and nobody waits longer than those before him take, eight at a time, twice over. */
    for (int i = 0; i < CROWD; i++) {
        assert_true(i == 0 || first[i] + 2 >= first[i - 1]);
        assert_true(first[i] <= 2 * (i / 8 + 1) * CROWD_OUTPUT);
        assert_true(last[i] - first[i] <= 4 * CROWD_OUTPUT); /* preempted, but not put off for long */
    }
    assert_int_equal(m.wrong, 0);
}

/* What a prompt finds in the cache and what it will need of the window group are more together than there is; but by the
 * time it needs the rest, what it found is behind the window. */
static void a_cached_window_does_not_keep_its_user_out(void **state)
{
    (void)state;
    static int32_t tokens[500];
    struct fake_model m = fake_model_default();
    m.window = 256;
    pllm_engine_options o = options(1, 16 + 13);
    o.max_model_len = 512;
    o.max_num_batched_tokens = 16;
    struct engine *e = open_engine(&m, o);
    assert_int_equal(engine_plan(e).kv_blocks, 16);
    memcpy(tokens, text, sizeof tokens);
    pllm_request p = request_of(tokens, 257, 4);
    submit(e, &p);
    run(e);
    for (int i = 257; i < 500; i++)
        tokens[i] = (tokens[i] + 1) % 101;
    p = request_of(tokens, 500, 4);
    uint64_t id = submit(e, &p);
    for (int steps = 0; !engine_idle(e); steps++) {
        assert_true(steps < 100);
        step(e);
    }
    struct answer want;
    expect_answer(&m, &p, 0, &want);
    assert_same(answer_of(id, 0), &want);
    assert_int_equal(answer_of(id, 0)->end.cached_tokens, 256);
    assert_int_equal(m.wrong, 0);
    engine_close(e);
}

static void urgent_requests_go_first(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    struct engine *e = open_engine(&m, options(4, 40));
    for (int i = 0; i < 30; i++) {
        pllm_request p = request_of(text + i, 80, 80);
        submit(e, &p);
    }
    for (int i = 0; i < 5; i++)
        step(e);
    pllm_request p = request_of(text + 500, 50, 10);
    p.priority = -1;
    uint64_t id = submit(e, &p);
    int steps = 0;
    for (; !answer_of(id, 0)->done; steps++)
        step(e);
    assert_true(steps <= 11);
    run(e);
    assert_int_equal(engine_stats(e).finished, 31);
    engine_close(e);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    pllm_engine_options o = options(4, 10);
    struct engine *e = open_engine(&m, o);
    pllm_request p = request_of(text, 320, 1);
    refuse(e, &p, "prompt: has 320 tokens, the KV cache holds 320 (10 blocks of 32)");
    p = request_of(text, 0, 1);
    refuse(e, &p, "prompt is empty");
    p = request_of(text, 5, 1);
    p.sampling.top_p = 1.5f;
    refuse(e, &p, "top_p: is 1.5, wanted 0 to 1");
    p.sampling.top_p = NAN;
    refuse(e, &p, "top_p: is nan");
    p = request_of((const int32_t[]){3, 101}, 2, 1);
    refuse(e, &p, "tokens[1]: is token 101");
    p = request_of(text, 300, 500); /* fills the cache, and ends there */
    uint64_t id = submit(e, &p);
    run(e);
    assert_int_equal(answer_of(id, 0)->n, 20);
    engine_close(e);
    o = options(4, 100);
    o.max_model_len = 50;
    e = open_engine(&m, o);
    p = request_of(text, 50, 1);
    refuse(e, &p, "prompt: has 50 tokens, max_model_len is 50");
    engine_close(e);
    assert_int_equal(m.n_open, 0);
}

static void lists_of_a_request_are_checked(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    struct engine *e = open_engine(&m, options(4, 10));
    pllm_request p = request_of(text, 5, 1);
    p.stop = (const char *const[]){"x"};
    p.n_stop = 1;
    refuse(e, &p, "no tokenizer");
    p = request_of(text, 5, 1);
    p.sampling.bad_words = text;
    p.sampling.bad_word_lengths = (const size_t[]){2, 0};
    p.sampling.n_bad_words = 2;
    refuse(e, &p, "bad_words[1]: has 0 tokens, wanted 1 to 16777214");
    p.sampling.bad_word_lengths = (const size_t[]){2, SIZE_MAX};
    refuse(e, &p, "bad_words[1]: has 18446744073709551615 tokens");
    p.sampling.n_bad_words = (1 << 24) + 1;
    refuse(e, &p, "bad_words: has 16777217 entries, wanted at most 16777216");
    p = request_of(text, 5, 1);
    p.sampling.n_logit_bias = SIZE_MAX;
    refuse(e, &p, "logit_bias: has 18446744073709551615 entries");
    p = request_of(text, 5, 1);
    p.n_stop_tokens = (1 << 24) + 1;
    refuse(e, &p, "stop_token_ids: has 16777217 entries");
    p.stop_tokens = p.sampling.allowed_tokens = p.sampling.bad_words = p.sampling.dry_breakers = (const int32_t[]){3, 101};
    p.n_stop_tokens = 2;
    refuse(e, &p, "stop_token_ids[1]: is token 101, the vocabulary has 0 to 100");
    p.n_stop_tokens = 0;
    p.sampling.n_allowed_tokens = 2;
    refuse(e, &p, "allowed_token_ids[1]: is token 101, the vocabulary has 0 to 100");
    p.sampling.n_allowed_tokens = 0;
    p.sampling.n_dry_breakers = 2;
    refuse(e, &p, "dry_breakers[1]: is token 101, the vocabulary has 0 to 100");
    p.sampling.n_dry_breakers = 0;
    p.sampling.bad_word_lengths = (const size_t[]){1, 1};
    p.sampling.n_bad_words = 2;
    refuse(e, &p, "bad_words[1]: is token 101, the vocabulary has 0 to 100");
    p.sampling.n_bad_words = 0;
    p.sampling.logit_bias = &(const pllm_bias){.token = -1};
    p.sampling.n_logit_bias = 1;
    refuse(e, &p, "logit_bias: token is -1, the vocabulary has 0 to 100");
    engine_close(e);
}

static void engines_that_cannot_work_are_refused(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    pllm_engine_options o = options(4, 100);
    struct engine *e = NULL;
    struct engine_model em = fake_engine_model(&m);
    struct engine_text none = {0};
    pllm_error err;
    o.kv_cache_memory = 100;
    assert_int_equal(engine_open(&e, &em, &none, &o, &err), PLLM_E_MEMORY);
    assert_message(err, "a block of 32 tokens takes 1024");
    o = options(4, 100);
    o.max_model_len = 5000;
    assert_int_equal(engine_open(&e, &em, &none, &o, &err), PLLM_E_ARGUMENT);
    assert_message(err, "max_model_len: is 5000");
    assert_int_equal(m.n_open, 0);
}

/* All samples draw their first token at once, each with the most probable ones beside it: what that takes is known before. */
static void most_probable_tokens_of_all_samples_have_a_bound(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    m.vocab = 1000;
    struct engine *e = open_engine(&m, options(4, 10));
    pllm_request p = request_of(text, 5, 1);
    p.n = 1 << 16;
    p.logprobs = 513;
    refuse(e, &p, "logprobs: is 513, wanted at most 512 of each of 65536 samples");
    p.logprobs = 512;
    const uint64_t id = submit(e, &p);
    engine_cancel(e, id);
    engine_close(e);
}

/* Says twice of three times that the step is to stop. */
static bool stop_most(void *user, const char *what, uint64_t done, uint64_t total)
{
    int *n_asked = user;
    assert_string_equal(what, "step");
    assert_true(done < total);
    return ++*n_asked % 3 == 0;
}

/* A step that was stopped is computed again, to the same bits, and counts once; who is cancelled meanwhile has no events. */
static void stopped_steps_are_repeated(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    struct answer wanted;
    int n_asked = 0, n_stopped = 0;
    pllm_engine_options o = options(4, 20);
    o.progress = stop_most;
    o.progress_user = &n_asked;
    struct engine *e = open_engine(&m, o);
    const pllm_request p = request_of(text, 40, 10), other = request_of(text + 50, 30, 10);
    const uint64_t id = submit(e, &p), cancelled = submit(e, &other);
    while (!engine_idle(e)) {
        const pllm_event *events;
        size_t n;
        pllm_error err;
        const pllm_status status = engine_step(e, &events, &n, &err);
        if (status) {
            assert_int_equal(status, PLLM_E_ARGUMENT);
            assert_string_equal(err.message, "interrupted");
            if (++n_stopped == 4)
                engine_cancel(e, cancelled);
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            assert_true(events[i].id == id || n_stopped < 4);
            take_event(answer_of(events[i].id, events[i].sample), &events[i]);
        }
    }
    expect_answer(&m, &p, 0, &wanted);
    assert_same(answer_of(id, 0), &wanted);
    assert_int_equal(n_stopped * 3, n_asked * 2);
    assert_int_equal(engine_stats(e).steps * 3, n_asked);
    assert_int_equal(engine_stats(e).prefill_tokens_computed, 70);
    assert_int_equal(m.wrong, 0);
    engine_close(e);
}

/* Names of adapters are compared whole, and the base model's lack of one is no name. */
static void names_of_adapters_are_whole(void **state)
{
    (void)state;
    static char name[4098];
    struct fake_model m = fake_model_default();
    struct engine *e = open_engine(&m, options(4, 10));
    struct adapter a = {0};
    pllm_error err;
    memset(name, 'a', sizeof name - 2);
    assert_int_equal(engine_adapter_add(e, name, &a, NULL), PLLM_OK);
    pllm_request p = request_of(text, 5, 1);
    p.adapter = name;
    submit(e, &p);
    run(e);
    name[sizeof name - 2] = 'b';
    refuse(e, &p, "adapter: there is none of the name");
    assert_int_equal(engine_adapter_add(e, NULL, &a, &err), PLLM_E_ARGUMENT);
    assert_message(err, "adapter: has no name");
    assert_int_equal(engine_adapter_remove(e, NULL, &err), PLLM_E_ARGUMENT);
    assert_message(err, "adapter: has no name");
    engine_close(e);
}

static void answers_can_be_repeated_by_their_seed(void **state)
{
    (void)state;
    struct fake_model m = fake_model_default();
    struct engine *e = open_engine(&m, options(4, 100));
    pllm_request p = request_of(text, 10, 20);
    p.sampling.has_seed = false;
    uint64_t a = submit(e, &p), b = submit(e, &p);
    run(e);
    assert_true(answer_of(a, 0)->end.seed != answer_of(b, 0)->end.seed);
    p.sampling.has_seed = true;
    p.sampling.seed = answer_of(b, 0)->end.seed;
    uint64_t c = submit(e, &p);
    run(e);
    assert_same(answer_of(b, 0), answer_of(c, 0));
    engine_close(e);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, start)
    const struct CMUnitTest tests[] = {
        TEST(samples_share_their_prompt),        TEST(few_places_do_not_compute_a_prompt_again),
        TEST(a_header_is_computed_once),         TEST(salts_and_adapters_keep_apart),
        TEST(forks_continue_where_they_begin),   TEST(forks_score_their_prompt),
        TEST(prompts_are_scored),                TEST(samples_end_as_asked),
        TEST(numbers_that_are_none_end_the_sample), TEST(requests_that_leave_no_token_are_told_so),
        TEST(cancelling_gives_all_back),         TEST(small_pools_serve_everybody_in_order),
        TEST(a_cached_window_does_not_keep_its_user_out), TEST(urgent_requests_go_first),
        TEST(what_does_not_fit_is_refused),      TEST(names_of_adapters_are_whole),
        TEST(lists_of_a_request_are_checked),    TEST(engines_that_cannot_work_are_refused),
        TEST(most_probable_tokens_of_all_samples_have_a_bound),
        TEST(answers_can_be_repeated_by_their_seed), TEST(stopped_steps_are_repeated)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
