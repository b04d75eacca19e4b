/* The public functions on a real model, as a program that has nothing but parallm.h meets them: what the command never asks
 * for. A tiny model of random weights. */
#include "tiny_model.h"

enum { MOST = 64 };

static pllm_engine *engine_of(const pllm_engine_options *o)
{
    pllm_engine *e;
    pllm_error err;
    if (pllm_engine_open(&e, model, o, &err))
        fail_msg("%s", err.message);
    return e;
}

/* Steps until nothing is left; the output of request `id`, sample 0. Returns how many tokens it has. */
static int outputs_of(pllm_engine *e, uint64_t id, int32_t tokens[MOST])
{
    int n_tokens = 0;
    while (!pllm_engine_idle(e)) {
        const pllm_event *events;
        size_t n;
        pllm_error err;
        if (pllm_step(e, &events, &n, &err))
            fail_msg("%s", err.message);
        for (size_t i = 0; i < n; i++)
            if (events[i].id == id && events[i].kind == PLLM_EVENT_TOKEN && n_tokens < MOST)
                tokens[n_tokens++] = events[i].token;
    }
    return n_tokens;
}

struct stopping {
    int n_asked;
    bool stops;
};

/* At another layer each time, so that each is stopped at. */
static bool stop_sometimes(void *user, const char *what, uint64_t done, uint64_t total)
{
    struct stopping *s = user;
    assert_string_equal(what, "step");
    assert_true(done < total);
    s->stops = ++s->n_asked % 3 == 0;
    return !s->stops;
}

static pllm_request request_of(const int32_t *tokens, size_t n, int32_t max_tokens)
{
    pllm_request r = pllm_request_default();
    r.tokens = tokens;
    r.n_tokens = n;
    r.max_tokens = max_tokens;
    r.ignore_eos = true;
    return r;
}

static void tokens_have_texts(void **state)
{
    const pllm_tokenizer *t = pllm_model_tokenizer(model);
    const int32_t n = (int32_t)pllm_vocab_size(t);
    size_t n_text = 77;
    (void)state;
    assert_true(n > 0);
    assert_null(pllm_token_text(t, n, &n_text));
    assert_null(pllm_token_text(t, -1, &n_text));
    assert_int_equal(n_text, 77);
    assert_int_equal(pllm_token_id(t, "no token is spelled so", 22), -1);
    const char *text = pllm_token_text(t, n - 1, &n_text);
    assert_non_null(text);
    assert_int_equal(pllm_token_id(t, text, n_text), n - 1);
    assert_true(pllm_bos_token(t) < n && pllm_eos_token(t) < n);
    pllm_tokenizer_close(NULL);
}

static void ids_that_no_token_has_are_not_lost(void **state)
{
    const pllm_tokenizer *t = pllm_model_tokenizer(model);
    const int32_t wrong[] = {-1, (int32_t)pllm_vocab_size(t)};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const int32_t ids[] = {0, wrong[i]};
        char *text = (char *)&model;
        size_t n = 77;
        pllm_error err;
        assert_int_equal(pllm_detokenize(t, ids, 2, false, &text, &n, &err), PLLM_E_ARGUMENT);
        assert_message(err, "token_ids[1]: is ");
        assert_ptr_equal(text, &model);
        assert_int_equal(n, 77);
    }
}

static void no_path_is_no_crash(void **state)
{
    pllm_model *m = (pllm_model *)&model;
    char *path = (char *)&model;
    pllm_plan plan;
    pllm_error err;
    (void)state;
    assert_int_equal(pllm_model_open(&m, NULL, NULL, &err), PLLM_E_IO);
    assert_message(err, "path: is NULL, wanted that of a model");
    assert_int_equal(pllm_plan_run(NULL, NULL, NULL, &plan, NULL, &err), PLLM_E_IO);
    assert_message(err, "path: is NULL");
    assert_int_equal(pllm_pull(&path, NULL, NULL, &err), PLLM_E_IO);
    assert_message(err, "name: is NULL");
    assert_ptr_equal(m, &model);
    assert_ptr_equal(path, &model);
}

static void messages_tell_limits_in_full(void **state)
{
    pllm_engine *e;
    pllm_error err;
    const int32_t token = 0;
    (void)state;
    assert_int_equal(pllm_engine_open(&e, model, NULL, NULL), PLLM_OK);
    pllm_request r = request_of(&token, 1, -1);
    assert_int_equal(pllm_request_check(e, &r, &err), PLLM_E_ARGUMENT);
    assert_string_equal(err.message, "max_tokens: is -1, wanted 0 to 2147483647");
    r.max_tokens = 1;
    r.sampling.top_p = 1.1F;
    assert_int_equal(pllm_request_check(e, &r, &err), PLLM_E_ARGUMENT);
    assert_string_equal(err.message, "top_p: is 1.1, wanted 0 to 1");
    pllm_engine_close(e);
}

