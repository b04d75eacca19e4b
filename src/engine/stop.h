/* Stop strings in text that comes piece by piece.
 *
 * The text is looked at byte by byte: the string that is complete first ends it, and of several that are
 * complete at the same byte the longest, so that the result does not depend on where tokens end. Text that
 * may be the beginning of a stop string is held back. */
#ifndef PARALLM_ENGINE_STOP_H
#define PARALLM_ENGINE_STOP_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The strings of a request, with the tables of Knuth, Morris and Pratt: border[i] is the length of the longest proper
 * beginning of the string that also ends its first i + 1 bytes. */
struct stop_string {
    const char *text; /* the request's */
    uint32_t n;
    uint32_t *border; /* [n] */
};

struct stops {
    struct stop_string *at;
    size_t n;
};

/* Refuses empty strings and such as are not UTF-8, by number. `texts` must outlive *out. */
pllm_status stops_init(struct stops *out, const char *const *texts, size_t n, pllm_error *err);
void stops_fini(struct stops *s);

/* How many bytes of each string the text ends with: [stops.n], zeroed at first. */
struct stop_match {
    int index;   /* of the string that is complete, -1: none */
    size_t end;  /* bytes of the new text up to its end */
    size_t held; /* bytes of all text so far that may still become a stop string; if complete: its length */
};

/* Looks at the next n bytes. After a complete string `matched` is of no more use. */
struct stop_match stops_feed(const struct stops *s, uint32_t *matched, const char *text, size_t n);

/* The same for text that is past, where nothing ends. Returns how many of its last bytes may become a stop string with what
 * follows. */
size_t stops_pass(const struct stops *s, uint32_t *matched, const char *text, size_t n);

#endif
