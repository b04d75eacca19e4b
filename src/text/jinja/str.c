#include "text/jinja/str.h"

#include "text/jinja/html.h"
#include "text/jinja/run.h"
#include "text/jinja/text.h"

#include <string.h>

bool str_part(struct jinja_run *r, const struct str *s, size_t begin, size_t n, struct value *out)
{
    if (!value_str_view(r, s->at + begin, n, out))
        return false;
    if (s->n_chars == s->n)
        out->str->n_chars = n;
    else if (n == 1)
        out->str->n_chars = 1;
    out->str->markup = s->markup;
    return true;
}

/* ---- Case ------------------------------------------------------------------------------------------- */

/* The first character in title case, the rest in lower case. */
static bool capitalize(struct buf *text, const struct str *s)
{
    const char *at = s->at;
    if (s->n)
        char_next(&at);
    size_t first = (size_t)(at - s->at);
    return py_map(text, s->at, first, CASE_TITLE) && py_map(text, at, s->n - first, CASE_LOWER);
}

/* A letter after one without case in title case, all others in lower case. */
static bool title(struct buf *text, const struct str *s)
{
    const char *at = s->at, *end = s->at + s->n;
    bool in_word = false;
    while (at < end) {
        const char *here = at;
        uint32_t c = char_next(&at);
        if (!py_map(text, here, (size_t)(at - here), in_word ? CASE_LOWER : CASE_TITLE))
            return false;
        in_word = py_is_lower(c) || py_is_upper(c) || py_is_title(c);
    }
    return true;
}

static bool swap_case(struct buf *text, const struct str *s)
{
    const char *at = s->at, *end = s->at + s->n;
    while (at < end) {
        const char *here = at;
        uint32_t c = char_next(&at);
        bool mapped = py_is_upper(c)   ? py_map(text, here, (size_t)(at - here), CASE_LOWER)
                      : py_is_lower(c) ? py_map(text, here, (size_t)(at - here), CASE_UPPER)
                                       : buf_add(text, here, (size_t)(at - here));
        if (!mapped)
            return false;
    }
    return true;
}

bool str_change_case(struct jinja_run *r, const struct str *s, enum str_case to, struct value *out)
{
    struct buf *text = &r->scratch;
    size_t mark = text->n;
    bool ok;
    switch (to) {
    case STR_UPPER: ok = py_map(text, s->at, s->n, CASE_UPPER); break;
    case STR_LOWER: ok = py_map(text, s->at, s->n, CASE_LOWER); break;
    case STR_FOLD: ok = py_map(text, s->at, s->n, CASE_FOLD); break;
    case STR_CAPITALIZE: ok = capitalize(text, s); break;
    case STR_TITLE: ok = title(text, s); break;
    default: ok = swap_case(text, s);
    }
    if (!ok)
        return jinja_no_memory(r);
    return run_tick(r, s->n / 4) && run_take_markup(r, mark, s->markup, out);
}

/* ---- Stripping, padding ---------------------------------------------------------------------------------- */

static bool in_chars(const struct str *chars, const char *at)
{
    const char *end = at;
    uint32_t c = char_next(&end);
    if (!chars)
        return py_is_space(c);
    return py_find(chars->at, chars->n, at, (size_t)(end - at)) != NULL;
}

bool str_strip(struct jinja_run *r, const struct str *s, const struct str *chars, int sides, struct value *out)
{
    const char *begin = s->at, *end = s->at + s->n;
    const size_t each = chars ? chars->n / 32 : 0; /* what it costs to look a character up */
    bool ok = run_tick(r, 2 * each);
    while (ok && (sides & STRIP_LEFT) && begin < end && in_chars(chars, begin)) {
        char_next(&begin);
        ok = !each || run_tick(r, each);
    }
    while (ok && (sides & STRIP_RIGHT) && begin < end && in_chars(chars, utf8_before(end))) {
        end = utf8_before(end);
        ok = !each || run_tick(r, each);
    }
    return ok && run_tick(r, (s->n - (size_t)(end - begin)) / 8) &&
           str_part(r, s, (size_t)(begin - s->at), (size_t)(end - begin), out);
}

