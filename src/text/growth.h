/* How long a text may become on its way through a tokenizer's steps, which are a stranger's: a few that multiply it, one
 * behind the other, would fill any memory. */
#ifndef PARALLM_TEXT_GROWTH_H
#define PARALLM_TEXT_GROWTH_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes that n bytes may become. */
static inline size_t growth_limit(size_t n)
{
    return n < SIZE_MAX / 64 ? ((size_t)1 << 20) + 32 * n : SIZE_MAX;
}

/* `part` of the tokenizer would go beyond the limit. */
static inline pllm_status growth_refused(pllm_error *err, const char *part, size_t limit)
{
    return error_set(err, PLLM_E_ARGUMENT, "the tokenizer's %s makes more than %zu bytes of this text", part, limit);
}

#endif
