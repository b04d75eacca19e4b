#include "bench_run.h"

#include "cli.h"
#include "progress.h"

#include <stdlib.h>

struct bench {
    pllm_engine *engine;
    const struct options *options;
    int32_t vocab_size;
    int n_seqs, n_prompt, n_generate;
    uint64_t random; /* the state of the generator of prompts */
    int32_t *prompt;
};

/* splitmix64: any prompts will do, but each is another one, so that no prefix comes from the cache. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* The line on the terminal gives way to the reason. */
static int failed(const struct bench *b, const pllm_error *err)
{
    progress_said(b->options->quiet);
    return cli_fail_error(err);
}

static int submit_all(struct bench *b)
{
    pllm_error err;
    uint64_t id;
    for (int s = 0; s < b->n_seqs; s++) {
        pllm_request r = pllm_request_default();
        for (int i = 0; i < b->n_prompt; i++)
            b->prompt[i] = (int32_t)(next_random(&b->random) % (uint64_t)b->vocab_size);
        r.tokens = b->prompt;
        r.n_tokens = (size_t)b->n_prompt;
        r.max_tokens = b->n_generate;
        r.ignore_eos = true;
        if (pllm_submit(b->engine, &r, &id, &err))
            return failed(b, &err);
    }
    return EXIT_DONE;
}

/* Answers that are not whole would make figures of work that was not done. */
static int check_end(const struct bench *b, const pllm_event *e)
{
    const bool is_error = e->finish == PLLM_FINISH_ERROR;
    if (!is_error && e->completion_tokens == b->n_generate)
        return EXIT_DONE;
    progress_said(b->options->quiet);
    return is_error ? cli_fail(EXIT_UNREADABLE, "%s: %s", b->options->model, e->error)
                    : cli_fail(EXIT_MEMORY, "KV cache: was full after %d of %d tokens of an answer (--kv-cache-memory)",
                               (int)e->completion_tokens, b->n_generate);
}

/* How many sequences have a token, and are done. */
struct progressed {
    int n_first, n_finished;
};

static int take_events(const struct bench *b, const pllm_event *events, size_t n, struct progressed *p, uint64_t *n_tokens)
{
    int code = EXIT_DONE;
    for (size_t i = 0; i < n && !code; i++) {
        const bool is_token = events[i].kind == PLLM_EVENT_TOKEN;
        p->n_first += is_token && events[i].position == 0;
        *n_tokens += is_token;
        if (events[i].kind != PLLM_EVENT_FINISH)
            continue;
        p->n_finished++;
        code = check_end(b, &events[i]);
    }
    return code;
}

static int run_once(struct bench *b, struct bench_times *t)
{
    struct progressed p = {0};
    int code = submit_all(b);
    double begun = cli_seconds(), first = 0;
    *t = (struct bench_times){0};
    while (!code && p.n_finished < b->n_seqs) {
        const pllm_event *events;
        size_t n;
        uint64_t n_tokens = 0;
        pllm_error err;
        const bool decoding = p.n_first == b->n_seqs;
        if (pllm_step(b->engine, &events, &n, &err))
            return cli_interrupted ? EXIT_INTERRUPTED : failed(b, &err);
        code = take_events(b, events, n, &p, &n_tokens);
        t->decode_tokens += decoding ? n_tokens : 0;
        t->decode_steps += decoding;
        if (!decoding && p.n_first == b->n_seqs)
            first = cli_seconds();
    }
    t->prefill_seconds = first - begun;
    t->decode_seconds = cli_seconds() - first;
    return code;
}

static int by_total(const void *a, const void *b)
{
    const struct bench_times *x = a, *y = b;
    double s = x->prefill_seconds + x->decode_seconds, t = y->prefill_seconds + y->decode_seconds;
    return (s > t) - (s < t);
}

static void fill(struct bench_row *row, const struct bench *b, const struct bench_times *t)
{
    double n = b->n_seqs, total = n * (b->n_prompt + b->n_generate);
    *row = (struct bench_row){
        .n_seqs = b->n_seqs,
        .median = *t,
        .prefill_tokens_s = n * b->n_prompt / t->prefill_seconds,
        .decode_tokens_s = (double)t->decode_tokens / t->decode_seconds,
        .total_tokens_s = total / (t->prefill_seconds + t->decode_seconds),
        .peak_rss_bytes = cli_peak_rss(),
    };
}

static int repeat(struct bench *b, struct bench_row *row)
{
    const struct options *o = b->options;
    const char *const plural = b->n_seqs == 1 ? "" : "s";
    struct bench_times *times = calloc((size_t)o->repeat, sizeof *times);
    b->prompt = malloc((size_t)b->n_prompt * sizeof *b->prompt);
    int code = times && b->prompt ? EXIT_DONE : cli_fail(EXIT_MEMORY, "bench: not enough memory");
    int n = 0;
    while (n < o->repeat && !code) {
        progress_say(o->quiet, "%d sequence%s, run %d of %d", b->n_seqs, plural, ++n, (int)o->repeat);
        code = run_once(b, &times[n - 1]);
    }
    progress_said(o->quiet);
    if (code == EXIT_INTERRUPTED)
        cli_fail(code, "interrupted at %d sequence%s, run %d of %d", b->n_seqs, plural, n, (int)o->repeat);
    if (!code) {
        qsort(times, (size_t)o->repeat, sizeof *times, by_total);
        fill(row, b, &times[o->repeat / 2]);
    }
    free(b->prompt);
    free(times);
    return code;
}

/* With as much room as the sequences need, and nothing in the cache that would save work. */
static int open_engine(pllm_engine **engine, const pllm_model *model, const struct options *o, int n_seqs)
{
    struct options with = *o;
    with.max_num_seqs = n_seqs;
    with.no_prefix_caching = true;
    if (!with.max_model_len)
        with.max_model_len = o->prompt_tokens + o->gen_tokens;
    return cli_open_engine(engine, model, &with);
}

int bench_try(const pllm_model *model, const struct options *o, int n_seqs)
{
    struct options quietly = *o; /* what it warns of is said when it is measured */
    pllm_engine *engine = NULL;
    quietly.quiet = true;
    const int code = open_engine(&engine, model, &quietly, n_seqs);
    pllm_engine_close(engine);
    return code;
}

int bench_measure(struct bench_row *row, const pllm_model *model, const struct options *o, int n_seqs)
{
    struct bench b = {
        .options = o,
        .vocab_size = pllm_model_describe(model).vocab_size,
        .n_seqs = n_seqs,
        .n_prompt = (int)o->prompt_tokens,
        .n_generate = (int)o->gen_tokens,
        .random = (uint64_t)n_seqs,
    };
    int code = open_engine(&b.engine, model, o, n_seqs);
    if (code)
        return code;
    code = repeat(&b, row);
    pllm_engine_close(b.engine);
    return code;
}
