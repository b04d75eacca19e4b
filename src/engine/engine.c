/* Life of an engine and of its requests; step.c computes, output.c turns results into events. */
#include "engine/engine_inside.h"

#include <string.h>

pllm_engine_options engine_default_options(void)
{
    return (pllm_engine_options){.enable_prefix_caching = true};
}

pllm_request engine_default_request(void)
{
    return (pllm_request){
        .sampling = {.top_p = 1, .typical_p = 1, .repetition_penalty = 1, .xtc_threshold = 0.1f, .dry_base = 1.75f,
                     .dry_allowed_length = 2},
        .n = 1, .max_tokens = 128, .logprobs = -1, .prompt_logprobs = -1};
}

/* ---- Opening -------------------------------------------------------------------------------------- */

static pllm_status open_parts(struct engine *e, const pllm_engine_options *o, pllm_error *err)
{
    const struct engine_sizes *z = &e->sizes;
    pllm_status status = pool_open(&e->pool, z->threads, err);
    if (status)
        return status;
    struct decoder_options d = {.pool = e->pool, .threads = z->threads, .max_rows = z->max_rows, .max_seqs = z->max_seqs,
                                .max_out = z->max_out, .kv_type = z->kv_type, .n_blocks = {z->n_blocks[0], z->n_blocks[1]},
                                .progress = o->progress, .progress_user = o->progress_user};
    if (e->model.all_windowed)
        d.n_blocks[0] = 0;
    status = e->model.open(&e->decoder, e->model.ctx, &d, err);
    if (status)
        return status;
    struct sched_sizes s = {z->max_rows, z->max_out, z->max_scores, z->max_seqs, {z->n_blocks[0], z->n_blocks[1]},
                            REQUEST_MAX_TOPS};
    status = sched_init(&e->sched, &e->model, &s, err);
    if (status)
        return status;
    e->sched.cache.decoder = e->decoder;
    e->sched.batch.adapters = e->adapter_list;
    e->scratch = mem_zalloc((size_t)z->threads, sizeof *e->scratch);
    for (int i = 0; e->scratch && i < z->threads; i++)
        if (!sampler_scratch_init(&e->scratch[i], e->model.kernels, e->model.vocab, (size_t)z->max_len))
            return error_memory(err, "sampler");
    return e->scratch ? PLLM_OK : error_memory(err, "sampler");
}

static pllm_status copy_text(struct engine *e, const struct engine_text *text, pllm_error *err)
{
    int32_t *end_tokens = mem_alloc(text->n_end_tokens, sizeof *end_tokens);
    if (!end_tokens)
        return error_memory(err, "engine");
    if (text->n_end_tokens)
        memcpy(end_tokens, text->end_tokens, text->n_end_tokens * sizeof *end_tokens);
    e->text = *text;
    e->text.end_tokens = end_tokens;
    return PLLM_OK;
}

pllm_status engine_open(struct engine **out, const struct engine_model *model, const struct engine_text *text,
                        const pllm_engine_options *options, pllm_error *err)
{
    pllm_engine_options o = options ? *options : engine_default_options();
    struct engine_sizes sizes;
    pllm_status status = engine_size(&sizes, model, &o, 0, err);
    if (status)
        return status;
    struct engine *e = mem_zalloc(1, sizeof *e);
    if (!e)
        return error_memory(err, "engine");
    e->model = *model;
    e->sizes = sizes;
    e->caching = o.enable_prefix_caching;
    status = copy_text(e, text, err);
    if (!status)
        status = open_parts(e, &o, err);
    if (status) {
        engine_close(e);
        return status;
    }
    tuner_init(&e->tuner, sizes.max_seqs);
    if (sizes.auto_seqs)
        e->sched.limit = e->tuner.limit;
    e->stats.blocks_total = sizes.n_blocks[0];
    e->stats.block_tokens = KV_BLOCK;
    *out = e;
    return PLLM_OK;
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    e->phase = PHASE_IDLE;
    for (int i = 0; i < ENGINE_BUCKETS; i++)
        while (e->requests[i])
            engine_forget(e, e->requests[i]);
    adapters_close(e);
    mem_free((void *)e->text.end_tokens);
    for (int i = 0; e->scratch && i < e->sizes.threads; i++)
        sampler_scratch_fini(&e->scratch[i]);
    mem_free(e->scratch);
    sched_fini(&e->sched);
    if (e->decoder)
        e->model.close(e->decoder);
    pool_close(e->pool);
    arena_fini(&e->arena);
    vec_fini(&e->events);
    vec_fini(&e->jobs);
    mem_free(e);
}

/* ---- Requests -------------------------------------------------------------------------------------- */

static struct request *find_request(const struct engine *e, uint64_t id)
{
    struct request *r = e->requests[id % ENGINE_BUCKETS];
    while (r && r->id != id)
        r = r->next;
    return r && !r->cancelled ? r : NULL;
}

