#include "text/jinja/path.h"

#include "text/jinja/number.h"
#include "text/jinja/str.h"
#include "text/jinja/text.h"

#include <string.h>

static bool is_digits(const struct str *s)
{
    const char *at = s->at, *end = s->at + s->n;
    while (at < end)
        if (!py_is_digit(char_next(&at)))
            return false;
    return s->n > 0;
}

bool path_parse(struct jinja_run *r, struct value attribute, struct list **out)
{
    static struct str dot = STR_LITERAL(".");
    struct value steps;
    if (attribute.kind != V_STR) {
        *out = list_new(r, 1);
        if (attribute.kind == V_MISSING || attribute.kind == V_NONE)
            return *out != NULL;
        return *out && list_add(r, *out, attribute);
    }
    if (!str_split(r, attribute.str, &dot, -1, false, &steps))
        return false;
    *out = steps.list;
    for (size_t i = 0; i < steps.list->n; i++) {
        struct value *step = &steps.list->at[i];
        int64_t number;
        if (!is_digits(step->str))
            continue;
        if (number_parse_int(step->str->at, step->str->n, 10, &number) != NUMBER_OK)
            return jinja_fail(r, "ValueError: invalid literal for int() with base 10");
        *step = value_int(number);
    }
    return true;
}

bool path_follow(struct jinja_run *r, struct value item, const struct list *path, struct value otherwise,
                 struct value *out)
{
    for (size_t i = 0; i < path->n; i++) {
        if (!value_item(r, item, path->at[i], &item))
            return false;
        if (item.kind == V_UNDEFINED && otherwise.kind != V_MISSING && otherwise.kind != V_NONE)
            item = otherwise;
    }
    *out = item;
    return run_tick(r, 1);
}

bool ignore_case(struct jinja_run *r, struct value *v)
{
    return v->kind != V_STR || str_change_case(r, v->str, STR_LOWER, v);
}
