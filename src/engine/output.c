/* From a sampler's result to events and state: tokens, text that may be shown, stop strings, ends. Whatever may fail
 * is done first, so that a step that ran out of memory goes on where it stopped. */
#include "engine/engine_inside.h"

#include <string.h>

static bool contains(const int32_t *tokens, size_t n, int32_t token)
{
    for (size_t i = 0; i < n; i++)
        if (tokens[i] == token)
            return true;
    return false;
}

/* How a token ends its sample, looking at ids and lengths only. */
struct ending {
    pllm_finish finish;
    int32_t stop_token;
    int stop_index;
    bool by_token;
};

static struct ending ending_of(const struct engine *e, const struct seq *s, int32_t token)
{
    const pllm_request *p = &s->request->p;
    struct ending end = {.finish = PLLM_FINISH_NONE, .stop_token = -1, .stop_index = -1};
    const int n_output = seq_n_output(s) + 1; /* with this token */
    const bool may_stop = n_output > p->min_tokens;
    if (may_stop && contains(p->stop_tokens, p->n_stop_tokens, token)) {
        end.stop_token = token;
        end.by_token = true;
    } else if (may_stop && !p->ignore_eos && contains(e->text.end_tokens, e->text.n_end_tokens, token)) {
        end.by_token = true;
    }
    if (end.by_token)
        end.finish = PLLM_FINISH_STOP;
    else if (n_output >= p->max_tokens || (int)s->tokens.n + 1 >= e->sizes.max_len)
        end.finish = PLLM_FINISH_LENGTH;
    return end;
}

/* What a token adds to the text: appended to s->text behind what is held back; *piece is where it begins. */
static bool add_text(const struct engine *e, struct seq *s, int32_t token, bool shown, bool last, size_t *piece)
{
    struct detok detok = s->detok;
    const size_t before = s->text.n;
    *piece = before;
    if (!e->text.tokenizer)
        return true;
    bool ok = !shown || detok_add(&detok, e->text.tokenizer, token, &s->text);
    if (ok && last)
        ok = detok_finish(&detok, &s->text);
    if (!ok) {
        s->text.n = before;
        return false;
    }
    s->detok = detok;
    return true;
}

/* Looks for stop strings in the new text; how many bytes of s->text may be shown. */
static size_t look_for_stops(struct seq *s, size_t piece, struct ending *end)
{
    const struct request *r = s->request;
    if (r->stops.n == 0 || seq_n_output(s) + 1 <= r->p.min_tokens)
        return s->text.n;
    const struct stop_match m = stops_feed(&r->stops, s->matched, s->text.at + piece, s->text.n - piece);
    if (m.index < 0)
        return s->text.n - m.held;
    end->finish = PLLM_FINISH_STOP;
    end->stop_index = m.index;
    end->stop_token = -1;
    s->text.n = piece + m.end - (r->p.include_stop ? 0 : m.held);
    return s->text.n;
}

/* Copies the first n bytes of the text for an event, and takes them off; `room` was reserved in the arena. */
static void show(struct seq *s, size_t n, char *room, pllm_event *event)
{
    if (n == 0)
        return;
    memcpy(room, s->text.at, n);
    room[n] = '\0';
    event->text = room;
    event->n_text = n;
    memmove(s->text.at, s->text.at + n, s->text.n - n);
    s->text.n -= n;
}

static double sum_of_logprobs(const struct seq *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->logprobs.n; i++)
        sum += (double)s->logprobs.at[i];
    return sum;
}

/* The last event of a sample; room for it is there. */
static void add_finish(struct engine *e, struct seq *s, const struct ending *end, char *room)
{
    pllm_event event = {.kind = PLLM_EVENT_FINISH,
                        .id = s->request->id,
                        .sample = s->sample,
                        .finish = end->finish,
                        .stop_token = end->stop_token,
                        .stop_index = end->stop_index,
                        .seed = s->request->seed,
                        .prompt_tokens = s->n_prompt,
                        .cached_tokens = s->cached_tokens > 0 ? s->cached_tokens : 0,
                        .completion_tokens = seq_n_output(s),
                        .cumulative_logprob = sum_of_logprobs(s)};
    if (room)
        show(s, s->text.n, room, &event);
    e->events.at[e->events.n++] = event;
}

/* The prompt is done when the last sample has its first token, or has ended without one. */
static void prompt_is_drawn(struct seq *s)
{
    struct request *r = s->request;
    r->prompt_done = r->prompt_done || s - r->seqs == r->p.n - 1;
}