void engine_forget(struct engine *e, struct request *r)
{
    for (int i = 0; i < r->p.n; i++)
        sched_drop(&e->sched, &r->seqs[i]);
    if (r->n_done < r->p.n)
        e->n_live--;
    struct request **link = &e->requests[r->id % ENGINE_BUCKETS];
    while (*link != r)
        link = &(*link)->next;
    *link = r->next;
    for (int i = 0; i < 2; i++)
        if (r->roots[i])
            prefix_root_put(e->sched.cache.prefix, r->roots[i]);
    adapters_put(e, r->adapter);
    request_close(r);
}

void engine_finish(struct engine *e, struct seq *s)
{
    struct request *r = s->request;
    sched_drop(&e->sched, s);
    if (++r->n_done < r->p.n)
        return;
    e->n_live--;
    e->stats.finished++;
    if (!r->p.keep)
        engine_forget(e, r);
}

/* Longest sequence that can be computed with nothing else in the cache. */
static int longest(const struct engine *e)
{
    int64_t room = (int64_t)e->sizes.n_blocks[0] * KV_BLOCK;
    return room < e->sizes.max_len ? (int)room : e->sizes.max_len;
}

static pllm_status check_length(const struct engine *e, const pllm_request *p, size_t n, pllm_error *err)
{
    size_t draws = p->max_tokens > 0;
    if (n + draws > (size_t)e->sizes.max_len)
        return error_set(err, PLLM_E_ARGUMENT, "prompt: has %zu tokens, max_model_len is %d%s", n, e->sizes.max_len,
                         draws ? " and one more is to be drawn" : "");
    if (n + draws > (size_t)longest(e))
        return error_set(err, PLLM_E_ARGUMENT, "prompt: has %zu tokens, the KV cache holds %d (%d blocks of %d)", n,
                         longest(e), e->sizes.n_blocks[0], KV_BLOCK);
    if (p->n_stop > 0 && !e->text.tokenizer)
        return error_set(err, PLLM_E_ARGUMENT, "stop: there is no tokenizer, so no text to look for it in");
    return PLLM_OK;
}

/* Roots of the prefix tree, for both kinds of rotation where the model has two. */
static pllm_status find_roots(struct engine *e, struct request *r, pllm_error *err)
{
    struct prefix_key key = {.salt = r->p.cache_salt, .lone = r->lone,
                             .adapter = r->adapter >= 0 ? e->adapters[r->adapter].number : 0};
    for (int i = 0; i < (e->model.rope_switch > 0 ? 2 : 1); i++) {
        key.rope = i;
        r->roots[i] = prefix_root_get(e->sched.cache.prefix, &key);
        if (!r->roots[i])
            return error_memory(err, "prefix tree");
    }
    return PLLM_OK;
}

/* Enters a request that request_open made, or closes it. lone: 0 for a prefix tree of its own if need be. */
static pllm_status enter(struct engine *e, struct request *r, uint64_t lone, uint64_t *id, pllm_error *err)
{
    int slot;
    pllm_status status = adapters_find(e, r->p.adapter, &slot, err);
    if (status) {
        request_close(r);
        return status;
    }
    r->adapter = slot;
    r->id = e->last_id + 1;
    r->lone = e->caching ? 0 : lone ? lone : r->id;
    status = find_roots(e, r, err);
    if (status) {
        if (r->roots[0])
            prefix_root_put(e->sched.cache.prefix, r->roots[0]);
        request_close(r);
        return status;
    }
    if (slot >= 0)
        e->adapters[slot].n_users++;
    e->last_id++;
    r->next = e->requests[r->id % ENGINE_BUCKETS];
    e->requests[r->id % ENGINE_BUCKETS] = r;
    e->n_live++;
    e->stats.prompt_tokens += (uint64_t)r->seqs[0].n_prompt;
    sched_queue(&e->sched, &r->seqs[0]);
    *id = r->id;
    return PLLM_OK;
}

static pllm_status open_request(const struct engine *e, struct request **out, const pllm_request *p, pllm_error *err)
{
    pllm_status status = check_length(e, p, p->n_tokens, err);
    return status ? status : request_open(out, p, NULL, 0, p->n_tokens, e->model.vocab, err);
}

/* Opens the request and throws it away: nothing that opening refuses can be forgotten here. */
pllm_status engine_check(const struct engine *e, const pllm_request *p, pllm_error *err)
{
    struct request *r;
    int slot;
    pllm_status status = open_request(e, &r, p, err);
    if (status)
        return status;
    request_close(r);
    return adapters_find(e, p->adapter, &slot, err);
}

pllm_status engine_submit(struct engine *e, const pllm_request *p, uint64_t *id, pllm_error *err)
{
    struct request *r;
    pllm_status status = open_request(e, &r, p, err);
    return status ? status : enter(e, r, 0, id, err);
}

