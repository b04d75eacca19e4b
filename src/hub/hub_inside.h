/* What the files of this layer share while a name is looked up. */
#ifndef PARALLM_HUB_HUB_INSIDE_H
#define PARALLM_HUB_HUB_INSIDE_H

#include "hub/cache.h"
#include "hub/http.h"
#include "hub/hub.h"

struct hub {
    const struct hub_request *request;
    struct hub_cache cache;
    struct hub_files files;    /* as the hub lists them */
    struct http *http;         /* NULL: not connected */
    uint64_t done, total;      /* bytes downloaded, and to download as far as known */
    bool unreachable;          /* the hub did not answer: it said neither yes nor no */
    char label[HUB_REPO_SIZE + HUB_REVISION_SIZE + 32]; /* "downloading org/model@rev": for the progress line */
};

/* Tells of progress; false: stop. `user` is a struct hub. */
bool hub_tick(void *user);

/* remote.c. Fills h->files. */
pllm_status hub_remote_list(struct hub *h, pllm_error *err);
/* Asks for etag and size of a file. */
pllm_status hub_remote_describe(struct hub *h, struct hub_file *f, pllm_error *err);
/* The address of a file's contents at the end of *out; false: no memory. */
bool hub_remote_url(struct buf *out, const struct hub *h, const char *file);
/* What a failed request means; `file` NULL: it was about the repository. */
pllm_status hub_remote_error(struct hub *h, const char *file, enum http_outcome outcome, const struct http_answer *a,
                             pllm_error *err);

/* download.c. The file's contents as a blob, checked. */
pllm_status hub_download(struct hub *h, const struct hub_file *f, pllm_error *err);

#endif
