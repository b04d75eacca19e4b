#include "request_messages.h"

#include "cli.h"

#include <stdlib.h>
#include <string.h>

static int open_own(struct request_context *c, const char *path)
{
    int code = cli_open_template(&c->own_template, path);
    c->chat_template = c->own_template;
    return code;
}

/* ChatML, for models without a template, as llama-server does. */
static int open_chatml(struct request_context *c)
{
    static const char source[] = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + "
                                 "'<|im_end|>\n' }}{% endfor %}"
                                 "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    pllm_error err;
    if (pllm_template_open(&c->own_template, source, sizeof source - 1, "ChatML", &err))
        return cli_fail_error(&err);
    c->chat_template = c->own_template;
    return EXIT_DONE;
}

int request_template_open(struct request_context *c)
{
    const char *path = c->options->chat_template;
    c->chat_template = c->tokenizer ? pllm_tokenizer_template(c->tokenizer, NULL) : NULL;
    c->knows_chat = c->chat_template || path;
    return path ? open_own(c, path) : c->chat_template ? EXIT_DONE : open_chatml(c);
}

void request_template_close(struct request_context *c)
{
    pllm_template_close(c->own_template);
}

/* Renders an object with "messages"; a template writes the special tokens itself. Takes `variables`. */
static pllm_status set_rendered(struct request *r, const struct request_context *c, json_t *variables, pllm_error *err)
{
    char *json = variables ? json_dumps(variables, JSON_COMPACT) : NULL, *text;
    size_t n;
    json_decref(variables);
    if (!json)
        return request_fail(err, PLLM_E_MEMORY, "messages: not enough memory");
    pllm_status status = pllm_render(c->chat_template, c->tokenizer, json, strlen(json), &text, &n, err);
    free(json);
    if (status)
        return status;
    status = request_text(r, c, text, n, false, err);
    pllm_free(text);
    return status;
}

pllm_status request_messages(struct request *r, const struct request_context *c, json_t *messages, pllm_error *err)
{
    json_t *more = request_field(r, "chat_template_kwargs");
    if (!json_is_array(messages))
        return request_unlike(err, "messages", messages, "a list of {\"role\", \"content\"}");
    if (json_array_size(messages) == 0)
        return request_fail(err, PLLM_E_ARGUMENT, "messages: is empty, wanted at least one");
    if (more && !json_is_object(more))
        return request_unlike(err, "chat_template_kwargs", more, "an object");
    json_t *variables = json_pack("{sOsb}", "messages", messages, "add_generation_prompt", 1);
    static const char *const extra[] = {"tools", "documents"};
    for (size_t i = 0; variables && i < sizeof extra / sizeof *extra; i++) {
        json_t *value = request_field(r, extra[i]);
        if (value)
            json_object_set(variables, extra[i], value);
    }
    if (variables && more)
        json_object_update(variables, more);
    return set_rendered(r, c, variables, err);
}

/* A text from --prompt or --text: what a user says, where the model knows conversations. */
pllm_status request_plain(struct request *r, const struct request_context *c, const char *text, size_t n,
                          pllm_error *err)
{
    if (!c->knows_chat || c->options->no_chat_template)
        return request_text(r, c, text, n, true, err);
    json_t *content = json_stringn(text, n);
    if (!content)
        return request_fail(err, PLLM_E_ARGUMENT, "prompt: is not valid UTF-8");
    return set_rendered(
        r, c, json_pack("{s[{ssso}]sb}", "messages", "role", "user", "content", content, "add_generation_prompt", 1),
        err);
}
