/* The fixed promise on real kernels: what a request gives alone, it gives in every batch, order, cut of its prompt, number
 * of threads and state of the cache, and when it was preempted. Everything that an event says is compared byte by byte.
 *
 * usage: invariance MODEL few|some|all[:PART/PARTS] [ISA|- [KV_DTYPE]]    KV_DTYPE: f16, f32, bf16, int8
 *
 * some: all requests in some ways, chosen so that each value of each setting is met; few: every fifth request or so in
 * these; all: all requests in all combinations, or in one part of them, from 1 to PARTS, as many take long. */
#include "adapters.h"
#include "requests.h"

#include "base/vec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct way {
    int seqs, rows, threads; /* most sequences; most rows of a step, so the largest chunk */
    bool caching, shuffled;
    bool split;              /* n samples as n requests */
    bool small;              /* so few blocks that sequences are preempted */
    bool alone;              /* one request after another */
};

static struct variant variants[N_REQUESTS];
static int chosen[N_REQUESTS], n_chosen;
/* Whatever a sample's events said. */
typedef struct buf record[N_REQUESTS][MAX_SAMPLES];
static record expected, got;
static pllm_model *model;
static pllm_dtype kv_dtype = PLLM_DTYPE_AUTO;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "invariance: %s: %s\n", what, why);
    exit(1);
}

static void put(struct buf *b, const void *bytes, size_t n)
{
    if (!buf_add(b, bytes, n))
        die("record", "no memory");
}

static void record_event(struct buf *b, const pllm_event *e)
{
    const int32_t numbers[] = {e->kind, e->position, e->token, e->is_greedy, e->finish, e->stop_token, e->stop_index,
                               e->prompt_tokens, e->completion_tokens, (int32_t)e->n_top, (int32_t)e->n_text};
    put(b, numbers, sizeof numbers);
    put(b, &e->logprob, sizeof e->logprob);
    put(b, &e->seed, sizeof e->seed);
    put(b, &e->cumulative_logprob, sizeof e->cumulative_logprob);
    for (size_t i = 0; i < e->n_top; i++) {
        put(b, &e->top[i].token, sizeof e->top[i].token);
        put(b, &e->top[i].logprob, sizeof e->top[i].logprob);
    }
    put(b, e->text, e->n_text);
}

/* ---- Running ------------------------------------------------------------------------------------------- */

static pllm_engine *open_engine(const struct way *w, uint64_t memory)
{
    pllm_engine_options o = pllm_engine_options_default();
    pllm_engine *e = NULL;
    pllm_error err;
    o.max_num_seqs = w->seqs;
    o.max_num_batched_tokens = w->rows;
    o.threads = w->threads;
    o.max_model_len = MAX_LEN;
    o.enable_prefix_caching = w->caching;
    o.kv_cache_dtype = kv_dtype;
    o.kv_cache_memory = memory;
    if (pllm_engine_open(&e, model, &o, &err) && err.status != PLLM_E_MEMORY)
        die("engine", err.message);
    if (e && adapters_load(e, &err))
        die("adapters", err.message);
    return e;
}

/* With the least memory in which the longest sequence has room. */
static pllm_engine *open_small(const struct way *w)
{
    const int32_t blocks = (MAX_PROMPT + MAX_NEW) / 32 + 2;
    uint64_t lo = 1, hi = (uint64_t)1 << 30;
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        pllm_engine *e = open_engine(w, mid);
        if (e && pllm_engine_plan(e).kv_blocks >= blocks)
            hi = mid;
        else
            lo = mid + 1;
        pllm_engine_close(e);
    }
    return open_engine(w, lo);
}

/* A sample that is a request of its own scores the prompt only where the whole request would have said so. */
static pllm_request request_of(int i, int sample, bool split)
{
    pllm_request p = variants[i].request;
    if (!split)
        return p;
    p.n = 1;
    p.first_sample = sample;
    if (sample > 0)
        p.prompt_logprobs = -1;
    return p;
}

struct run {
    pllm_engine *engine;
    record *to;
    uint64_t first_id;
    int which[N_REQUESTS * MAX_SAMPLES]; /* by id - first_id */
};

