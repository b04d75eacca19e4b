#include "answer.h"

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

void answer_logprob(struct buffer *list, const pllm_event *e, bool with_top)
{
    buffer_printf(list, "%s{\"token_id\": %d, \"logprob\": ", list->n ? ", " : "", (int)e->token);
    buffer_json_float(list, e->logprob);
    if (with_top) {
        buffer_puts(list, ", \"top\": ");
        answer_top(list, e);
    }
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
    if (e->finish == PLLM_FINISH_ERROR)
        buffer_puts(line, ", \"error\": {\"message\": \"the model computed a number that is not finite\", "
                          "\"param\": null}");
    buffer_puts(line, "}");
    line->failed |= s->text.failed;
}

static bool take_event(struct job *job, struct sample *s, const pllm_event *e, const struct request_context *c)
{
    (void)c;
    switch (e->kind) {
    case PLLM_EVENT_PROMPT:
        answer_logprob(&job->prompt_logprobs, e, true);
        return true;
    case PLLM_EVENT_TOKEN:
        buffer_printf(&s->token_ids, s->token_ids.n ? ", %d" : "%d", (int)e->token);
        buffer_add(&s->text, e->text, e->n_text);
        if (job->request.request.logprobs >= 0)
            answer_logprob(&s->logprobs, e, true);
        return true;
    case PLLM_EVENT_FINISH:
        buffer_add(&s->text, e->text, e->n_text);
        finish(&s->line, job, s, e);
        return e->finish != PLLM_FINISH_ERROR;
    }
    return true;
}

const struct batch_kind answer_kind = {.read = read_line, .event = take_event};
