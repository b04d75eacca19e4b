#include "text/chat.h"

#include "text/jinja/jinja.h"

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
