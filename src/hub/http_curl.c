#include "hub/http.h"

#include "base/vec.h"
#include "hub/http_headers.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECT_SECONDS = 20,
    STALL_SECONDS = 40, /* without a byte: the connection is taken for dead */
    MAX_REDIRECTS = 5,
    MAX_TRIES = 5,
    MAX_WAIT_SECONDS = 60,
    FIRST_WAIT_MS = 500,
};

struct http {
    CURL *easy;
    const char *endpoint, *token;
    bool (*tick)(void *user);
    void *user;
    bool interrupted, refused_by_sink;
    bool permanent; /* the failure will not go away */
    bool unreached; /* no server was found that would have taken the request */
    char why[CURL_ERROR_SIZE];
    /* The request under way. */
    const struct http_request *request;
    struct http_answer *answer;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_ready;

static void init_library(void)
{
    is_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == 0;
}

pllm_status http_open(struct http **out, const char *endpoint, const char *token, bool (*tick)(void *user), void *user,
                      pllm_error *err)
{
    pthread_once(&once, init_library);
    struct http *h = mem_zalloc(1, sizeof *h);
    CURL *easy = h && is_ready ? curl_easy_init() : NULL;
    if (!easy) {
        mem_free(h);
        return error_memory(err, "libcurl");
    }
    *h = (struct http){.easy = easy, .endpoint = endpoint, .token = token, .tick = tick, .user = user};
    *out = h;
    return PLLM_OK;
}

void http_close(struct http *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->easy);
    mem_free(h);
}

bool http_interrupted(const struct http *h)
{
    return h->interrupted;
}

const char *http_why(const struct http *h)
{
    return h->why;
}

static bool tick(struct http *h)
{
    if (!h->interrupted)
        h->interrupted = !h->tick(h->user);
    return !h->interrupted;
}

/* ---- Callbacks ------------------------------------------------------------------------------------ */

static size_t on_header(char *line, size_t size, size_t n, void *user)
{
    struct http *h = user;
    http_read_header(h->answer, line, size * n);
    return size * n;
}

/* Bodies of refusals and redirects are dropped. */
static size_t on_body(char *bytes, size_t size, size_t n, void *user)
{
    struct http *h = user;
    if (h->answer->status != 200 && h->answer->status != 206)
        return size * n;
    h->refused_by_sink = !h->request->sink || !h->request->sink(h->request->user, h->answer, bytes, size * n);
    return h->refused_by_sink ? 0 : size * n;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    return tick(user) ? 0 : 1;
}

/* ---- One hop -------------------------------------------------------------------------------------- */

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *x = NULL, *y = NULL;
    bool same = curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK && strcmp(x, y) == 0;
    curl_free(x);
    curl_free(y);
    return same;
}

/* Whether two URLs lead to the same scheme, host and port. False too if either cannot be read. */
static bool same_origin(const char *url, const char *other)
{
    CURLU *a = curl_url(), *b = curl_url();
    bool same = a && b && curl_url_set(a, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_set(b, CURLUPART_URL, other, 0) == CURLUE_OK && same_part(a, b, CURLUPART_SCHEME) &&
                same_part(a, b, CURLUPART_HOST) && same_part(a, b, CURLUPART_PORT);
    curl_url_cleanup(a);
    curl_url_cleanup(b);
    return same;
}

static bool append(struct curl_slist **list, const char *line)
{
    struct curl_slist *grown = curl_slist_append(*list, line);
    if (grown)
        *list = grown;
    return grown != NULL;
}

/* The request's own header lines; the token only for the endpoint. */
static bool make_headers(struct curl_slist **out, const struct http *h, const char *url)
{
    struct buf line = {0};
    bool ok = append(out, "Accept-Encoding: identity"); /* lengths and digests are of the plain bytes */
    if (ok && h->token && same_origin(url, h->endpoint))
        ok = buf_printf(&line, "Authorization: Bearer %s", h->token) && append(out, line.at);
    vec_fini(&line);
    return ok;
}

/* A libcurl that was built on another system, as the one in a Python wheel, may look for certificates where this one
 * keeps none. NULL: its own place will do, or no other is known. */
static const char *certificates_elsewhere(void)
{
    static const char *const places[] = {
        "/etc/ssl/certs/ca-certificates.crt",   /* Debian, Ubuntu, Arch, Alpine, Gentoo */
        "/etc/pki/tls/certs/ca-bundle.crt",     /* Fedora, RHEL */
        "/etc/ssl/ca-bundle.pem",               /* openSUSE */
        "/etc/ssl/cert.pem",                    /* macOS, BSD */
    };
#if LIBCURL_VERSION_NUM >= 0x074600
    const curl_version_info_data *built = curl_version_info(CURLVERSION_NOW);
    bool is_lost = built->age >= CURLVERSION_SEVENTH && built->cainfo && access(built->cainfo, R_OK) != 0;
    for (size_t i = 0; is_lost && i < sizeof places / sizeof *places; i++)
        if (access(places[i], R_OK) == 0)
            return places[i];
#else
    (void)places;
#endif
    return NULL;
}

static void set_certificates(CURL *easy)
{
    const char *bundle = getenv("CURL_CA_BUNDLE");
    if (!bundle || !*bundle)
        bundle = getenv("SSL_CERT_FILE");
    if (!bundle || !*bundle)
        bundle = certificates_elsewhere();
    if (bundle && *bundle)
        curl_easy_setopt(easy, CURLOPT_CAINFO, bundle);
}

static void set_options(struct http *h, const char *url, struct curl_slist *headers)
{
    CURL *easy = h->easy;
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "parallm");
    curl_easy_setopt(easy, CURLOPT_NOBODY, h->request->head ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, h->why);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, h);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, h);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, h);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    set_certificates(easy);
    if (h->request->from) {
        char range[32];
        snprintf(range, sizeof range, "%llu-", (unsigned long long)h->request->from);
        curl_easy_setopt(easy, CURLOPT_RANGE, range);
    }
}

