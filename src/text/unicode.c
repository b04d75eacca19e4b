#include "text/unicode.h"

#include "base/utf8.h"

#include <string.h>
#include <utf8proc.h>

struct new_range {
    uint32_t first, last, old;
};

static const struct new_range new_ranges[] = {
#include "text/unicode_new.inc"
};

enum { N_NEW = sizeof new_ranges / sizeof new_ranges[0] };

/* The range that holds c, or NULL. */
static const struct new_range *find_new(uint32_t c)
{
    size_t lo = 0, hi = N_NEW;
    while (lo < hi) {
        size_t middle = (lo + hi) / 2;
        if (c > new_ranges[middle].last)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo < N_NEW && c >= new_ranges[lo].first ? &new_ranges[lo] : NULL;
}

/* Where new characters are: nearly all text has none, and is to pay little for the question. */
static bool may_be_new(const unsigned char *p)
{
    if (p[0] < 0xE0)
        return false;
    if (p[0] >= 0xF0)
        return true;
    return p[0] == 0xE0 || (p[0] == 0xE1 && p[1] >= 0xAC) || (p[0] == 0xE2 && (p[1] == 0x90 || p[1] == 0xBF)) ||
           (p[0] == 0xE3 && (p[1] == 0x87 || p[1] == 0x86)) || (p[0] == 0xEA && p[1] >= 0x9F && p[1] <= 0xA0);
}

/* Offset of the first new character at or after `from`; n: none. */
static size_t next_new(const char *text, size_t n, size_t from)
{
    for (size_t i = from; i < n; i += utf8_width((unsigned char)text[i]))
        if (may_be_new((const unsigned char *)text + i) && find_new(utf8_get(text + i)))
            return i;
    return n;
}

bool unicode_is_new(const char *text, size_t n)
{
    return next_new(text, n, 0) < n;
}

bool unicode_age(char *out, const char *text, size_t n)
{
    size_t i = next_new(text, n, 0);
    if (i == n)
        return false;
    memcpy(out, text, n);
    for (; i < n; i = next_new(text, n, i + utf8_width((unsigned char)text[i])))
        utf8_put(out + i, find_new(utf8_get(text + i))->old);
    return true;
}

static utf8proc_category_t category(uint32_t c)
{
    const struct new_range *r = c < 0x800 ? NULL : find_new(c);
    return utf8proc_category((utf8proc_int32_t)(r ? r->old : c));
}

bool unicode_is_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

bool unicode_is_word(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    utf8proc_category_t k = category(c);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_ND) || k == UTF8PROC_CATEGORY_NL ||
           k == UTF8PROC_CATEGORY_PC || c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) ||
           (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

bool unicode_is_mark(uint32_t c)
{
    utf8proc_category_t k = c < 0x300 ? UTF8PROC_CATEGORY_CN : category(c);
    return k >= UTF8PROC_CATEGORY_MN && k <= UTF8PROC_CATEGORY_ME;
}
