#include "hub/cache.h"

#include "base/ascii.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_DEPTH = 4, MAX_LISTED = 100000 };

static char *join3(const char *a, const char *b, const char *c)
{
    struct buf path = {0};
    if (buf_printf(&path, "%s/%s/%s", a, b, c))
        return path.at;
    vec_fini(&path);
    return NULL;
}

pllm_status hub_cache_open(struct hub_cache *out, const char *root, const char *repo, pllm_error *err)
{
    struct buf folder = {0};
    struct hub_cache c = {0};
    const char *slash = strchr(repo, '/');
    const int n = slash ? (int)(slash - repo) : 0;
    if (buf_printf(&folder, "models--%.*s%s%s", n, repo, slash ? "--" : "", slash ? slash + 1 : repo)) {
        c.repo = file_join(root, folder.at);
        c.locks = join3(root, ".locks", folder.at);
    }
    vec_fini(&folder);
    if (!c.repo || !c.locks) {
        hub_cache_fini(&c);
        return error_memory(err, "cache");
    }
    *out = c;
    return PLLM_OK;
}

void hub_cache_fini(struct hub_cache *c)
{
    mem_free(c->repo);
    mem_free(c->locks);
    *c = (struct hub_cache){0};
}

bool hub_is_etag(const char *text, size_t n)
{
    if (n < 1 || n > 128 || text[0] == '.')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!ascii_is_alnum(text[i]) && text[i] != '-' && text[i] != '_')
            return false;
    return true;
}

/* ---- Paths ---------------------------------------------------------------------------------------- */

char *hub_cache_file(const struct hub_cache *c, const char *commit, const char *file)
{
    char *folder = join3(c->repo, "snapshots", commit);
    if (!folder || !file)
        return folder;
    char *path = file_join(folder, file);
    mem_free(folder);
    return path;
}

char *hub_cache_blob(const struct hub_cache *c, const char *etag, const char *ending)
{
    struct buf path = {0};
    if (buf_printf(&path, "%s/blobs/%s%s", c->repo, etag, ending))
        return path.at;
    vec_fini(&path);
    return NULL;
}

/* The commit in a ref's file; *commit stays empty where there is none, or nonsense. */
static pllm_status read_ref(char commit[HUB_COMMIT_SIZE], const char *path)
{
    enum { MOST = 1024 };
    struct buf text = {0};
    pllm_status status = file_kind(path) == FILE_REGULAR ? file_read(&text, path, MOST, NULL) : PLLM_E_IO;
    while (!status && text.n && strchr("\r\n\t ", text.at[text.n - 1]))
        text.n--;
    if (!status && hub_is_commit(text.at, text.n))
        snprintf(commit, HUB_COMMIT_SIZE, "%.*s", (int)text.n, text.at);
    vec_fini(&text);
    return status == PLLM_E_MEMORY ? status : PLLM_OK;
}

pllm_status hub_cache_commit(const struct hub_cache *c, const char *revision, char commit[HUB_COMMIT_SIZE], pllm_error *err)
{
    char *ref = join3(c->repo, "refs", revision), *snapshot = join3(c->repo, "snapshots", revision);
    commit[0] = '\0';
    pllm_status status = ref && snapshot ? read_ref(commit, ref) : PLLM_E_MEMORY;
    if (!status && !commit[0] && hub_is_commit(revision, strlen(revision)) && file_kind(snapshot) == FILE_FOLDER)
        snprintf(commit, HUB_COMMIT_SIZE, "%s", revision);
    mem_free(ref);
    mem_free(snapshot);
    return status ? error_memory(err, "cache") : PLLM_OK;
}

/* ---- Looking -------------------------------------------------------------------------------------- */

static pllm_status list_folder(struct hub_files *f, const char *folder, const char *prefix, int depth, pllm_error *err);

/* The entry NAME of `folder`, which the snapshot knows as PREFIX/NAME. */
static pllm_status list_entry(struct hub_files *f, const char *folder, const char *prefix, const char *name, int depth,
                              pllm_error *err)
{
    char *path = file_join(folder, name), *inside = prefix[0] ? file_join(prefix, name) : mem_strdup(name);
    pllm_status status = path && inside ? PLLM_OK : error_memory(err, folder);
    if (!status && hub_is_path(inside, strlen(inside))) {
        const enum file_kind kind = file_kind(path);
        if (kind == FILE_FOLDER && depth < MAX_DEPTH)
            status = list_folder(f, path, inside, depth + 1, err);
        else if (kind == FILE_REGULAR && f->at.n < MAX_LISTED)
            status = hub_files_add(f, inside, strlen(inside), err);
    }
    mem_free(path);
    mem_free(inside);
    return status;
}

