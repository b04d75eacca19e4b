/* UTF-8, one character at a time. What takes "valid text" trusts it: who lets text in sees that it is (utf8_valid), or makes it
 * so (utf8_repair). */
#ifndef PARALLM_BASE_UTF8_H
#define PARALLM_BASE_UTF8_H

#include "base/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that begins with `lead` in valid text. */
static inline size_t utf8_width(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/* The character at p of valid text. */
static inline uint32_t utf8_get(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] < 0x80)
        return p[0];
    if (p[0] < 0xE0)
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3Fu);
    if (p[0] < 0xF0)
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3Fu);
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 | (uint32_t)(p[2] & 0x3F) << 6 |
           (p[3] & 0x3Fu);
}

/* Start of the character before `at`, which is after the beginning of valid text. */
static inline const char *utf8_before(const char *at)
{
    do
        at--;
    while (((unsigned char)*at & 0xC0) == 0x80);
    return at;
}

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD, three bytes: stands for what is no character */

/* Writes a character (not a surrogate, below 0x110000); returns its width. */
size_t utf8_put(char out[4], uint32_t c);

/* What the bytes at p (n > 0 of them) are: a whole character (its width, *whole true), or bytes that can
 * not begin one: the longest beginning of a character there (one U+FFFD's worth, as Unicode recommends and
 * Rust and Python do). *cut: they may be the beginning of a character that the text's end cut off. */
size_t utf8_scan(const unsigned char *p, size_t n, bool *whole, bool *cut);

/* Length of the valid beginning. */
size_t utf8_valid(const char *text, size_t n);

/* Appends the text with every invalid sequence as U+FFFD; false: no memory. */
bool utf8_repair(struct buf *out, const char *text, size_t n);

#endif
