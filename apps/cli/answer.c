#include "answer.h"

#include "cli.h"

#include <string.h>

void answer_top(struct buffer *b, const pllm_event *e)
{
    buffer_puts(b, "[");
    for (size_t i = 0; i < e->n_top; i++) {
        buffer_printf(b, "%s[%d, ", i ? ", " : "", (int)e->top[i].token);
        buffer_json_float(b, e->top[i].logprob);
        buffer_puts(b, "]");
    }
    buffer_puts(b, "]");
}

void answer_error(struct buffer *line, const pllm_event *e)
{
    if (e->finish != PLLM_FINISH_ERROR)
        return;
    buffer_puts(line, ", \"error\": {\"message\": ");
    buffer_json_string(line, e->error, strlen(e->error));
    buffer_puts(line, ", \"param\": null}");
}

/* A log-probability as an item of a list: {"token_id": 5, "logprob": -0.1, "top": [[5, -0.1], ...]}. */
static void add_logprob(struct buffer *list, const pllm_event *e)
{
    buffer_printf(list, "%s{\"token_id\": %d, \"logprob\": ", list->n ? ", " : "", (int)e->token);
    buffer_json_float(list, e->logprob);
    buffer_puts(list, ", \"top\": ");
    answer_top(list, e);
    buffer_puts(list, "}");
}

static pllm_status read_line(struct job *job, const struct request_context *c, const char *line, size_t n,
                             pllm_error *err)
{
    return request_read(&job->request, c, line, n, err);
}

static void add_stop_reason(struct buffer *line, const pllm_event *e, const pllm_request *r)
{
    buffer_puts(line, ", \"stop_reason\": ");
    if (e->stop_index >= 0 && (size_t)e->stop_index < r->n_stop)
        buffer_json_string(line, r->stop[e->stop_index], strlen(r->stop[e->stop_index]));
    else if (e->stop_token >= 0)
        buffer_printf(line, "%d", (int)e->stop_token);
    else
        buffer_puts(line, "null");
}

static const char *finish_name(pllm_finish finish)
{
    switch (finish) {
    case PLLM_FINISH_STOP:
        return "stop";
    case PLLM_FINISH_LENGTH:
        return "length";
    default:
        return "error";
    }
}

static void finish(struct buffer *line, struct job *job, struct sample *s, const pllm_event *e)
{
    const pllm_request *r = &job->request.request;
    batch_begin_line(line, job, e->sample);
    buffer_puts(line, ", \"text\": ");
    buffer_json_string(line, s->text.at, s->text.n);
    buffer_puts(line, ", \"token_ids\": [");
    buffer_join(line, &s->token_ids);
    buffer_printf(line, "], \"finish_reason\": \"%s\", \"prompt_tokens\": %d, \"completion_tokens\": %d",
                  finish_name(e->finish), (int)e->prompt_tokens, (int)e->completion_tokens);
    buffer_printf(line, ", \"seed\": %llu, \"cumulative_logprob\": ", (unsigned long long)e->seed);
    buffer_json_double(line, e->cumulative_logprob);
    if (r->logprobs >= 0) {
        buffer_puts(line, ", \"logprobs\": [");
        buffer_join(line, &s->logprobs);
        buffer_puts(line, "]");
    }
    if (r->prompt_logprobs >= 0) {
        buffer_puts(line, job->prompt_logprobs.n ? ", \"prompt_logprobs\": [null, " : ", \"prompt_logprobs\": [null");
        buffer_join(line, &job->prompt_logprobs);
        buffer_puts(line, "]");
    }
    add_stop_reason(line, e, r);
    answer_error(line, e);
    buffer_puts(line, "}");
    line->failed |= s->text.failed;
}

static bool take_event(struct job *job, struct sample *s, const pllm_event *e, const struct request_context *c)
{
    (void)c;
    switch (e->kind) {
    case PLLM_EVENT_PROMPT:
        add_logprob(&job->prompt_logprobs, e);
        return true;
    case PLLM_EVENT_TOKEN:
        buffer_printf(&s->token_ids, s->token_ids.n ? ", %d" : "%d", (int)e->token);
        buffer_add(&s->text, e->text, e->n_text);
        if (job->request.request.logprobs >= 0)
            add_logprob(&s->logprobs, e);
        return true;
    case PLLM_EVENT_FINISH:
        buffer_add(&s->text, e->text, e->n_text);
        finish(&s->line, job, s, e);
        return e->finish != PLLM_FINISH_ERROR;
    }
    return true;
}

/* The answer in pieces, a line for each that adds text: text, tokens and log-probabilities since the one before. The
 * last one has what an answer's line has. Joined, they are the answer. */
static bool take_streamed(struct job *job, struct sample *s, const pllm_event *e, const struct request_context *c)
{
    bool good = take_event(job, s, e, c);
    if (e->kind != PLLM_EVENT_TOKEN || s->text.n == 0)
        return good;
    batch_begin_line(&s->piece, job, e->sample);
    buffer_puts(&s->piece, ", \"text\": ");
    buffer_json_string(&s->piece, s->text.at, s->text.n);
    buffer_puts(&s->piece, ", \"token_ids\": [");
    buffer_join(&s->piece, &s->token_ids);
    if (job->request.request.logprobs >= 0) {
        buffer_puts(&s->piece, "], \"logprobs\": [");
        buffer_join(&s->piece, &s->logprobs);
    }
    buffer_puts(&s->piece, "]}\n");
    s->piece.failed |= s->text.failed;
    buffer_clear(&s->text);
    buffer_clear(&s->token_ids);
    buffer_clear(&s->logprobs);
    return good;
}

/* The text alone; its line is the line feed behind it. */
static bool take_text(struct job *job, struct sample *s, const pllm_event *e, const struct request_context *c)
{
    (void)job, (void)c;
    if (e->kind != PLLM_EVENT_PROMPT && e->n_text)
        buffer_add(&s->piece, e->text, e->n_text);
    return e->kind != PLLM_EVENT_FINISH || e->finish != PLLM_FINISH_ERROR;
}

const struct batch_kind stream_kind = {.read = read_line, .takes_prompts = true, .event = take_streamed};
const struct batch_kind text_kind = {.read = read_line, .takes_prompts = true, .event = take_text, .plain = true};
const struct batch_kind answer_kind = {.read = read_line, .takes_prompts = true, .event = take_event};
