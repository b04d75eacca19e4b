#include "text/jinja/html.h"

#include "text/jinja/html_entities.h"
#include "text/jinja/run.h"
#include "text/jinja/str.h"
#include "text/jinja/text.h"

#include <string.h>

static const char *reference(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '\'': return "&#39;";
    case '"': return "&#34;";
    default: return NULL;
    }
}

static bool force_escape(struct jinja_run *r, struct value v, struct value *out)
{
    size_t mark = r->scratch.n;
    if (!value_to_str(r, v, &v) || !run_tick(r, v.str->n / 8))
        return false;
    for (size_t i = 0; i < v.str->n; i++) {
        const char *text = reference(v.str->at[i]);
        if (!(text ? buf_text(&r->scratch, text) : buf_add(&r->scratch, v.str->at + i, 1)))
            return jinja_no_memory(r);
    }
    return run_take_markup(r, mark, true, out);
}

bool html_escape(struct jinja_run *r, struct value v, struct value *out)
{
    if (v.kind == V_STR && v.str->markup) {
        *out = v;
        return true;
    }
    return force_escape(r, v, out);
}

/* ---- References ---------------------------------------------------------------------------------------- */

static uint32_t find_entity(const struct entity *table, size_t n_table, const char *name, size_t n)
{
    for (size_t i = 0; i < n_table; i++)
        if (!strncmp(table[i].name, name, n) && !table[i].name[n])
            return table[i].code;
    return 0;
}

/* "&#123;" or "&#x7b;", after the "#": the end, or NULL. */
static const char *numeric_reference(const char *at, const char *end, uint32_t *c)
{
    bool hex = at < end && (*at | 0x20) == 'x';
    const char *digits = at += hex;
    uint32_t value = 0;
    for (; at < end && (hex ? ascii_hex_value(*at) >= 0 : ascii_is_digit(*at)); at++)
        value = value > 0x110000 ? value : value * (hex ? 16 : 10) + (uint32_t)ascii_hex_value(*at);
    if (at == digits)
        return NULL;
    bool valid = value && value < 0x110000 && (value < 0xD800 || value > 0xDFFF);
    *c = valid ? value : 0xFFFD;
    return at < end && *at == ';' ? at + 1 : at;
}

static const char *named_reference(const char *at, const char *end, uint32_t *c)
{
    size_t n = 0;
    while (n < 10 && at + n < end && ascii_is_alnum(at[n]))
        n++;
    if (at + n < end && at[n] == ';') {
        *c = find_entity(entities, sizeof entities / sizeof *entities, at, n);
        if (*c)
            return at + n + 1;
    }
    for (; n > 1; n--) {
        *c = find_entity(legacy_entities, sizeof legacy_entities / sizeof *legacy_entities, at, n);
        if (*c)
            return at + n + (at + n < end && at[n] == ';');
    }
    return NULL;
}

bool html_unescape(struct jinja_run *r, const struct str *s, struct value *out)
{
    const char *at = s->at, *end = s->at + s->n;
    size_t mark = r->scratch.n;
    bool ok = true;
    while (ok && at < end) {
        uint32_t c;
        const char *after = NULL;
        if (*at == '&' && !run_tick(r, 64)) /* its name is looked for in lists */
            return false;
        if (*at == '&')
            after = at + 1 < end && at[1] == '#' ? numeric_reference(at + 2, end, &c) : named_reference(at + 1, end, &c);
        ok = after ? char_add(&r->scratch, c) : buf_add(&r->scratch, at, 1);
        at = after ? after : at + 1;
    }
    return (ok || jinja_no_memory(r)) && run_tick(r, s->n / 4) && run_take(r, mark, out);
}

/* ---- Tags -------------------------------------------------------------------------------------------------- */

bool html_strip_tags(struct jinja_run *r, const struct str *s, struct value *out)
{
    static struct str space = STR_LITERAL(" ");
    const char *at = s->at, *end = s->at + s->n, *open;
    size_t mark = r->scratch.n;
    struct value text;
    bool ok = true;
    while (ok && (open = py_find(at, (size_t)(end - at), "<", 1))) {
        bool comment = end - open >= 4 && !memcmp(open, "<!--", 4);
        const char *from = open + (comment ? 4 : 0);
        const char *close = py_find(from, (size_t)(end - from), comment ? "-->" : ">", comment ? 3 : 1);
        if (!close)
            break;
        ok = buf_add(&r->scratch, at, (size_t)(open - at));
        at = close + (comment ? 3 : 1);
    }
    ok = ok && buf_add(&r->scratch, at, (size_t)(end - at));
    return (ok || jinja_no_memory(r)) && run_tick(r, s->n / 8) && run_take(r, mark, &text) &&
           str_split(r, text.str, NULL, -1, false, &text) && str_join(r, &space, text.list, &text) &&
           html_unescape(r, text.str, out);
}

