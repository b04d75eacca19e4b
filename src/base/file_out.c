#include "base/file_out.h"

#include "base/file.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 100 };

static pllm_status failed(const struct file_out *out, pllm_error *err)
{
    return error_set(err, PLLM_E_WRITE, "%s: %s", out->path, strerror(errno));
}

static void forget(struct file_out *out)
{
    mem_free(out->path);
    mem_free(out->temporary);
    *out = (struct file_out){.fd = -1};
}

/* ---- What killed writers left ----------------------------------------------------------------------- */

/* "123-4.part" */
static bool is_number_of_part(const char *text)
{
    static const char digits[] = "0123456789";
    const size_t process = strspn(text, digits);
    if (!process || text[process] != '-')
        return false;
    text += process + 1;
    const size_t number = strspn(text, digits);
    return number && strcmp(text + number, ".part") == 0;
}

static void remove_unlocked(const char *path)
{
    const int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && file_is_named(fd, path))
        unlink(path);
    close(fd);
}

/* Where something goes wrong, it stays: the file that is to be written does not suffer. */
static void remove_leftovers(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t n = strlen(name);
    char *folder = slash ? mem_strndup(path, (size_t)(slash - path) + 1) : mem_strdup("./");
    DIR *d = folder ? opendir(folder) : NULL;
    const struct dirent *entry;
    while (d && (entry = readdir(d))) {
        struct buf found = {0};
        if (strncmp(entry->d_name, name, n) == 0 && entry->d_name[n] == '.' && is_number_of_part(entry->d_name + n + 1) &&
            buf_printf(&found, "%s%s", folder, entry->d_name))
            remove_unlocked(found.at);
        vec_fini(&found);
    }
    if (d)
        closedir(d);
    mem_free(folder);
}

/* ---- Writing ------------------------------------------------------------------------------------------ */

/* False: another writer took the file for a dead one's in the moment before it was locked. Where files cannot be locked,
 * nobody removes any. */
static bool lock(const struct file_out *out)
{
    while (flock(out->fd, LOCK_EX) != 0)
        if (errno != EINTR)
            return true;
    return file_is_named(out->fd, out->temporary);
}

/* The name has the process's number, so that two processes that write the same file do not meet. */
static bool create(struct file_out *out)
{
    for (int i = 0; i < TRIES; i++) {
        struct buf name = {0};
        if (!buf_printf(&name, "%s.%ld-%d.part", out->path, (long)getpid(), i)) {
            vec_fini(&name);
            return false;
        }
        mem_free(out->temporary);
        out->temporary = name.at;
        out->fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (out->fd >= 0 ? lock(out) : errno != EEXIST)
            return true;
        if (out->fd >= 0)
            close(out->fd);
        out->fd = -1;
    }
    return true;
}

pllm_status file_out_open(struct file_out *out, const char *path, pllm_error *err)
{
    struct file_out made = {.fd = -1, .path = mem_strdup(path)};
    pllm_status status = PLLM_OK;
    remove_leftovers(path);
    if (!made.path || !create(&made))
        status = error_memory(err, path);
    else if (made.fd < 0)
        status = failed(&made, err);
    if (status)
        forget(&made);
    else
        *out = made;
    return status;
}

pllm_status file_out_write(struct file_out *out, const void *bytes, size_t n, pllm_error *err)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t wrote = write(out->fd, at, n);
        if (wrote < 0 && errno != EINTR)
            return failed(out, err);
        if (wrote > 0) {
            at += wrote;
            n -= (size_t)wrote;
        }
    }
    return PLLM_OK;
}

/* A full disk may show only when the bytes go out; what fsync has brought to the disk, close cannot lose. It is the lock's end,
 * and comes last. */
pllm_status file_out_commit(struct file_out *out, pllm_error *err)
{
    pllm_status status = fsync(out->fd) != 0 && errno != EINVAL && errno != ENOSYS ? failed(out, err) : PLLM_OK;
    if (!status && rename(out->temporary, out->path) != 0)
        status = failed(out, err);
    if (status)
        unlink(out->temporary);
    close(out->fd);
    forget(out);
    return status;
}

void file_out_abandon(struct file_out *out)
{
    if (out->temporary)
        unlink(out->temporary);
    if (out->fd >= 0)
        close(out->fd);
    forget(out);
}
