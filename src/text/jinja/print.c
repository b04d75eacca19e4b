/* str() and repr() of values. */
#include "text/jinja/run.h"
#include "text/jinja/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shortest digits that read back as the same number, in Python's layout: exponents from 1e16 on and below 1e-4. */
void float_repr(double f, char out[32])
{
    if (!isfinite(f)) {
        strcpy(out, isnan(f) ? "nan" : f < 0 ? "-inf" : "inf");
        return;
    }
    char digits[32];
    int precision = 0;
    do
        snprintf(digits, sizeof digits, "%.*e", precision, f);
    while (strtod(digits, NULL) != f && ++precision < 17);
    char *e = strchr(digits, 'e');
    int exponent = atoi(e + 1);
    if (exponent < -4 || exponent >= 16) {
        memcpy(out, digits, sizeof digits); /* as printf writes it: at least two digits of exponent */
        return;
    }
    int decimals = precision - exponent;
    snprintf(out, 32, "%.*f", decimals > 0 ? decimals : 1, f);
}

static bool put_escape(struct buf *text, uint32_t c)
{
    if (c < 0x100)
        return buf_printf(text, "\\x%02" PRIx32, c);
    return c < 0x10000 ? buf_printf(text, "\\u%04" PRIx32, c) : buf_printf(text, "\\U%08" PRIx32, c);
}

static bool repr_of_text(struct buf *text, const char *at, size_t n)
{
    const char *end = at + n;
    char quote = n && memchr(at, '\'', n) && !memchr(at, '"', n) ? '"' : '\'';
    bool ok = buf_add(text, &quote, 1);
    while (ok && at < end) {
        const char *begin = at;
        uint32_t c = char_next(&at);
        if (c == (unsigned char)quote || c == '\\')
            ok = buf_printf(text, "\\%c", (char)c);
        else if (c == '\n' || c == '\r' || c == '\t')
            ok = buf_printf(text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c < 0x80 ? c < 0x20 || c == 0x7F : !py_is_printable(c))
            ok = put_escape(text, c);
        else
            ok = buf_add(text, begin, (size_t)(at - begin));
    }
    return ok && buf_add(text, &quote, 1);
}

static bool repr_list(struct jinja_run *r, struct buf *text, const struct list *l, const char *open, const char *close)
{
    bool ok = buf_text(text, open);
    for (size_t i = 0; ok && i < l->n; i++)
        ok = (!i || buf_text(text, ", ")) && value_repr(r, text, l->at[i]);
    return ok && buf_text(text, close);
}

static bool repr_dict(struct jinja_run *r, struct buf *text, const struct dict *d)
{
    bool ok = buf_text(text, "{");
    for (size_t i = 0; ok && i < d->n; i++)
        ok = (!i || buf_text(text, ", ")) && value_repr(r, text, d->at[i].key) && buf_text(text, ": ") &&
             value_repr(r, text, d->at[i].value);
    return ok && buf_text(text, "}");
}

static bool repr_range(struct buf *text, const struct range *range)
{
    bool ok = buf_printf(text, "range(%" PRId64 ", %" PRId64, range->start, range->stop);
    if (ok && range->step != 1)
        ok = buf_printf(text, ", %" PRId64, range->step);
    return ok && buf_text(text, ")");
}

static bool repr_view(struct jinja_run *r, struct buf *text, struct value v)
{
    struct list *items;
    return value_items(r, v, &items) && buf_printf(text, "%s(", value_type(v)) &&
           repr_list(r, text, items, "[", "])");
}

static bool repr_macro(struct buf *text, const struct macro *m)
{
    if (m->node->type != NODE_MACRO)
        return buf_text(text, "<Macro anonymous>");
    const struct str *name = &m->node->name->text;
    return buf_printf(text, "<Macro '%.*s'>", (int)name->n, name->at);
}

static bool repr_container(struct jinja_run *r, struct buf *text, struct value v)
{
    switch (v.kind) {
    case V_LIST: return repr_list(r, text, v.list, "[", "]");
    case V_TUPLE: return repr_list(r, text, v.list, "(", v.list->n == 1 ? ",)" : ")");
    case V_DICT: return repr_dict(r, text, v.dict);
    case V_NAMESPACE: return buf_text(text, "<Namespace ") && repr_dict(r, text, v.dict) && buf_text(text, ">");
    default: return repr_view(r, text, v);
    }
}

static bool repr_atom(struct buf *text, struct value v)
{
    char number[32];
    switch (v.kind) {
    case V_NONE: return buf_text(text, "None");
    case V_BOOL: return buf_text(text, v.boolean ? "True" : "False");
    case V_INT: return buf_printf(text, "%" PRId64, v.integer);
    case V_FLOAT: float_repr(v.real, number); return buf_text(text, number);
    case V_STR:
        if (!v.str->markup)
            return repr_of_text(text, v.str->at, v.str->n);
        return buf_text(text, "Markup(") && repr_of_text(text, v.str->at, v.str->n) && buf_text(text, ")");
    case V_RANGE: return repr_range(text, v.range);
    case V_MACRO: return repr_macro(text, v.macro);
    case V_LOOP: return buf_printf(text, "<LoopContext %zu/%zu>", v.loop->index0 + 1, v.loop->items->n);
    case V_NATIVE: return buf_printf(text, "<function %s>", v.method->native->name);
    case V_UNDEFINED: return buf_text(text, "Undefined");
    case V_SELF: return buf_text(text, "<TemplateReference None>"); /* a template of a string has no name */
    default: return buf_printf(text, "<%s object>", value_type(v));
    }
}

bool value_repr(struct jinja_run *r, struct buf *text, struct value v)
{
    bool container = value_is_sequence(v) || v.kind == V_DICT || v.kind == V_NAMESPACE || v.kind == V_VIEW;
    if (!run_tick(r, 1 + (v.kind == V_STR ? v.str->n / 16 : 0)) || !run_fits(r, text->n))
        return false;
    if (!container)
        return repr_atom(text, v) || jinja_no_memory(r);
    if (!run_enter(r))
        return false;
    bool ok = repr_container(r, text, v);
    run_leave(r);
    return ok || jinja_no_memory(r);
}

bool value_print(struct jinja_run *r, struct buf *text, struct value v)
{
    if (v.kind == V_UNDEFINED)
        return true;
    if (v.kind != V_STR)
        return value_repr(r, text, v);
    return run_fits(r, text->n + v.str->n) && run_tick(r, v.str->n / 64) && (buf_add(text, v.str->at, v.str->n) || jinja_no_memory(r));
}

bool value_to_str(struct jinja_run *r, struct value v, struct value *out)
{
    if (v.kind == V_STR)
        return value_markup(r, v, false, out);
    size_t mark = r->scratch.n;
    return value_print(r, &r->scratch, v) && run_take(r, mark, out);
}

bool value_soft_str(struct jinja_run *r, struct value v, struct value *out)
{
    if (v.kind != V_STR)
        return value_to_str(r, v, out);
    *out = v;
    return true;
}

bool value_ascii(struct jinja_run *r, struct value v, struct value *out)
{
    size_t mark = r->scratch.n;
    struct value plain;
    bool ok = true;
    if (!value_repr(r, &r->scratch, v) || !run_take(r, mark, &plain))
        return false;
    for (const char *at = plain.str->at, *end = at + plain.str->n; ok && at < end;) {
        const char *begin = at;
        uint32_t c = char_next(&at);
        ok = c < 0x80 ? buf_add(&r->scratch, begin, 1) : put_escape(&r->scratch, c);
    }
    return (ok || jinja_no_memory(r)) && run_take(r, mark, out);
}
