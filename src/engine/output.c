/* From results to events: text as it can be shown, stop conditions, finish reasons. */
#include "engine/engine_inside.h"

#include <string.h>

static const char not_finite[] = "the model computed a number that is not finite";
static const char none_left[] = "no token is left to draw: lists, biases and penalties of the request rule all of them out";
static const char no_text[] = "the tokenizer's decoder gives up on a token";

/* What a token does to its sample; made without changing anything but the tail of s->text, so that a failure can be
 * repeated. */
struct effect {
    pllm_finish finish;
    const char *error;            /* ERROR: why */
    bool by_token;                /* an end token of the model or of the request */
    int32_t stop_token, stop_index;
    struct detok detok;
    size_t n_old, n_piece, n_all; /* s->text: held back, with the token's piece, with the tail of the decoder */
    char *text;                   /* of the step: room for n_all + 2 bytes */
    size_t n_shown;               /* of s->text, now; the rest up to n_all at the end */
};

static bool is_one_of(int32_t token, const int32_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == token)
            return true;
    return false;
}

static void find_end(const struct engine *e, const struct seq *s, int32_t token, struct effect *f)
{
    const pllm_request *p = &s->request->p;
    int64_t room = (int64_t)e->sizes.n_blocks[0] * KV_BLOCK;
    int n_tokens = (int)s->tokens.n + 1, n_output = seq_n_output(s) + 1;
    bool asked = is_one_of(token, p->stop_tokens, p->n_stop_tokens);
    if (n_output > p->min_tokens &&
        (asked || (!p->ignore_eos && is_one_of(token, e->text.end_tokens, e->text.n_end_tokens)))) {
        f->finish = PLLM_FINISH_STOP;
        f->by_token = true;
        f->stop_token = asked ? token : -1;
    } else if (n_output >= p->max_tokens || n_tokens >= e->sizes.max_len || n_tokens >= room) {
        f->finish = PLLM_FINISH_LENGTH;
    }
}

/* Appends the token's text to what is held back. False: no memory. */
static bool add_piece(struct engine *e, struct seq *s, int32_t token, struct effect *f)
{
    if (f->by_token && !s->request->p.include_stop)
        return true;
    pllm_status status = detok_add(&f->detok, e->text.tokenizer, token, &s->text, NULL);
    if (status == PLLM_E_MEMORY)
        return false;
    if (status)
        *f = (struct effect){.stop_token = -1, .stop_index = -1, .detok = s->detok, .n_old = f->n_old,
                             .finish = PLLM_FINISH_ERROR, .error = no_text};
    return true;
}

/* At the end appends the decoder's tail; takes memory for what will be told of s->text. False: there is none. */
static bool end_text(struct engine *e, struct seq *s, struct effect *f)
{
    f->n_piece = s->text.n;
    if (f->finish && !detok_finish(&f->detok, &s->text))
        return false;
    f->n_all = s->text.n;
    f->text = arena_alloc(&e->arena, f->n_all + 2, 1);
    return f->text != NULL;
}

/* Of n bytes, how many can be shown while the last `held` may become a stop string: whole characters. */
static size_t n_certain(const char *text, size_t n, size_t held)
{
    if (held == 0)
        return n;
    for (n -= held; n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80;)
        n--;
    return n;
}

/* Looks for stop strings in the new piece, and decides what can be shown. */
static void split_text(struct seq *s, struct effect *f)
{
    const pllm_request *p = &s->request->p;
    const struct stops *stops = &s->request->stops;
    f->n_shown = f->n_piece;
    if (stops->n == 0 || seq_n_output(s) + 1 <= p->min_tokens || f->by_token)
        return;
    struct stop_match m = stops_feed(stops, s->matched, s->text.at + f->n_old, f->n_piece - f->n_old);
    if (m.index >= 0) {
        f->finish = PLLM_FINISH_STOP;
        f->stop_index = m.index;
        f->n_shown = f->n_old + m.end - (p->include_stop ? 0 : m.held);
        f->n_all = f->n_shown;
    } else {
        f->n_shown = n_certain(s->text.at, f->n_piece, m.held);
    }
}

/* A text of the event from the effect's memory, which is used up in order. */
static void give_text(pllm_event *event, struct effect *f, const char *text, size_t n)
{
    if (!f->text)
        return;
    if (n > 0) /* no text yet: no memory to copy from */
        memcpy(f->text, text, n);
    f->text[n] = '\0';
    event->text = f->text;
    event->n_text = n;
    f->text += n + 1;
}

static pllm_event event_of(const struct seq *s, pllm_event_kind kind)
{
    return (pllm_event){.kind = kind, .id = s->request->id, .sample = s->sample, .token = -1, .stop_token = -1,
                        .stop_index = -1, .text = ""};
}

static pllm_event finish_event(const struct seq *s, pllm_finish finish)
{
    pllm_event event = event_of(s, PLLM_EVENT_FINISH);
    event.finish = finish;
    event.seed = s->request->seed;
    event.prompt_tokens = s->n_prompt;
    event.cached_tokens = s->cached_tokens > 0 ? s->cached_tokens : 0;
    event.completion_tokens = seq_n_output(s);
    for (size_t i = 0; i < s->logprobs.n; i++)
        event.cumulative_logprob += (double)s->logprobs.at[i];
    return event;
}