static bool put_times(struct jinja_run *r, const char *at, size_t n, int64_t times)
{
    for (int64_t i = 0; i < times; i++)
        if (!run_fits(r, r->scratch.n) || !run_tick(r, 1) || !run_put(r, at, n))
            return false;
    return true;
}

bool str_pad(struct jinja_run *r, struct str *s, int64_t width, const struct str *fill, enum str_align align,
             struct value *out)
{
    int64_t n = (int64_t)str_length(s), pad = width > n ? width - n : 0, left = 0;
    const char *with = fill ? fill->at : " ";
    if (align == ALIGN_RIGHT)
        left = pad;
    else if (align == ALIGN_CENTER)
        left = pad / 2 + (pad & width & 1);
    size_t mark = r->scratch.n, n_with = fill ? fill->n : 1;
    if (fill && char_count(fill->at, fill->n) != 1)
        return jinja_fail(r, "TypeError: The fill character must be exactly one character long");
    if (!put_times(r, with, n_with, left) || !run_put(r, s->at, s->n) ||
        !put_times(r, with, n_with, pad - left))
        return false;
    return run_take_markup(r, mark, s->markup, out);
}

/* ---- Replacing ------------------------------------------------------------------------------------------------ */

/* The new text before every character and at the end. */
static bool replace_empty(struct jinja_run *r, const struct str *s, const struct str *new_text, int64_t count)
{
    const char *at = s->at, *end = s->at + s->n;
    bool ok = true;
    for (; ok && count != 0; count--) {
        const char *here = at;
        ok = run_tick(r, 1) && buf_add(&r->scratch, new_text->at, new_text->n);
        if (at == end)
            break;
        char_next(&at);
        ok = ok && buf_add(&r->scratch, here, (size_t)(at - here)) && run_fits(r, r->scratch.n);
    }
    return ok && buf_add(&r->scratch, at, (size_t)(end - at));
}

bool str_replace(struct jinja_run *r, const struct str *s, const struct str *old, const struct str *new_text,
                 int64_t count, struct value *out)
{
    const char *at = s->at, *end = s->at + s->n, *found;
    size_t mark = r->scratch.n;
    bool ok = true;
    if (!run_tick(r, s->n / 16))
        return false;
    if (!old->n)
        ok = replace_empty(r, s, new_text, count);
    for (; ok && old->n && count != 0 && (found = py_find(at, (size_t)(end - at), old->at, old->n)); count--) {
        ok = run_tick(r, 1) && buf_add(&r->scratch, at, (size_t)(found - at)) &&
             buf_add(&r->scratch, new_text->at, new_text->n) && run_fits(r, r->scratch.n);
        at = found + old->n;
    }
    if (ok && old->n)
        ok = buf_add(&r->scratch, at, (size_t)(end - at));
    return (ok || jinja_no_memory(r)) && run_take_markup(r, mark, s->markup, out);
}

/* ---- Splitting --------------------------------------------------------------------------------------------------- */

static bool add_part(struct jinja_run *r, struct list *l, const struct str *s, const char *begin, const char *end)
{
    struct value part;
    return str_part(r, s, (size_t)(begin - s->at), (size_t)(end - begin), &part) && list_add(r, l, part);
}

static bool split_at(struct jinja_run *r, const struct str *s, const struct str *separator, int64_t max,
                     struct list *l)
{
    const char *at = s->at, *end = s->at + s->n, *found;
    for (; max != 0 && (found = py_find(at, (size_t)(end - at), separator->at, separator->n)); max--) {
        if (!add_part(r, l, s, at, found))
            return false;
        at = found + separator->n;
    }
    return add_part(r, l, s, at, end);
}

