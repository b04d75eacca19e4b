#include "hub/hub_inside.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

bool hub_tick(void *user)
{
    struct hub *h = user;
    const struct hub_request *r = h->request;
    return !r->progress || r->progress(r->user, h->label, h->done, h->total);
}

/* The path that a choice among files of a snapshot stands for. */
static pllm_status path_of(char **out, const struct hub *h, const struct hub_choice *c, const char *commit, pllm_error *err)
{
    char *path = hub_cache_file(&h->cache, commit, c->main);
    if (!path)
        return error_memory(err, h->request->name->repo);
    *out = path;
    return PLLM_OK;
}

/* ---- In the cache --------------------------------------------------------------------------------- */

struct cached {
    char *path; /* NULL: not there, or not all of it */
    bool sure;  /* the hub has nothing to add */
};

/* Marks the shards of a folder whose index is in the snapshot. */
static pllm_status choose_shards(struct hub_files *files, const struct hub *h, pllm_error *err)
{
    char *index = hub_cache_file(&h->cache, files->commit, HUB_INDEX);
    pllm_status status = index ? hub_choose_shards(files, index, err) : error_memory(err, HUB_INDEX);
    mem_free(index);
    return status;
}

/* A snapshot is complete if what it holds would do as a repository: the choice among its files then lacks none. */
static pllm_status find_cached(struct cached *out, const struct hub *h, pllm_error *err)
{
    const struct hub_request *r = h->request;
    char commit[HUB_COMMIT_SIZE];
    pllm_error why; /* of what is missing: no error */
    struct hub_files files = {0};
    struct hub_choice choice;
    pllm_status status = hub_cache_commit(&h->cache, r->name->revision, commit, err);
    if (status || !commit[0])
        return status;
    status = hub_cache_list(&files, &h->cache, commit, &why);
    if (!status)
        status = hub_choose(&choice, &files, r->name, r->want, &why);
    if (!status && choice.indexed)
        status = choose_shards(&files, h, &why);
    if (!status)
        status = path_of(&out->path, h, &choice, commit, &why);
    out->sure = !status && choice.sure;
    hub_files_fini(&files);
    return status == PLLM_E_MEMORY ? error_memory(err, r->name->repo) : PLLM_OK;
}

/* ---- From the hub --------------------------------------------------------------------------------- */

static bool is_weights(const char *name)
{
    return hub_ends_with(name, ".safetensors") || hub_ends_with(name, ".gguf");
}

static pllm_status in_snapshot(bool *there, const struct hub *h, const char *name, pllm_error *err)
{
    char *path = hub_cache_file(&h->cache, h->files.commit, name);
    if (!path)
        return error_memory(err, name);
    *there = file_kind(path) == FILE_REGULAR;
    mem_free(path);
    return PLLM_OK;
}

/* How many bytes of a blob are on the disk. */
static uint64_t bytes_there(const struct hub *h, const struct hub_file *f)
{
    uint64_t n = 0;
    for (int i = 0; i < 2; i++) {
        char *path = hub_cache_blob(&h->cache, f->etag, i ? ".incomplete" : "");
        struct stat info;
        if (path && !n && stat(path, &info) == 0 && S_ISREG(info.st_mode))
            n = (uint64_t)info.st_size;
        mem_free(path);
    }
    return n <= f->size ? n : 0;
}

/* Asks what the wanted files are, as far as the snapshot lacks them, and adds up what is to come. */
static pllm_status describe_wanted(struct hub *h, pllm_error *err)
{
    pllm_status status = PLLM_OK;
    for (size_t i = 0; i < h->files.at.n && !status; i++) {
        struct hub_file *f = &h->files.at.at[i];
        bool there = false;
        if (!f->wanted || f->etag)
            continue;
        status = in_snapshot(&there, h, f->name, err);
        if (there)
            f->wanted = false;
        else if (!status)
            status = hub_remote_describe(h, f, err);
        if (!there && !status && f->sized)
            h->total += f->size - bytes_there(h, f);
    }
    return status;
}

