#include "base/vec.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void *vec_grow(void *at, size_t n, size_t *cap, size_t extra, size_t item_bytes)
{
    size_t need;
    if (!mem_add(n, extra, &need))
        return NULL;
    size_t grown = *cap < SIZE_MAX / 2 ? *cap + *cap / 2 + 8 : need;
    if (grown < need)
        grown = need;
    void *moved = mem_realloc(at, grown, item_bytes);
    if (moved)
        *cap = grown;
    return moved;
}

bool buf_add(struct buf *b, const void *bytes, size_t n)
{
    if (!vec_reserve(b, n))
        return false;
    if (n)
        memcpy(b->at + b->n, bytes, n);
    b->n += n;
    return true;
}

bool buf_terminate(struct buf *b)
{
    if (!vec_reserve(b, 1))
        return false;
    b->at[b->n] = '\0';
    return true;
}

bool buf_text(struct buf *b, const char *text)
{
    return buf_add(b, text, strlen(text)) && buf_terminate(b);
}

bool buf_printf(struct buf *b, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, arguments);
    bool fits = n >= 0 && vec_reserve(b, (size_t)n + 1);
    if (fits) {
        vsnprintf(b->at + b->n, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
    va_end(arguments);
    return fits;
}
