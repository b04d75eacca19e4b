/* Header lines of an answer, which come from strangers. */
#ifndef PARALLM_HUB_HTTP_HEADERS_H
#define PARALLM_HUB_HTTP_HEADERS_H

#include "hub/http.h"

/* One line, as it came. A status line begins a new answer; lines that say nothing to us, or nonsense, are left out. */
void http_read_header(struct http_answer *a, const char *line, size_t n);

#endif
