/* A build without libcurl: models that are in the cache are found, others are not downloaded. */
#include "hub/http.h"

pllm_status http_open(struct http **out, const char *endpoint, const char *token, bool (*tick)(void *user), void *user,
                      pllm_error *err)
{
    (void)out, (void)token, (void)tick, (void)user;
    return error_set(err, PLLM_E_UNSUPPORTED, "%s: this build cannot download: it was made without libcurl", endpoint);
}

void http_close(struct http *h)
{
    (void)h;
}

enum http_outcome http_perform(struct http *h, const struct http_request *r, struct http_answer *a)
{
    (void)h, (void)r, (void)a;
    return HTTP_BROKEN;
}

bool http_interrupted(const struct http *h)
{
    (void)h;
    return false;
}

const char *http_why(const struct http *h)
{
    (void)h;
    return "made without libcurl";
}

bool http_again(struct http *h, int *n_tries, bool moved, enum http_outcome outcome, const struct http_answer *a)
{
    (void)h, (void)n_tries, (void)moved, (void)outcome, (void)a;
    return false;
}
