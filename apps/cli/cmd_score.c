/* parallm score: log-probabilities of given text. A continuation alone is scored where there is one, so that
 * lines that share a context compute it once. */
#include "answer.h"
#include "batch_command.h"
#include "cli.h"
#include "perplexity.h"
#include "request_fields.h"

#include <stdlib.h>
#include <string.h>

static pllm_status check_fields(json_t *line, pllm_error *err)
{
    static const char *const names[] = {"id", "prompt", "messages", "prompt_token_ids", "continuation",
                                        "continuation_token_ids", "lora", "tools", "documents",
                                        "chat_template_kwargs"};
    static const struct field_set set = {.command = "parallm score", .names = names, .n_names = sizeof names / sizeof *names,
                                         .wanted = "wanted prompt, messages, prompt_token_ids, continuation or "
                                                   "continuation_token_ids"};
    const char *name;
    json_t *value;
    pllm_status status = PLLM_OK;
    json_object_foreach(line, name, value)
        if (!status)
            status = request_check_name(&set, name, err);
    return status;
}

static pllm_status append_tokens(struct request *r, const int32_t *tokens, size_t n, pllm_error *err)
{
    size_t before = r->request.n_tokens;
    int32_t *all = malloc((before + n) * sizeof *all);
    if (!all)
        return request_fail(err, PLLM_E_MEMORY, "continuation: not enough memory");
    memcpy(all, r->request.tokens, before * sizeof *all);
    memcpy(all + before, tokens, n * sizeof *all);
    free(r->prompt_ids);
    r->prompt_ids = all;
    r->request.tokens = all;
    r->request.n_tokens = before + n;
    return PLLM_OK;
}

/* After a text the continuation is tokenized together with it, as it would be read; what is scored begins where
 * that differs from the text alone. After token ids it is tokenized by itself. */
static pllm_status append_text(struct job *job, const struct request_context *c, json_t *text, pllm_error *err)
{
    struct request *r = &job->request;
    int32_t *tokens;
    size_t n, same = 0, n_before = r->n_text, length = json_string_length(text);
    if (!length) /* also where it is no string */
        return request_unlike(err, "continuation", text, "a string that is not empty");
    if (!c->tokenizer)
        return request_fail(err, PLLM_E_ARGUMENT, "continuation: the model has no tokenizer");
    char *whole = malloc(n_before + length);
    if (!whole)
        return request_fail(err, PLLM_E_MEMORY, "continuation: not enough memory");
    if (n_before)
        memcpy(whole, r->text, n_before);
    memcpy(whole + n_before, json_string_value(text), length);
    bool joint = r->text != NULL;
    pllm_status status = pllm_tokenize(c->tokenizer, whole, n_before + length, joint && r->add_special, true, &tokens,
                                       &n, err);
    free(whole);
    if (status)
        return status;
    if (!joint) {
        status = n ? append_tokens(r, tokens, n, err) : PLLM_OK;
        pllm_free(tokens);
        return status;
    }
    while (same < n && same < r->request.n_tokens && tokens[same] == r->tokens[same])
        same++;
    pllm_free(r->tokens);
    r->tokens = tokens;
    r->request.tokens = tokens;
    r->request.n_tokens = n;
    job->from = same;
    return PLLM_OK;
}

static pllm_status append_ids(struct request *r, json_t *ids, pllm_error *err)
{
    int32_t *tokens;
    size_t n;
    pllm_status status = request_token_ids(ids, "continuation_token_ids", &tokens, &n, err);
    if (status)
        return status;
    status = n ? append_tokens(r, tokens, n, err)
               : request_fail(err, PLLM_E_ARGUMENT, "continuation_token_ids: is empty, wanted at least one token");
    free(tokens);
    return status;
}

static pllm_status add_continuation(struct job *job, const struct request_context *c, pllm_error *err)
{
    json_t *text = request_field(&job->request, "continuation");
    json_t *ids = request_field(&job->request, "continuation_token_ids");
    job->from = job->request.request.n_tokens;
    if (text && ids)
        return request_fail(err, PLLM_E_ARGUMENT, "continuation: stands beside \"continuation_token_ids\", wanted one");
    if (text)
        return append_text(job, c, text, err);
    if (ids)
        return append_ids(&job->request, ids, err);
    job->from = 1;
    return PLLM_OK;
}

