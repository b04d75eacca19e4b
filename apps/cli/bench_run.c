#include "bench_run.h"

#include "cli.h"
#include "progress.h"

#include <stdlib.h>

struct bench {
    pllm_engine *engine;
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
            return cli_fail_error(&err);
    }
    return EXIT_DONE;
}

static int run_once(struct bench *b, struct bench_times *t)
{
    int n_first = 0, n_finished = 0, code = submit_all(b);
    double begun = cli_seconds(), first = 0;
    *t = (struct bench_times){0};
    while (!code && n_finished < b->n_seqs) {
        const pllm_event *events;
        size_t n;
        pllm_error err;
        bool decoding = n_first == b->n_seqs;
        if (cli_interrupted)
            return EXIT_INTERRUPTED;
        if (pllm_step(b->engine, &events, &n, &err))
            return cli_fail_error(&err);
        for (size_t i = 0; i < n; i++) {
            n_first += events[i].kind == PLLM_EVENT_TOKEN && events[i].position == 0;
            n_finished += events[i].kind == PLLM_EVENT_FINISH;
            t->decode_tokens += decoding && events[i].kind == PLLM_EVENT_TOKEN;
        }
        t->decode_steps += decoding;
        if (!decoding && n_first == b->n_seqs)
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

static int repeat(struct bench *b, const struct options *o, struct bench_row *row)
{
    struct bench_times *times = calloc((size_t)o->repeat, sizeof *times);
    b->prompt = malloc((size_t)b->n_prompt * sizeof *b->prompt);
    int code = times && b->prompt ? EXIT_DONE : cli_fail(EXIT_MEMORY, "bench: not enough memory");
    for (int64_t i = 0; i < o->repeat && !code; i++) {
        progress_say(o->quiet, "%d sequence%s, run %d of %d", b->n_seqs, b->n_seqs == 1 ? "" : "s", (int)i + 1, (int)o->repeat);
        code = run_once(b, &times[i]);
    }
    progress_said(o->quiet);
    if (!code) {
        qsort(times, (size_t)o->repeat, sizeof *times, by_total);
        fill(row, b, &times[o->repeat / 2]);
    }
    free(b->prompt);
    free(times);
    return code;
}

int bench_measure(struct bench_row *row, const pllm_model *model, const struct options *o, int n_seqs)
{
    struct options with = *o;
    struct bench b = {
        .vocab_size = pllm_model_describe(model).vocab_size,
        .n_seqs = n_seqs,
        .n_prompt = (int)o->prompt_tokens,
        .n_generate = (int)o->gen_tokens,
        .random = (uint64_t)n_seqs,
    };
    with.max_num_seqs = n_seqs;
    with.no_prefix_caching = true;
    if (!with.max_model_len)
        with.max_model_len = o->prompt_tokens + o->gen_tokens;
    int code = cli_open_engine(&b.engine, model, &with);
    if (code)
        return code;
    code = repeat(&b, o, row);
    pllm_engine_close(b.engine);
    return code;
}
