/* Methods of str, and those that Markup has beyond them. */
#include "text/jinja/format.h"
#include "text/jinja/html.h"
#include "text/jinja/run.h"
#include "text/jinja/str.h"
#include "text/jinja/text.h"

#include <string.h>

/* ---- Case, stripping, padding ------------------------------------------------------------------------------ */

static bool method_upper(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return str_change_case(r, b->self.str, STR_UPPER, out);
}

static bool method_lower(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return str_change_case(r, b->self.str, STR_LOWER, out);
}

static bool method_casefold(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return str_change_case(r, b->self.str, STR_FOLD, out);
}

static bool method_capitalize(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return str_change_case(r, b->self.str, STR_CAPITALIZE, out);
}

static bool method_title(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return str_change_case(r, b->self.str, STR_TITLE, out);
}

static bool method_swapcase(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return str_change_case(r, b->self.str, STR_SWAP, out);
}

static bool strip(struct jinja_run *r, const struct bound *b, int sides, struct value *out)
{
    struct str *chars;
    return bound_str(r, b, 0, &chars) && str_strip(r, b->self.str, chars, sides, out);
}

static bool method_strip(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return strip(r, b, STRIP_LEFT | STRIP_RIGHT, out);
}

static bool method_lstrip(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return strip(r, b, STRIP_LEFT, out);
}

static bool method_rstrip(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return strip(r, b, STRIP_RIGHT, out);
}

static bool pad(struct jinja_run *r, const struct bound *b, enum str_align align, struct value *out)
{
    struct str *fill = NULL;
    int64_t width;
    return bound_int(r, b, 0, 0, &width) && (!bound_has(b, 1) || bound_text(r, b, 1, &fill)) &&
           str_pad(r, b->self.str, width, fill, align, out);
}

static bool method_center(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return pad(r, b, ALIGN_CENTER, out);
}

static bool method_ljust(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return pad(r, b, ALIGN_LEFT, out);
}

static bool method_rjust(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return pad(r, b, ALIGN_RIGHT, out);
}

/* Zeros after the sign. */
static bool method_zfill(struct jinja_run *r, const struct bound *b, struct value *out)
{
    static struct str zero = STR_LITERAL("0");
    struct str *s = b->self.str;
    struct value digits, sign;
    size_t n_sign = s->n && (s->at[0] == '-' || s->at[0] == '+');
    int64_t width;
    return bound_int(r, b, 0, 0, &width) && str_part(r, s, 0, n_sign, &sign) &&
           str_part(r, s, n_sign, s->n - n_sign, &digits) &&
           str_pad(r, digits.str, width > INT64_MIN + 1 ? width - (int64_t)n_sign : 0, &zero, ALIGN_RIGHT, &digits) &&
           op_binary(r, OP_ADD, sign, digits, out);
}

static bool method_expandtabs(struct jinja_run *r, const struct bound *b, struct value *out)
{
    int64_t size, column = 0;
    size_t mark = r->scratch.n;
    const char *at = b->self.str->at, *end = at + b->self.str->n;
    if (!bound_int(r, b, 0, 8, &size) || !run_tick(r, b->self.str->n / 4))
        return false;
    while (at < end) {
        const char *here = at;
        uint32_t c = char_next(&at);
        int64_t spaces = c == '\t' && size > 0 ? size - column % size : 0;
        for (int64_t i = 0; i < spaces; i++)
            if (!run_tick(r, 1) || !buf_add(&r->scratch, " ", 1))
                return jinja_no_memory(r);
        if (c != '\t' && !buf_add(&r->scratch, here, (size_t)(at - here)))
            return jinja_no_memory(r);
        column = c == '\n' || c == '\r' ? 0 : column + (c == '\t' ? spaces : 1);
    }
    return run_take_markup(r, mark, b->self.str->markup, out);
}

/* ---- Searching ------------------------------------------------------------------------------------------------ */

