#include "request_messages.h"

#include "cli.h"
#include "nearest.h"

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

/* What the template says of the field, with the number of the message where it needs a content that one may lack. */
static pllm_status tell_template(const char *field, json_t *messages, pllm_status status, pllm_error *err)
{
    const pllm_error said = *err;
    size_t i = 0;
    request_fail(err, status, "%s: %s", field, said.message);
    while (i < json_array_size(messages) && json_object_get(json_array_get(messages, i), "content"))
        i++;
    if (i < json_array_size(messages) && strstr(said.message, "no attribute 'content'"))
        request_fail(err, status, "%s[%zu]: has no content; %s", field, i, said.message);
    return status;
}

/* Renders an object with "messages", which come from `field`; a template writes the special tokens itself. Takes `variables`. */
static pllm_status set_rendered(struct request *r, const struct request_context *c, const char *field, json_t *variables,
                                pllm_error *err)
{
    char *json = variables ? json_dumps(variables, JSON_COMPACT) : NULL, *text;
    size_t n;
    pllm_status status = json ? pllm_render(c->chat_template, c->tokenizer, json, strlen(json), &text, &n, err)
                              : request_fail(err, PLLM_E_MEMORY, "%s: not enough memory", field);
    if (status && json)
        tell_template(field, json_object_get(variables, "messages"), status, err);
    json_decref(variables);
    free(json);
    if (status)
        return status;
    status = request_text(r, c, text, n, false, err);
    pllm_free(text);
    return status;
}

/* ---- Conversations ------------------------------------------------------------------------------------ */

/* What no template can use is refused here, by its place; the rest is the template's to judge. Templates differ in what they
 * take, so that as little is asked as they all need: content may be null or a list of parts, an object (Llama 3.1 reads a tool's
 * answer so), or not there, where an answer has tool_calls or the like instead. But most of them print nothing for what is not
 * there, and a misspelt content would be answered as an empty message; and a number is printed by some and fails in others,
 * which is why OpenAI and vLLM take none. */
static pllm_status check_content(const char *field, json_t *content, pllm_error *err)
{
    size_t i;
    json_t *part;
    if (json_is_number(content) || json_is_boolean(content))
        return request_unlike(err, field, content, "a string or a list of parts");
    json_array_foreach(content, i, part)
        if (!json_is_object(part) && !json_is_string(part))
            return request_unlike_item(err, field, i, part, "a part, as {\"type\": \"text\", \"text\": ...}");
    return PLLM_OK;
}

/* Of a message without content: a field that is spelt like it, or none that could stand for it. */
static pllm_status check_lack(const char *field, size_t i, json_t *message, pllm_error *err)
{
    const char *key, *role = json_string_value(json_object_get(message, "role"));
    json_t *value;
    bool has_more = false;
    json_object_foreach(message, key, value)
    {
        struct nearest near = {0};
        nearest_consider(&near, key, strlen(key), "content");
        if (near.word)
            return request_fail(err, PLLM_E_ARGUMENT, "messages[%zu].%s: is no field of a message, did you mean content?", i, key);
        has_more |= strcmp(key, "role") != 0 && strcmp(key, "name") != 0;
    }
    if (!has_more || strcmp(role, "user") == 0)
        return request_unlike(err, field, NULL, "a string or a list of parts");
    return PLLM_OK;
}

static pllm_status check_message(size_t i, json_t *message, pllm_error *err)
{
    char field[48];
    json_t *role = json_object_get(message, "role"), *content = json_object_get(message, "content");
    if (!json_is_object(message))
        return request_unlike_item(err, "messages", i, message, "{\"role\", \"content\"}");
    snprintf(field, sizeof field, "messages[%zu].role", i);
    if (!json_is_string(role))
        return request_unlike(err, field, role, "a string, as \"user\"");
    snprintf(field, sizeof field, "messages[%zu].content", i);
    return content ? check_content(field, content, err) : check_lack(field, i, message, err);
}

static pllm_status check_messages(json_t *messages, pllm_error *err)
{
    size_t i;
    json_t *message;
    pllm_status status = PLLM_OK;
    if (!json_is_array(messages))
        return request_unlike(err, "messages", messages, "a list of {\"role\", \"content\"}");
    if (json_array_size(messages) == 0)
        return request_fail(err, PLLM_E_ARGUMENT, "messages: is empty, wanted at least one");
    json_array_foreach(messages, i, message)
        if (!status)
            status = check_message(i, message, err);
    return status;
}

pllm_status request_messages(struct request *r, const struct request_context *c, json_t *messages, pllm_error *err)
{
    json_t *more = request_field(r, "chat_template_kwargs");
    pllm_status status = check_messages(messages, err);
    if (status)
        return status;
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
    return set_rendered(r, c, "messages", variables, err);
}

/* A text from --prompt or --text: what a user says, where the model knows conversations. */
pllm_status request_plain(struct request *r, const struct request_context *c, const char *text, size_t n,
                          pllm_error *err)
{
    if (!c->knows_chat || c->options->no_chat_template)
        return request_text(r, c, text, n, true, err);
    if (n == 0)
        return request_fail(err, PLLM_E_ARGUMENT, "prompt: is empty, wanted what a user says");
    json_t *content = json_stringn(text, n);
    if (!content)
        return request_fail(err, PLLM_E_ARGUMENT, "prompt: is not valid UTF-8");
    return set_rendered(
        r, c, "prompt", json_pack("{s[{ssso}]sb}", "messages", "role", "user", "content", content, "add_generation_prompt", 1),
        err);
}
