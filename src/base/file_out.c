#include "base/file_out.h"

#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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
        if (out->fd >= 0 || errno != EEXIST)
            return true;
    }
    return true;
}

pllm_status file_out_open(struct file_out *out, const char *path, pllm_error *err)
{
    struct file_out made = {.fd = -1, .path = mem_strdup(path)};
    pllm_status status = PLLM_OK;
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

/* A full disk may show only when the bytes go out. */
pllm_status file_out_commit(struct file_out *out, pllm_error *err)
{
    pllm_status status = fsync(out->fd) != 0 && errno != EINVAL && errno != ENOSYS ? failed(out, err) : PLLM_OK;
    if (close(out->fd) != 0 && !status)
        status = failed(out, err);
    out->fd = -1;
    if (!status && rename(out->temporary, out->path) != 0)
        status = failed(out, err);
    if (status)
        unlink(out->temporary);
    forget(out);
    return status;
}

void file_out_abandon(struct file_out *out)
{
    if (out->fd >= 0)
        close(out->fd);
    if (out->temporary)
        unlink(out->temporary);
    forget(out);
}
