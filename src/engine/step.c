/* One step: rows are chosen, the decoder runs, every row of logits is sampled or scored, results become events. */
#include "engine/engine_inside.h"

#include <time.h>

static double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- Jobs ------------------------------------------------------------------------------------------- */

static bool add_job(struct engine *e, struct seq *s, int out, int32_t target)
{
    int wanted = target >= 0 ? s->request->p.prompt_logprobs : s->request->p.logprobs;
    struct job j = {.seq = s, .out = out, .target = target, .n_top = wanted > 0 ? (size_t)wanted : 0};
    if (j.n_top > 0 && !(j.top = arena_alloc(&e->arena, j.n_top, sizeof *j.top)))
        return false;
    return vec_push(&e->jobs, j);
}

/* Draws for the sample; for all samples if this is the request's first one at the end of the prompt. */
static bool add_draws(struct engine *e, struct seq *s, int out)
{
    struct request *r = s->request;
    int n = r->p.max_tokens == 0 ? 0 : r->prompt_done ? 1 : r->p.n;
    for (int i = 0; i < n; i++) {
        struct seq *each = r->prompt_done ? s : &r->seqs[i];
        if (r->needs_history &&
            !history_update(&each->history, each->tokens.at, each->tokens.n, (size_t)each->n_prompt))
            return false;
        if (!seq_reserve(each) || !add_job(e, each, out, -1))
            return false;
    }
    return true;
}

/* One job for each row of logits, in the order of the rows. May be repeated after a failure. */
static bool make_jobs(struct engine *e)
{
    e->jobs.n = 0;
    arena_reset(&e->arena); /* of what a failed try took */
    for (int i = 0; i < e->sched.n_running; i++) {
        struct seq *s = e->sched.running[i];
        for (int pos = s->pos - s->n_rows, out = s->first_out; pos < s->pos; pos++) {
            if (!sched_wants_logits(s, pos))
                continue;
            bool scores = pos + 1 < (int)s->tokens.n;
            if (!(scores ? add_job(e, s, out, s->tokens.at[pos + 1]) : add_draws(e, s, out)))
                return false;
            out++;
        }
    }
    return true;
}

static void hold_ends(const struct engine *e, const struct seq *s, struct sampler_input *in)
{
    const pllm_request *p = &s->request->p;
    if (seq_n_output(s) >= p->min_tokens)
        return;
    in->held[0] = p->stop_tokens;
    in->n_held[0] = p->n_stop_tokens;
    in->held[1] = e->text.end_tokens;
    in->n_held[1] = p->ignore_eos ? 0 : e->text.n_end_tokens;
}

static void run_job(void *context, int task, int thread)
{
    struct engine *e = context;
    struct job *j = &e->jobs.at[task];
    const struct seq *s = j->seq;
    const struct request *r = s->request;
    struct sampler_scratch *scratch = &e->scratch[thread];
    const float *logits = e->logits + (size_t)j->out * e->logits_stride;
    if (j->target >= 0) {
        j->result = sampler_score(logits, e->model.vocab, j->target, scratch, j->top, &j->n_top);
        return;
    }
    struct sampler_input in = {.params = &r->p.sampling,
                               .logits = logits,
                               .vocab = e->model.vocab,
                               .tokens = s->tokens.at,
                               .n_tokens = s->tokens.n,
                               .n_prompt = (size_t)s->n_prompt,
                               .history = r->needs_history ? &s->history : NULL,
                               .seed = r->seed,
                               .sample = (uint32_t)s->sample};
    hold_ends(e, s, &in);
    j->result = sampler_draw(&in, scratch, r->p.processed_logprobs, j->top, &j->n_top);
}

/* ---- Phases ------------------------------------------------------------------------------------------ */