/* s[start:end], and how many characters come before it. */
static bool window(struct jinja_run *r, const struct bound *b, int first, struct str **out, int64_t *before, bool *valid)
{
    struct str *s = b->self.str;
    struct value part, bounds[3] = {b->arg[first], b->arg[first + 1], VALUE_NONE};
    int64_t n = (int64_t)str_length(s), start = 0, end = n;
    for (int i = 0; i < 2; i++) {
        if (bounds[i].kind == V_MISSING)
            bounds[i] = VALUE_NONE;
        if (bounds[i].kind != V_NONE && !value_is_int(bounds[i]))
            return jinja_fail(r, "TypeError: slice indices must be integers or None");
    }
    if (bounds[0].kind != V_NONE)
        start = value_as_int(bounds[0]);
    if (bounds[1].kind != V_NONE)
        end = value_as_int(bounds[1]);
    start = start < 0 ? (start + n < 0 ? 0 : start + n) : start;
    end = end < 0 ? (end + n < 0 ? 0 : end + n) : end > n ? n : end;
    *valid = start <= end; /* beyond the end not even the empty string is found */
    *before = start;
    if (!value_slice(r, b->self, bounds, &part))
        return false;
    *out = part.str;
    return true;
}

static bool find(struct jinja_run *r, const struct bound *b, bool last, int64_t *out)
{
    struct str *what, *s;
    int64_t before;
    bool valid;
    *out = -1;
    if (!bound_text(r, b, 0, &what) || !window(r, b, 1, &s, &before, &valid))
        return false;
    if (!run_tick(r, last ? s->n / 8 * (1 + what->n / 8) : s->n / 16))
        return false;
    const char *at = (last ? py_rfind : py_find)(s->at, s->n, what->at, what->n);
    if (at && valid)
        *out = before + (int64_t)char_count(s->at, (size_t)(at - s->at));
    return true;
}

static bool method_find(struct jinja_run *r, const struct bound *b, struct value *out)
{
    *out = value_int(0);
    return find(r, b, false, &out->integer);
}

static bool method_rfind(struct jinja_run *r, const struct bound *b, struct value *out)
{
    *out = value_int(0);
    return find(r, b, true, &out->integer);
}

static bool method_index(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return method_find(r, b, out) && (out->integer >= 0 || jinja_fail(r, "ValueError: substring not found"));
}

static bool method_rindex(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return method_rfind(r, b, out) && (out->integer >= 0 || jinja_fail(r, "ValueError: substring not found"));
}

static bool method_count(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct str *what, *s;
    int64_t before, n = 0;
    bool valid;
    if (!bound_text(r, b, 0, &what) || !window(r, b, 1, &s, &before, &valid) || !run_tick(r, s->n / 8))
        return false;
    const char *at = s->at, *end = s->at + s->n;
    if (valid && !what->n)
        n = (int64_t)str_length(s) + 1;
    while (valid && what->n && (at = py_find(at, (size_t)(end - at), what->at, what->n))) {
        at += what->n;
        n++;
    }
    return give(out, value_int(n));
}

static bool is_at_edge(const struct str *s, const struct str *affix, bool end)
{
    return affix->n <= s->n && !memcmp(end ? s->at + s->n - affix->n : s->at, affix->at, affix->n);
}

/* One affix, or a tuple of them. */
static bool has_affix(struct jinja_run *r, const struct bound *b, bool at_end, struct value *out)
{
    struct value affix = b->arg[0];
    struct str *s;
    int64_t before;
    bool valid;
    if (!window(r, b, 1, &s, &before, &valid))
        return false;
    *out = value_bool(false);
    if (affix.kind == V_STR)
        return give(out, value_bool(valid && is_at_edge(s, affix.str, at_end)));
    if (affix.kind != V_TUPLE)
        return jinja_fail(r, "TypeError: %s first arg must be str or a tuple of str, not %s",
                          at_end ? "endswith" : "startswith", value_type(affix));
    for (size_t i = 0; i < affix.list->n && !out->boolean; i++) {
        if (affix.list->at[i].kind != V_STR)
            return jinja_fail(r, "TypeError: tuple for %s must only contain str",
                              at_end ? "endswith" : "startswith");
        if (!run_tick(r, 1 + affix.list->at[i].str->n / 64))
            return false;
        out->boolean = valid && is_at_edge(s, affix.list->at[i].str, at_end);
    }
    return true;
}

static bool method_startswith(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return has_affix(r, b, false, out);
}

static bool method_endswith(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return has_affix(r, b, true, out);
}

static bool method_removeprefix(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct str *s = b->self.str, *affix;
    if (!bound_text(r, b, 0, &affix) || !run_tick(r, affix->n / 64))
        return false;
    size_t cut = is_at_edge(s, affix, false) ? affix->n : 0;
    return str_part(r, s, cut, s->n - cut, out);
}

