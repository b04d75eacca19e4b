/* JSON read piece by piece, without a tree: for values of hundreds of thousands of members, where a tree costs more
 * than all else (docs/decisions/0005-json-pull.md). Everything smaller goes through json.h.
 *
 *     json_pull_enter(&p, '{');
 *     while (json_pull_next(&p, '}')) { json_pull_string(&p, ...); json_pull_colon(&p); json_pull_int(&p, ...); }
 *     if (json_pull_failed(&p)) ...
 *
 * The first thing that is wrong stops the reader: every call fails from then on, and the message says where. */
#ifndef PARALLM_BASE_JSON_PULL_H
#define PARALLM_BASE_JSON_PULL_H

#include "base/error.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct json_pull {
    const char *begin, *at, *end;
    const char *wrong; /* what is, at `at`; NULL: nothing */
    bool no_memory;
    bool first; /* nothing was read in the innermost array or object */
    struct buf text; /* strings that had escapes */
};

static inline struct json_pull json_pull_over(const char *bytes, size_t n)
{
    return (struct json_pull){.begin = bytes, .at = bytes, .end = bytes + n};
}
void json_pull_fini(struct json_pull *p);

/* The first character of the value that comes: '{' '[' '"' or another; 0 at the end. */
char json_pull_peek(struct json_pull *p);

/* Reads the bracket. An array or object that was entered is read to its end before the next value outside. */
bool json_pull_enter(struct json_pull *p, char bracket);
/* True when one more item comes (the comma is read); false when `close` was read, or on failure. */
bool json_pull_next(struct json_pull *p, char close);
bool json_pull_colon(struct json_pull *p);

/* A string, in the input or, when it has escapes, in the reader's memory until the next one. Checked: UTF-8, surrogates in
 * pairs, no control characters. */
bool json_pull_string(struct json_pull *p, const char **text, size_t *n);
bool json_pull_int(struct json_pull *p, int64_t *out);     /* digits only */
bool json_pull_number(struct json_pull *p, double *out);   /* finite */

/* Any value, looking at brackets and strings only: what is skipped may be malformed inside. */
bool json_pull_skip(struct json_pull *p);

/* Records that the value just read is not what it should be. */
bool json_pull_fail(struct json_pull *p, const char *wrong);

/* The failure as a message: "<where>: at byte 123: ...". PLLM_OK: there is none. */
pllm_status json_pull_status(const struct json_pull *p, const char *where, pllm_error *err);

#endif
