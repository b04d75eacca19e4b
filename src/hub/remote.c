/* Questions to the hub: which files a repository has, and what each of them is. And what its refusals mean. */
#include "base/ascii.h"
#include "hub/hub_inside.h"

#include <stdio.h>
#include <string.h>

enum { MAX_LISTING_BYTES = 16 << 20 };

/* Percent-encodes whatever is not plain; `keep`: characters that stay besides. */
static bool add_encoded(struct buf *out, const char *text, const char *keep)
{
    bool ok = true;
    for (; *text && ok; text++) {
        bool plain = ascii_is_alnum(*text) || strchr("-._~", *text) || strchr(keep, *text);
        ok = plain ? buf_add(out, text, 1) : buf_printf(out, "%%%02X", (unsigned char)*text);
    }
    return ok && buf_terminate(out);
}

bool hub_remote_url(struct buf *out, const struct hub *h, const char *file)
{
    const struct hub_request *r = h->request;
    return buf_printf(out, "%s/%s/resolve/%s/", r->settings->endpoint, r->name->repo, h->files.commit) &&
           add_encoded(out, file, "/");
}

/* ---- Refusals ------------------------------------------------------------------------------------- */

/* "org/model", with the revision where it is not the usual one, and with the file. */
static void subject(char *out, size_t size, const struct hub *h, const char *file)
{
    const struct hub_name *name = h->request->name;
    const bool usual = strcmp(name->revision, "main") == 0;
    snprintf(out, size, "%s%s%s%s%s", name->repo, file ? "/" : "", file ? file : "", usual ? "" : "@",
             usual ? "" : name->revision);
}

static pllm_status refused(struct hub *h, const char *who, const char *file, const struct http_answer *a, pllm_error *err)
{
    const struct hub_settings *s = h->request->settings;
    const struct hub_name *name = h->request->name;
    if (a->status == 401 && !s->token)
        return error_set(err, PLLM_E_IO,
                         "%s: does not exist, or is private or gated (HTTP 401): set HF_TOKEN to a token that may read it", who);
    if (a->status == 401)
        return error_set(err, PLLM_E_IO, "%s: does not exist, or HF_TOKEN may not read it (HTTP 401)", who);
    if (a->status == 403)
        return error_set(err, PLLM_E_IO,
                         "%s: is gated (HTTP 403): ask for access at %s/%s, and set HF_TOKEN to a token that has it", who,
                         s->endpoint, name->repo);
    if (a->status == 404 && file)
        return error_set(err, PLLM_E_IO, "%s: no such file on %s (HTTP 404)", who, s->endpoint);
    if (a->status == 404)
        return error_set(err, PLLM_E_IO, "%s: no such %s on %s (HTTP 404)", who,
                         strcmp(name->revision, "main") == 0              ? "model"
                         : strcmp(a->error_code, "RevisionNotFound") == 0 ? "revision"
                                                                          : "model or revision",
                         s->endpoint);
    h->unreachable = a->status == 408 || a->status == 429 || a->status >= 500;
    return error_set(err, PLLM_E_IO, "%s: %s answered HTTP %ld%s", who, s->endpoint, a->status,
                     a->status == 429 ? ", too many requests" : "");
}

pllm_status hub_remote_error(struct hub *h, const char *file, enum http_outcome outcome, const struct http_answer *a,
                             pllm_error *err)
{
    char who[HUB_REPO_SIZE + HUB_REVISION_SIZE + HUB_FILE_SIZE];
    subject(who, sizeof who, h, file);
    if (http_interrupted(h->http))
        return error_set(err, PLLM_E_ARGUMENT, "interrupted");
    if (outcome == HTTP_ANSWERED)
        return refused(h, who, file, a, err);
    h->unreachable = true;
    return error_set(err, PLLM_E_IO, "%s: cannot be downloaded from %s: %s", who, h->request->settings->endpoint,
                     http_why(h->http));
}