static pllm_status list_folder(struct hub_files *f, const char *folder, const char *prefix, int depth, pllm_error *err)
{
    DIR *dir = opendir(folder);
    pllm_status status = PLLM_OK;
    for (struct dirent *e; dir && !status && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            status = list_entry(f, folder, prefix, e->d_name, depth, err);
    if (dir)
        closedir(dir);
    return status;
}

pllm_status hub_cache_list(struct hub_files *out, const struct hub_cache *c, const char *commit, pllm_error *err)
{
    struct hub_files f = {0};
    char *folder = hub_cache_file(c, commit, NULL);
    pllm_status status = folder ? list_folder(&f, folder, "", 0, err) : error_memory(err, "cache");
    mem_free(folder);
    if (status) {
        hub_files_fini(&f);
        return status;
    }
    snprintf(f.commit, sizeof f.commit, "%s", commit);
    hub_files_sort(&f);
    *out = f;
    return PLLM_OK;
}

/* ---- Writing -------------------------------------------------------------------------------------- */

pllm_status hub_make_folders(const char *path, pllm_error *err)
{
    char *copy = mem_strdup(path);
    pllm_status status = copy ? PLLM_OK : error_memory(err, path);
    for (char *slash = copy; !status && (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST && file_kind(copy) != FILE_FOLDER)
            status = error_errno(err, copy);
        *slash = '/';
    }
    mem_free(copy);
    return status;
}

/* "../../blobs/ETAG", with one "../" more for each folder that the file lies in. */
static char *link_target(const char *file, const char *etag)
{
    struct buf target = {0};
    bool ok = true;
    for (const char *slash = file; (slash = strchr(slash, '/')); slash++)
        ok = ok && buf_printf(&target, "../");
    if (ok && buf_printf(&target, "../../blobs/%s", etag))
        return target.at;
    vec_fini(&target);
    return NULL;
}

/* A name beside `path` that no other process and no other thread uses at the same time. */
static char *beside(const char *path)
{
    struct buf name = {0};
    if (buf_printf(&name, "%s.%ld.%p.tmp", path, (long)getpid(), (void *)&name))
        return name.at;
    vec_fini(&name);
    return NULL;
}

/* Where there are no symbolic links, the blob itself becomes the file, as huggingface_hub does it. */
static pllm_status place(const char *path, const char *temporary, const char *target, const char *blob, pllm_error *err)
{
    unlink(temporary);
    if (symlink(target, temporary) == 0)
        return rename(temporary, path) == 0 ? PLLM_OK : error_errno(err, path);
    if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS)
        return rename(blob, path) == 0 ? PLLM_OK : error_errno(err, path);
    return error_errno(err, path);
}

pllm_status hub_cache_link(const struct hub_cache *c, const char *commit, const char *file, const char *etag,
                           pllm_error *err)
{
    char *path = hub_cache_file(c, commit, file), *target = link_target(file, etag);
    char *temporary = path ? beside(path) : NULL, *blob = hub_cache_blob(c, etag, "");
    pllm_status status = temporary && target && blob ? hub_make_folders(path, err) : error_memory(err, file);
    if (!status)
        status = place(path, temporary, target, blob, err);
    mem_free(path);
    mem_free(target);
    mem_free(temporary);
    mem_free(blob);
    return status;
}

static pllm_status write_ref(const char *path, const char *temporary, const char *commit, pllm_error *err)
{
    pllm_status status = hub_make_folders(path, err);
    FILE *f = status ? NULL : fopen(temporary, "we");
    if (status)
        return status;
    if (!f)
        return error_errno(err, temporary);
    bool written = fputs(commit, f) >= 0;
    if (fclose(f) != 0 || !written || rename(temporary, path) != 0) {
        status = error_errno(err, path);
        unlink(temporary);
    }
    return status;
}

pllm_status hub_cache_set_ref(const struct hub_cache *c, const char *revision, const char *commit, pllm_error *err)
{
    char known[HUB_COMMIT_SIZE];
    pllm_status status = hub_cache_commit(c, revision, known, err);
    if (status || strcmp(revision, commit) == 0 || strcmp(known, commit) == 0)
        return status;
    char *path = join3(c->repo, "refs", revision), *temporary = path ? beside(path) : NULL;
    status = temporary ? write_ref(path, temporary, commit, err) : error_memory(err, revision);
    mem_free(path);
    mem_free(temporary);
    return status;
}

/* ---- Locks ---------------------------------------------------------------------------------------- */

static pllm_status wait_for_lock(int fd, const char *path, bool (*tick)(void *user), void *user, pllm_error *err)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_set(err, PLLM_E_IO, "%s: cannot be locked: %s", path, strerror(errno));
        if (!tick(user))
            return error_set(err, PLLM_E_ARGUMENT, "interrupted");
        nanosleep(&pause, NULL);
    }
    return PLLM_OK;
}

/* Some tools delete a lock's file when they let go of it: whoever waited then holds a lock that nobody else sees. */
static pllm_status lock_file(int *fd, const char *path, bool (*tick)(void *user), void *user, pllm_error *err)
{
    for (;;) {
        int opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0664);
        if (opened < 0)
            return error_errno(err, path);
        pllm_status status = wait_for_lock(opened, path, tick, user, err);
        if (!status && file_is_named(opened, path)) {
            *fd = opened;
            return PLLM_OK;
        }
        close(opened);
        if (status)
            return status;
    }
}

pllm_status hub_cache_lock(int *fd, const struct hub_cache *c, const char *etag, bool (*tick)(void *user), void *user,
                           pllm_error *err)
{
    struct buf path = {0};
    if (!buf_printf(&path, "%s/%s.lock", c->locks, etag)) {
        vec_fini(&path);
        return error_memory(err, "lock");
    }
    pllm_status status = hub_make_folders(path.at, err);
    if (!status)
        status = lock_file(fd, path.at, tick, user, err);
    vec_fini(&path);
    return status;
}