/* The events have room. */
static void emit_finish(struct engine *e, struct seq *s, struct effect *f)
{
    pllm_event event = finish_event(s, f->finish);
    event.stop_token = f->stop_token;
    event.stop_index = f->stop_index;
    event.error = f->error;
    give_text(&event, f, s->text.at + f->n_shown, f->n_all - f->n_shown);
    e->events.at[e->events.n++] = event;
}

static void emit_token(struct engine *e, struct seq *s, const struct job *j, struct effect *f)
{
    pllm_event event = event_of(s, PLLM_EVENT_TOKEN);
    event.position = seq_n_output(s) - 1;
    event.token = j->result.token;
    event.logprob = j->result.logprob;
    event.is_greedy = j->result.is_greedy;
    event.top = j->top;
    event.n_top = j->n_top;
    give_text(&event, f, s->text.at, f->n_shown);
    e->events.at[e->events.n++] = event;
}

static void drop_shown(struct seq *s, size_t n)
{
    if (n == 0)
        return;
    s->text.n -= n;
    memmove(s->text.at, s->text.at + n, s->text.n);
}

/* Why no token was drawn; NULL: one was. */
static const char *error_of(const struct job *j)
{
    if (j->result.token == SAMPLER_NOT_FINITE || j->seq->request->broken)
        return not_finite;
    return j->result.token == SAMPLER_NONE_LEFT ? none_left : NULL;
}

/* What the token does, and its text. False: no memory, and nothing has changed. */
static bool find_effect(struct engine *e, struct seq *s, const struct job *j, struct effect *f)
{
    *f = (struct effect){.stop_token = -1, .stop_index = -1, .detok = s->detok, .n_old = s->text.n, .error = error_of(j)};
    f->finish = f->error ? PLLM_FINISH_ERROR : PLLM_FINISH_NONE;
    if (!f->error)
        find_end(e, s, j->result.token, f);
    if (!e->text.tokenizer)
        return true;
    if ((f->error || add_piece(e, s, j->result.token, f)) && end_text(e, s, f))
        return true;
    s->text.n = f->n_old;
    return false;
}

static bool apply_draw(struct engine *e, struct job *j)
{
    struct seq *s = j->seq;
    struct request *r = s->request;
    struct effect f;
    if (!vec_reserve(&e->events, 2) || !find_effect(e, s, j, &f))
        return false;
    r->prompt_done = true;
    if (s->cached_tokens < 0)
        s->cached_tokens = r->seqs[0].cached_tokens;
    if (f.error) {
        emit_finish(e, s, &f);
        engine_finish(e, s);
        return true;
    }
    split_text(s, &f);
    s->detok = f.detok;
    s->tokens.at[s->tokens.n++] = j->result.token; /* seq_reserve was called */
    s->logprobs.at[s->logprobs.n++] = j->result.logprob;
    e->stats.completion_tokens++;
    emit_token(e, s, j, &f);
    if (f.finish) {
        emit_finish(e, s, &f);
        engine_finish(e, s);
        return true;
    }
    drop_shown(s, f.n_shown);
    if (s->state == SEQ_LATER)
        sched_queue(&e->sched, s);
    return true;
}

static bool apply_score(struct engine *e, struct job *j)
{
    struct seq *s = j->seq;
    if (!vec_reserve(&e->events, 1))
        return false;
    int position = s->n_scored++;
    if (j->result.token < 0) {
        s->request->broken = true;
        return true;
    }
    pllm_event event = event_of(s, PLLM_EVENT_PROMPT);
    event.position = position;
    event.token = j->target;
    event.logprob = j->result.logprob;
    event.is_greedy = j->result.is_greedy;
    event.top = j->top;
    event.n_top = j->n_top;
    e->events.at[e->events.n++] = event;
    return true;
}

bool output_apply(struct engine *e, struct job *j)
{
    if (j->seq->request->cancelled)
        return true;
    return j->target >= 0 ? apply_score(e, j) : apply_draw(e, j);
}

bool output_prompt_done(struct engine *e, struct seq *s)
{
    struct request *r = s->request;
    int n = r->p.n;
    if (!vec_reserve(&e->events, (size_t)n))
        return false;
    for (int i = 0; i < n; i++) {
        struct effect f = {.finish = r->broken ? PLLM_FINISH_ERROR : PLLM_FINISH_LENGTH,
                           .error = r->broken ? not_finite : NULL, .stop_token = -1, .stop_index = -1};
        r->seqs[i].cached_tokens = s->cached_tokens;
        emit_finish(e, &r->seqs[i], &f);
    }
    for (int i = 0; i < n; i++) /* the last one may take the request with it */
        engine_finish(e, &r->seqs[i]);
    return true;
}

pllm_status output_replay(struct engine *e, struct seq *s, size_t n_new, pllm_error *err)
{
    size_t end = s->tokens.n - n_new;
    if (!e->text.tokenizer || n_new > 0)
        return PLLM_OK; /* text after given tokens begins anew */
    for (size_t i = (size_t)s->n_prompt; i < end; i++) {
        size_t old = s->text.n, held = 0;
        pllm_status status = detok_add(&s->detok, e->text.tokenizer, s->tokens.at[i], &s->text, err);
        if (status)
            return status;
        if ((int)i + 1 - s->n_prompt > s->request->p.min_tokens)
            held = stops_pass(&s->request->stops, s->matched, s->text.at + old, s->text.n - old);
        drop_shown(s, n_certain(s->text.at, s->text.n, held));
    }
    return PLLM_OK;
}
