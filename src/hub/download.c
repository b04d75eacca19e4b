/* One blob: into ETAG.incomplete, from where an earlier try stopped, checked, then renamed. Only the holder of the blob's
 * lock writes that file. */
#include "base/file.h"
#include "base/sha256.h"
#include "hub/hub_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct download {
    struct hub *hub;
    const struct hub_file *file;
    const char *path; /* of the incomplete file */
    int fd;
    uint64_t at, size; /* bytes that are there; the file's, where `sized` */
    uint64_t furthest; /* of `at`: a server that begins anew each time makes no way */
    bool sized, hashed;
    struct sha256 sha; /* of the bytes that are there */
    bool begun, moved; /* in this try: the answer was looked at, it came further than any before */
    pllm_status status; /* what made the sink stop */
    pllm_error *err;
};

static bool is_sha256(const char *etag)
{
    return strlen(etag) == 64 && strspn(etag, "0123456789abcdefABCDEF") == 64;
}

/* Forgets what is there. */
static pllm_status restart(struct download *d)
{
    d->hub->total += d->at; /* to be fetched once more */
    d->at = 0;
    sha256_init(&d->sha);
    return ftruncate(d->fd, 0) == 0 && lseek(d->fd, 0, SEEK_SET) == 0 ? PLLM_OK : error_errno(d->err, d->path);
}

/* ---- Receiving ------------------------------------------------------------------------------------ */

/* Compares what an answer promises with what is wanted, before its first byte is taken. */
static pllm_status begin(struct download *d, const struct http_answer *a)
{
    const char *name = d->file->name;
    if (a->status == 206 && (!a->has_range || a->range_first != d->at))
        return error_set(d->err, PLLM_E_FORMAT, "%s: the server sends another part of the file than was asked for", name);
    if (a->status == 200 && d->at) { /* it knows no ranges */
        pllm_status status = restart(d);
        if (status)
            return status;
    }
    const bool tells = a->status == 206 || a->has_length;
    const uint64_t told = a->status == 206 ? a->range_total : a->length;
    if (tells && d->sized && told != d->size)
        return error_set(d->err, PLLM_E_FORMAT, "%s: the server announced %llu bytes, but sends %llu", name,
                         (unsigned long long)d->size, (unsigned long long)told);
    if (tells && !d->sized) {
        d->sized = true;
        d->size = told;
        d->hub->total += told;
    }
    d->begun = true;
    return PLLM_OK;
}

