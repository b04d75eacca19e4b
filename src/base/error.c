#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Length of the UTF-8 sequence at p (0: not one); n bytes are left. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    size_t length = p[0] < 0x80 ? 1 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : p[0] >= 0xE0 && p[0] < 0xF0 ? 3
                  : p[0] >= 0xF0 && p[0] < 0xF5 ? 4 : 0;
    if (length == 0 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

/* Makes a message one printable line of valid UTF-8; `cut`: it lost its end to the buffer's size. */
static void make_printable(char *message, size_t size, int cut)
{
    size_t n = strlen(message), keep = cut ? size - 4 : n, i = 0;
    while (i < keep) {
        size_t length = utf8_length((unsigned char *)message + i, n - i);
        if (length > 1 && i + length > keep)
            break;
        if (length == 0 || (unsigned char)message[i] < 0x20 || message[i] == 0x7F)
            message[i] = '?';
        i += length ? length : 1;
    }
    if (cut)
        memcpy(message + i, "...", 4);
}

void error_fill(pllm_error *err, pllm_status status, const char *format, ...)
{
    if (!err)
        return;
    char text[sizeof err->message];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_printable(text, sizeof text, n >= (int)sizeof text);
    memcpy(err->message, text, sizeof text);
    err->status = status;
}

pllm_status error_prefix(pllm_error *err, pllm_status status, const char *prefix)
{
    if (!err)
        return status;
    char old[sizeof err->message];
    memcpy(old, err->message, sizeof old);
    return error_set(err, status, "%s: %s", prefix, old);
}
