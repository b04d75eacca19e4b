#include "perplexity.h"

#include "cli.h"
#include "progress.h"

#include <math.h>
#include <stdlib.h>

enum {
    WINDOW = 512, /* tokens, or what the model can take, unless --max-model-len says otherwise */
    IN_FLIGHT = 64,
    MOST_TEXT = 1 << 30,
};

struct perplexity {
    pllm_engine *engine;
    const int32_t *tokens;
    size_t n_tokens, window, n_windows;
    struct adapter_name adapter;
    uint64_t *ids; /* the request of each window */
    double *sums;  /* of its log-probabilities; added up in order, so that the result is the same in any batch */
    size_t submitted, finished, scored;
    char broken[256]; /* why a token had no log-probability, so that the sums are not the whole text's; empty: all had */
    struct progress progress;
};

static int submit(struct perplexity *p)
{
    pllm_request r = pllm_request_default();
    size_t at = p->submitted * p->window;
    pllm_error err;
    r.tokens = p->tokens + at;
    r.n_tokens = p->n_tokens - at < p->window ? p->n_tokens - at : p->window;
    r.max_tokens = 0;
    r.prompt_logprobs = 0;
    r.adapter = p->adapter.text[0] ? p->adapter.text : NULL;
    if (pllm_submit(p->engine, &r, &p->ids[p->submitted], &err))
        return cli_fail_error(&err);
    p->submitted++;
    return EXIT_DONE;
}

/* The window of a request; those in flight are the latest. */
static size_t window_of(const struct perplexity *p, uint64_t id)
{
    size_t w = p->submitted;
    while (w > 0 && p->ids[w - 1] != id)
        w--;
    return w; /* counted from 1; 0: none */
}

static int step(struct perplexity *p)
{
    const pllm_event *events;
    size_t n;
    pllm_error err;
    if (pllm_step(p->engine, &events, &n, &err))
        return cli_interrupted ? EXIT_INTERRUPTED : cli_fail_error(&err);
    for (size_t i = 0; i < n; i++) {
        size_t w = window_of(p, events[i].id);
        if (w && events[i].kind == PLLM_EVENT_PROMPT) {
            p->sums[w - 1] += (double)events[i].logprob;
            p->scored++;
        } else if (w && events[i].kind == PLLM_EVENT_FINISH) {
            p->finished++;
            if (events[i].finish == PLLM_FINISH_ERROR)
                snprintf(p->broken, sizeof p->broken, "%s", events[i].error);
        }
    }
    pllm_stats stats = pllm_engine_stats(p->engine);
    progress_update(&p->progress, p->finished, p->n_windows, &stats);
    return EXIT_DONE;
}

static int print_result(const struct perplexity *p, const struct options *o)
{
    double sum = 0;
    for (size_t w = 0; w < p->n_windows; w++)
        sum += p->sums[w];
    double mean = -sum / (double)p->scored;
    if (*p->broken || !isfinite(mean))
        return cli_fail(EXIT_UNREADABLE, "%s: %s", o->model, *p->broken ? p->broken : "the sum of the log-probabilities is not finite");
    printf(o->json ? "{\"perplexity\": %.9g, \"mean_nll\": %.9g, \"n_tokens\": %zu, \"n_scored\": %zu, "
                     "\"n_windows\": %zu, \"window\": %zu}\n"
                   : "perplexity %.9g (mean negative log-probability %.9g; %zu tokens, %zu scored, in %zu windows "
                     "of %zu)\n",
           exp(mean), mean, p->n_tokens, p->scored, p->n_windows, p->window);
    return EXIT_DONE;
}

static int run(struct perplexity *p, const struct options *o)
{
    int code = EXIT_DONE;
    p->n_windows = p->n_tokens / p->window + (p->n_tokens % p->window > 1); /* one token alone scores nothing */
    if (p->n_windows == 0)
        return cli_fail(EXIT_UNREADABLE, "%s: has %zu tokens, wanted at least two", o->text_file, p->n_tokens);
    p->ids = calloc(p->n_windows, sizeof *p->ids);
    p->sums = calloc(p->n_windows, sizeof *p->sums);
    if (!p->ids || !p->sums)
        code = cli_fail(EXIT_MEMORY, "%s: not enough memory", o->text_file);
    cli_end_at_once(false); /* to say how far it was */
    progress_begin(&p->progress, o->quiet, p->n_windows);
    p->progress.reads = true;
    while (!code && p->finished < p->n_windows) {
        while (!code && p->submitted < p->n_windows && p->submitted - p->finished < IN_FLIGHT)
            code = submit(p);
        if (!code)
            code = step(p);
    }
    progress_end(&p->progress);
    if (code == EXIT_INTERRUPTED)
        cli_fail(code, "%s: interrupted after %zu of %zu windows: there is no perplexity of a part", o->text_file, p->finished,
                 p->n_windows);
    if (!code)
        code = print_result(p, o);
    free(p->ids);
    free(p->sums);
    return code;
}

static int with_engine(const pllm_model *model, struct options *o, const char *text, size_t n)
{
    struct perplexity p = {0};
    int32_t *tokens;
    int code = cli_only_adapter(&p.adapter, o);
    if (code)
        return code;
    pllm_error err;
    const pllm_tokenizer *tokenizer = pllm_model_tokenizer(model);
    if (!tokenizer)
        return cli_fail(EXIT_UNREADABLE, "%s: has no tokenizer to read text with", o->model);
    progress_say(o->quiet, "tokenizing %s", o->text_file); /* a long one takes a while */
    pllm_status status = pllm_tokenize(tokenizer, text, n, true, false, &tokens, &p.n_tokens, &err);
    progress_said(o->quiet);
    if (status)
        return cli_fail_error(&err);
    int32_t most = pllm_model_describe(model).max_context;
    if (!o->max_model_len)
        o->max_model_len = most > 0 && most < WINDOW ? most : WINDOW;
    p.window = (size_t)o->max_model_len;
    p.tokens = tokens;
    code = cli_open_engine(&p.engine, model, o);
    if (!code) {
        code = run(&p, o);
        pllm_engine_close(p.engine);
    }
    pllm_free(tokens);
    return code;
}

int perplexity_run(struct options *o)
{
    char *text;
    size_t n;
    pllm_model *model;
    if (o->max_model_len == 1)
        return cli_fail(EXIT_USAGE, "--max-model-len: is 1, wanted windows of at least two tokens");
    int code = cli_read_file(o->text_file, MOST_TEXT, &text, &n);
    if (code)
        return code;
    code = cli_open_model(&model, o);
    if (!code) {
        code = with_engine(model, o, text, n);
        pllm_model_close(model);
    }
    free(text);
    return code;
}
