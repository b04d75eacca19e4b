/* Text as it is handed about: bytes that somebody else owns, with their length and not necessarily ended by a NUL; and what
 * is asked of names in more than one layer. */
#ifndef PARALLM_BASE_SPAN_H
#define PARALLM_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct text_span {
    const char *at;
    size_t n;
};

static inline bool text_ends_in(const char *text, const char *ending)
{
    const size_t n = strlen(text), n_ending = strlen(ending);
    return n >= n_ending && strcmp(text + n - n_ending, ending) == 0;
}

#endif