/* Without a place for the message, too; nothing is written to the result. */
static void what_cannot_be_is_refused(void **state)
{
    pllm_model *m = (pllm_model *)&model;
    pllm_engine *e = (pllm_engine *)&model;
    pllm_model_options mo = pllm_model_options_default();
    pllm_engine_options eo = pllm_engine_options_default();
    pllm_error err;
    (void)state;
    mo.threads = -1;
    assert_int_equal(pllm_model_open(&m, TINY_MODEL, &mo, NULL), PLLM_E_ARGUMENT);
    mo = pllm_model_options_default();
    mo.dtype = PLLM_DTYPE_INT8;
    assert_int_equal(pllm_model_open(&m, TINY_MODEL, &mo, &err), PLLM_E_ARGUMENT);
    assert_message(err, "dtype: is int8");
    mo = pllm_model_options_default();
    mo.activations = PLLM_DTYPE_F16;
    assert_int_equal(pllm_model_open(&m, TINY_MODEL, &mo, &err), PLLM_E_ARGUMENT);
    assert_message(err, "activations: is a half float");
    mo.activations = (pllm_dtype)9;
    assert_int_equal(pllm_model_open(&m, TINY_MODEL, &mo, &err), PLLM_E_ARGUMENT);
    assert_message(err, "activations: is 9, wanted auto, int8 or f32");
    mo.dtype = (pllm_dtype)-1;
    assert_int_equal(pllm_model_open(&m, TINY_MODEL, &mo, &err), PLLM_E_ARGUMENT);
    assert_message(err, "dtype: is -1, wanted auto, f32, f16 or bf16");
    mo = pllm_model_options_default();
    mo.chat_template = "{% if";
    assert_int_equal(pllm_model_open(&m, TINY_MODEL, &mo, &err), PLLM_E_FORMAT);
    assert_message(err, "chat_template");
    eo.max_num_seqs = -1;
    assert_int_equal(pllm_engine_open(&e, model, &eo, &err), PLLM_E_ARGUMENT);
    assert_message(err, "max_num_seqs");
    pllm_template *t = (pllm_template *)&model;
    assert_int_equal(pllm_template_open(&t, "{% if", 5, "mine", &err), PLLM_E_FORMAT);
    assert_message(err, "mine");
    assert_ptr_equal(t, &model);
    assert_ptr_equal(m, &model);
    assert_ptr_equal(e, &model);
    pllm_model_close(NULL);
    pllm_engine_close(NULL);
}

