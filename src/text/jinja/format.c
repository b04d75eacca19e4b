/* "format".format(values) */
#include "text/jinja/format.h"

#include "text/jinja/html.h"
#include "text/jinja/number.h"
#include "text/jinja/text.h"

#include <string.h>

struct formatter {
    struct jinja_run *r;
    const struct arguments *a;
    int64_t next; /* automatic number; -1 once fields are numbered by hand */
    bool markup;
};

static bool format_into(struct formatter *f, const char *at, size_t n, int depth);

/* ---- Format specifications ------------------------------------------------------------------------------------- */

static bool parse_number(struct jinja_run *r, const char **at, const char *end, int limit, int *out)
{
    int64_t n = 0;
    for (; *at < end && ascii_is_digit(**at); ++*at)
        n = n > limit ? n : n * 10 + (**at - '0');
    if (n > limit)
        return jinja_fail(r, "ValueError: a width or precision of more than %d", limit);
    *out = (int)n;
    return true;
}

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static void parse_align(const char **at, const char *end, struct layout *l)
{
    const char *after = *at;
    if (*at == end)
        return;
    uint32_t fill = char_next(&after);
    if (after < end && is_align(*after)) {
        l->fill = fill;
        l->align = *after;
        *at = after + 1;
    } else if (is_align(**at)) {
        l->align = *(*at)++;
    }
}

static bool parse_spec(struct jinja_run *r, const struct str *spec, struct layout *l)
{
    const char *at = spec->at, *end = spec->at + spec->n;
    *l = (struct layout){.fill = ' ', .precision = -1};
    parse_align(&at, end, l);
    if (at < end && (*at == '+' || *at == '-' || *at == ' '))
        l->sign = *at++;
    if (at < end && *at == '#')
        l->alternate = true, at++;
    if (at < end && *at == '0') {
        at++;
        if (!l->align)
            l->align = '=', l->fill = '0';
        else if (l->fill == ' ')
            l->fill = '0';
    }
    if (!parse_number(r, &at, end, MAX_LAYOUT_WIDTH, &l->width))
        return false;
    if (at < end && (*at == ',' || *at == '_'))
        l->grouping = *at++;
    if (at < end && *at == '.') {
        const char *digits = ++at;
        if (!parse_number(r, &at, end, MAX_LAYOUT_PRECISION, &l->precision))
            return false;
        if (at == digits)
            return jinja_fail(r, "ValueError: Format specifier missing precision");
    }
    if (at < end)
        l->type = *at++;
    return at == end || jinja_fail(r, "ValueError: Invalid format specifier");
}

static bool wrong_type(struct jinja_run *r, const struct layout *l, struct value v)
{
    return jinja_fail(r, "ValueError: Unknown format code '%c' for object of type '%s'", l->type, value_type(v));
}

static bool put_number(struct jinja_run *r, struct value v, struct layout *l)
{
    char bytes[4];
    bool is_float = l->type && strchr("eEfFgG%", l->type);
    if (v.kind == V_FLOAT || is_float) {
        if (l->type && !is_float && l->type != 'n')
            return wrong_type(r, l, v);
        return layout_float(r, value_as_float(v), l);
    }
    if (l->precision >= 0)
        return jinja_fail(r, "ValueError: Precision not allowed in integer format specifier");
    if (l->type == 'c') {
        int64_t c = value_as_int(v);
        if (c < 0 || c >= 0x110000 || (c >= 0xD800 && c <= 0xDFFF))
            return jinja_fail(r, "OverflowError: %%c arg not in range(0x110000)");
        return layout_text(r, bytes, utf8_put(bytes, (uint32_t)c), l, '<');
    }
    if (l->type && !strchr("bdoxXn", l->type))
        return wrong_type(r, l, v);
    return layout_int(r, value_as_int(v), l);
}

static bool put_value(struct formatter *f, struct value v, const struct str *spec)
{
    struct jinja_run *r = f->r;
    struct layout l;
    if (!spec->n)
        return value_print(r, &r->scratch, v);
    if (v.kind != V_STR && !value_is_number(v))
        return jinja_fail(r, "TypeError: unsupported format string passed to %s.__format__", value_type(v));
    if (!parse_spec(r, spec, &l))
        return false;
    if (v.kind == V_BOOL && !l.type) /* formatted as the integer it is */
        l.type = 'd';
    if (v.kind != V_STR)
        return put_number(r, v, &l);
    if (l.type && l.type != 's')
        return wrong_type(r, &l, v);
    if (l.sign || l.alternate || l.grouping || (l.align == '=' && l.fill != '0'))
        return jinja_fail(r, "ValueError: this format specifier is not allowed for strings");
    if (l.align == '=')
        l.align = '<';
    return layout_text(r, v.str->at, v.str->n, &l, '<');
}

/* ---- Fields -------------------------------------------------------------------------------------------------------- */

static bool numbered_argument(struct formatter *f, int64_t i, struct value *out)
{
    if (i < 0 || (size_t)i >= f->a->n)
        return jinja_fail(f->r, "IndexError: Replacement index %lld out of range for positional args tuple",
                          (long long)i);
    *out = f->a->at[i];
    return true;
}

