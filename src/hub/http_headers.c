#include "hub/http_headers.h"

#include "base/ascii.h"

#include <string.h>
#include <strings.h>

/* Digits at *at, which moves behind them: a number below 2^62. */
static bool read_number(const char **at, const char *end, uint64_t *out)
{
    uint64_t value = 0;
    const char *p = *at;
    for (; p < end && ascii_is_digit(*p); p++) {
        if (value >= (UINT64_C(1) << 62) / 10)
            return false;
        value = 10 * value + (uint64_t)(*p - '0');
    }
    if (p == *at)
        return false;
    *at = p;
    *out = value;
    return true;
}

static bool read_whole_number(const char *text, size_t n, uint64_t *out)
{
    const char *at = text, *end = text + n;
    uint64_t value;
    if (!read_number(&at, end, &value) || at != end)
        return false;
    *out = value;
    return true;
}

static void copy(char *out, size_t size, const char *text, size_t n)
{
    if (n < size) {
        memcpy(out, text, n);
        out[n] = '\0';
    }
}

/* W/"tag" or "tag" or tag */
static void read_etag(char *out, size_t size, const char *text, size_t n)
{
    if (n >= 2 && text[0] == 'W' && text[1] == '/')
        text += 2, n -= 2;
    if (n >= 2 && text[0] == '"' && text[n - 1] == '"')
        text += 1, n -= 2;
    copy(out, size, text, n);
}

/* "bytes 100-199/200"; a total of "*" is unknown */
static void read_range(struct http_answer *a, const char *text, size_t n)
{
    const char *at = text + 6, *end = text + n;
    uint64_t first, last, total;
    if (n < 6 || strncasecmp(text, "bytes ", 6) != 0 || !read_number(&at, end, &first) || at == end || *at++ != '-' ||
        !read_number(&at, end, &last) || at == end || *at++ != '/' || !read_number(&at, end, &total) || at != end)
        return;
    a->has_range = last >= first && last < total;
    a->range_first = first;
    a->range_total = total;
}

static void read_status(struct http_answer *a, const char *line, size_t n)
{
    const char *at = memchr(line, ' ', n), *end = line + n;
    uint64_t status;
    *a = (struct http_answer){0};
    if (at && ++at && read_number(&at, end, &status) && status < 1000)
        a->status = (long)status;
}

static void read_value(struct http_answer *a, const char *name, size_t n_name, const char *text, size_t n)
{
    uint64_t seconds;
#define IS(known) (n_name == sizeof(known) - 1 && strncasecmp(name, known, n_name) == 0)
    if (IS("Content-Length"))
        a->has_length = read_whole_number(text, n, &a->length);
    else if (IS("X-Linked-Size"))
        a->has_linked_size = read_whole_number(text, n, &a->linked_size);
    else if (IS("ETag"))
        read_etag(a->etag, sizeof a->etag, text, n);
    else if (IS("X-Linked-Etag"))
        read_etag(a->linked_etag, sizeof a->linked_etag, text, n);
    else if (IS("X-Repo-Commit"))
        copy(a->commit, sizeof a->commit, text, n);
    else if (IS("X-Error-Code"))
        copy(a->error_code, sizeof a->error_code, text, n);
    else if (IS("Content-Range"))
        read_range(a, text, n);
    else if (IS("Retry-After") && read_whole_number(text, n, &seconds) && seconds < 1000000)
        a->retry_after = (unsigned)seconds;
#undef IS
}

void http_read_header(struct http_answer *a, const char *line, size_t n)
{
    while (n && strchr("\r\n\t ", line[n - 1]))
        n--;
    if (n >= 5 && strncmp(line, "HTTP/", 5) == 0) {
        read_status(a, line, n);
        return;
    }
    const char *colon = memchr(line, ':', n);
    if (!colon)
        return;
    const char *value = colon + 1, *end = line + n;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    read_value(a, line, (size_t)(colon - line), value, (size_t)(end - value));
}