static void run_until_idle(struct run *r)
{
    while (!pllm_engine_idle(r->engine)) {
        const pllm_event *events;
        size_t n;
        pllm_error err;
        if (pllm_step(r->engine, &events, &n, &err))
            die("step", err.message);
        for (size_t i = 0; i < n; i++)
            record_event(&(*r->to)[r->which[events[i].id - r->first_id]][events[i].sample], &events[i]);
    }
}

static void run_all(struct run *r, const struct way *w)
{
    r->first_id = 0;
    for (int i = 0; i < n_chosen; i++) {
        int which = chosen[w->shuffled ? (i * 77 + 13) % n_chosen : i];
        int parts = w->split ? variants[which].request.n : 1;
        for (int sample = 0; sample < parts; sample++) {
            pllm_request p = request_of(which, sample, w->split);
            uint64_t id;
            pllm_error err;
            if (pllm_submit(r->engine, &p, &id, &err))
                die("submit", err.message);
            r->first_id = r->first_id ? r->first_id : id;
            r->which[id - r->first_id] = which;
            if (w->alone)
                run_until_idle(r);
        }
    }
    run_until_idle(r);
}

static int compare(void)
{
    int wrong = 0;
    for (int i = 0; i < N_REQUESTS; i++)
        for (int s = 0; s < MAX_SAMPLES; s++) {
            struct buf *a = &expected[i][s], *b = &got[i][s];
            wrong += a->n != b->n || (a->n && memcmp(a->at, b->at, a->n) != 0);
            b->n = 0;
        }
    return wrong;
}

static uint64_t preemptions;

/* Twice in one engine: with a cache, the second time finds it warm. Returns how many answers differ. */
static int check_way(const struct way *w)
{
    struct run r = {.engine = w->small ? open_small(w) : open_engine(w, 0), .to = &got};
    int wrong = 0;
    for (int pass = 0; pass < 1 + w->caching; pass++) {
        run_all(&r, w);
        int now = compare();
        if (now)
            printf("%d answers differ: seqs %d, rows %d, threads %d, cache %s, %s%s%s%s\n", now, w->seqs, w->rows,
                   w->threads, !w->caching ? "off" : pass ? "warm" : "cold", w->shuffled ? "shuffled" : "in order",
                   w->split ? ", split" : "", w->small ? ", small" : "", w->alone ? ", alone" : "");
        wrong += now;
    }
    pllm_stats s = pllm_engine_stats(r.engine);
    if (s.blocks_used || s.running || s.waiting)
        die("engine", "blocks are not given back");
    preemptions += s.preemptions;
    pllm_engine_close(r.engine);
    return wrong;
}

/* ---- Ways ---------------------------------------------------------------------------------------------- */

static const struct way quick_ways[] = {
    {.seqs = 1, .rows = 1, .threads = 1, .caching = true, .alone = true},
    {.seqs = 1, .rows = 512, .threads = 2, .shuffled = true},
    {.seqs = 3, .rows = 7, .threads = 2, .caching = true, .shuffled = true},
    {.seqs = 64, .rows = 64, .threads = 1, .caching = true, .split = true},
    {.seqs = 64, .rows = 512, .threads = 2, .caching = true},
    {.seqs = 64, .rows = 512, .threads = 2, .shuffled = true, .split = true},
    {.seqs = 64, .rows = 512, .threads = 2, .caching = true, .small = true},
    {.seqs = 64, .rows = 64, .threads = 1, .shuffled = true, .small = true},
    {.seqs = 64, .rows = 512, .threads = 2, .shuffled = true, .split = true, .small = true},
};

static int run_some_ways(int *n_ways)
{
    int wrong = 0;
    *n_ways = (int)(sizeof quick_ways / sizeof *quick_ways);
    for (int i = 0; i < *n_ways; i++)
        wrong += check_way(&quick_ways[i]);
    return wrong;
}