/* The model computed no number: the sample ends, and says so. */
static bool fail(struct engine *e, struct seq *s)
{
    const struct ending end = {.finish = PLLM_FINISH_ERROR, .stop_token = -1, .stop_index = -1};
    char *room = arena_alloc(&e->arena, s->text.n + 1, 1);
    if (!room || !vec_reserve(&e->events, 1))
        return false;
    add_finish(e, s, &end, room);
    prompt_is_drawn(s);
    engine_finish(e, s);
    return true;
}

static bool apply_draw(struct engine *e, struct job *j)
{
    struct seq *s = j->seq;
    const struct sampler_result *r = &j->result;
    struct ending end = ending_of(e, s, r->token);
    size_t piece;
    if (!vec_reserve(&e->events, 2) ||
        !add_text(e, s, r->token, !end.by_token || s->request->p.include_stop, end.finish != PLLM_FINISH_NONE, &piece))
        return false;
    /* Two events may carry text, which is no longer than all that is here. */
    char *room = arena_alloc(&e->arena, 2 * (s->text.n + 1), 1);
    if (!room) {
        s->text.n = piece;
        return false;
    }
    const size_t shown = look_for_stops(s, piece, &end);
    pllm_event event = {.kind = PLLM_EVENT_TOKEN,
                        .id = s->request->id,
                        .sample = s->sample,
                        .position = seq_n_output(s),
                        .token = r->token,
                        .logprob = r->logprob,
                        .is_greedy = r->is_greedy,
                        .top = j->top,
                        .n_top = j->n_top,
                        .stop_token = -1,
                        .stop_index = -1};
    s->tokens.at[s->tokens.n++] = r->token;
    s->logprobs.at[s->logprobs.n++] = r->logprob;
    e->stats.completion_tokens++;
    const size_t whole = s->text.n + 1;
    if (end.finish == PLLM_FINISH_NONE)
        show(s, shown, room, &event);
    e->events.at[e->events.n++] = event;
    if (end.finish == PLLM_FINISH_NONE) {
        if (s->state == SEQ_LATER)
            sched_queue(&e->sched, s);
        prompt_is_drawn(s);
        return true;
    }
    add_finish(e, s, &end, room + whole);
    prompt_is_drawn(s);
    engine_finish(e, s);
    return true;
}

static bool apply_score(struct engine *e, struct job *j)
{
    struct seq *s = j->seq;
    if (j->result.token < 0) { /* no number for the prompt: no sample of it can be trusted */
        s->request->broken = true;
        s->n_scored++;
        return true;
    }
    if (!vec_reserve(&e->events, 1))
        return false;
    e->events.at[e->events.n++] = (pllm_event){.kind = PLLM_EVENT_PROMPT,
                                               .id = s->request->id,
                                               .sample = s->sample,
                                               .position = s->n_scored++,
                                               .token = j->target,
                                               .logprob = j->result.logprob,
                                               .is_greedy = j->result.is_greedy,
                                               .top = j->top,
                                               .n_top = j->n_top,
                                               .stop_token = -1,
                                               .stop_index = -1};
    return true;
}

bool output_apply(struct engine *e, struct job *j)
{
    if (j->target >= 0)
        return apply_score(e, j);
    return j->result.token < 0 || j->seq->request->broken ? fail(e, j->seq) : apply_draw(e, j);
}

bool output_prompt_done(struct engine *e, struct seq *first)
{
    struct request *r = first->request;
    const struct ending end = {.finish = r->broken ? PLLM_FINISH_ERROR : PLLM_FINISH_LENGTH, .stop_token = -1, .stop_index = -1};
    const int n = r->p.n;
    if (!vec_reserve(&e->events, (size_t)n))
        return false;
    r->prompt_done = true;
    for (int i = 0; i < n; i++)
        add_finish(e, &r->seqs[i], &end, NULL);
    for (int i = 0; i < n; i++)
        engine_finish(e, &r->seqs[i]);
    return true;
}

pllm_status output_replay(struct engine *e, struct seq *s, size_t n_new, pllm_error *err)
{
    const size_t end = s->tokens.n - n_new;
    for (size_t i = (size_t)s->n_prompt; i < s->tokens.n && e->text.tokenizer; i++) {
        const size_t piece = s->text.n;
        if (!detok_add(&s->detok, e->text.tokenizer, s->tokens.at[i], &s->text))
            return error_memory(err, "fork");
        if (i >= end) { /* given by the fork: shown to nobody, and no stop string */
            s->text.n = 0;
            memset(s->matched, 0, s->request->stops.n * sizeof *s->matched);
            continue;
        }
        const struct stop_match m =
            stops_feed(&s->request->stops, s->matched, s->text.at + piece, s->text.n - piece);
        const size_t held = m.index < 0 ? m.held : 0;
        memmove(s->text.at, s->text.at + s->text.n - held, held);
        s->text.n = held;
    }
    return PLLM_OK;
}
