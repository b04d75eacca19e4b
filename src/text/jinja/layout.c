/* Numbers and text laid out to a width; what both kinds of formatting share. */
#include "text/jinja/format.h"
#include "text/jinja/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool put_fill(struct jinja_run *r, uint32_t fill, int64_t times)
{
    for (int64_t i = 0; i < times; i++)
        if (!run_tick(r, 1) || !char_add(&r->scratch, fill))
            return jinja_no_memory(r);
    return true;
}

bool layout_text(struct jinja_run *r, const char *at, size_t n, const struct layout *l, char default_align)
{
    char align = l->align ? l->align : default_align;
    if (l->precision >= 0) {
        const char *p = at, *end = at + n;
        for (int i = 0; i < l->precision && p < end; i++)
            char_next(&p);
        n = (size_t)(p - at);
    }
    int64_t pad = l->width - (int64_t)char_count(at, n), left = align == '>' ? pad : align == '^' ? pad / 2 : 0;
    if (pad < 0)
        pad = left = 0;
    return put_fill(r, l->fill, left) && run_put(r, at, n) && put_fill(r, l->fill, pad - left);
}

/* Digits with a separator every `every` of them, counted from the right. */
static size_t group_digits(const char *digits, size_t n, char separator, size_t every, char *out)
{
    size_t written = 0;
    for (size_t i = 0; i < n; i++) {
        if (separator && i && (n - i) % every == 0)
            out[written++] = separator;
        out[written++] = digits[i];
    }
    return written;
}

/* Sign, prefix ("0x"), whole digits and the rest ("." and so on), padded. Zeros that fill are grouped too. */
static bool put_number(struct jinja_run *r, const char *sign, const char *whole, size_t n_whole, const char *rest,
                       const struct layout *l)
{
    char grouped[1024], padded[1024];
    size_t every = l->type && strchr("xXob", l->type) ? 4 : 3, n_rest = strlen(rest), n_sign = strlen(sign);
    char align = l->align ? l->align : '>';
    if (align == '=' && l->fill == '0' && l->grouping && l->width < 700) {
        size_t room = l->width > (int)(n_sign + n_rest) ? (size_t)l->width - n_sign - n_rest : 0;
        size_t n = n_whole;
        while (n + (n - 1) / every < room)
            n++;
        memset(padded, '0', n);
        memcpy(padded + n - n_whole, whole, n_whole);
        whole = padded;
        n_whole = n;
    }
    size_t n_grouped = group_digits(whole, n_whole, l->grouping, every, grouped);
    int64_t pad = l->width - (int64_t)(n_sign + n_grouped + n_rest);
    int64_t left = align == '>' ? pad : align == '^' ? pad / 2 : 0, inner = align == '=' ? pad : 0;
    return put_fill(r, l->fill, left) && run_put(r, sign, n_sign) && put_fill(r, l->fill, inner) &&
           run_put(r, grouped, n_grouped) && run_put(r, rest, n_rest) &&
           put_fill(r, l->fill, pad - (left > 0 ? left : 0) - (inner > 0 ? inner : 0));
}

static const char *sign_of(bool negative, char wish)
{
    return negative ? "-" : wish == '+' ? "+" : wish == ' ' ? " " : "";
}

bool layout_int(struct jinja_run *r, int64_t i, const struct layout *l)
{
    char digits[MAX_LAYOUT_PRECISION + 70], sign[4];
    size_t at = sizeof digits, n;
    uint64_t rest = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    unsigned base = l->type == 'b' ? 2 : l->type == 'o' ? 8 : (l->type | 0x20) == 'x' ? 16 : 10;
    const char *symbols = l->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    do {
        digits[--at] = symbols[rest % base];
        rest /= base;
    } while (rest);
    n = sizeof digits - at;
    while ((int)n < l->precision && n < MAX_LAYOUT_PRECISION) {
        digits[--at] = '0';
        n++;
    }
    snprintf(sign, sizeof sign, "%s%s", sign_of(i < 0, l->sign), "");
    char prefix[8];
    snprintf(prefix, sizeof prefix, "%s%s%c", sign, l->alternate && base != 10 ? "0" : "",
             l->alternate && base != 10 ? l->type : '\0');
    return put_number(r, prefix, digits + at, n, "", l);
}

static void upper_case(char *text)
{
    for (; *text; text++)
        if (*text >= 'a' && *text <= 'z')
            *text = (char)(*text - 32);
}

/* The digits of |f| by a type of format specification, without layout. */
static void float_digits(double f, const struct layout *l, char *out, size_t size)
{
    int precision = l->precision < 0 ? 6 : l->precision;
    char type = (char)(l->type | 0x20);
    if (l->type == 'n')
        type = 'g';
    if (isnan(f) || isinf(f))
        snprintf(out, size, "%s%s", isnan(f) ? "nan" : "inf", l->type == '%' ? "%" : "");
    else if (l->type == '%')
        snprintf(out, size, "%.*f%%", precision, f * 100);
    else if (l->type == 0 && l->precision < 0)
        float_repr(f, out);
    else if (type == 'f')
        snprintf(out, size, l->alternate ? "%#.*f" : "%.*f", precision, f);
    else if (type == 'e')
        snprintf(out, size, l->alternate ? "%#.*e" : "%.*e", precision, f);
    else
        snprintf(out, size, l->alternate ? "%#.*g" : "%.*g", precision, f);
    if (l->type >= 'A' && l->type <= 'Z')
        upper_case(out);
}

/* Without a type but with a precision: as %g, but with a digit after the point, and exponents from one place earlier. */
static void general_digits(double f, int precision, char *out, size_t size)
{
    int digits = precision ? precision : 1;
    char probe[64];
    snprintf(probe, sizeof probe, "%.*e", digits - 1 < 40 ? digits - 1 : 40, f);
    int exponent = 0;
    sscanf(strchr(probe, 'e') ? strchr(probe, 'e') + 1 : "0", "%d", &exponent);
    snprintf(out, size, "%.*g", digits, f);
    if (exponent >= -4 && exponent == digits - 1 && !strchr(out, 'e') && !strchr(out, '.'))
        snprintf(out, size, "%.*e", digits - 1, f);
    if (!strpbrk(out, ".en"))
        strcat(out, ".0");
}

bool layout_float(struct jinja_run *r, double f, const struct layout *l)
{
    char digits[2 * MAX_LAYOUT_PRECISION + 64];
    bool negative = signbit(f) && !isnan(f);
    if (l->type == 0 && l->precision >= 0 && isfinite(f))
        general_digits(fabs(f), l->precision, digits, sizeof digits - 4);
    else
        float_digits(fabs(f), l, digits, sizeof digits);
    size_t whole = strspn(digits, "0123456789");
    struct layout plain = *l;
    if (!isfinite(f))
        plain.grouping = 0;
    return put_number(r, sign_of(negative, l->sign), digits, whole, digits + whole, &plain);
}