static bool method_removesuffix(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct str *s = b->self.str, *affix;
    if (!bound_text(r, b, 0, &affix) || !run_tick(r, affix->n / 64))
        return false;
    size_t cut = is_at_edge(s, affix, true) ? affix->n : 0;
    return str_part(r, s, 0, s->n - cut, out);
}

/* ---- Parting and joining -------------------------------------------------------------------------------------- */

static bool split(struct jinja_run *r, const struct bound *b, bool from_right, struct value *out)
{
    struct str *separator;
    int64_t max;
    return bound_str(r, b, 0, &separator) && bound_int(r, b, 1, -1, &max) &&
           str_split(r, b->self.str, separator, max, from_right, out);
}

static bool method_split(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return split(r, b, false, out);
}

static bool method_rsplit(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return split(r, b, true, out);
}

static bool method_splitlines(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *lines;
    if (!str_splitlines(r, b->self.str, bound_flag(b, 0), &lines))
        return false;
    return give(out, value_of_list(lines));
}

static bool partition(struct jinja_run *r, const struct bound *b, bool last, struct value *out)
{
    struct str *s = b->self.str, *separator;
    struct value parts[3];
    if (!bound_text(r, b, 0, &separator) || !run_tick(r, s->n / 16 * (last ? 1 + separator->n / 8 : 1)))
        return false;
    if (!separator->n)
        return jinja_fail(r, "ValueError: empty separator");
    const char *found = (last ? py_rfind : py_find)(s->at, s->n, separator->at, separator->n);
    size_t before = found ? (size_t)(found - s->at) : last ? 0 : s->n, cut = found ? separator->n : 0;
    struct list *tuple = list_new(r, 3);
    if (!tuple || !str_part(r, s, 0, before, &parts[0]) || !str_part(r, s, before, cut, &parts[1]) ||
        !str_part(r, s, before + cut, s->n - before - cut, &parts[2]))
        return false;
    for (int i = 0; i < 3; i++)
        if (!list_add(r, tuple, parts[i]))
            return false;
    return give(out, value_of_tuple(tuple));
}

static bool method_partition(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return partition(r, b, false, out);
}

static bool method_rpartition(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return partition(r, b, true, out);
}

static bool method_join(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *items;
    return value_items(r, b->arg[0], &items) && str_join(r, b->self.str, items, out);
}

static bool method_replace(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct str *old, *new_text;
    struct value escaped;
    int64_t count;
    if (!bound_text(r, b, 0, &old) || !bound_text(r, b, 1, &new_text) || !bound_int(r, b, 2, -1, &count))
        return false;
    if (b->self.str->markup && !html_escape(r, b->arg[1], &escaped))
        return false;
    return str_replace(r, b->self.str, old, b->self.str->markup ? escaped.str : new_text, count, out);
}

static bool method_format(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return str_format(r, b->self.str, b->all, out);
}

static bool method_format_map(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct arguments none = {0};
    if (b->arg[0].kind != V_DICT)
        return jinja_fail(r, "TypeError: format_map() argument must be a mapping, not %s", value_type(b->arg[0]));
    struct dict *d = b->arg[0].dict;
    none.keywords = run_alloc(r, d->n, sizeof *none.keywords);
    for (size_t i = 0; none.keywords && i < d->n; i++)
        if (d->at[i].key.kind == V_STR)
            none.keywords[none.n_keywords++] = (struct keyword){d->at[i].key.str, d->at[i].value};
    return none.keywords && str_format(r, b->self.str, &none, out);
}

/* ---- Classes of characters ------------------------------------------------------------------------------------- */

typedef bool char_class(uint32_t c);

static bool all_are(struct jinja_run *r, const struct bound *b, char_class *class, bool if_empty, struct value *out)
{
    const char *at = b->self.str->at, *end = at + b->self.str->n;
    bool all = at < end || if_empty;
    while (all && at < end)
        all = class(char_next(&at));
    return run_tick(r, b->self.str->n / 8) && give(out, value_bool(all));
}

static bool is_ascii(uint32_t c)
{
    return c < 0x80;
}

static bool method_isalpha(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return all_are(r, b, py_is_alpha, false, out);
}

static bool method_isalnum(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return all_are(r, b, py_is_alnum, false, out);
}

static bool method_isascii(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return all_are(r, b, is_ascii, true, out);
}

static bool method_isdecimal(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return all_are(r, b, py_is_decimal, false, out);
}