static pllm_status write_all(struct download *d, const char *bytes, size_t n)
{
    while (n) {
        ssize_t written = write(d->fd, bytes, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_errno(d->err, d->path);
        bytes += written;
        n -= (size_t)written;
        d->at += (uint64_t)written;
        d->hub->done += (uint64_t)written;
        d->moved = d->moved || d->at > d->furthest;
        d->furthest = d->at > d->furthest ? d->at : d->furthest;
    }
    return PLLM_OK;
}

static bool take(void *user, const struct http_answer *a, const void *bytes, size_t n)
{
    struct download *d = user;
    if (!d->begun)
        d->status = begin(d, a);
    if (!d->status && d->sized && n > d->size - d->at)
        d->status = error_set(d->err, PLLM_E_FORMAT, "%s: the server sends more than the %llu bytes that it announced",
                              d->file->name, (unsigned long long)d->size);
    if (d->status)
        return false;
    d->status = write_all(d, bytes, n);
    if (d->hashed && !d->status)
        sha256_add(&d->sha, bytes, n);
    return !d->status;
}

/* An answer came to its end. */
static pllm_status end(struct download *d, const struct http_answer *a)
{
    pllm_status status = d->begun ? PLLM_OK : begin(d, a); /* not begun: an empty file */
    if (!status && d->sized && d->at != d->size)
        status = error_set(d->err, PLLM_E_FORMAT, "%s: the server sent %llu bytes, but announced %llu", d->file->name,
                           (unsigned long long)d->at, (unsigned long long)d->size);
    return status;
}

/* Asks until the file is there or nothing more comes. */
static pllm_status receive(struct download *d, const char *url)
{
    int n_tries = 0;
    for (;;) {
        const struct http_request r = {.url = url, .from = d->at, .sink = take, .user = d};
        struct http_answer a = {0};
        d->begun = d->moved = false;
        enum http_outcome outcome = http_perform(d->hub->http, &r, &a);
        if (d->status)
            return d->status;
        if (outcome == HTTP_ANSWERED && (a.status == 200 || a.status == 206))
            return end(d, &a);
        if (outcome == HTTP_ANSWERED && a.status == 416 && d->at) { /* the server's file is shorter than that */
            pllm_status status = restart(d);
            if (status)
                return status;
            continue;
        }
        if (!http_again(d->hub->http, &n_tries, d->moved, outcome, &a))
            return hub_remote_error(d->hub, d->file->name, outcome, &a, d->err);
    }
}

/* ---- What is there already ------------------------------------------------------------------------ */

static pllm_status hash_file(struct download *d)
{
    char bytes[65536];
    ssize_t n = 0;
    while ((n = read(d->fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR)) {
        if (n < 0)
            continue;
        sha256_add(&d->sha, bytes, (size_t)n);
        d->at += (uint64_t)n;
        d->furthest = d->at;
        if (!hub_tick(d->hub))
            return error_set(d->err, PLLM_E_ARGUMENT, "interrupted");
    }
    return n < 0 ? error_errno(d->err, d->path) : PLLM_OK;
}

/* Opens the incomplete file and finds out what it holds. */
static pllm_status resume(struct download *d)
{
    pllm_status status = hub_make_folders(d->path, d->err);
    if (status)
        return status;
    d->fd = open(d->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    const off_t length = d->fd < 0 ? -1 : lseek(d->fd, 0, SEEK_END);
    if (length < 0)
        return error_errno(d->err, d->path);
    sha256_init(&d->sha);
    if (d->sized && (uint64_t)length > d->size)
        return ftruncate(d->fd, 0) == 0 && lseek(d->fd, 0, SEEK_SET) == 0 ? PLLM_OK : error_errno(d->err, d->path);
    if (!d->hashed) {
        d->at = d->furthest = (uint64_t)length;
        return PLLM_OK;
    }
    return lseek(d->fd, 0, SEEK_SET) == 0 ? hash_file(d) : error_errno(d->err, d->path);
}

/* Whether the bytes have the digest that the hub told, if it told one. */
static bool matches(const struct download *d, char hex[65])
{
    struct sha256 sha = d->sha;
    sha256_hex(&sha, hex);
    return !d->hashed || strcasecmp(hex, d->file->etag) == 0;
}

/* What is wrong is not kept. Where it came from several runs, an earlier one may be to blame: then once more from the start. */
static pllm_status fetch(struct download *d, const char *url)
{
    char hex[65];
    bool again = d->at > 0;
    for (;;) {
        pllm_status status = d->sized && d->at == d->size ? PLLM_OK : receive(d, url);
        if (status || matches(d, hex))
            return status;
        status = restart(d);
        if (!status && !again) {
            unlink(d->path);
            status = error_set(d->err, PLLM_E_FORMAT, "%s: has the SHA-256 %s, wanted %s", d->file->name, hex, d->file->etag);
        }
        if (status)
            return status;
        again = false;
    }
}

/* With the lock held. */
static pllm_status download_blob(struct hub *h, const struct hub_file *f, const char *blob, const char *partial,
                                 const char *url, pllm_error *err)
{
    struct download d = {.hub = h, .file = f, .path = partial, .fd = -1, .size = f->size, .sized = f->sized,
                         .hashed = is_sha256(f->etag), .err = err};
    if (file_kind(blob) == FILE_REGULAR)
        return PLLM_OK; /* another process was faster */
    pllm_status status = resume(&d);
    if (!status)
        status = fetch(&d, url);
    if (d.fd >= 0 && close(d.fd) != 0 && !status)
        status = error_errno(err, partial);
    if (!status && rename(partial, blob) != 0)
        status = error_errno(err, partial);
    return status;
}

pllm_status hub_download(struct hub *h, const struct hub_file *f, pllm_error *err)
{
    struct buf url = {0};
    int lock = -1;
    char *blob = hub_cache_blob(&h->cache, f->etag, ""), *partial = hub_cache_blob(&h->cache, f->etag, ".incomplete");
    pllm_status status =
        blob && partial && hub_remote_url(&url, h, f->name) ? PLLM_OK : error_memory(err, f->name);
    if (!status)
        status = hub_cache_lock(&lock, &h->cache, f->etag, hub_tick, h, err);
    if (!status)
        status = download_blob(h, f, blob, partial, url.at, err);
    if (lock >= 0)
        close(lock);
    vec_fini(&url);
    mem_free(blob);
    mem_free(partial);
    return status;
}
