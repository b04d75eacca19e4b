/* What the engine is for, measured through the public header, on random prompts of token ids:
 *
 *     engine shared MODEL [PROMPT [SAMPLES [TOKENS]]]   many samples of one long prompt beside those of a short one
 *     engine priority MODEL [BULK [TOKENS [SEQS]]]      a bulk job alone, and with an interactive request a second
 *     engine seqs MODEL REQUESTS TOKENS[+PROMPT] auto|N ...   one job with several settings of max_num_seqs, side by side
 *
 * Prints one line for each figure. */
#include "bench.h"

#include <parallm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TIMES = 1 << 16, CHAT_PROMPT = 32, CHAT_TOKENS = 24, BULK_PROMPT = 64, SHORT_PROMPT = 16 };

struct times {
    double at[MAX_TIMES];
    int n;
};

static void die(const char *what, const pllm_error *err)
{
    fprintf(stderr, "engine: %s: %s\n", what, err ? err->message : "wrong usage, see the head of bench/engine.c");
    exit(1);
}

static void add_time(struct times *t, double seconds)
{
    if (t->n < MAX_TIMES)
        t->at[t->n++] = seconds;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(struct times *t, double q)
{
    qsort(t->at, (size_t)t->n, sizeof *t->at, compare_doubles);
    return t->n ? t->at[(int)(q * (t->n - 1))] : 0;
}

static double mean(const struct times *t)
{
    double sum = 0;
    for (int i = 0; i < t->n; i++)
        sum += t->at[i];
    return t->n ? sum / t->n : 0;
}

static uint32_t random_number(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

/* A request for `max_tokens` tokens after n random ones, which the caller frees when it is submitted. */
static pllm_request random_request(const pllm_model *model, int n, int max_tokens)
{
    pllm_request r = pllm_request_default();
    int32_t *tokens = malloc((size_t)n * sizeof *tokens);
    uint32_t vocab = (uint32_t)pllm_model_describe(model).vocab_size;
    for (int i = 0; tokens && i < n; i++)
        tokens[i] = (int32_t)(random_number() % vocab);
    r.tokens = tokens;
    r.n_tokens = (size_t)n;
    r.max_tokens = max_tokens;
    r.ignore_eos = true;
    r.sampling.temperature = 1;
    r.sampling.seed = random_number();
    r.sampling.has_seed = true;
    return r;
}

static uint64_t submit(pllm_engine *e, const pllm_request *r)
{
    pllm_error err;
    uint64_t id = 0;
    if (pllm_submit(e, r, &id, &err))
        die("submit", &err);
    return id;
}

static uint64_t submit_random(pllm_engine *e, const pllm_model *model, int n, int max_tokens, int priority)
{
    pllm_request r = random_request(model, n, max_tokens);
    r.priority = priority;
    uint64_t id = submit(e, &r);
    free((void *)r.tokens);
    return id;
}

static pllm_engine *open_engine(const pllm_model *model, int seqs, int max_len)
{
    pllm_engine_options o = pllm_engine_options_default();
    pllm_engine *e;
    pllm_error err;
    o.max_num_seqs = seqs;
    o.max_model_len = max_len;
    if (pllm_engine_open(&e, model, &o, &err))
        die("engine", &err);
    return e;
}

static void step(pllm_engine *e, const pllm_event **events, size_t *n)
{
    pllm_error err;
    if (pllm_step(e, events, n, &err))
        die("step", &err);
}

/* ---- Samples of one prompt ------------------------------------------------------------------------------ */

static double decode_rate(const pllm_model *model, int prompt, int samples, int tokens)
{
    pllm_engine *e = open_engine(model, samples, prompt + tokens + 1);
    pllm_request r = random_request(model, prompt, tokens);
    const pllm_event *events;
    size_t n;
    r.n = samples;
    submit(e, &r);
    free((void *)r.tokens);
    double start = bench_now(), begun = start;
    while (pllm_engine_stats(e).completion_tokens == 0) {
        step(e, &events, &n);
        begun = bench_now();
    }
    pllm_stats middle = {0}, s;
    while (!pllm_engine_idle(e)) {
        step(e, &events, &n);
        s = pllm_engine_stats(e);
        middle = s.blocks_used > middle.blocks_used ? s : middle;
    }
    double seconds = bench_now() - begun;
    s = pllm_engine_stats(e);
    uint64_t decoded = s.completion_tokens - (uint64_t)samples;
    printf("prompt %d, %d samples: prefill %llu tokens computed of %llu in %.2f s, most blocks %d (%d shared), decode %.2f "
           "tokens/s\n", prompt, samples, (unsigned long long)s.prefill_tokens_computed,
           (unsigned long long)s.prompt_tokens, begun - start, middle.blocks_used, middle.blocks_shared,
           (double)decoded / seconds);
    fflush(stdout);
    pllm_engine_close(e);
    return (double)decoded / seconds;
}

static void measure_shared(const pllm_model *model, int prompt, int samples, int tokens)
{
    double at_short = decode_rate(model, SHORT_PROMPT, samples, tokens);
    double at_long = decode_rate(model, prompt, samples, tokens);
    printf("long / short: %.3f\n", at_long / at_short);
}

/* ---- A bulk job and a chat ------------------------------------------------------------------------------- */

struct mixed {
    double seconds;   /* until the bulk job is done */
    struct times steps; /* of the bulk job */
    struct times gaps;  /* between the tokens of interactive requests */
    struct times first; /* to their first tokens */
    int n_chats;
};

static struct mixed alone, beside;

static void take_chat(struct mixed *m, const pllm_event *e, uint64_t id, double *last)
{
    if (e->id != id || e->kind != PLLM_EVENT_TOKEN)
        return;
    double t = bench_now();
    add_time(e->position == 0 ? &m->first : &m->gaps, t - *last);
    *last = t;
}

static void run_bulk(const pllm_model *model, int bulk, int tokens, int seqs, bool chat, struct mixed *m)
{
    pllm_engine *e = open_engine(model, seqs, 512);
    uint64_t chat_id = 0;
    double start = bench_now(), next = start + 1, last = 0;
    int left = bulk;
    for (int i = 0; i < bulk; i++)
        submit_random(e, model, BULK_PROMPT, tokens, 0);
    while (left > 0) {
        const pllm_event *events;
        size_t n;
        double before = bench_now();
        if (chat && before >= next) {
            next += 1;
            last = before;
            m->n_chats++;
            chat_id = submit_random(e, model, CHAT_PROMPT, CHAT_TOKENS, -1);
        }
        step(e, &events, &n);
        add_time(&m->steps, bench_now() - before);
        for (size_t i = 0; i < n; i++) {
            take_chat(m, &events[i], chat_id, &last);
            left -= events[i].kind == PLLM_EVENT_FINISH && events[i].prompt_tokens == BULK_PROMPT;
        }
    }
    m->seconds = bench_now() - start;
    pllm_engine_close(e);
}

static void measure_priority(const pllm_model *model, int bulk, int tokens, int seqs)
{
    run_bulk(model, bulk, tokens, seqs, false, &alone);
    run_bulk(model, bulk, tokens, seqs, true, &beside);
    double step_time = quantile(&alone.steps, 0.5);
    printf("bulk alone: %.2f s, %.1f tokens/s, step median %.4f s, mean %.4f s\n", alone.seconds, bulk * tokens / alone.seconds,
           step_time, mean(&alone.steps));
    printf("with %d chats: %.2f s, %.1f tokens/s, %.3f of alone\n", beside.n_chats, beside.seconds,
           bulk * tokens / beside.seconds, alone.seconds / beside.seconds);
    printf("between tokens: median %.4f s, %.3f of a step; mean %.4f s; p90 %.4f s, p99 %.4f s; first token median %.4f s\n",
           quantile(&beside.gaps, 0.5), quantile(&beside.gaps, 0.5) / step_time, mean(&beside.gaps),
           quantile(&beside.gaps, 0.9), quantile(&beside.gaps, 0.99), quantile(&beside.first, 0.5));
}

/* ---- How many at once ------------------------------------------------------------------------------------ */

/* One setting's engine with the job, its own seconds, and when the search for a number came to its last one. */
struct racer {
    const char *setting;
    pllm_engine *engine;
    double seconds, settled;
    int may;
};

enum { MAX_RACERS = 16 };

static void open_racer(struct racer *r, const pllm_model *model, const char *setting, int requests, int tokens, int prompt)
{
    *r = (struct racer){.setting = setting, .engine = open_engine(model, atoi(setting), 512)}; /* "auto" is 0 */
    r->may = pllm_engine_stats(r->engine).max_num_seqs;
    for (int i = 0; i < requests; i++)
        submit_random(r->engine, model, prompt, tokens, 0);
}

static void step_racer(struct racer *r)
{
    const pllm_event *events;
    size_t n;
    const double before = bench_now();
    step(r->engine, &events, &n);
    r->seconds += bench_now() - before;
    const int may = pllm_engine_stats(r->engine).max_num_seqs;
    if (may != r->may)
        r->may = may, r->settled = r->seconds;
}

/* Whoever had the least time so far, of those that have work left; NULL: nobody has. */
static struct racer *next_racer(struct racer *racers, int n)
{
    struct racer *next = NULL;
    for (int i = 0; i < n; i++)
        if (!pllm_engine_idle(racers[i].engine) && (!next || racers[i].seconds < next->seconds))
            next = &racers[i];
    return next;
}

/* All settings at once, step by step in turns, each with its own clock: what the machine does to one it does to all. */
static void measure_seqs(const pllm_model *model, int requests, int tokens, int prompt, char **settings, int n)
{
    struct racer racers[MAX_RACERS], *r;
    n = n < MAX_RACERS ? n : MAX_RACERS;
    for (int i = 0; i < n; i++)
        open_racer(&racers[i], model, settings[i], requests, tokens, prompt);
    while ((r = next_racer(racers, n)))
        step_racer(r);
    for (int i = 0; i < n; i++) {
        r = &racers[i];
        printf("%s: %.2f s, %.1f tokens/s, %d at once in the end, from %.2f s on; %d at most\n", r->setting, r->seconds,
               requests * tokens / r->seconds, r->may, r->settled, pllm_engine_stats(r->engine).max_running);
        pllm_engine_close(r->engine);
    }
}

static int number(int argc, char **argv, int i, int otherwise)
{
    return argc > i ? atoi(argv[i]) : otherwise;
}

int main(int argc, char **argv)
{
    pllm_model *model;
    pllm_error err;
    if (argc < 3)
        die("usage", NULL);
    if (pllm_model_open(&model, argv[2], NULL, &err))
        die(argv[2], &err);
    if (strcmp(argv[1], "shared") == 0)
        measure_shared(model, number(argc, argv, 3, 1024), number(argc, argv, 4, 64), number(argc, argv, 5, 64));
    else if (strcmp(argv[1], "priority") == 0)
        measure_priority(model, number(argc, argv, 3, 500), number(argc, argv, 4, 32), number(argc, argv, 5, 0));
    else if (strcmp(argv[1], "seqs") == 0 && argc > 5) {
        const char *prompt = strchr(argv[4], '+');
        measure_seqs(model, atoi(argv[3]), atoi(argv[4]), prompt ? atoi(prompt) : BULK_PROMPT, argv + 5, argc - 5);
    } else
        die(argv[1], NULL);
    pllm_model_close(model);
    return 0;
}
