/* HTTP as the hub needs it: one request at a time, redirects followed with the token sent to the endpoint alone, and the
 * question whether it is worth to ask again. http_curl.c speaks it by libcurl; http_none.c stands for it in a build
 * without. */
#ifndef PARALLM_HUB_HTTP_H
#define PARALLM_HUB_HTTP_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct http;

/* What the last answer's headers say; empty or false: not there. */
struct http_answer {
    long status;
    char etag[136], linked_etag[136], commit[72], error_code[32];
    uint64_t length, linked_size;      /* Content-Length, X-Linked-Size */
    uint64_t range_first, range_total; /* Content-Range */
    bool has_length, has_linked_size, has_range;
    unsigned retry_after;              /* seconds; 0: not there */
};

/* Takes a piece of the body of an answer 200 or 206. False: stop. */
typedef bool http_sink(void *user, const struct http_answer *a, const void *bytes, size_t n);

struct http_request {
    const char *url;
    bool head;     /* headers only; a redirect that tells the etag and leads to another server is not followed */
    uint64_t from; /* ask for the bytes from here on */
    http_sink *sink;
    void *user;
};

enum http_outcome {
    HTTP_ANSWERED, /* to the end; answer->status says what */
    HTTP_BROKEN,   /* no answer, or it broke off: http_why tells */
    HTTP_STOPPED,  /* by the sink, or by `tick` (http_interrupted) */
};

/* `endpoint` and `token` (NULL: none) must outlive *out. `tick` is called some times a second; false: give up.
 * PLLM_E_UNSUPPORTED: this build has no libcurl. */
pllm_status http_open(struct http **out, const char *endpoint, const char *token, bool (*tick)(void *user), void *user,
                      pllm_error *err);
void http_close(struct http *h);

enum http_outcome http_perform(struct http *h, const struct http_request *r, struct http_answer *a);
bool http_interrupted(const struct http *h);
const char *http_why(const struct http *h);

/* After an outcome: waits a while, longer each time, and says that asking again may help; false: it will not (at once, where
 * the first try found no server at all), or has been tried often enough, or was interrupted. `moved`: bytes came since,
 * which makes the next try the first again. *n_tries is 0 before the first try. */
bool http_again(struct http *h, int *n_tries, bool moved, enum http_outcome outcome, const struct http_answer *a);

#endif
