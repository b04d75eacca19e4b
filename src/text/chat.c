#include "text/chat.h"

#include <string.h>

/* "date" is the clock where it reads as one; anything else is a variable like all others. */
static bool take_date(const struct json *member, struct civil_time *now)
{
    const char *text;
    size_t n;
    return !strcmp(member->key, "date") && !json_as_string(member, &text, &n, NULL) && civil_parse(now, text, n);
}

pllm_status chat_render(const struct jinja_template *t, const struct json *variables, const char *bos, const char *eos,
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
    pllm_status status = ok ? jinja_render(t, list.at, list.n, &now, text, err) : error_memory(err, "a render");
    vec_fini(&list);
    return status;
}
