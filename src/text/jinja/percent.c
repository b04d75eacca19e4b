/* "format" % values */
#include "text/jinja/format.h"
#include "text/jinja/html.h"
#include "text/jinja/number.h"
#include "text/jinja/text.h"

#include <math.h>
#include <string.h>

struct percent {
    struct jinja_run *r;
    const char *at, *end;
    struct value arguments;
    bool tuple, mapping;
    size_t next;   /* of a tuple */
    bool used;     /* a single value that is no tuple */
    bool markup;   /* escape what is put in */
};

static bool next_argument(struct percent *p, struct value *out)
{
    bool left = p->tuple ? p->next < p->arguments.list->n : !p->used;
    if (!left)
        return jinja_fail(p->r, "TypeError: not enough arguments for format string");
    *out = p->tuple ? p->arguments.list->at[p->next++] : p->arguments;
    p->used = true;
    return true;
}

/* "(name)" */
static bool keyed_argument(struct percent *p, struct value *out)
{
    const char *name = ++p->at;
    int open = 1;
    for (; p->at < p->end; p->at++) {
        open += (*p->at == '(') - (*p->at == ')');
        if (!open)
            break;
    }
    if (p->at == p->end)
        return jinja_fail(p->r, "ValueError: incomplete format key");
    if (!p->mapping)
        return jinja_fail(p->r, "TypeError: format requires a mapping");
    struct value key, *found;
    if (!value_str(p->r, name, (size_t)(p->at - name), &key))
        return false;
    p->at++;
    p->used = true;
    if (p->arguments.kind == V_UNDEFINED)
        return undefined_fail(p->r, p->arguments);
    if (p->arguments.kind != V_DICT)
        return jinja_fail(p->r, "TypeError: %s indices must be integers", value_type(p->arguments));
    if (!dict_find(p->r, p->arguments.dict, key, &found))
        return false;
    if (!found)
        return jinja_fail(p->r, "KeyError: '%s'", key.str->at);
    *out = *found;
    return true;
}

/* A number, or "*": the next argument. */
static bool parse_size(struct percent *p, int limit, int *out)
{
    int64_t n = 0;
    if (p->at < p->end && *p->at == '*') {
        struct value v;
        p->at++;
        if (!next_argument(p, &v))
            return false;
        if (!value_is_int(v))
            return jinja_fail(p->r, "TypeError: * wants int");
        n = value_as_int(v);
    }
    for (; p->at < p->end && ascii_is_digit(*p->at); p->at++)
        n = n > limit ? n : n * 10 + (*p->at - '0');
    if (n > limit || n < -limit)
        return jinja_fail(p->r, "ValueError: a width or precision of more than %d", limit);
    *out = (int)n;
    return true;
}

static bool parse_layout(struct percent *p, struct layout *l)
{
    bool left = false, zero = false;
    *l = (struct layout){.fill = ' ', .precision = -1};
    for (; p->at < p->end && *p->at && strchr("#0- +", *p->at); p->at++) {
        left |= *p->at == '-';
        zero |= *p->at == '0';
        l->alternate |= *p->at == '#';
        if (*p->at == '+' || (*p->at == ' ' && !l->sign))
            l->sign = *p->at;
    }
    if (!parse_size(p, MAX_LAYOUT_WIDTH, &l->width))
        return false;
    if (l->width < 0) {
        left = true;
        l->width = -l->width;
    }
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        if (!parse_size(p, MAX_LAYOUT_PRECISION, &l->precision))
            return false;
        l->precision = l->precision < 0 ? 0 : l->precision;
    }
    while (p->at < p->end && (*p->at == 'l' || *p->at == 'h' || *p->at == 'L'))
        p->at++;
    l->align = left ? '<' : zero ? '=' : '>';
    if (zero && !left)
        l->fill = '0';
    return true;
}

static bool put_text(struct percent *p, struct value v, char type, const struct layout *l)
{
    struct layout text = *l;
    size_t mark = p->r->scratch.n;
    struct value s;
    text.fill = ' ';
    text.align = l->align == '=' ? '>' : l->align;
    bool ok = type == 's'   ? value_soft_str(p->r, v, &s)
              : type == 'a' ? value_ascii(p->r, v, &s)
                            : value_repr(p->r, &p->r->scratch, v) && run_take(p->r, mark, &s);
    if (!ok)
        return false;
    if (p->markup && !html_escape(p->r, s, &s))
        return false;
    return layout_text(p->r, s.str->at, s.str->n, &text, '>');
}

