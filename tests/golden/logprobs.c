/* Log-probabilities and prompt log-probabilities by the public API against a checkpoint's ground truth in float32: every
 * prompt's tokens, the most probable tokens beside them, and the tokens generated after it. All prompts at once.
 *
 * usage: logprobs MODEL REFERENCE    REFERENCE: a path without ".json" and ".safetensors" */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/vec.h"
#include "parallm.h"

#include "../unit/tensors.h"

#include <math.h>

enum { MAX_PROMPTS = 32, MAX_TOKENS = 4096, TOP = 5 };

static const double tolerance = 1e-4;
static const char *const *arguments;

struct prompt {
    int32_t ids[MAX_TOKENS];
    float *logits; /* [n][vocab] */
    double *log_sum; /* [n] */
    int n, vocab;
    struct json greedy, greedy_logprobs;
    uint64_t id;
    int n_scored, n_drawn;
};

static void read_prompt(struct prompt *p, const struct json *in, const struct tensors *t, int number)
{
    char name[32];
    struct json ids = json_get(in, "ids");
    snprintf(name, sizeof name, "p%d.logits", number);
    struct tensor_bytes logits = tensors_get(t, name);
    p->n = (int)json_size(&ids);
    p->vocab = (int)logits.cols;
    assert_true(p->n == logits.rows && p->n <= MAX_TOKENS);
    p->logits = malloc(logits.n);
    p->log_sum = malloc((size_t)p->n * sizeof(double));
    memcpy(p->logits, logits.bytes, logits.n);
    for (int i = 0; i < p->n; i++) {
        double sum = 0;
        for (int j = 0; j < p->vocab; j++)
            sum += exp((double)p->logits[i * p->vocab + j]);
        p->log_sum[i] = log(sum);
        p->ids[i] = (int32_t)tensors_int(in, "ids", (size_t)i);
    }
    p->greedy = json_get(in, "greedy");
    p->greedy_logprobs = json_get(in, "greedy_logprobs");
}

static double logprob(const struct prompt *p, int row, int32_t token)
{
    return (double)p->logits[row * p->vocab + token] - p->log_sum[row];
}

static void expect(const struct prompt *p, const char *what, int position, double got, double want)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("prompt of %d tokens, %s %d: is %.7f, wanted %.7f", p->n, what, position, got, want);
}

/* The tokens listed are the most probable ones after row `row`: as probable as the k-th of all, in order. */
static void check_top(const struct prompt *p, int row, const pllm_event *e)
{
    assert_int_equal(e->n_top, TOP);
    for (int k = 0; k < TOP; k++) {
        int better = 0;
        double want = logprob(p, row, e->top[k].token);
        expect(p, "top of position", row + 1, (double)e->top[k].logprob, want);
        for (int32_t j = 0; j < p->vocab; j++)
            better += logprob(p, row, j) > want + tolerance;
        assert_true(better <= k);
        assert_true(k == 0 || e->top[k - 1].logprob >= e->top[k].logprob);
    }
    assert_true(e->token == e->top[0].token ? e->is_greedy : e->logprob <= e->top[0].logprob);
}

static void check_event(struct prompt *p, const pllm_event *e)
{
    if (e->kind == PLLM_EVENT_PROMPT) {
        assert_int_equal(e->position, ++p->n_scored);
        assert_int_equal(e->token, p->ids[e->position]);
        expect(p, "position", e->position, (double)e->logprob, logprob(p, e->position - 1, e->token));
        check_top(p, e->position - 1, e);
    } else if (e->kind == PLLM_EVENT_TOKEN) {
        struct json token = json_item(&p->greedy, (size_t)e->position), value = json_item(&p->greedy_logprobs, (size_t)e->position);
        int64_t id = -1;
        double want = 0;
        assert_int_equal(json_as_int(&token, 0, INT32_MAX, &id, NULL), PLLM_OK);
        assert_int_equal(json_as_number(&value, &want, NULL), PLLM_OK);
        assert_int_equal(e->token, id);
        expect(p, "answer's token", e->position, (double)e->logprob, want);
        if (e->position == 0)
            check_top(p, p->n - 1, e);
        p->n_drawn++;
    }
}

static pllm_engine *open_engine(pllm_model **model)
{
    pllm_engine *engine = NULL;
    pllm_error err;
    pllm_model_options mo = pllm_model_options_default();
    pllm_engine_options eo = pllm_engine_options_default();
    mo.dtype = mo.activations = eo.kv_cache_dtype = PLLM_DTYPE_F32;
    eo.threads = 2;
    if (pllm_model_open(model, arguments[1], &mo, &err) || pllm_engine_open(&engine, *model, &eo, &err))
        fail_msg("%s", err.message);
    return engine;
}

static void submit(pllm_engine *engine, struct prompt *p)
{
    pllm_error err;
    pllm_request r = pllm_request_default();
    r.tokens = p->ids;
    r.n_tokens = (size_t)p->n;
    r.max_tokens = (int32_t)json_size(&p->greedy);
    r.ignore_eos = true;
    r.logprobs = r.prompt_logprobs = TOP;
    if (pllm_submit(engine, &r, &p->id, &err))
        fail_msg("%s", err.message);
}

static void run(pllm_engine *engine, struct prompt *prompts, int n_prompts)
{
    for (int left = n_prompts; left > 0;) {
        const pllm_event *events;
        size_t n;
        assert_int_equal(pllm_step(engine, &events, &n, NULL), PLLM_OK);
        for (size_t i = 0; i < n; i++) {
            struct prompt *p = prompts;
            while (p->id != events[i].id)
                p++;
            check_event(p, &events[i]);
            left -= events[i].kind == PLLM_EVENT_FINISH;
        }
    }
}

static void log_probabilities_are_the_references(void **state)
{
    (void)state;
    static struct prompt prompts[MAX_PROMPTS];
    struct buf text = {0};
    struct json top;
    struct tensors t;
    pllm_model *model;
    char path[1024];
    snprintf(path, sizeof path, "%s.json", arguments[2]);
    assert_int_equal(file_read(&text, path, 1 << 26, NULL), PLLM_OK);
    assert_int_equal(json_parse(&top, text.at, text.n, path, NULL), PLLM_OK);
    snprintf(path, sizeof path, "%s.safetensors", arguments[2]);
    assert_true(tensors_open(&t, path));
    pllm_engine *engine = open_engine(&model);
    struct json list = json_get(&top, "prompts");
    int n = (int)json_size(&list);
    assert_true(n > 0 && n <= MAX_PROMPTS);
    for (int i = 0; i < n; i++) {
        struct json in = json_item(&list, (size_t)i);
        read_prompt(&prompts[i], &in, &t, i);
        submit(engine, &prompts[i]);
    }
    run(engine, prompts, n);
    for (int i = 0; i < n; i++) {
        assert_int_equal(prompts[i].n_scored, prompts[i].n - 1);
        assert_int_equal(prompts[i].n_drawn, json_size(&prompts[i].greedy));
        free(prompts[i].logits);
        free(prompts[i].log_sum);
    }
    pllm_engine_close(engine);
    pllm_model_close(model);
    tensors_close(&t);
    json_free(&top);
    vec_fini(&text);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(log_probabilities_are_the_references)};
    arguments = (const char *const *)argv;
    return argc < 3 ? 2 : cmocka_run_group_tests(tests, NULL, NULL);
}
