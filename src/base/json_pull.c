#include "base/json_pull.h"

#include "base/ascii.h"
#include "base/locale.h"
#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void json_pull_fini(struct json_pull *p)
{
    vec_fini(&p->text);
}

bool json_pull_fail(struct json_pull *p, const char *wrong)
{
    if (!p->wrong)
        p->wrong = wrong;
    return false;
}

pllm_status json_pull_status(const struct json_pull *p, const char *where, pllm_error *err)
{
    if (p->no_memory)
        return error_memory(err, where);
    if (p->wrong)
        return error_set(err, PLLM_E_FORMAT, "%s: at byte %zu: %s", where, (size_t)(p->at - p->begin), p->wrong);
    return PLLM_OK;
}

static void skip_space(struct json_pull *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
        p->at++;
}

char json_pull_peek(struct json_pull *p)
{
    skip_space(p);
    return !p->wrong && p->at < p->end ? *p->at : 0;
}

bool json_pull_enter(struct json_pull *p, char bracket)
{
    if (json_pull_peek(p) != bracket)
        return json_pull_fail(p, bracket == '{' ? "wanted an object" : "wanted an array");
    p->at++;
    p->first = true;
    return true;
}

bool json_pull_next(struct json_pull *p, char close)
{
    char c = json_pull_peek(p);
    bool first = p->first;
    p->first = false;
    if (c == close) {
        p->at++;
        return false;
    }
    if (first)
        return c ? true : json_pull_fail(p, "ends too early");
    if (c != ',')
        return json_pull_fail(p, c ? "wanted a comma or the end of the list" : "ends too early");
    p->at++;
    return true;
}

bool json_pull_colon(struct json_pull *p)
{
    if (json_pull_peek(p) != ':')
        return json_pull_fail(p, "wanted a colon");
    p->at++;
    return true;
}

/* Four hexadecimal digits at `at`; -1: they are none. */
static int32_t read_hex(const char *at, const char *end)
{
    int32_t value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = ascii_hex_value(at[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* \uXXXX, perhaps two for one character; `at` is behind the u. */
static bool read_unicode(struct json_pull *p)
{
    int32_t c = read_hex(p->at, p->end);
    if (c < 0)
        return json_pull_fail(p, "wanted four hexadecimal digits");
    p->at += 4;
    if (c >= 0xDC00 && c <= 0xDFFF)
        return json_pull_fail(p, "half of a surrogate pair");
    if (c >= 0xD800 && c <= 0xDBFF) {
        int32_t low = p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u' ? read_hex(p->at + 2, p->end) : -1;
        if (low < 0xDC00 || low > 0xDFFF)
            return json_pull_fail(p, "half of a surrogate pair");
        p->at += 6;
        c = 0x10000 + (c - 0xD800) * 0x400 + (low - 0xDC00);
    }
    p->text.n += utf8_put(p->text.at + p->text.n, (uint32_t)c); /* read_escaped made room */
    return true;
}

static bool read_escape(struct json_pull *p)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (p->at == p->end)
        return json_pull_fail(p, "a string does not end");
    char c = *p->at++;
    const char *known = c ? strchr(letters, c) : NULL;
    if (known) {
        p->text.at[p->text.n++] = meant[known - letters];
        return true;
    }
    return c == 'u' ? read_unicode(p) : json_pull_fail(p, "an escape that JSON does not have");
}

/* Goes over what needs no translation; stops at a quote, a backslash, or what is wrong. */
static bool read_plain(struct json_pull *p)
{
    while (p->at < p->end && *p->at != '"' && *p->at != '\\') {
        bool whole, cut;
        size_t width = utf8_scan((const unsigned char *)p->at, (size_t)(p->end - p->at), &whole, &cut);
        if (!whole || (unsigned char)*p->at < 0x20)
            return json_pull_fail(p, whole ? "a control character in a string" : "invalid UTF-8");
        p->at += width;
    }
    return p->at < p->end ? true : json_pull_fail(p, "a string does not end");
}

/* A string with escapes, of which the bytes from `begin` on were read. */
static bool read_escaped(struct json_pull *p, const char *begin, const char **text, size_t *n)
{
    p->text.n = 0;
    while (true) {
        size_t plain = (size_t)(p->at - begin);
        if (!vec_reserve(&p->text, plain + 4)) {
            p->no_memory = true;
            return json_pull_fail(p, "not enough memory");
        }
        memcpy(p->text.at + p->text.n, begin, plain);
        p->text.n += plain;
        if (*p->at == '"')
            break;
        p->at++;
        if (!read_escape(p))
            return false;
        begin = p->at;
        if (!read_plain(p))
            return false;
    }
    p->at++;
    *text = p->text.at;
    *n = p->text.n;
    return true;
}

bool json_pull_string(struct json_pull *p, const char **text, size_t *n)
{
    if (json_pull_peek(p) != '"')
        return json_pull_fail(p, "wanted a string");
    const char *begin = ++p->at;
    if (!read_plain(p))
        return false;
    if (*p->at == '\\')
        return read_escaped(p, begin, text, n);
    *text = begin;
    *n = (size_t)(p->at++ - begin);
    return true;
}

bool json_pull_int(struct json_pull *p, int64_t *out)
{
    const char *begin = (json_pull_peek(p), p->at);
    bool negative = p->at < p->end && *p->at == '-';
    p->at += negative;
    const char *digits = p->at;
    int64_t value = 0;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9' && p->at - digits < 18)
        value = value * 10 + (*p->at++ - '0');
    bool more = p->at < p->end && ((*p->at >= '0' && *p->at <= '9') || *p->at == '.' || *p->at == 'e' || *p->at == 'E');
    if (p->wrong || p->at == digits || more || (*digits == '0' && p->at - digits > 1)) {
        p->at = begin;
        return json_pull_fail(p, "wanted an integer");
    }
    *out = negative ? -value : value;
    return true;
}

bool json_pull_number(struct json_pull *p, double *out)
{
    char digits[64];
    json_pull_peek(p);
    size_t n = 0;
    while (n + 1 < sizeof digits && p->at + n < p->end && p->at[n] && strchr("+-.eE0123456789", p->at[n])) {
        digits[n] = p->at[n];
        n++;
    }
    digits[n] = '\0';
    char *stop = digits;
    const locale_t before = locale_enter_c();
    double value = n ? strtod(digits, &stop) : 0;
    locale_leave(before);
    if (p->wrong || n == 0 || *stop || !isfinite(value) || strchr("+.", digits[0]))
        return json_pull_fail(p, "wanted a finite number");
    p->at += n;
    *out = value;
    return true;
}

/* To behind the quote that ends a string. */
static bool skip_string(struct json_pull *p)
{
    while (++p->at < p->end) {
        if (*p->at == '\\') {
            p->at++;
        } else if (*p->at == '"') {
            p->at++;
            return true;
        }
    }
    p->at = p->end;
    return json_pull_fail(p, "a string does not end");
}

bool json_pull_skip(struct json_pull *p)
{
    size_t depth = 0;
    do {
        char c = json_pull_peek(p);
        if (!c)
            return json_pull_fail(p, "ends too early");
        if (c == '"') {
            if (!skip_string(p))
                return false;
            continue;
        }
        if (depth == 0 && strchr("]},:", c))
            return json_pull_fail(p, "wanted a value");
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        p->at++;
        if (depth == 0 && c != '}' && c != ']') /* a number or a word */
            while (p->at < p->end && !strchr("]},: \n\r\t\"[{", *p->at))
                p->at++;
    } while (depth > 0);
    return true;
}
