#include "buffer.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_fini(struct buffer *b)
{
    free(b->at);
    *b = (struct buffer){0};
}

/* Room for n more bytes and a NUL. */
static bool reserve(struct buffer *b, size_t n)
{
    if (b->failed || n > SIZE_MAX / 4 - b->n) {
        b->failed = true;
        return false;
    }
    size_t wanted = b->n + n + 1;
    if (wanted > b->room) {
        size_t room = wanted < 64 ? 64 : wanted + wanted / 2;
        char *grown = realloc(b->at, room);
        if (!grown) {
            b->failed = true;
            return false;
        }
        b->at = grown;
        b->room = room;
    }
    return true;
}

void buffer_clear(struct buffer *b)
{
    b->n = 0;
}

void buffer_add(struct buffer *b, const char *text, size_t n)
{
    if (!reserve(b, n))
        return;
    if (n)
        memcpy(b->at + b->n, text, n);
    b->n += n;
    b->at[b->n] = 0;
}

void buffer_puts(struct buffer *b, const char *text)
{
    buffer_add(b, text, strlen(text));
}

void buffer_join(struct buffer *b, const struct buffer *other)
{
    b->failed |= other->failed;
    buffer_add(b, other->at, other->n);
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !reserve(b, (size_t)n)) {
        b->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(b->at + b->n, (size_t)n + 1, format, args);
    va_end(args);
    b->n += (size_t)n;
}

/* The length of the UTF-8 character at s (at most n bytes), or 0. RFC 3629: no surrogates, no overlong forms. */
static size_t character_length(const unsigned char *s, size_t n)
{
    size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool wrong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
                 (s[0] == 0xf4 && s[1] > 0x8f);
    return wrong ? 0 : length;
}

static void add_escaped(struct buffer *b, unsigned char c)
{
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (c == '"' || c == '\\')
        buffer_printf(b, "\\%c", c);
    else if (c < sizeof letters && letters[c])
        buffer_printf(b, "\\%c", letters[c]);
    else
        buffer_printf(b, "\\u%04x", c);
}

void buffer_json_string(struct buffer *b, const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t begin = 0, i = 0; /* s[begin..i) goes out as it is */
    buffer_add(b, "\"", 1);
    while (i < n) {
        size_t length = character_length(s + i, n - i);
        bool plain = length > 1 || (length == 1 && s[i] >= ' ' && s[i] != '"' && s[i] != '\\' && s[i] != 127);
        if (plain) {
            i += length;
            continue;
        }
        buffer_add(b, text + begin, i - begin);
        if (length)
            add_escaped(b, s[i]);
        else
            buffer_puts(b, "\xef\xbf\xbd");
        begin = ++i;
    }
    buffer_add(b, text + begin, n - begin);
    buffer_add(b, "\"", 1);
}

void buffer_json_float(struct buffer *b, float x)
{
    if (isfinite(x))
        buffer_printf(b, "%.9g", (double)x);
    else
        buffer_puts(b, "null");
}

void buffer_json_double(struct buffer *b, double x)
{
    if (isfinite(x))
        buffer_printf(b, "%.17g", x);
    else
        buffer_puts(b, "null");
}
