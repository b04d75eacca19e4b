/* Bytes that somebody else owns: text with its length, not necessarily ended by a NUL. */
#ifndef PARALLM_BASE_SPAN_H
#define PARALLM_BASE_SPAN_H

#include <stddef.h>

struct text_span {
    const char *at;
    size_t n;
};

#endif
