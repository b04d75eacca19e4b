#include "text/jinja/text.h"

#include "text/jinja/text_tables.h"

#include <string.h>
#include <utf8proc.h>

bool char_add(struct buf *text, uint32_t c)
{
    char bytes[4];
    return buf_add(text, bytes, utf8_put(bytes, c));
}

size_t char_count(const char *at, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)at[i] & 0xC0) != 0x80;
    return count;
}

static bool in_ranges(const struct char_range *table, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n && table[i].first <= c; i++)
        if (c <= table[i].last)
            return true;
    return false;
}

#define IN(table, c) in_ranges((table), sizeof(table) / sizeof *(table), (c))

bool py_is_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

bool py_is_line_end(uint32_t c)
{
    return (c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static utf8proc_category_t category(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c);
}

bool py_is_alpha(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}

bool py_is_decimal(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_ND;
}

bool py_is_digit(uint32_t c)
{
    return py_is_decimal(c) || IN(digits_beyond_nd, c);
}

bool py_is_numeric(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO) || IN(numeric_letters, c);
}

bool py_is_alnum(uint32_t c)
{
    return py_is_alpha(c) || py_is_numeric(c);
}

bool py_is_word(uint32_t c)
{
    return c == '_' || py_is_alnum(c);
}

bool py_is_lower(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_LL || IN(lower_beyond_ll, c);
}

bool py_is_upper(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_LU || IN(upper_beyond_lu, c);
}

bool py_is_title(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_LT;
}

bool py_is_printable(uint32_t c)
{
    if (c == ' ')
        return true;
    utf8proc_category_t k = category(c);
    return k != UTF8PROC_CATEGORY_CN && k < UTF8PROC_CATEGORY_ZS;
}

bool py_is_identifier_start(uint32_t c)
{
    return c == '_' || py_is_alpha(c) || category(c) == UTF8PROC_CATEGORY_NL || c == 0x2118 || c == 0x212E;
}

bool py_is_identifier_part(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return py_is_identifier_start(c) || k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_MC ||
           k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_PC || IN(identifier_parts, c);
}

/* Decimal digits come in runs of ten, the first of which is a zero whose code is the run's lowest. */
int py_decimal_value(uint32_t c)
{
    if (c < 0x80)
        return c >= '0' && c <= '9' ? (int)c - '0' : -1;
    if (!py_is_decimal(c))
        return -1;
    uint32_t first = c;
    while (c - first < 9 && py_is_decimal(first - 1))
        first--;
    if (c >= 0x1D7CE && c <= 0x1D7FF) /* mathematical digits: five runs without a gap */
        return (int)((c - 0x1D7CE) % 10);
    return (int)(c - first);
}

static const struct special_case *find_special(uint32_t c)
{
    size_t n = sizeof special_cases / sizeof *special_cases;
    for (size_t i = 0; c >= special_cases[0].from && i < n && special_cases[i].from <= c; i++)
        if (special_cases[i].from == c)
            return &special_cases[i];
    return NULL;
}

static size_t fold_char(uint32_t c, uint32_t out[3])
{
    utf8proc_int32_t folded[4];
    int bound = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, folded, 4, UTF8PROC_CASEFOLD, &bound);
    if (n < 1 || n > 3)
        n = 1, folded[0] = (utf8proc_int32_t)c;
    for (utf8proc_ssize_t i = 0; i < n; i++)
        out[i] = (uint32_t)folded[i];
    return (size_t)n;
}

/* The full mapping of one character, without context: how many come out, at most 3. */
static size_t map_char(uint32_t c, enum text_case to, uint32_t out[3])
{
    if (to == CASE_FOLD)
        return fold_char(c, out);
    out[0] = c;
    if (to == CASE_LOWER) {
        out[0] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
        out[1] = 0x307; /* the dot of a Turkish capital I */
        return c == 0x130 ? (out[0] = 'i', 2) : 1;
    }
    const struct special_case *s = c < 0x80 ? NULL : find_special(c);
    if (!s) {
        out[0] = (uint32_t)(to == CASE_UPPER ? utf8proc_toupper((utf8proc_int32_t)c)
                                             : utf8proc_totitle((utf8proc_int32_t)c));
        return 1;
    }
    const uint16_t *mapped = to == CASE_UPPER ? s->upper : s->title;
    size_t n = 0;
    for (; n < 3 && mapped[n]; n++)
        out[n] = mapped[n];
    return n;
}

static bool is_cased(uint32_t c)
{
    return py_is_lower(c) || py_is_upper(c) || py_is_title(c);
}

static bool is_case_ignorable(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_ME || k == UTF8PROC_CATEGORY_CF ||
           k == UTF8PROC_CATEGORY_LM || k == UTF8PROC_CATEGORY_SK || c == '\'' || c == '.' || c == ':' || c == 0xB7 ||
           c == 0x387 || c == 0x55F || c == 0x5F4 || c == 0x2018 || c == 0x2019 || c == 0x2024 || c == 0x2027 ||
           c == 0xFE13 || c == 0xFE52 || c == 0xFE55 || c == 0xFF07 || c == 0xFF0E || c == 0xFF1A;
}

/* Unicode's Final_Sigma: a cased letter before it, none after it. */
static bool is_final_sigma(const char *begin, const char *at, const char *end)
{
    uint32_t c = 0;
    const char *p = at;
    do {
        if (p == begin)
            return false;
        const char *before = p = utf8_before(p);
        c = char_next(&before);
    } while (is_case_ignorable(c));
    if (!is_cased(c))
        return false;
    p = at;
    char_next(&p);
    do {
        if (p == end)
            return true;
        c = char_next(&p);
    } while (is_case_ignorable(c));
    return !is_cased(c);
}

bool py_map(struct buf *text, const char *at, size_t n, enum text_case to)
{
    const char *begin = at, *end = at + n;
    while (at < end) {
        uint32_t mapped[3];
        const char *here = at;
        uint32_t c = char_next(&at);
        size_t n_mapped = map_char(c, to, mapped);
        if (c == 0x3A3 && to == CASE_LOWER && is_final_sigma(begin, here, end))
            mapped[0] = 0x3C2;
        for (size_t i = 0; i < n_mapped; i++)
            if (!char_add(text, mapped[i]))
                return false;
    }
    return true;
}

size_t py_rstrip(const char *at, size_t n)
{
    const char *end = at + n;
    while (end > at) {
        const char *last = utf8_before(end), *p = last;
        if (!py_is_space(char_next(&p)))
            break;
        end = last;
    }
    return (size_t)(end - at);
}

size_t py_lstrip(const char *at, size_t n)
{
    const char *p = at, *end = at + n;
    while (p < end) {
        const char *next = p;
        if (!py_is_space(char_next(&next)))
            break;
        p = next;
    }
    return (size_t)(p - at);
}

const char *py_find(const char *at, size_t n, const char *what, size_t n_what)
{
    if (!n_what)
        return at;
    return memmem(at, n, what, n_what);
}

const char *py_rfind(const char *at, size_t n, const char *what, size_t n_what)
{
    if (n_what > n)
        return NULL;
    for (const char *p = at + (n - n_what);; p--) {
        if (!n_what || (*p == *what && !memcmp(p, what, n_what)))
            return p;
        if (p == at)
            return NULL;
    }
}
