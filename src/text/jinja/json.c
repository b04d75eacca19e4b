#include "text/jinja/json.h"

#include "text/jinja/run.h"
#include "text/jinja/sort.h"
#include "text/jinja/text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static bool use_separators(struct jinja_run *r, struct json_style *style, struct value v)
{
    struct list *pair;
    if (v.kind == V_MISSING || v.kind == V_NONE)
        return true;
    if (!value_items(r, v, &pair))
        return false;
    if (pair->n != 2 || pair->at[0].kind != V_STR || pair->at[1].kind != V_STR)
        return jinja_fail(r, "ValueError: separators must be two strings");
    style->item_separator = pair->at[0].str->at;
    style->n_item_separator = pair->at[0].str->n;
    style->key_separator = pair->at[1].str->at;
    style->n_key_separator = pair->at[1].str->n;
    return true;
}

static bool use_indent(struct jinja_run *r, struct json_style *style, struct value v)
{
    if (v.kind == V_MISSING || v.kind == V_NONE)
        return true;
    if (v.kind == V_STR) {
        style->indent = v.str->at;
        style->n_indent = v.str->n;
    } else if (value_is_int(v)) {
        int64_t n = value_as_int(v) > 0 ? value_as_int(v) : 0;
        char *spaces = run_alloc(r, (size_t)n + 1, 1);
        if (!spaces)
            return false;
        memset(spaces, ' ', (size_t)n);
        style->indent = spaces;
        style->n_indent = (size_t)n;
    } else {
        return jinja_fail(r, "TypeError: indent must be an integer or a string, not %s", value_type(v));
    }
    style->n_item_separator = 1; /* "," alone: a newline follows */
    return true;
}

bool json_style(struct jinja_run *r, struct json_style *out, struct value ensure_ascii, struct value indent,
                struct value separators, struct value sort_keys)
{
    *out = (struct json_style){.ascii = value_truth(ensure_ascii), .sort_keys = value_truth(sort_keys),
                               .item_separator = ", ", .key_separator = ": ", .n_item_separator = 2,
                               .n_key_separator = 2};
    return use_indent(r, out, indent) && use_separators(r, out, separators);
}

struct dump {
    struct jinja_run *r;
    struct buf *text;
    const struct json_style *style;
    size_t level;
};

static bool put(struct dump *d, const char *at, size_t n)
{
    return buf_add(d->text, at, n) || jinja_no_memory(d->r);
}

static bool put_text(struct dump *d, const char *text)
{
    return put(d, text, strlen(text));
}

static bool put_unicode(struct dump *d, uint32_t c)
{
    if (c >= 0x10000) {
        c -= 0x10000;
        return put_unicode(d, 0xD800 + (c >> 10)) && put_unicode(d, 0xDC00 + (c & 0x3FF));
    }
    return buf_printf(d->text, "\\u%04" PRIx32, c) || jinja_no_memory(d->r);
}

static bool put_char(struct dump *d, uint32_t c)
{
    static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
    const char *known = c && c < 0x80 ? strchr(from, (int)c) : NULL;
    char escape[2] = {'\\', known ? to[known - from] : 0};
    return known ? put(d, escape, 2) : put_unicode(d, c);
}

static bool put_string(struct dump *d, const struct str *s)
{
    const char *at = s->at, *end = s->at + s->n, *plain = at;
    bool ok = run_tick(d->r, s->n / 16) && put(d, "\"", 1);
    while (ok && at < end) {
        const char *here = at;
        unsigned char first = (unsigned char)*at;
        uint32_t c = char_next(&at);
        if (first >= 0x20 && first != '"' && first != '\\' && (!d->style->ascii || first < 0x7F))
            continue;
        ok = put(d, plain, (size_t)(here - plain)) && put_char(d, c);
        plain = at;
    }
    return ok && put(d, plain, (size_t)(end - plain)) && put(d, "\"", 1);
}

static bool put_number(struct dump *d, struct value v)
{
    char number[32];
    if (v.kind == V_INT)
        return buf_printf(d->text, "%" PRId64, v.integer) || jinja_no_memory(d->r);
    if (isfinite(v.real))
        float_repr(v.real, number);
    else
        strcpy(number, isnan(v.real) ? "NaN" : v.real < 0 ? "-Infinity" : "Infinity");
    return put_text(d, number);
}

static bool put_newline(struct dump *d)
{
    if (!d->style->indent)
        return true;
    bool ok = put(d, "\n", 1);
    for (size_t i = 0; ok && i < d->level; i++)
        ok = put(d, d->style->indent, d->style->n_indent);
    return ok;
}

static bool put_value(struct dump *d, struct value v);

static bool put_list(struct dump *d, const struct list *l)
{
    if (!l->n)
        return put_text(d, "[]");
    bool ok = put(d, "[", 1);
    d->level++;
    for (size_t i = 0; ok && i < l->n; i++)
        ok = (!i || put(d, d->style->item_separator, d->style->n_item_separator)) && put_newline(d) &&
             put_value(d, l->at[i]);
    d->level--;
    return ok && put_newline(d) && put(d, "]", 1);
}

/* Keys are strings; numbers, booleans and None become some. */
static bool put_key(struct dump *d, struct value key)
{
    if (key.kind == V_STR)
        return put_string(d, key.str);
    if (key.kind != V_NONE && !value_is_number(key))
        return jinja_fail(d->r, "TypeError: keys must be str, int, float, bool or None, not %s", value_type(key));
    return put(d, "\"", 1) && put_value(d, key) && put(d, "\"", 1);
}

static bool put_dict(struct dump *d, const struct dict *dict)
{
    struct list *keys;
    if (!dict->n)
        return put_text(d, "{}");
    if (!value_items(d->r, value_of_dict((struct dict *)dict), &keys))
        return false;
    if (d->style->sort_keys && !sort_values(d->r, keys, keys, false))
        return false;
    bool ok = put(d, "{", 1);
    d->level++;
    for (size_t i = 0; ok && i < keys->n; i++) {
        struct value *v = &dict->at[i].value;
        if (d->style->sort_keys && !dict_find(d->r, dict, keys->at[i], &v))
            return false;
        ok = (!i || put(d, d->style->item_separator, d->style->n_item_separator)) && put_newline(d) &&
             put_key(d, keys->at[i]) && put(d, d->style->key_separator, d->style->n_key_separator) &&
             put_value(d, *v);
    }
    d->level--;
    return ok && put_newline(d) && put(d, "}", 1);
}

static bool put_container(struct dump *d, struct value v)
{
    if (!run_enter(d->r))
        return false;
    bool ok = v.kind == V_DICT ? put_dict(d, v.dict) : put_list(d, v.list);
    run_leave(d->r);
    return ok;
}

static bool put_value(struct dump *d, struct value v)
{
    if (!run_tick(d->r, 1) || !run_fits(d->r, d->text->n))
        return false;
    switch (v.kind) {
    case V_NONE: return put_text(d, "null");
    case V_BOOL: return put_text(d, v.boolean ? "true" : "false");
    case V_INT:
    case V_FLOAT: return put_number(d, v);
    case V_STR: return put_string(d, v.str);
    case V_LIST:
    case V_TUPLE:
    case V_DICT: return put_container(d, v);
    default: return jinja_fail(d->r, "TypeError: Object of type %s is not JSON serializable", value_type(v));
    }
}

bool json_dump(struct jinja_run *r, struct buf *text, struct value v, const struct json_style *style)
{
    struct dump d = {r, text, style, 0};
    return put_value(&d, v);
}