static pllm_status read_line(struct job *job, const struct request_context *c, const char *line, size_t n,
                             pllm_error *err)
{
    struct request *r = &job->request;
    *r = (struct request){.request = pllm_request_default()};
    pllm_status status = request_parse(r, line, n, err);
    if (!status)
        status = check_fields(r->line, err);
    if (!status)
        status = request_adapter(r, c, err);
    if (!status)
        status = request_prompt(r, c, err);
    if (!status)
        status = add_continuation(job, c, err);
    if (job->from == 0)
        job->from = 1; /* the first token has no log-probability */
    job->is_greedy = true;
    r->request.max_tokens = 0;
    r->request.prompt_logprobs = c->options->top > 0 ? (int32_t)c->options->top : 0;
    r->request.prompt_logprobs_from = (int32_t)job->from;
    return status;
}

static void add_prompt_token(struct job *job, const pllm_event *e)
{
    if (e->position < 0 || (size_t)e->position < job->from)
        return;
    buffer_puts(&job->prompt_logprobs, ", ");
    buffer_json_float(&job->prompt_logprobs, e->logprob);
    buffer_puts(&job->prompt_top, ", ");
    answer_top(&job->prompt_top, e);
    job->sum += (double)e->logprob;
    job->is_greedy &= e->is_greedy;
}

/* "null, null": one for each token that is not scored. */
static void add_nulls(struct buffer *line, const struct job *job)
{
    size_t n = job->from < job->request.request.n_tokens ? job->from : job->request.request.n_tokens;
    for (size_t i = 0; i < n; i++)
        buffer_puts(line, i ? ", null" : "null");
}

static void add_tokens(struct buffer *line, const pllm_request *r, const pllm_tokenizer *tokenizer)
{
    buffer_puts(line, ", \"token_ids\": [");
    for (size_t i = 0; i < r->n_tokens; i++)
        buffer_printf(line, i ? ", %d" : "%d", (int)r->tokens[i]);
    buffer_puts(line, "], \"tokens\": [");
    for (size_t i = 0; tokenizer && i < r->n_tokens; i++) {
        size_t n = 0;
        const char *text = pllm_token_text(tokenizer, r->tokens[i], &n);
        buffer_puts(line, i ? ", " : "");
        buffer_json_string(line, text, n);
    }
    buffer_puts(line, "]");
}

static bool take_event(struct job *job, struct sample *s, const pllm_event *e, const struct request_context *c)
{
    struct buffer *line = &s->line;
    if (e->kind == PLLM_EVENT_PROMPT)
        add_prompt_token(job, e);
    if (e->kind != PLLM_EVENT_FINISH)
        return true;
    batch_begin_line(line, job, -1);
    add_tokens(line, &job->request.request, c->tokenizer);
    buffer_puts(line, ", \"logprobs\": [");
    add_nulls(line, job);
    buffer_join(line, &job->prompt_logprobs);
    buffer_puts(line, "], \"sum_logprob\": ");
    buffer_json_double(line, job->sum);
    buffer_printf(line, ", \"is_greedy\": %s", job->is_greedy ? "true" : "false");
    if (c->options->top >= 0) {
        buffer_puts(line, ", \"top\": [");
        add_nulls(line, job);
        buffer_join(line, &job->prompt_top);
        buffer_puts(line, "]");
    }
    answer_error(line, e);
    buffer_puts(line, "}");
    return e->finish != PLLM_FINISH_ERROR;
}

/* What would do nothing there, in silence. */
static int check_beside_perplexity(const struct options *o)
{
    const char *const given = o->input         ? "--input"
                              : o->output      ? "--output"
                              : o->ordered     ? "--ordered"
                              : o->top >= 0    ? "--top"
                              : o->chat_template ? "--chat-template"
                                               : NULL;
    return given ? cli_fail(EXIT_USAGE, "%s: stands beside --perplexity, which reads one text and has no lines", given) : EXIT_DONE;
}

int cmd_score(struct options *o)
{
    static const struct batch_kind score_kind = {.read = read_line, .keeps_prompt = true, .event = take_event};
    cli_catch_interrupts();
    if (o->perplexity && !o->text_file)
        return cli_fail(EXIT_USAGE, "--perplexity: has no text, wanted --text FILE");
    if (o->text_file && !o->perplexity)
        return cli_fail(EXIT_USAGE, "--text: stands without --perplexity");
    const int code = o->perplexity ? check_beside_perplexity(o) : EXIT_DONE;
    return code ? code : o->perplexity ? perplexity_run(o) : batch_command(o, &score_kind);
}
