/* Filters that make text of text. */
#include "text/jinja/json.h"
#include "text/jinja/run.h"
#include "text/jinja/str.h"
#include "text/jinja/text.h"

static bool self_text(struct jinja_run *r, const struct bound *b, struct str **out)
{
    struct value v;
    if (!value_soft_str(r, b->self, &v))
        return false;
    *out = v.str;
    return true;
}

static bool change_case(struct jinja_run *r, const struct bound *b, enum str_case to, struct value *out)
{
    struct str *s;
    return self_text(r, b, &s) && str_change_case(r, s, to, out);
}

static bool filter_upper(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return change_case(r, b, STR_UPPER, out);
}

static bool filter_lower(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return change_case(r, b, STR_LOWER, out);
}

static bool filter_capitalize(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return change_case(r, b, STR_CAPITALIZE, out);
}

static bool parts_words(uint32_t c)
{
    return py_is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
}

/* Past the characters that part words, or past those that do not. */
static const char *skip_while(const char *at, const char *end, bool parting)
{
    while (at < end) {
        const char *next = at;
        if (parts_words(char_next(&next)) != parting)
            break;
        at = next;
    }
    return at;
}

/* Unlike str.title, words begin after white space, '-' and opening brackets only. */
static bool filter_title(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct str *s;
    size_t mark = r->scratch.n;
    if (!self_text(r, b, &s) || !run_tick(r, s->n / 4))
        return false;
    const char *at = s->at, *end = s->at + s->n;
    while (at < end) {
        const char *word = skip_while(at, end, true), *rest = word, *after = skip_while(word, end, false);
        if (word < end)
            char_next(&rest);
        if (!buf_add(&r->scratch, at, (size_t)(word - at)) ||
            !py_map(&r->scratch, word, (size_t)(rest - word), CASE_UPPER) ||
            !py_map(&r->scratch, rest, (size_t)(after - rest), CASE_LOWER))
            return jinja_no_memory(r);
        at = after;
    }
    return run_take(r, mark, out);
}

static bool filter_trim(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct str *s, *chars;
    return self_text(r, b, &s) && bound_str(r, b, 0, &chars) &&
           str_strip(r, s, chars, STRIP_LEFT | STRIP_RIGHT, out);
}

static bool filter_center(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct str *s;
    int64_t width;
    return self_text(r, b, &s) && bound_int(r, b, 0, 80, &width) && str_pad(r, s, width, NULL, ALIGN_CENTER, out);
}

static bool filter_replace(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct value s, old, new_text;
    int64_t count = -1;
    if (b->arg[2].kind != V_NONE && !bound_int(r, b, 2, -1, &count))
        return false;
    return value_to_str(r, b->self, &s) && value_to_str(r, b->arg[0], &old) &&
           value_to_str(r, b->arg[1], &new_text) && str_replace(r, s.str, old.str, new_text.str, count, out);
}

static bool filter_string(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return value_soft_str(r, b->self, out);
}

/* "..." | format(a, b) and "..." | format(name=a) */
static bool filter_format(struct jinja_run *r, const struct bound *b, struct value *out)
{
    const struct arguments *a = b->all;
    struct str *s;
    if (!self_text(r, b, &s))
        return false;
    if (a->n && a->n_keywords)
        return jinja_fail(r, "FilterArgumentError: can't handle positional and keyword arguments at the same time");
    if (a->n_keywords) {
        struct dict *d = dict_new(r);
        for (size_t i = 0; d && i < a->n_keywords; i++)
            if (!dict_set(r, d, value_of_str(a->keywords[i].name), a->keywords[i].value))
                return false;
        return d && str_percent(r, s, value_of_dict(d), out);
    }
    struct list *tuple = list_new(r, a->n);
    for (size_t i = 0; tuple && i < a->n; i++)
        if (!list_add(r, tuple, a->at[i]))
            return false;
    return tuple && str_percent(r, s, value_of_tuple(tuple), out);
}

static bool filter_wordcount(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct str *s;
    int64_t n = 0;
    if (!self_text(r, b, &s) || !run_tick(r, s->n / 4))
        return false;
    const char *at = s->at, *end = s->at + s->n;
    for (bool inside = false; at < end;) {
        bool word = py_is_word(char_next(&at));
        n += word && !inside;
        inside = word;
    }
    *out = value_int(n);
    return true;
}

/* transformers' own: json.dumps, without HTML escapes. */
static bool filter_tojson(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct json_style style;
    size_t mark = r->scratch.n;
    return json_style(r, &style, b->arg[0], b->arg[1], b->arg[2], b->arg[3]) &&
           json_dump(r, &r->scratch, b->self, &style) && run_take(r, mark, out);
}

const struct native jinja_text_filters[] = {
    {"upper", "", filter_upper},
    {"lower", "", filter_lower},
    {"capitalize", "", filter_capitalize},
    {"title", "", filter_title},
    {"trim", "chars?", filter_trim},
    {"center", "width?", filter_center},
    {"replace", "old new count?", filter_replace},
    {"string", "", filter_string},
    {"format", "*", filter_format},
    {"wordcount", "", filter_wordcount},
    {"tojson", "ensure_ascii? indent? separators? sort_keys?", filter_tojson},
    {NULL, NULL, NULL},
};
