#include "text/jinja/number.h"

#include "text/jinja/run.h"
#include "text/jinja/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int digit_value(uint32_t c)
{
    int decimal = py_decimal_value(c);
    if (decimal >= 0)
        return decimal;
    uint32_t letter = c | 0x20;
    return c < 0x80 && letter >= 'a' && letter <= 'z' ? (int)(letter - 'a') + 10 : 99;
}

static bool skip_prefix(const char **at, const char *end, int64_t *base)
{
    static const struct {
        char letter;
        int64_t base;
    } prefixes[] = {{'b', 2}, {'o', 8}, {'x', 16}};
    for (size_t i = 0; i < 3; i++)
        if (end - *at >= 2 && **at == '0' && ((*at)[1] | 0x20) == prefixes[i].letter &&
            (*base == 0 || *base == prefixes[i].base)) {
            *at += 2;
            *base = prefixes[i].base;
            return true;
        }
    return false;
}

/* Digits with single underscores between them (one may follow a prefix). */
static enum number_read parse_digits(const char *at, const char *end, int64_t base, bool prefixed, bool negative,
                                     int64_t *out)
{
    int64_t value = 0;
    bool large = false, digit_before = prefixed, any = false;
    while (at < end) {
        uint32_t c = char_next(&at);
        if (c == '_') {
            if (!digit_before)
                return NUMBER_INVALID;
            digit_before = false;
            continue;
        }
        int digit = digit_value(c);
        if (digit >= base)
            return NUMBER_INVALID;
        large |= __builtin_mul_overflow(value, base, &value) || __builtin_sub_overflow(value, digit, &value);
        digit_before = any = true;
    }
    if (!any || !digit_before)
        return NUMBER_INVALID;
    if (large || (!negative && value == INT64_MIN))
        return NUMBER_TOO_LARGE;
    *out = negative ? value : -value;
    return NUMBER_OK;
}

enum number_read number_parse_int(const char *at, size_t n, int64_t base, int64_t *out)
{
    const char *end = at + py_rstrip(at, n);
    at += py_lstrip(at, (size_t)(end - at));
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    if (base != 0 && (base < 2 || base > 36))
        return NUMBER_INVALID;
    const char *digits = at;
    int64_t asked = base;
    bool prefixed = skip_prefix(&at, end, &base);
    if (base == 0)
        base = 10;
    enum number_read read = parse_digits(at, end, base, prefixed, negative, out);
    if (asked == 0 && !prefixed && read == NUMBER_OK && *out && *digits == '0')
        return NUMBER_INVALID; /* 012 is no literal */
    return read;
}

static bool is_word(const char *at, const char *end, const char *word)
{
    for (; *word; word++, at++)
        if (at == end || (*at | 0x20) != *word)
            return false;
    return at == end;
}

/* Copies what strtod may see: digits (of any script) with '.', 'e' and signs; underscores only between digits. `out` has room
 * for as many bytes and a NUL. Returns how many there are, 0: it is no number. */
static size_t copy_decimal(const char *at, const char *end, char *out)
{
    bool digit_before = false;
    size_t n = 0;
    while (at < end) {
        uint32_t c = char_next(&at);
        int digit = py_decimal_value(c);
        if (c == '_') {
            const char *next = at;
            if (!digit_before || at == end || py_decimal_value(char_next(&next)) < 0)
                return 0;
            continue;
        }
        if (digit < 0 && (c >= 0x80 || !c || !strchr("+-.eE", (int)c)))
            return 0;
        out[n++] = digit < 0 ? (char)c : (char)('0' + digit);
        digit_before = digit >= 0;
    }
    out[n] = '\0';
    return n;
}

bool number_parse_float(struct jinja_run *r, const struct str *text, double *out, bool *valid)
{
    const char *at = text->at, *end = at + py_rstrip(at, text->n);
    at += py_lstrip(at, (size_t)(end - at));
    *valid = true;
    const char *word = at + (at < end && (*at == '-' || *at == '+'));
    double sign = word > at && *at == '-' ? -1 : 1;
    if (is_word(word, end, "inf") || is_word(word, end, "infinity")) {
        *out = sign * INFINITY;
        return true;
    }
    if (is_word(word, end, "nan")) {
        *out = NAN;
        return true;
    }
    *out = NAN;
    if (!run_tick(r, text->n / 8) || !vec_reserve(&r->scratch, (size_t)(end - at) + 1))
        return jinja_no_memory(r);
    char *digits = r->scratch.at + r->scratch.n, *stop;
    const size_t n = copy_decimal(at, end, digits);
    const double value = n ? strtod(digits, &stop) : 0;
    *valid = n && stop == digits + n;
    *out = *valid ? value : NAN;
    return true;
}

bool number_truncate(struct jinja_run *r, double f, struct value *out)
{
    if (isnan(f))
        return jinja_fail(r, "ValueError: cannot convert float NaN to integer");
    if (isinf(f))
        return jinja_fail(r, "OverflowError: cannot convert float infinity to integer");
    if (f < -0x1p63 || f >= 0x1p63)
        return jinja_fail(r, "OverflowError: an integer does not fit in 64 bits");
    *out = value_int((int64_t)f);
    return true;
}

/* To a multiple of a power of ten, half to even. */
static bool round_int(struct jinja_run *r, int64_t i, int64_t digits, struct value *out)
{
    int64_t unit = 1;
    *out = value_int(i);
    if (digits >= 0)
        return true;
    for (int64_t k = digits; k < 0; k++)
        if (__builtin_mul_overflow(unit, 10, &unit)) {
            *out = value_int(0);
            return true;
        }
    int64_t rest = i % unit, half = unit / 2, down = i - rest, size = rest < 0 ? -rest : rest;
    bool odd = (down / unit) % 2 != 0;
    if ((size > half || (size == half && odd)) &&
        __builtin_add_overflow(down, i < 0 ? -unit : unit, &down))
        return jinja_fail(r, "OverflowError: an integer does not fit in 64 bits");
    *out = value_int(down);
    return true;
}

bool number_round(struct jinja_run *r, struct value v, int64_t digits, struct value *out)
{
    char text[400];
    if (value_is_int(v))
        return round_int(r, value_as_int(v), digits, out);
    double f = v.real;
    *out = v;
    if (!isfinite(f) || digits > 323)
        return true;
    if (digits >= 0) { /* printf rounds the exact value, half to even */
        snprintf(text, sizeof text, "%.*f", digits > 40 && fabs(f) > 1e-3 ? 40 : (int)digits, f);
    } else if (digits < -308) {
        *out = value_float(copysign(0, f));
        return true;
    } else { /* as many significant digits as are left of the last one that stays */
        int exponent = f == 0 ? 0 : (int)floor(log10(fabs(f)));
        int64_t kept = exponent + digits;
        if (kept < 0) {
            double unit = pow(10, (double)-digits);
            *out = value_float(fabs(f) > unit / 2 ? copysign(unit, f) : copysign(0, f));
            return true;
        }
        snprintf(text, sizeof text, "%.*e", (int)kept, f);
    }
    f = strtod(text, NULL);
    if (isinf(f))
        return jinja_fail(r, "OverflowError: rounded value too large to represent");
    *out = value_float(f);
    return true;
}
