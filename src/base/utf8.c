#include "base/utf8.h"

#include <string.h>

size_t utf8_put(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* Table 3-7 of the Unicode standard: which second bytes a lead byte allows. */
static bool second_fits(unsigned char lead, unsigned char second)
{
    switch (lead) {
    case 0xE0: return second >= 0xA0 && second <= 0xBF;
    case 0xED: return second >= 0x80 && second <= 0x9F;
    case 0xF0: return second >= 0x90 && second <= 0xBF;
    case 0xF4: return second >= 0x80 && second <= 0x8F;
    default: return (second & 0xC0) == 0x80;
    }
}

size_t utf8_scan(const unsigned char *p, size_t n, bool *whole, bool *cut)
{
    *whole = p[0] < 0x80;
    *cut = false;
    if (*whole || p[0] < 0xC2 || p[0] > 0xF4)
        return 1;
    size_t width = utf8_width(p[0]), i = 1;
    while (i < width && i < n && (i == 1 ? second_fits(p[0], p[1]) : (p[i] & 0xC0) == 0x80))
        i++;
    *whole = i == width;
    *cut = i == n && i < width;
    return i;
}

/* Eight ASCII bytes at once: most text. */
static size_t ascii_run(const char *text, size_t n)
{
    size_t i = 0;
    for (uint64_t word; i + 8 <= n; i += 8) {
        memcpy(&word, text + i, 8);
        if (word & 0x8080808080808080u)
            break;
    }
    while (i < n && (unsigned char)text[i] < 0x80)
        i++;
    return i;
}

size_t utf8_valid(const char *text, size_t n)
{
    size_t i = 0;
    while (i < n && (i += ascii_run(text + i, n - i)) < n) {
        bool whole, cut;
        size_t width = utf8_scan((const unsigned char *)text + i, n - i, &whole, &cut);
        if (!whole)
            break;
        i += width;
    }
    return i;
}

bool utf8_repair(struct buf *out, const char *text, size_t n)
{
    while (n) {
        size_t good = utf8_valid(text, n);
        if (!buf_add(out, text, good))
            return false;
        text += good;
        n -= good;
        if (!n)
            break;
        bool whole, cut;
        size_t bad = utf8_scan((const unsigned char *)text, n, &whole, &cut);
        if (!buf_add(out, UTF8_REPLACEMENT, 3))
            return false;
        text += bad;
        n -= bad;
    }
    return true;
}