/* The first part of a field's name: nothing, a number, or a keyword. */
static bool first_argument(struct formatter *f, const char *at, size_t n, struct value *out)
{
    int64_t number;
    if (n == 0) {
        if (f->next < 0)
            return jinja_fail(f->r, "ValueError: cannot switch from manual field specification to automatic field numbering");
        return numbered_argument(f, f->next++, out);
    }
    if (number_parse_int(at, n, 10, &number) == NUMBER_OK && ascii_is_digit(*at)) {
        if (f->next > 0)
            return jinja_fail(f->r, "ValueError: cannot switch from automatic field numbering to manual field specification");
        f->next = -1;
        return numbered_argument(f, number, out);
    }
    for (size_t i = 0; i < f->a->n_keywords; i++)
        if (f->a->keywords[i].name->n == n && !memcmp(f->a->keywords[i].name->at, at, n)) {
            *out = f->a->keywords[i].value;
            return true;
        }
    return jinja_fail(f->r, "KeyError: '%.*s'", (int)n, at);
}

/* ".name" or "[key]", by the sandbox's rules. */
static bool follow_step(struct formatter *f, const char **at, const char *end, struct value *v)
{
    struct value key;
    int64_t number;
    bool dot = *(*at)++ == '.';
    const char *begin = *at;
    while (*at < end && (dot ? **at != '.' && **at != '[' : **at != ']'))
        ++*at;
    size_t n = (size_t)(*at - begin);
    if (!n || (!dot && *at == end))
        return jinja_fail(f->r, "ValueError: Empty attribute in format string");
    *at += !dot;
    if (!value_str(f->r, begin, n, &key))
        return false;
    if (dot)
        return value_attribute(f->r, *v, key.str, v);
    if (ascii_is_digit(*begin) && number_parse_int(begin, n, 10, &number) == NUMBER_OK)
        key = value_int(number);
    return value_item(f->r, *v, key, v);
}

static bool get_field(struct formatter *f, const char *at, const char *end, struct value *out)
{
    size_t first = 0;
    while (at + first < end && at[first] != '.' && at[first] != '[')
        first++;
    if (!first_argument(f, at, first, out))
        return false;
    for (at += first; at < end;) {
        if (*at != '.' && *at != '[')
            return jinja_fail(f->r, "ValueError: Only '.' or '[' may follow ']' in format field specifier");
        if (!follow_step(f, &at, end, out))
            return false;
    }
    return true;
}

static bool convert(struct formatter *f, char conversion, struct value *v)
{
    size_t mark = f->r->scratch.n;
    if (conversion == 's')
        return value_to_str(f->r, *v, v);
    if (conversion == 'a')
        return value_ascii(f->r, *v, v);
    if (conversion != 'r')
        return jinja_fail(f->r, "ValueError: Unknown conversion specifier '%c'", conversion);
    if (!value_repr(f->r, &f->r->scratch, *v) || !run_take(f->r, mark, v))
        return false;
    return true;
}

/* What is between the braces: name!conversion:specification. */
static bool put_field(struct formatter *f, const char *at, size_t n, int depth)
{
    const char *end = at + n, *name_end = at;
    struct value v, spec, text;
    char conversion = 0;
    for (bool bracket = false; name_end < end && (bracket || (*name_end != '!' && *name_end != ':')); name_end++)
        bracket = *name_end == '[' || (bracket && *name_end != ']');
    if (!get_field(f, at, name_end, &v))
        return false;
    at = name_end;
    if (at < end && *at == '!') {
        if (end - at < 2 || (end - at > 2 && at[2] != ':'))
            return jinja_fail(f->r, "ValueError: expected ':' after conversion specifier");
        conversion = at[1];
        at += 2;
    }
    if (conversion && !convert(f, conversion, &v))
        return false;
    at += at < end;
    size_t mark = f->r->scratch.n;
    if (!format_into(f, at, (size_t)(end - at), depth - 1) || !run_take(f->r, mark, &spec) ||
        !put_value(f, v, spec.str))
        return false;
    bool safe = v.kind == V_STR && v.str->markup;
    return !f->markup || safe || (run_take(f->r, mark, &text) && html_escape(f->r, text, &text) &&
                                  value_print(f->r, &f->r->scratch, text));
}

/* The end of the field that begins at `at`, or NULL. */
static const char *field_end(const char *at, const char *end)
{
    int open = 1;
    for (; at < end; at++) {
        open += (*at == '{') - (*at == '}');
        if (!open)
            return at;
    }
    return NULL;
}

static bool format_into(struct formatter *f, const char *at, size_t n, int depth)
{
    const char *end = at + n;
    if (depth < 0)
        return n == 0 || jinja_fail(f->r, "ValueError: Max string recursion exceeded");
    while (at < end) {
        char c = *at;
        bool doubled = at + 1 < end && at[1] == c;
        if ((c != '{' && c != '}') || (doubled && depth == 2)) {
            if (!run_tick(f->r, 1) || !buf_add(&f->r->scratch, at, 1))
                return jinja_no_memory(f->r);
            at += c == '{' || c == '}' ? 2 : 1;
            continue;
        }
        const char *close = c == '{' ? field_end(at + 1, end) : NULL;
        if (!close)
            return jinja_fail(f->r, "ValueError: Single '%c' encountered in format string", c);
        if (!put_field(f, at + 1, (size_t)(close - at) - 1, depth))
            return false;
        at = close + 1;
    }
    return true;
}

bool str_format(struct jinja_run *r, const struct str *format, const struct arguments *a, struct value *out)
{
    struct formatter f = {.r = r, .a = a, .markup = format->markup};
    size_t mark = r->scratch.n;
    return run_tick(r, format->n / 16) && format_into(&f, format->at, format->n, 2) &&
           run_take_markup(r, mark, format->markup, out);
}