static bool is_permanent(CURLcode code)
{
    static const CURLcode codes[] = {CURLE_UNSUPPORTED_PROTOCOL,     CURLE_URL_MALFORMAT,     CURLE_OUT_OF_MEMORY,
                                     CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (code == codes[i])
            return true;
    return false;
}

/* No such host, nobody at that port, or silence: nothing was sent. */
static bool is_unreached(CURL *easy, CURLcode code)
{
    long sent = 0;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent == 0;
    return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT;
}

static enum http_outcome perform_once(struct http *h, const char *url)
{
    struct curl_slist *headers = NULL;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    h->why[0] = '\0';
    *h->answer = (struct http_answer){0};
    if (make_headers(&headers, h, url)) {
        set_options(h, url, headers);
        code = curl_easy_perform(h->easy);
    }
    curl_slist_free_all(headers);
    if (h->interrupted || h->refused_by_sink)
        return HTTP_STOPPED;
    h->permanent = is_permanent(code);
    h->unreached = is_unreached(h->easy, code);
    if (code != CURLE_OK && !h->why[0])
        snprintf(h->why, sizeof h->why, "%s", curl_easy_strerror(code));
    return code == CURLE_OK ? HTTP_ANSWERED : HTTP_BROKEN;
}

/* ---- Redirects ------------------------------------------------------------------------------------ */

static enum http_outcome give_up(struct http *h, const char *why)
{
    h->permanent = true;
    snprintf(h->why, sizeof h->why, "%s", why);
    return HTTP_BROKEN;
}

/* Where the answer sends us on, in curl's memory; NULL: nowhere. */
static const char *next_url(const struct http *h)
{
    char *next = NULL;
    if (h->answer->status < 300 || h->answer->status > 399 ||
        curl_easy_getinfo(h->easy, CURLINFO_REDIRECT_URL, &next) != CURLE_OK)
        return NULL;
    if (next && h->request->head && (h->answer->linked_etag[0] || h->answer->etag[0]) && !same_origin(next, h->endpoint))
        return NULL;
    return next;
}

enum http_outcome http_perform(struct http *h, const struct http_request *r, struct http_answer *a)
{
    char *url = mem_strdup(r->url);
    enum http_outcome outcome = HTTP_BROKEN;
    h->request = r;
    h->answer = a;
    h->refused_by_sink = h->permanent = h->unreached = false;
    for (int hop = 0;; hop++) {
        outcome = url ? perform_once(h, url) : give_up(h, "not enough memory");
        const char *next = outcome == HTTP_ANSWERED ? next_url(h) : NULL;
        if (!next)
            break;
        if (hop == MAX_REDIRECTS)
            outcome = give_up(h, "redirected too often");
        else if (strncmp(url, "https:", 6) == 0 && strncmp(next, "https:", 6) != 0)
            outcome = give_up(h, "redirected from https to an unencrypted address");
        if (outcome != HTTP_ANSWERED)
            break;
        char *copy = mem_strdup(next);
        mem_free(url);
        url = copy;
    }
    mem_free(url);
    return outcome;
}

/* ---- Again ---------------------------------------------------------------------------------------- */

/* Where not even the first try found a server, there is no network or a wrong address: the user waits for nothing. A server
 * that was there a moment ago may come back. */
static bool may_help(const struct http *h, int n_tries, enum http_outcome outcome, const struct http_answer *a)
{
    if (outcome == HTTP_BROKEN)
        return !h->permanent && !(h->unreached && n_tries == 1);
    return outcome == HTTP_ANSWERED && (a->status == 408 || a->status == 429 || a->status >= 500);
}

static bool wait_ms(struct http *h, long ms)
{
    const struct timespec slice = {.tv_nsec = 50000000};
    for (; ms > 0 && tick(h); ms -= 50)
        nanosleep(&slice, NULL);
    return !h->interrupted;
}

bool http_again(struct http *h, int *n_tries, bool moved, enum http_outcome outcome, const struct http_answer *a)
{
    *n_tries = moved ? 1 : *n_tries + 1;
    if (!may_help(h, *n_tries, outcome, a) || *n_tries >= MAX_TRIES)
        return false;
    long ms = FIRST_WAIT_MS << (*n_tries - 1);
    const unsigned asked = outcome == HTTP_ANSWERED ? a->retry_after : 0;
    if (asked && (long)asked * 1000 > ms)
        ms = 1000L * (asked < MAX_WAIT_SECONDS ? (long)asked : MAX_WAIT_SECONDS);
    return wait_ms(h, ms);
}