static bool put_integer(struct percent *p, struct value v, char type, struct layout l)
{
    if (v.kind == V_UNDEFINED)
        return undefined_fail(p->r, v);
    if (!value_is_number(v) || (v.kind == V_FLOAT && strchr("xXo", type)))
        return jinja_fail(p->r, "TypeError: %%%c format: a real number is required, not %s", type, value_type(v));
    if (v.kind == V_FLOAT && !number_truncate(p->r, v.real, &v))
        return false;
    l.type = strchr("diu", type) ? 'd' : type;
    return layout_int(p->r, value_as_int(v), &l);
}

static bool put_float(struct percent *p, struct value v, char type, struct layout l)
{
    double f;
    if (v.kind == V_UNDEFINED)
        return undefined_fail(p->r, v);
    if (!value_is_number(v))
        return jinja_fail(p->r, "TypeError: must be real number, not %s", value_type(v));
    f = value_as_float(v);
    if (!isfinite(f) && l.fill == '0') {
        l.fill = '0';
        l.align = '=';
    }
    l.type = type;
    return layout_float(p->r, f, &l);
}

static bool put_char(struct percent *p, struct value v, struct layout l)
{
    char bytes[4];
    l.fill = ' ';
    l.align = l.align == '=' ? '>' : l.align;
    l.precision = -1;
    if (v.kind == V_STR && char_count(v.str->at, v.str->n) == 1)
        return layout_text(p->r, v.str->at, v.str->n, &l, '>');
    if (!value_is_int(v))
        return jinja_fail(p->r, "TypeError: %%c requires int or char");
    int64_t c = value_as_int(v);
    if (c < 0 || c >= 0x110000 || (c >= 0xD800 && c <= 0xDFFF))
        return jinja_fail(p->r, "OverflowError: %%c arg not in range(0x110000)");
    return layout_text(p->r, bytes, utf8_put(bytes, (uint32_t)c), &l, '>');
}

/* After the "%". */
static bool put_directive(struct percent *p)
{
    struct value v = VALUE_MISSING;
    struct layout l;
    if (p->at < p->end && *p->at == '(' && !keyed_argument(p, &v))
        return false;
    if (!parse_layout(p, &l))
        return false;
    if (p->at == p->end)
        return jinja_fail(p->r, "ValueError: incomplete format");
    char type = *p->at++;
    if (type == '%')
        return buf_add(&p->r->scratch, "%", 1) || jinja_no_memory(p->r);
    if (v.kind == V_MISSING && !next_argument(p, &v))
        return false;
    if (type == 's' || type == 'r' || type == 'a')
        return put_text(p, v, type, &l);
    if (type && strchr("diuxXo", type))
        return put_integer(p, v, type, l);
    if (type && strchr("eEfFgG", type))
        return put_float(p, v, type, l);
    if (type == 'c')
        return put_char(p, v, l);
    return jinja_fail(p->r, "ValueError: unsupported format character");
}

bool str_percent(struct jinja_run *r, const struct str *format, struct value arguments, struct value *out)
{
    enum value_kind k = arguments.kind;
    struct percent p = {.r = r, .at = format->at, .end = format->at + format->n, .arguments = arguments,
                        .tuple = k == V_TUPLE, .markup = format->markup,
                        .mapping = k == V_DICT || k == V_LIST || k == V_UNDEFINED || k == V_RANGE};
    size_t mark = r->scratch.n;
    if (!run_tick(r, format->n / 16))
        return false;
    while (p.at < p.end) {
        const char *percent = py_find(p.at, (size_t)(p.end - p.at), "%", 1), *stop = percent ? percent : p.end;
        if (!run_tick(r, 1) || !buf_add(&r->scratch, p.at, (size_t)(stop - p.at)))
            return jinja_no_memory(r);
        p.at = percent ? percent + 1 : stop;
        if (percent && !put_directive(&p))
            return false;
    }
    if (p.tuple ? p.next < arguments.list->n : !p.used && !p.mapping)
        return jinja_fail(r, "TypeError: not all arguments converted during string formatting");
    return run_take_markup(r, mark, format->markup, out);
}