/* Order and splitting alternate over the combinations of the rest. Every `parts`-th of them, from the `part`-th. */
static int run_all_ways(int part, int parts, int *n_ways)
{
    static const int seqs[] = {1, 3, 64}, rows[] = {1, 7, 64, 512};
    int wrong = part == 1 ? check_way(&quick_ways[0]) : 0, n = 1;
    *n_ways = part == 1;
    for (int i = 0; i < 3 * 4 * 8; i++) {
        struct way w = {.seqs = seqs[i % 3], .rows = rows[i / 3 % 4], .threads = 1 + i / 12 % 2, .caching = i / 24 % 2,
                        .small = i / 48 % 2, .shuffled = n % 2, .split = n / 2 % 2};
        if (w.rows < w.seqs || (w.small && w.seqs < 64))
            continue; /* the engine takes a row for each sequence; few sequences are never preempted */
        if (n++ % parts != part - 1)
            continue;
        wrong += check_way(&w);
        ++*n_ways;
    }
    return wrong;
}

/* 77 is coprime to what is chosen, so that shuffling is a permutation. */
static void choose(bool few)
{
    for (int i = 0; i < N_REQUESTS; i++)
        if (!few || (i * 7 + i / 8) % 5 == 0)
            chosen[n_chosen++] = i;
    while (n_chosen % 7 == 0 || n_chosen % 11 == 0)
        n_chosen--;
}

static pllm_dtype dtype_of(const char *name)
{
    static const char *const names[] = {"auto", "f32", "f16", "bf16", "int8"};
    for (int i = 0; i < 5; i++)
        if (strcmp(names[i], name) == 0)
            return (pllm_dtype)i;
    die(name, "no such type");
    return PLLM_DTYPE_AUTO;
}

static void free_records(record *r)
{
    for (int i = 0; i < N_REQUESTS; i++)
        for (int s = 0; s < MAX_SAMPLES; s++)
            vec_fini(&(*r)[i][s]);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        die("usage", "invariance MODEL few|some|all[:PART/PARTS] [ISA|- [KV_DTYPE]]");
    int part = 1, parts = 1;
    const bool all = strncmp(argv[2], "all", 3) == 0;
    if (all && argv[2][3] && (sscanf(argv[2] + 3, ":%d/%d", &part, &parts) != 2 || part < 1 || part > parts))
        die(argv[2], "wanted all:PART/PARTS, with PART from 1 to PARTS");
    pllm_model_options o = pllm_model_options_default();
    pllm_error err;
    o.isa = argc > 3 && strcmp(argv[3], "-") != 0 ? argv[3] : NULL;
    kv_dtype = argc > 4 ? dtype_of(argv[4]) : PLLM_DTYPE_AUTO;
    if (pllm_model_open(&model, argv[1], &o, &err))
        die(argv[1], err.message);
    pllm_model_info info = pllm_model_describe(model);
    if (info.max_context && info.max_context < MAX_LEN) {
        printf("skipped: the model was made for %d tokens, some requests have up to %d\n", info.max_context, MAX_LEN);
        pllm_model_close(model);
        return 77;
    }
    if (!adapters_make(&info))
        die("adapters", "cannot be written");
    atexit(adapters_remove);
    make_requests(variants, info.vocab_size, pllm_model_tokenizer(model) != NULL);
    choose(strcmp(argv[2], "few") == 0);

    /* The measure of all: each sample by itself, whole chunks, one thread, no cache. */
    const struct way alone = {.seqs = 1, .rows = 512, .threads = 1, .split = true, .alone = true};
    struct run r = {.engine = open_engine(&alone, 0), .to = &expected};
    run_all(&r, &alone);
    pllm_engine_close(r.engine);

    int n_ways, wrong = all ? run_all_ways(part, parts, &n_ways) : run_some_ways(&n_ways);
    printf("%s, %s: %d requests in %d ways, %llu preemptions, %d answers differ\n", info.architecture, info.isa,
           n_chosen, n_ways, (unsigned long long)preemptions, wrong);
    if (parts == 1 && preemptions < (n_chosen == N_REQUESTS ? 24 : 1))
        die("preemptions", "too few to show anything");
    free_records(&expected);
    free_records(&got);
    pllm_model_close(model);
    return wrong != 0;
}
