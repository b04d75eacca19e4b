/* parallm render: messages to the prompt text, by a chat template. */
#include "cli.h"
#include "filter.h"
#include "request.h"

#include <string.h>

struct render {
    pllm_tokenizer *tokenizer;         /* NULL: the template alone */
    const pllm_template *chat_template; /* the tokenizer's, or own */
    pllm_template *own;                /* of --template */
};

/* A model's template makes something of a misspelt conversation too: an empty one. */
static pllm_status check_messages(const char *line, size_t n, pllm_error *err)
{
    struct request parsed = {0};
    pllm_status status = request_parse(&parsed, line, n, err);
    if (!status && !json_object_get(parsed.line, "messages"))
        status = request_fail(err, PLLM_E_ARGUMENT, "messages: is missing, wanted a list of {\"role\", \"content\"}");
    request_fini(&parsed);
    return status;
}

static pllm_status convert(void *user, const char *line, size_t n, struct buffer *out, pllm_error *err)
{
    const struct render *r = user;
    char *text;
    size_t n_text;
    pllm_status status = r->tokenizer ? check_messages(line, n, err) : PLLM_OK;
    if (!status)
        status = pllm_render(r->chat_template, r->tokenizer, line, n, &text, &n_text, err);
    if (status)
        return status;
    buffer_puts(out, "\"text\": ");
    buffer_json_string(out, text, n_text);
    pllm_free(text);
    return PLLM_OK;
}

static int open_own(struct render *r, const char *path)
{
    int code = cli_open_template(&r->own, path);
    r->chat_template = r->own;
    return code;
}

static int open_template(struct render *r, const struct options *o)
{
    bool alone = strcmp(o->model, "-") == 0;
    if (alone && !o->template_file)
        return cli_fail(EXIT_USAGE, "render: has no template, wanted MODEL or --template FILE");
    const int code = alone ? EXIT_DONE : cli_open_tokenizer(&r->tokenizer, o);
    if (code)
        return code;
    if (o->template_file)
        return open_own(r, o->template_file);
    r->chat_template = pllm_tokenizer_template(r->tokenizer, NULL);
    return r->chat_template ? EXIT_DONE
                            : cli_fail(EXIT_UNREADABLE, "%s: has no chat template, wanted --template FILE", o->model);
}

int cmd_render(struct options *o)
{
    struct render r = {0};
    cli_catch_interrupts();
    int code = open_template(&r, o);
    if (!code)
        code = filter_run(convert, &r, "{\"messages\": [{\"role\": ..., \"content\": ...}]}");
    pllm_template_close(r.own);
    pllm_tokenizer_close(r.tokenizer);
    return code;
}
