/* A line of standard input to a line of standard output, each by itself: `tokenize` and its like. */
#ifndef PARALLM_CLI_FILTER_H
#define PARALLM_CLI_FILTER_H

#include "buffer.h"
#include "parallm.h"

/* Makes of a line the fields of an output object ("\"text\": ..."), or sets *err. */
typedef pllm_status (*filter_fn)(void *user, const char *line, size_t n, struct buffer *fields, pllm_error *err);

/* Returns the exit code. A line that fails becomes {"error": {"message": ...}}. `form` is what a line looks like, for whoever
 * types one or sent something else. */
int filter_run(filter_fn convert, void *user, const char *form);

#endif