static bool method_isdigit(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return all_are(r, b, py_is_digit, false, out);
}

static bool method_isnumeric(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return all_are(r, b, py_is_numeric, false, out);
}

static bool method_isspace(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return all_are(r, b, py_is_space, false, out);
}

static bool method_isprintable(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return all_are(r, b, py_is_printable, true, out);
}

static bool method_isidentifier(struct jinja_run *r, const struct bound *b, struct value *out)
{
    const char *at = b->self.str->at;
    if (b->self.str->n && !py_is_identifier_start(char_next(&at)))
        return give(out, value_bool(false));
    return all_are(r, b, py_is_identifier_part, false, out);
}

static bool has_test(struct jinja_run *r, const struct bound *b, const char *test, struct value *out)
{
    struct arguments none = {0};
    return native_call(r, jinja_test(test, strlen(test)), b->self, &none, out);
}

static bool method_islower(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return has_test(r, b, "lower", out);
}

static bool method_isupper(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return has_test(r, b, "upper", out);
}

static bool method_istitle(struct jinja_run *r, const struct bound *b, struct value *out)
{
    const char *at = b->self.str->at, *end = at + b->self.str->n;
    bool in_word = false, any = false;
    while (at < end) {
        uint32_t c = char_next(&at);
        bool upper = py_is_upper(c) || py_is_title(c), lower = py_is_lower(c);
        if ((upper && in_word) || (lower && !in_word))
            return give(out, value_bool(false));
        in_word = upper || lower;
        any |= in_word;
    }
    return run_tick(r, b->self.str->n / 8) && give(out, value_bool(any));
}

/* ---- Markup ------------------------------------------------------------------------------------------------------ */

static bool markup_unescape(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return html_unescape(r, b->self.str, out);
}

static bool markup_striptags(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return html_strip_tags(r, b->self.str, out);
}

static bool markup_escape(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return html_escape(r, b->arg[0], out);
}

const struct native jinja_markup_methods[] = {
    {"unescape", "", markup_unescape},
    {"striptags", "", markup_striptags},
    {"escape", "s", markup_escape},
    {NULL, NULL, NULL},
};

const struct native jinja_str_methods[] = {
    {"split", "sep? maxsplit?", method_split},
    {"strip", "/chars?", method_strip},
    {"lstrip", "/chars?", method_lstrip},
    {"rstrip", "/chars?", method_rstrip},
    {"startswith", "/prefix start? end?", method_startswith},
    {"endswith", "/suffix start? end?", method_endswith},
    {"replace", "/old new count?", method_replace},
    {"upper", "/", method_upper},
    {"lower", "/", method_lower},
    {"title", "/", method_title},
    {"capitalize", "/", method_capitalize},
    {"casefold", "/", method_casefold},
    {"swapcase", "/", method_swapcase},
    {"join", "/iterable", method_join},
    {"format", "*", method_format},
    {"format_map", "/mapping", method_format_map},
    {"find", "/sub start? end?", method_find},
    {"rfind", "/sub start? end?", method_rfind},
    {"index", "/sub start? end?", method_index},
    {"rindex", "/sub start? end?", method_rindex},
    {"count", "/sub start? end?", method_count},
    {"rsplit", "sep? maxsplit?", method_rsplit},
    {"splitlines", "keepends?", method_splitlines},
    {"partition", "/sep", method_partition},
    {"rpartition", "/sep", method_rpartition},
    {"removeprefix", "/prefix", method_removeprefix},
    {"removesuffix", "/suffix", method_removesuffix},
    {"center", "/width fillchar?", method_center},
    {"ljust", "/width fillchar?", method_ljust},
    {"rjust", "/width fillchar?", method_rjust},
    {"zfill", "/width", method_zfill},
    {"expandtabs", "tabsize?", method_expandtabs},
    {"isalpha", "/", method_isalpha},
    {"isalnum", "/", method_isalnum},
    {"isascii", "/", method_isascii},
    {"isdecimal", "/", method_isdecimal},
    {"isdigit", "/", method_isdigit},
    {"isnumeric", "/", method_isnumeric},
    {"isspace", "/", method_isspace},
    {"isprintable", "/", method_isprintable},
    {"isidentifier", "/", method_isidentifier},
    {"islower", "/", method_islower},
    {"isupper", "/", method_isupper},
    {"istitle", "/", method_istitle},
    {NULL, NULL, NULL},
};
