/* parallm tokenize: text to token ids, and back. */
#include "cli.h"
#include "filter.h"
#include "request.h"

#include <stdlib.h>

struct tokenize {
    pllm_tokenizer *tokenizer;
    const struct options *options;
};

static pllm_status encode(const struct tokenize *t, json_t *text, struct buffer *out, pllm_error *err)
{
    const struct options *o = t->options;
    int32_t *tokens;
    size_t n;
    if (!json_is_string(text))
        return request_unlike(err, "text", text, "a string");
    pllm_status status = pllm_tokenize(t->tokenizer, json_string_value(text), json_string_length(text),
                                       !o->no_special, o->parse_special, &tokens, &n, err);
    if (status)
        return status;
    buffer_puts(out, "\"token_ids\": [");
    for (size_t i = 0; i < n; i++)
        buffer_printf(out, i ? ", %d" : "%d", (int)tokens[i]);
    buffer_puts(out, "], \"tokens\": [");
    for (size_t i = 0; i < n; i++) {
        size_t length = 0;
        const char *spelled = pllm_token_text(t->tokenizer, tokens[i], &length);
        buffer_puts(out, i ? ", " : "");
        buffer_json_string(out, spelled, length);
    }
    buffer_puts(out, "]");
    pllm_free(tokens);
    return PLLM_OK;
}

static pllm_status decode(const struct tokenize *t, json_t *ids, struct buffer *out, pllm_error *err)
{
    int32_t *tokens;
    char *text;
    size_t n, n_text;
    pllm_status status = request_token_ids(ids, "token_ids", &tokens, &n, err);
    if (status)
        return status;
    status = pllm_detokenize(t->tokenizer, tokens, n, t->options->no_special, &text, &n_text, err);
    free(tokens);
    if (status)
        return status;
    buffer_puts(out, "\"text\": ");
    buffer_json_string(out, text, n_text);
    pllm_free(text);
    return PLLM_OK;
}

static pllm_status convert(void *user, const char *line, size_t n, struct buffer *out, pllm_error *err)
{
    const struct tokenize *t = user;
    struct request parsed = {0};
    pllm_status status = request_parse(&parsed, line, n, err);
    if (!status && t->options->decode)
        status = decode(t, json_object_get(parsed.line, "token_ids"), out, err);
    else if (!status)
        status = encode(t, json_object_get(parsed.line, "text"), out, err);
    request_fini(&parsed);
    return status;
}

int cmd_tokenize(struct options *o)
{
    struct tokenize t = {.options = o};
    cli_catch_interrupts();
    int code = cli_open_tokenizer(&t.tokenizer, o);
    if (code)
        return code;
    code = filter_run(convert, &t, o->decode ? "{\"token_ids\": [...]}" : "{\"text\": ...}");
    pllm_tokenizer_close(t.tokenizer);
    return code;
}