/* Says before the first byte that a disk will not do, where the system tells. */
static pllm_status check_space(const struct hub *h, pllm_error *err)
{
    struct statvfs disk;
    const char *root = h->request->settings->cache;
    const uint64_t needed = h->total > h->done ? h->total - h->done : 0; /* files whose size was not told count when they come */
    pllm_status status = hub_make_folders(h->cache.repo, err);
    if (status || statvfs(root, &disk) != 0 || needed / disk.f_frsize < disk.f_bavail)
        return status;
    return error_set(err, PLLM_E_IO, "%s: has %.1f MB free, the download needs %.1f MB", root,
                     1e-6 * (double)disk.f_bavail * (double)disk.f_frsize, 1e-6 * (double)needed);
}

static pllm_status download_wanted(struct hub *h, bool weights, pllm_error *err)
{
    pllm_status status = PLLM_OK;
    for (size_t i = 0; i < h->files.at.n && !status; i++) {
        struct hub_file *f = &h->files.at.at[i];
        if (!f->wanted || is_weights(f->name) != weights)
            continue;
        status = hub_download(h, f, err);
        if (!status)
            status = hub_cache_link(&h->cache, h->files.commit, f->name, f->etag, err);
        if (!status)
            f->wanted = false;
    }
    return status;
}

/* Small files first: a snapshot that has its weights has all. */
static pllm_status fetch_wanted(struct hub *h, pllm_error *err)
{
    pllm_status status = describe_wanted(h, err);
    if (!status)
        status = check_space(h, err);
    if (!status)
        status = download_wanted(h, false, err);
    if (!status)
        status = download_wanted(h, true, err);
    return status;
}

static pllm_status fetch(char **path, struct hub *h, pllm_error *err)
{
    const struct hub_request *r = h->request;
    struct hub_choice choice;
    pllm_status status = http_open(&h->http, r->settings->endpoint, r->settings->token, hub_tick, h, err);
    if (status)
        return error_prefix(err, status, r->name->repo);
    status = hub_remote_list(h, err);
    if (!status)
        status = hub_choose(&choice, &h->files, r->name, r->want, err);
    if (!status)
        status = fetch_wanted(h, err);
    if (!status && choice.indexed)
        status = choose_shards(&h->files, h, err);
    if (!status && choice.indexed)
        status = fetch_wanted(h, err);
    if (!status)
        status = hub_cache_set_ref(&h->cache, r->name->revision, h->files.commit, err);
    if (!status)
        status = path_of(path, h, &choice, h->files.commit, err);
    if (!status && h->done)
        hub_tick(h); /* shows the end; it is too late to stop */
    http_close(h->http);
    return status;
}

/* ---- Both ----------------------------------------------------------------------------------------- */

static pllm_status not_there(const struct hub *h, pllm_error *err)
{
    const struct hub_request *r = h->request;
    return error_set(err, PLLM_E_IO, "%s: is missing or is not complete in %s, and downloading is switched off (HF_HUB_OFFLINE)",
                     r->name->repo, r->settings->cache);
}

/* Takes what the cache has, or asks the hub; *c keeps its path if that is not used. */
static pllm_status find(char **path, struct hub *h, struct cached *c, pllm_error *err)
{
    const struct hub_request *r = h->request;
    bool enough = c->path && (r->settings->offline || (c->sure && !r->refresh));
    pllm_status status = PLLM_OK;
    if (!enough && r->settings->offline)
        return not_there(h, err);
    if (!enough)
        status = fetch(path, h, err);
    if (enough || (status && c->path && (h->unreachable || status == PLLM_E_UNSUPPORTED))) {
        *path = c->path;
        c->path = NULL;
        return PLLM_OK;
    }
    return status;
}

pllm_status hub_get(char **path, const struct hub_request *r, pllm_error *err)
{
    struct hub h = {.request = r};
    struct cached cached = {0};
    const bool usual = strcmp(r->name->revision, "main") == 0;
    snprintf(h.label, sizeof h.label, "downloading %s%s%s", r->name->repo, usual ? "" : "@", usual ? "" : r->name->revision);
    pllm_status status = hub_cache_open(&h.cache, r->settings->cache, r->name->repo, err);
    if (!status)
        status = find_cached(&cached, &h, err);
    if (!status)
        status = find(path, &h, &cached, err);
    mem_free(cached.path);
    hub_files_fini(&h.files);
    hub_cache_fini(&h.cache);
    return status;
}
