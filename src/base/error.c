#include "base/error.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Makes a message one printable line of valid UTF-8; `cut`: it lost its end to the buffer's size. */
static void make_printable(char *message, size_t size, int cut)
{
    size_t n = strlen(message), keep = cut ? size - 4 : n, i = 0;
    while (i < keep) {
        bool whole, broken_off;
        size_t length = utf8_scan((unsigned char *)message + i, n - i, &whole, &broken_off);
        if (whole && length > 1 && i + length > keep)
            break;
        if (!whole || (unsigned char)message[i] < 0x20 || message[i] == 0x7F)
            message[i] = '?';
        i += whole ? length : 1;
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

pllm_status error_errno(pllm_error *err, const char *path)
{
    return error_set(err, PLLM_E_IO, "%s: %s", path, strerror(errno));
}

pllm_status error_prefix(pllm_error *err, pllm_status status, const char *prefix)
{
    if (!err)
        return status;
    char old[sizeof err->message];
    memcpy(old, err->message, sizeof old);
    return error_set(err, status, "%s: %s", prefix, old);
}
