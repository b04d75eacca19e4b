/* Filters that lay text out: indent, truncate, wrap. */
#include "text/jinja/run.h"
#include "text/jinja/str.h"
#include "text/jinja/text.h"

#include <string.h>

static bool put(struct jinja_run *r, const struct str *s)
{
    return run_put(r, s->at, s->n);
}

/* What each line is indented by: so many spaces, or a string. */
static bool indentation(struct jinja_run *r, const struct bound *b, struct str **out)
{
    static struct str space = STR_LITERAL(" ");
    struct value text;
    int64_t width;
    if (b->arg[0].kind == V_STR) {
        *out = b->arg[0].str;
        return true;
    }
    if (!bound_int(r, b, 0, 4, &width) || !op_binary(r, OP_MUL, value_of_str(&space), value_int(width), &text))
        return false;
    *out = text.str;
    return true;
}

/* Lines but the first (unless `first`) and but empty ones (unless `blank`). */
static bool filter_indent(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct str *indent, *s;
    struct list *lines;
    struct value newline, text;
    size_t mark = r->scratch.n;
    if (!indentation(r, b, &indent) || !value_text(r, "\n", &newline) ||
        !op_binary(r, OP_ADD, b->self, newline, &text) || !str_splitlines(r, text.str, false, &lines))
        return false;
    s = text.str;
    for (size_t i = 0; i < lines->n; i++) {
        const struct str *line = lines->at[i].str;
        bool indented = i ? line->n || bound_flag(b, 2) : bound_flag(b, 1);
        if (!run_fits(r, r->scratch.n) || (i && !put(r, newline.str)) || (indented && !put(r, indent)) || !put(r, line))
            return false;
    }
    return run_take_markup(r, mark, s->markup, out);
}

/* Cuts at `length` characters, the end included; whole words unless `killwords`. */
static bool filter_truncate(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct value end, cut, parts, bounds[3] = {VALUE_NONE, VALUE_NONE, VALUE_NONE};
    static struct str space = STR_LITERAL(" ");
    int64_t length, leeway, n, n_end;
    if (!bound_int(r, b, 0, 255, &length))
        return false;
    if (bound_has(b, 2))
        end = b->arg[2];
    else if (!value_text(r, "...", &end))
        return false;
    leeway = 5;
    if (b->arg[3].kind != V_NONE && !bound_int(r, b, 3, 5, &leeway))
        return false;
    if (!value_length(r, end, &n_end) || !value_length(r, b->self, &n))
        return false;
    if (length < n_end || leeway < 0)
        return jinja_fail(r, "AssertionError: expected length >= %lld and leeway >= 0", (long long)n_end);
    *out = b->self;
    if (n <= length || n - length <= leeway)
        return true;
    bounds[1] = value_int(length - n_end);
    if (!value_slice(r, b->self, bounds, &cut))
        return false;
    if (!bound_flag(b, 1)) {
        if (cut.kind != V_STR)
            return jinja_fail(r, "AttributeError: '%s' object has no attribute 'rsplit'", value_type(cut));
        if (!str_split(r, cut.str, &space, 1, true, &parts))
            return false;
        cut = parts.list->at[0];
    }
    return op_binary(r, OP_ADD, cut, end, out);
}

const struct native jinja_layout_filters[] = {
    {"indent", "width? first? blank?", filter_indent},
    {"truncate", "length? killwords? end? leeway?", filter_truncate},
    {NULL, NULL, NULL},
};