/* ---- The list of files ---------------------------------------------------------------------------- */

struct body {
    struct buf text;
    bool too_long, no_memory;
};

static bool keep_body(void *user, const struct http_answer *a, const void *bytes, size_t n)
{
    struct body *b = user;
    (void)a;
    b->too_long = n > MAX_LISTING_BYTES - b->text.n;
    b->no_memory = !b->too_long && !buf_add(&b->text, bytes, n);
    return !b->too_long && !b->no_memory;
}

static pllm_status fetch_listing(struct hub *h, struct body *b, const char *url, pllm_error *err)
{
    const struct http_request r = {.url = url, .sink = keep_body, .user = b};
    struct http_answer a;
    enum http_outcome outcome;
    int n_tries = 0;
    do {
        b->text.n = 0;
        outcome = http_perform(h->http, &r, &a);
    } while (http_again(h->http, &n_tries, false, outcome, &a));
    if (b->no_memory)
        return error_memory(err, url);
    if (b->too_long)
        return error_set(err, PLLM_E_FORMAT, "%s: has more than %d bytes", url, MAX_LISTING_BYTES);
    if (outcome != HTTP_ANSWERED || a.status != 200)
        return hub_remote_error(h, NULL, outcome, &a, err);
    return hub_files_parse(&h->files, b->text.at, b->text.n, url, err);
}

pllm_status hub_remote_list(struct hub *h, pllm_error *err)
{
    const struct hub_request *r = h->request;
    struct buf url = {0};
    struct body b = {0};
    pllm_status status;
    if (buf_printf(&url, "%s/api/models/%s/revision/", r->settings->endpoint, r->name->repo) &&
        add_encoded(&url, r->name->revision, ""))
        status = fetch_listing(h, &b, url.at, err);
    else
        status = error_memory(err, r->name->repo);
    vec_fini(&url);
    vec_fini(&b.text);
    return status;
}

/* ---- One file ------------------------------------------------------------------------------------- */

static pllm_status take_description(struct hub *h, struct hub_file *f, const struct http_answer *a, pllm_error *err)
{
    const char *etag = a->linked_etag[0] ? a->linked_etag : a->etag;
    char who[HUB_REPO_SIZE + HUB_REVISION_SIZE + HUB_FILE_SIZE];
    subject(who, sizeof who, h, f->name);
    if (!hub_is_etag(etag, strlen(etag)))
        return error_set(err, PLLM_E_FORMAT, "%s: has the ETag \"%s\", wanted one that can name a file", who, etag);
    if (a->commit[0] && strcmp(a->commit, h->files.commit) != 0)
        return error_set(err, PLLM_E_FORMAT, "%s: is of commit %s, wanted %s", who, a->commit, h->files.commit);
    f->etag = mem_strdup(etag);
    f->sized = a->has_linked_size || (a->has_length && a->status == 200);
    f->size = a->has_linked_size ? a->linked_size : f->sized ? a->length : 0;
    return f->etag ? PLLM_OK : error_memory(err, f->name);
}

pllm_status hub_remote_describe(struct hub *h, struct hub_file *f, pllm_error *err)
{
    struct buf url = {0};
    struct http_answer a = {0};
    enum http_outcome outcome;
    int n_tries = 0;
    if (!hub_remote_url(&url, h, f->name)) {
        vec_fini(&url);
        return error_memory(err, f->name);
    }
    const struct http_request r = {.url = url.at, .head = true};
    do
        outcome = http_perform(h->http, &r, &a);
    while (http_again(h->http, &n_tries, false, outcome, &a));
    vec_fini(&url);
    /* A redirect to another server that tells the etag is an answer (http.h). */
    if (outcome == HTTP_ANSWERED && (a.status == 200 || (a.status >= 300 && a.status < 400)))
        return take_description(h, f, &a, err);
    return hub_remote_error(h, f->name, outcome, &a, err);
}