/* ---- Filters --------------------------------------------------------------------------------------------------- */

static bool filter_escape(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return html_escape(r, b->self, out);
}

static bool filter_forceescape(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return force_escape(r, b->self, out);
}

static bool filter_safe(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return value_soft_str(r, b->self, out) && value_markup(r, *out, true, out);
}

static bool filter_striptags(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return value_to_str(r, b->self, out) && html_strip_tags(r, out->str, out);
}

static bool attribute_key_is_safe(const struct str *key)
{
    for (size_t i = 0; i < key->n; i++)
        if (key->at[i] && strchr("/>= \t\n\v\f\r", key->at[i]))
            return false;
    return true;
}

/* key="value" pairs parted by spaces; None and undefined values are left out. */
static bool filter_xmlattr(struct jinja_run *r, const struct bound *b, struct value *out)
{
    size_t mark = r->scratch.n;
    bool space = !bound_has(b, 0) || bound_flag(b, 0), first = true;
    if (b->self.kind != V_DICT)
        return b->self.kind == V_UNDEFINED ? undefined_fail(r, b->self)
                                           : jinja_fail(r, "AttributeError: '%s' object has no attribute 'items'",
                                                        value_type(b->self));
    for (size_t i = 0; i < b->self.dict->n; i++) {
        struct value key = b->self.dict->at[i].key, v = b->self.dict->at[i].value;
        if (v.kind == V_NONE || v.kind == V_UNDEFINED)
            continue;
        if (key.kind != V_STR)
            return jinja_fail(r, "TypeError: expected string or bytes-like object");
        if (!attribute_key_is_safe(key.str))
            return jinja_fail(r, "ValueError: Invalid character in attribute name");
        if (!html_escape(r, key, &key) || !html_escape(r, v, &v))
            return false;
        if (((!first || space) && !buf_text(&r->scratch, " ")) || !value_print(r, &r->scratch, key) ||
            !buf_text(&r->scratch, "=\"") || !value_print(r, &r->scratch, v) || !buf_text(&r->scratch, "\""))
            return jinja_no_memory(r);
        first = false;
    }
    return run_take(r, mark, out);
}

static bool put_quoted(struct jinja_run *r, struct value v, bool in_query)
{
    if (!value_to_str(r, v, &v) || !run_tick(r, v.str->n / 8))
        return false;
    for (size_t i = 0; i < v.str->n; i++) {
        unsigned char c = (unsigned char)v.str->at[i];
        bool plain = ascii_is_alnum((char)c) || (c && strchr("_.-~", c)) || (c == '/' && !in_query);
        bool ok = plain ? buf_add(&r->scratch, &v.str->at[i], 1)
                        : c == ' ' && in_query ? buf_text(&r->scratch, "+") : buf_printf(&r->scratch, "%%%02X", c);
        if (!ok)
            return jinja_no_memory(r);
    }
    return true;
}

/* A string as a part of a URL; pairs (or a dict) as a query string. */
static bool filter_urlencode(struct jinja_run *r, const struct bound *b, struct value *out)
{
    size_t mark = r->scratch.n;
    struct value v = b->self;
    struct list *pairs, *pair;
    if (v.kind == V_STR || !value_is_iterable(v))
        return put_quoted(r, v, false) && run_take(r, mark, out);
    if (v.kind == V_DICT && !value_view(r, v.dict, VIEW_ITEMS, &v))
        return false;
    if (!value_items(r, v, &pairs))
        return false;
    for (size_t i = 0; i < pairs->n; i++) {
        if (!value_items(r, pairs->at[i], &pair))
            return false;
        if (pair->n != 2)
            return jinja_fail(r, "ValueError: a query string is made of pairs");
        if ((i && !buf_text(&r->scratch, "&")) || !put_quoted(r, pair->at[0], true) ||
            !buf_text(&r->scratch, "=") || !put_quoted(r, pair->at[1], true))
            return jinja_no_memory(r);
    }
    return run_take(r, mark, out);
}

const struct native jinja_html_filters[] = {
    {"escape", "", filter_escape},
    {"e", "", filter_escape},
    {"forceescape", "", filter_forceescape},
    {"safe", "", filter_safe},
    {"striptags", "", filter_striptags},
    {"xmlattr", "autospace?", filter_xmlattr},
    {"urlencode", "", filter_urlencode},
    {NULL, NULL, NULL},
};
