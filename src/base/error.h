/* Status and message in one return: `return error_set(err, PLLM_E_FORMAT, "%s: ...", path)`.
 *
 * The struct is the public one. Messages name the file or field, the value found and the value
 * wanted. Outputs of a function that failed are untouched. */
#ifndef PARALLM_BASE_ERROR_H
#define PARALLM_BASE_ERROR_H

#include "parallm.h"
#include "base/platform.h"

/* Fills *err (NULL: nobody is told) and returns `status`. A message that is too long is cut at a
 * character's border and ends in "...". Control characters and invalid UTF-8, which come from
 * strangers' files, are shown as '?'. */
void error_fill(pllm_error *err, pllm_status status, const char *format, ...) PRINTF_LIKE(3, 4);

static inline pllm_status error_status(pllm_status status)
{
    return status;
}

/* A macro, so that the compiler sees which status comes back, and that outputs are not read then. */
#define error_set(err, status, ...) (error_fill((err), (status), __VA_ARGS__), error_status(status))

/* PLLM_E_MEMORY with the usual words; `what` names the thing that did not fit. */
#define error_memory(err, what) error_set(err, PLLM_E_MEMORY, "%s: not enough memory", (what))

/* PLLM_E_IO: "PATH: what errno says". */
pllm_status error_errno(pllm_error *err, const char *path);

/* Puts "prefix: " before the message that is there already: whoever knows the file adds its name. */
pllm_status error_prefix(pllm_error *err, pllm_status status, const char *prefix);

#endif