/* What a sequence found in the cache when it first got rows, and how many rows of prompts the step has. */
static void count_rows(struct engine *e)
{
    int rows = e->sched.batch.n_rows;
    e->stats.steps++;
    e->stats.rows += (uint64_t)rows;
    e->stats.prefill_tokens_computed += (uint64_t)(rows - e->sched.n_decode);
    if (e->sched.n_running > e->stats.max_running)
        e->stats.max_running = e->sched.n_running;
    for (int i = 0; i < e->sched.n_running; i++) {
        struct seq *s = e->sched.running[i];
        if (s->n_rows == 0 || s->cached_tokens >= 0)
            continue;
        int found = s->pos - s->n_rows;
        s->cached_tokens = found < s->n_prompt ? found : s->n_prompt;
        e->stats.cached_tokens += (uint64_t)s->cached_tokens;
    }
}

static pllm_status make_step(struct engine *e, pllm_error *err)
{
    e->events.n = 0;
    arena_reset(&e->arena);
    e->started = now_seconds();
    pllm_status status = sched_next(&e->sched, err);
    if (status)
        return status;
    if (e->sched.batch.n_rows == 0)
        return PLLM_OK;
    count_rows(e);
    e->phase = PHASE_MADE;
    return PLLM_OK;
}

static pllm_status compute(struct engine *e, pllm_error *err)
{
    if (!make_jobs(e))
        return error_memory(err, "step");
    if (!e->model.step(e->decoder, &e->sched.batch, &e->logits, &e->logits_stride))
        return error_set(err, PLLM_E_ARGUMENT, "interrupted");
    pool_run(e->pool, run_job, e, (int)e->jobs.n);
    e->n_applied = 0;
    e->phase = PHASE_COMPUTED;
    return PLLM_OK;
}

/* Sequences whose prompt is only to be computed, and now is. */
static bool finish_prompts(struct engine *e)
{
    for (int i = 0; i < e->sched.n_running; i++) {
        struct seq *s = e->sched.running[i];
        if (s->request->p.max_tokens > 0 || s->request->cancelled || s->pos < seq_end(s) || s->n_rows == 0)
            continue;
        if (!output_prompt_done(e, s))
            return false;
        i--;
    }
    return true;
}

static void forget_cancelled(struct engine *e)
{
    e->doomed = false;
    for (int i = 0; i < ENGINE_BUCKETS; i++)
        for (struct request *r = e->requests[i], *next; r; r = next) {
            next = r->next;
            if (r->cancelled)
                engine_forget(e, r);
        }
}

/* Longrope rotates a sequence with other factors once it is longer than the switch: all of it is computed again. */
static void switch_ropes(struct engine *e)
{
    if (e->model.rope_switch <= 0)
        return;
    for (int i = 0; i < e->sched.n_running; i++) {
        struct seq *s = e->sched.running[i];
        if (s->rope == seq_rope(&e->sched.cache, s))
            continue;
        sched_requeue(&e->sched, s);
        i--;
    }
}

static void end_step(struct engine *e)
{
    double seconds = now_seconds() - e->started;
    e->phase = PHASE_IDLE;
    e->stats.step_seconds += seconds;
    if (e->doomed)
        forget_cancelled(e);
    switch_ropes(e);
    if (e->sizes.auto_seqs)
        e->sched.limit = tuner_step(&e->tuner, e->sched.batch.n_rows, e->sched.n_decode, e->sched.batch.n_seqs, seconds);
}

pllm_status engine_step(struct engine *e, const pllm_event **events, size_t *n, pllm_error *err)
{
    pllm_status status = PLLM_OK;
    if (e->phase == PHASE_IDLE)
        status = make_step(e, err);
    else if (e->phase == PHASE_MADE)
        e->started = now_seconds(); /* once more: what lies between is no work */
    if (!status && e->phase == PHASE_MADE)
        status = compute(e, err);
    if (status)
        return status;
    if (e->phase == PHASE_COMPUTED) {
        for (; e->n_applied < e->jobs.n; e->n_applied++)
            if (!output_apply(e, &e->jobs.at[e->n_applied]))
                return error_memory(err, "events");
        if (!finish_prompts(e))
            return error_memory(err, "events");
        end_step(e);
    }
    *events = e->events.at;
    *n = e->events.n;
    return PLLM_OK;
}
