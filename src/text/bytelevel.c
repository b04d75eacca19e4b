#include "text/bytelevel.h"

#include "base/utf8.h"

enum { SHIFTED = 0x100 };

static bool prints(uint32_t c)
{
    return (c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c <= 0xFF && c != 0xAD);
}

/* The bytes that do not print are 0..0x20, 0x7F..0xA0 and 0xAD. */
static uint32_t shown_as(uint32_t byte)
{
    if (prints(byte))
        return byte;
    return SHIFTED + (byte <= 0x20 ? byte : byte <= 0xA0 ? byte - 0x7F + 0x21 : 0x43);
}

/* -1: no byte is shown so. */
static int byte_behind(uint32_t c)
{
    if (c < SHIFTED)
        return prints(c) ? (int)c : -1;
    c -= SHIFTED;
    return c <= 0x20 ? (int)c : c <= 0x42 ? (int)c - 0x21 + 0x7F : c == 0x43 ? 0xAD : -1;
}

bool bytelevel_show(struct buf *out, const char *bytes, size_t n)
{
    if (n > SIZE_MAX / 2 || !vec_reserve(out, 2 * n))
        return false;
    for (size_t i = 0; i < n; i++)
        out->n += utf8_put(out->at + out->n, shown_as((unsigned char)bytes[i]));
    return true;
}

bool bytelevel_bytes(char *out, size_t *n_out, const char *text, size_t n)
{
    *n_out = 0;
    for (size_t i = 0, width; i < n; i += width) {
        width = utf8_width((unsigned char)text[i]);
        int byte = width <= 2 && width <= n - i ? byte_behind(utf8_get(text + i)) : -1;
        if (byte < 0)
            return false;
        out[(*n_out)++] = (char)byte;
    }
    return true;
}