static void own_template_replaces_the_models(void **state)
{
    pllm_model *m;
    pllm_model_options o = pllm_model_options_default();
    pllm_error err;
    char *text;
    size_t n;
    static const char json[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"ab\"}]}";
    (void)state;
    o.chat_template = "<{{ messages[0].content }}>";
    if (pllm_model_open(&m, TINY_MODEL, &o, &err))
        fail_msg("%s", err.message);
    const pllm_tokenizer *t = pllm_model_tokenizer(m);
    const pllm_template *own = pllm_tokenizer_template(t, NULL);
    assert_non_null(own);
    assert_string_equal(pllm_template_source(own, &n), o.chat_template);
    if (pllm_render(own, t, json, sizeof json - 1, &text, &n, &err))
        fail_msg("%s", err.message);
    assert_string_equal(text, "<ab>");
    pllm_free(text);
    pllm_model_close(m);
}

/* A kept request, forked after half of its output, goes on as it did. */
static void forks_go_on(void **state)
{
    static const int32_t prompt[] = {5, 6, 7, 8};
    pllm_engine *e = engine_of(NULL);
    pllm_request r = request_of(prompt, 4, 20), more = request_of(NULL, 0, 20); /* the parent's output counts */
    int32_t all[MOST], rest[MOST];
    uint64_t id, forked = 99;
    pllm_error err;
    (void)state;
    r.keep = true;
    assert_int_equal(pllm_submit(e, &r, &id, &err), PLLM_OK);
    assert_int_equal(outputs_of(e, id, all), 20);
    if (pllm_fork(e, id, 0, 4 + 10, &more, &forked, &err))
        fail_msg("%s", err.message);
    assert_int_equal(outputs_of(e, forked, rest), 10);
    assert_memory_equal(rest, all + 10, 10 * sizeof *rest);
    assert_int_equal(pllm_fork(e, id, 0, 4 + 21, &more, &forked, &err), PLLM_E_ARGUMENT);
    assert_message(err, "fork: after 25 tokens, the sample has 1 to 24");
    pllm_release(e, id);
    assert_int_equal(pllm_fork(e, id, 0, 4, &more, &forked, &err), PLLM_E_ARGUMENT);
    assert_message(err, "is not live or kept");
    pllm_engine_close(e);
}

static void what_is_cancelled_is_gone(void **state)
{
    static const int32_t prompt[] = {5, 6, 7, 8};
    pllm_engine *e = engine_of(NULL);
    const pllm_request r = request_of(prompt, 4, 20);
    int32_t tokens[MOST];
    uint64_t id, other;
    (void)state;
    assert_int_equal(pllm_submit(e, &r, &id, NULL), PLLM_OK);
    assert_int_equal(pllm_submit(e, &r, &other, NULL), PLLM_OK);
    pllm_cancel(e, id);
    pllm_cancel(e, id); /* no harm */
    assert_int_equal(outputs_of(e, id, tokens), 0);
    const pllm_stats s = pllm_engine_stats(e);
    assert_true(s.cancelled == 1 && s.finished == 1 && s.completion_tokens == 20 && s.blocks_used == 0);
    pllm_engine_close(e);
}

static void what_is_checked_is_not_queued(void **state)
{
    static const int32_t prompt[] = {5, 6, 7, 8};
    pllm_engine *e = engine_of(NULL);
    pllm_request r = request_of(prompt, 4, 20);
    pllm_error err;
    (void)state;
    assert_int_equal(pllm_request_check(e, &r, &err), PLLM_OK);
    assert_true(pllm_engine_idle(e) && pllm_engine_stats(e).prompt_tokens == 0);
    r.sampling.top_p = 2;
    assert_int_equal(pllm_request_check(e, &r, &err), PLLM_E_ARGUMENT);
    assert_message(err, "top_p: is 2, wanted 0 to 1");
    pllm_engine_close(e);
}

/* A step that its caller stops is computed once more, to the same answer. */
static void stopped_steps_are_repeated(void **state)
{
    static const int32_t prompt[] = {5, 6, 7, 8};
    struct stopping s = {0};
    pllm_engine_options o = pllm_engine_options_default();
    const pllm_request r = request_of(prompt, 4, 20);
    int32_t wanted[MOST], tokens[MOST];
    int n_tokens = 0, n_stopped = 0;
    uint64_t id;
    (void)state;
    pllm_engine *e = engine_of(NULL);
    assert_int_equal(pllm_submit(e, &r, &id, NULL), PLLM_OK);
    assert_int_equal(outputs_of(e, id, wanted), 20);
    pllm_engine_close(e);
    o.progress = stop_sometimes;
    o.progress_user = &s;
    e = engine_of(&o);
    assert_int_equal(pllm_submit(e, &r, &id, NULL), PLLM_OK);
    while (!pllm_engine_idle(e)) {
        const pllm_event *events;
        size_t n = 0;
        pllm_error err;
        const pllm_status status = pllm_step(e, &events, &n, &err);
        assert_int_equal(status, s.stops ? PLLM_E_ARGUMENT : PLLM_OK);
        n_stopped += s.stops;
        for (size_t i = 0; i < n; i++)
            if (events[i].kind == PLLM_EVENT_TOKEN)
                tokens[n_tokens++] = events[i].token;
    }
    assert_int_equal(n_tokens, 20);
    assert_memory_equal(tokens, wanted, sizeof *wanted * 20);
    assert_true(n_stopped > 0);
    pllm_engine_close(e);
}

static void adapters_are_named(void **state)
{
    pllm_engine *e = engine_of(NULL);
    static const int32_t prompt[] = {5};
    pllm_request r = request_of(prompt, 1, 1);
    uint64_t id;
    pllm_error err;
    (void)state;
    assert_int_not_equal(pllm_adapter_add(e, "a", "tests/data/no-such-adapter", &err), PLLM_OK);
    assert_message(err, "tests/data/no-such-adapter");
    assert_int_equal(pllm_adapter_remove(e, "a", &err), PLLM_E_ARGUMENT);
    assert_message(err, "\"a\"");
    r.adapter = "a";
    assert_int_equal(pllm_request_check(e, &r, &err), PLLM_E_ARGUMENT);
    assert_message(err, "\"a\"");
    assert_int_equal(pllm_submit(e, &r, &id, &err), PLLM_E_ARGUMENT);
    assert_message(err, "\"a\"");
    pllm_engine_close(e);
}

/* The plan before a run is the engine's own. */
static void plans_agree(void **state)
{
    pllm_engine_options o = pllm_engine_options_default();
    pllm_plan before;
    char *description;
    pllm_error err;
    (void)state;
    o.kv_cache_memory = 1 << 20;
    o.max_num_seqs = 3;
    o.threads = 1;
    pllm_engine *e = engine_of(&o);
    if (pllm_plan_run(TINY_MODEL, NULL, &o, &before, &description, &err))
        fail_msg("%s", err.message);
    const pllm_plan own = pllm_engine_plan(e);
    assert_true(before.kv_cache_bytes == own.kv_cache_bytes && before.kv_blocks == own.kv_blocks && own.max_num_seqs == 3);
    assert_int_equal(pllm_engine_stats(e).max_num_seqs, 3);
    assert_true(before.weight_bytes == own.weight_bytes && before.scratch_bytes == own.scratch_bytes);
    assert_non_null(strstr(description, "architecture"));
    pllm_free(description);
    pllm_engine_close(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_have_texts),
        cmocka_unit_test(ids_that_no_token_has_are_not_lost),
        cmocka_unit_test(no_path_is_no_crash),
        cmocka_unit_test(messages_tell_limits_in_full),         cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(own_template_replaces_the_models), cmocka_unit_test(forks_go_on),
        cmocka_unit_test(what_is_cancelled_is_gone), cmocka_unit_test(what_is_checked_is_not_queued),
        cmocka_unit_test(adapters_are_named), cmocka_unit_test(plans_agree),
        cmocka_unit_test(stopped_steps_are_repeated),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