static bool split_spaces(struct jinja_run *r, const struct str *s, int64_t max, struct list *l)
{
    const char *at = s->at, *end = s->at + s->n;
    for (;; max--) {
        at += py_lstrip(at, (size_t)(end - at));
        if (at == end)
            return true;
        if (max == 0)
            return add_part(r, l, s, at, end);
        const char *word = at;
        while (at < end && !in_chars(NULL, at))
            char_next(&at);
        if (!add_part(r, l, s, word, at))
            return false;
    }
}

static void reverse(struct list *l)
{
    for (size_t i = 0; i < l->n / 2; i++) {
        struct value v = l->at[i];
        l->at[i] = l->at[l->n - 1 - i];
        l->at[l->n - 1 - i] = v;
    }
}

static bool rsplit_at(struct jinja_run *r, const struct str *s, const struct str *separator, int64_t max,
                      struct list *l)
{
    const char *end = s->at + s->n, *found;
    const size_t each = separator->n / 64; /* what it costs to compare at each 64 places, where the separator is long */
    for (; max != 0 && run_tick(r, (size_t)(end - s->at) / 64 * each); max--) {
        found = py_rfind(s->at, (size_t)(end - s->at), separator->at, separator->n);
        if (!found)
            break;
        if (!run_tick(r, (size_t)(end - found) / 8) || !add_part(r, l, s, found + separator->n, end))
            return false;
        end = found;
    }
    return !r->failed && add_part(r, l, s, s->at, end);
}

static bool rsplit_spaces(struct jinja_run *r, const struct str *s, int64_t max, struct list *l)
{
    const char *end = s->at + s->n;
    for (;; max--) {
        end = s->at + py_rstrip(s->at, (size_t)(end - s->at));
        if (end == s->at)
            return true;
        if (max == 0)
            return add_part(r, l, s, s->at, end);
        const char *word = end;
        while (word > s->at && !in_chars(NULL, utf8_before(word)))
            word = utf8_before(word);
        if (!add_part(r, l, s, word, end))
            return false;
        end = word;
    }
}

bool str_split(struct jinja_run *r, const struct str *s, const struct str *separator, int64_t max, bool from_right,
               struct value *out)
{
    struct list *l = list_new(r, 4);
    if (!l || !run_tick(r, s->n / 16))
        return false;
    if (separator && !separator->n)
        return jinja_fail(r, "ValueError: empty separator");
    bool ok;
    if (from_right)
        ok = separator ? rsplit_at(r, s, separator, max, l) : rsplit_spaces(r, s, max, l);
    else
        ok = separator ? split_at(r, s, separator, max, l) : split_spaces(r, s, max, l);
    if (from_right)
        reverse(l);
    *out = value_of_list(l);
    return ok;
}

bool str_splitlines(struct jinja_run *r, const struct str *s, bool keep_ends, struct list **out)
{
    struct list *l = *out = list_new(r, 4);
    const char *at = s->at, *end = s->at + s->n, *line = at;
    while (l && at < end) {
        const char *stop = at;
        uint32_t c = char_next(&at);
        if (!py_is_line_end(c))
            continue;
        if (c == '\r' && at < end && *at == '\n')
            at++;
        if (!add_part(r, l, s, line, keep_ends ? at : stop))
            return false;
        line = at;
    }
    return l && run_tick(r, s->n / 8) && (line == end || add_part(r, l, s, line, end));
}

bool str_join(struct jinja_run *r, const struct str *separator, const struct list *items, struct value *out)
{
    size_t mark = r->scratch.n;
    for (size_t i = 0; i < items->n; i++) {
        struct value item = items->at[i];
        if (item.kind != V_STR)
            return jinja_fail(r, "TypeError: sequence item %zu: expected str instance, %s found", i,
                              value_type(item));
        if (separator->markup && !html_escape(r, item, &item))
            return false;
        if (!run_fits(r, r->scratch.n - mark + item.str->n) || !run_tick(r, 1) ||
            (i && !run_put(r, separator->at, separator->n)) || !run_put(r, item.str->at, item.str->n))
            return false;
    }
    return run_take_markup(r, mark, separator->markup, out);
}