/* The sequence to fork, or why there is none. */
static pllm_status find_parent(const struct engine *e, uint64_t id, int32_t sample, size_t n_tokens,
                               const struct seq **out, pllm_error *err)
{
    const struct request *r = find_request(e, id);
    if (!r)
        return error_set(err, PLLM_E_ARGUMENT, "fork: request %llu is not live or kept", (unsigned long long)id);
    if (sample < r->p.first_sample || sample - r->p.first_sample >= r->p.n)
        return error_set(err, PLLM_E_ARGUMENT, "fork: sample is %d, request %llu has %d to %d", (int)sample,
                         (unsigned long long)id, (int)r->p.first_sample, (int)(r->p.first_sample + r->p.n - 1));
    const struct seq *s = &r->seqs[sample - r->p.first_sample];
    if (n_tokens < 1 || n_tokens > s->tokens.n)
        return error_set(err, PLLM_E_ARGUMENT, "fork: after %zu tokens, the sample has 1 to %zu", n_tokens, s->tokens.n);
    *out = s;
    return PLLM_OK;
}

/* What the fork has of its parent besides tokens: log-probabilities of the output, and the state of its text. */
static pllm_status inherit(struct engine *e, struct request *r, const struct seq *parent, size_t n_new, pllm_error *err)
{
    for (int i = 0; i < r->p.n; i++) {
        struct seq *s = &r->seqs[i];
        size_t n = s->logprobs.n < n_new ? 0 : s->logprobs.n - n_new;
        for (size_t j = 0; j < n; j++)
            s->logprobs.at[j] = parent->logprobs.at[j];
        pllm_status status = output_replay(e, s, n_new, err);
        if (status)
            return status;
    }
    return PLLM_OK;
}

pllm_status engine_fork(struct engine *e, uint64_t id, int32_t sample, size_t n_tokens, const pllm_request *p,
                        uint64_t *new_id, pllm_error *err)
{
    const struct seq *parent;
    struct request *r;
    pllm_status status = find_parent(e, id, sample, n_tokens, &parent, err);
    if (!status)
        status = check_length(e, p, n_tokens + p->n_tokens, err);
    if (status)
        return status;
    size_t n_prompt = (size_t)parent->n_prompt;
    if (n_tokens <= n_prompt)
        n_prompt = n_tokens + p->n_tokens; /* before any output: all of it is prompt */
    size_t n_output = n_tokens + p->n_tokens - n_prompt;
    if (n_output > 0 && (size_t)p->max_tokens <= n_output)
        return error_set(err, PLLM_E_ARGUMENT, "max_tokens: is %d, the fork begins with %zu tokens of output",
                         (int)p->max_tokens, n_output);
    status = request_open(&r, p, parent->tokens.at, n_tokens, n_prompt, e->model.vocab, err);
    if (status)
        return status;
    status = inherit(e, r, parent, n_output > 0 ? p->n_tokens : 0, err);
    if (status) {
        request_close(r);
        return status;
    }
    return enter(e, r, parent->request->lone, new_id, err);
}

/* Of a step that has to be repeated: what it would tell of a request, which may be over by then. */
static void drop_events(struct engine *e, uint64_t id)
{
    size_t n = 0;
    for (size_t i = 0; i < e->events.n; i++)
        if (e->events.at[i].id != id)
            e->events.at[n++] = e->events.at[i];
    e->events.n = n;
}

void engine_cancel(struct engine *e, uint64_t id)
{
    struct request *r = find_request(e, id);
    if (e->phase == PHASE_COMPUTED)
        drop_events(e, id);
    if (!r)
        return;
    if (r->n_done < r->p.n)
        e->stats.cancelled++;
    if (e->phase == PHASE_IDLE) {
        engine_forget(e, r);
        return;
    }
    r->cancelled = true; /* its rows are in a step that has to be repeated: the step's end forgets it */
    e->doomed = true;
}

void engine_release(struct engine *e, uint64_t id)
{
    struct request *r = find_request(e, id);
    if (!r)
        return;
    r->p.keep = false;
    if (r->n_done == r->p.n)
        engine_forget(e, r);
}

/* ---- Figures ---------------------------------------------------------------------------------------- */

pllm_stats engine_stats(const struct engine *e)
{
    pllm_stats s = e->stats;
    const struct kv_pool *p = &e->sched.cache.kv.pool[0];
    s.running = e->sched.n_running;
    s.waiting = e->sched.waiting.n;
    s.max_num_seqs = e->sched.limit;
    s.blocks_used = kv_live(p);
    s.blocks_shared = p->n_shared;
    s.blocks_cached = p->n_cached;
    s.preemptions = e->sched.preemptions;
    return s;
}

bool engine_idle(const struct engine *e)
{
    return e->n_live == 0;
}

pllm_plan engine_plan(const struct engine *e)
{
    return plan_of(&e->sizes);
}
