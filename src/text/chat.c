#include "text/chat.h"

#include "text/jinja.h"

#include <string.h>

struct chat_template {
    struct jinja_template *jinja;
};

pllm_status chat_template_open(struct chat_template **out, const char *source, size_t n, const char *name,
                               pllm_error *err)
{
    struct chat_template *t = mem_zalloc(1, sizeof *t);
    if (!t)
        return error_memory(err, name);
    pllm_status status = jinja_open(&t->jinja, source, n, name, err);
    if (status)
        mem_free(t);
    else
        *out = t;
    return status;
}

void chat_template_close(struct chat_template *t)
{
    if (t)
        jinja_close(t->jinja);
    mem_free(t);
}

const char *chat_template_source(const struct chat_template *t, size_t *n)
{
    return jinja_source(t->jinja, n);
}

/* "date" is the clock where it reads as one; anything else is a variable like all others. */
static bool take_date(const struct json *member, struct civil_time *now)
{
    const char *text;
    size_t n;
    return !strcmp(member->key, "date") && !json_as_string(member, &text, &n, NULL) && civil_parse(now, text, n);
}

pllm_status chat_render(const struct chat_template *t, const struct json *variables, const char *bos, const char *eos,
                        struct buf *text, pllm_error *err)
{
    VEC(struct jinja_variable) list = {0};
    struct civil_time now = civil_now();
    struct json member;
    void *cursor = NULL;
    if (json_want(variables, J_OBJECT, err))
        return PLLM_E_FORMAT;
    /* What transformers gives every template, whether the caller names it or not. */
    bool ok = vec_push(&list, (struct jinja_variable){.name = "tools"}) &&
              vec_push(&list, (struct jinja_variable){.name = "documents"}) &&
              (!bos || vec_push(&list, (struct jinja_variable){.name = "bos_token", .text = bos})) &&
              (!eos || vec_push(&list, (struct jinja_variable){.name = "eos_token", .text = eos}));
    while (ok && json_next(variables, &cursor, &member))
        ok = take_date(&member, &now) ||
             vec_push(&list, (struct jinja_variable){.name = member.key, .value = member});
    pllm_status status = ok ? jinja_render(t->jinja, list.at, list.n, &now, text, err) : error_memory(err, "a render");
    vec_fini(&list);
    return status;
}

/* ---- tokenizer_config.json ---------------------------------------------------------------------------------- */

static bool is_named(const struct json *entry, const char *name)
{
    struct json at = json_get(entry, "name");
    const char *text;
    size_t n;
    return !json_as_string(&at, &text, &n, NULL) && n == strlen(name) && !memcmp(text, name, n);
}

static pllm_status open_json(struct chat_template **out, const struct json *source, const char *name, pllm_error *err)
{
    const char *text;
    size_t n;
    pllm_status status = json_as_string(source, &text, &n, err);
    return status ? status : chat_template_open(out, text, n, name, err);
}

pllm_status chat_template_from_config(struct chat_template **out, const struct json *tokenizer_config, const char *name,
                                      pllm_error *err)
{
    struct json source = json_get(tokenizer_config, "chat_template");
    enum json_kind kind = json_kind(&source);
    *out = NULL;
    if (kind == J_ABSENT || kind == J_NULL || (kind == J_STRING && name && strcmp(name, "default")))
        return PLLM_OK;
    if (kind == J_STRING)
        return open_json(out, &source, "chat_template", err);
    if (json_want(&source, J_ARRAY, err))
        return PLLM_E_FORMAT;
    for (size_t i = 0; i < json_size(&source); i++) {
        struct json entry = json_item(&source, i), text = json_get(&entry, "template");
        if (is_named(&entry, name ? name : "default"))
            return open_json(out, &text, name ? name : "chat_template", err);
    }
    return PLLM_OK;
}
