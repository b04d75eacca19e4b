/* Chat templates behind the public header. */
#include "api.h"

#include "base/mem.h"

#include <string.h>

pllm_status pllm_template_open(pllm_template **out, const char *source, size_t n_source, const char *name,
                               pllm_error *err)
{
    pllm_template *t = mem_zalloc(1, sizeof *t);
    if (!t)
        return error_memory(err, "a chat template");
    pllm_status status = jinja_open(&t->jinja, source, n_source, name ? name : "chat_template", err);
    if (status)
        mem_free(t);
    else
        *out = t;
    return status;
}

void pllm_template_close(pllm_template *chat_template)
{
    if (chat_template)
        jinja_close(chat_template->jinja);
    mem_free(chat_template);
}

const char *pllm_template_source(const pllm_template *chat_template, size_t *n_source)
{
    return jinja_source(chat_template->jinja, n_source);
}

/* Without a name the default one; with one, the one of that name, the default one being called so too. */
const pllm_template *pllm_tokenizer_template(const pllm_tokenizer *tokenizer, const char *name)
{
    for (size_t i = 0; i < tokenizer->templates.n; i++) {
        const struct named_template *t = &tokenizer->templates.at[i];
        if (!strcmp(t->name ? t->name : "default", name ? name : "default"))
            return t->chat_template;
    }
    return NULL;
}

/* As transformers chooses: where there are tools, the default template gives way to one named tool_use. */
static const pllm_template *for_tools(const pllm_template *chat_template, const pllm_tokenizer *tokenizer,
                                      const struct json *variables)
{
    const struct json tools = json_get(variables, "tools");
    if (!tokenizer || json_kind(&tools) == J_ABSENT || json_kind(&tools) == J_NULL ||
        chat_template != pllm_tokenizer_template(tokenizer, NULL))
        return chat_template;
    const pllm_template *other = pllm_tokenizer_template(tokenizer, "tool_use");
    return other ? other : chat_template;
}

/* The text of a token as a C string (mem_free); NULL where there is none. */
static pllm_status token_text(const struct tokenizer *t, int32_t id, char **out, pllm_error *err)
{
    struct text_span text = {0};
    if (id >= 0)
        text = tokenizer_token(t, id);
    *out = text.at ? mem_strndup(text.at, text.n) : NULL;
    return text.at && !*out ? error_memory(err, "a token's text") : PLLM_OK;
}

static pllm_status render(const pllm_template *chat_template, const pllm_tokenizer *tokenizer,
                          const struct json *variables, struct buf *text, pllm_error *err)
{
    const struct tokenizer *t = tokenizer ? tokenizer->tokenizer : NULL;
    char *bos = NULL, *eos = NULL;
    pllm_status status = PLLM_OK;
    if (t && !(status = token_text(t, tokenizer_bos(t), &bos, err)))
        status = token_text(t, tokenizer_eos(t), &eos, err);
    if (!status)
        status = chat_render(chat_template->jinja, variables, bos, eos, text, err);
    mem_free(eos);
    mem_free(bos);
    return status;
}

pllm_status pllm_render(const pllm_template *chat_template, const pllm_tokenizer *tokenizer, const char *json,
                        size_t n_json, char **text, size_t *n_text, pllm_error *err)
{
    struct json variables;
    struct buf rendered = {0};
    if (!chat_template)
        return error_set(err, PLLM_E_ARGUMENT, "messages: the model has no chat template");
    pllm_status status = json_parse(&variables, json, n_json, "variables", err);
    if (status)
        return status;
    chat_template = for_tools(chat_template, tokenizer, &variables);
    status = render(chat_template, tokenizer, &variables, &rendered, err);
    json_free(&variables);
    if (status) {
        vec_fini(&rendered);
        return status;
    }
    *text = rendered.at;
    *n_text = rendered.n;
    return PLLM_OK;
}
