#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens a regular file for reading and tells its size; -1 after filling *err. */
static int open_regular(const char *path, size_t *size, pllm_error *err)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang us */
    if (fd < 0) {
        error_errno(err, path);
        return -1;
    }
    if (fstat(fd, &info) != 0)
        error_errno(err, path);
    else if (S_ISDIR(info.st_mode))
        error_set(err, PLLM_E_IO, "%s: is a directory, wanted a file", path);
    else if (!S_ISREG(info.st_mode))
        error_set(err, PLLM_E_IO, "%s: is not a regular file", path);
    else {
        *size = (size_t)info.st_size;
        return fd;
    }
    close(fd);
    return -1;
}

pllm_status file_map(struct file_map *out, const char *path, pllm_error *err)
{
    struct file_map map = {0};
    pllm_error why = {0};
    int fd = open_regular(path, &map.n, &why);
    if (fd < 0)
        return error_set(err, why.status, "%s", why.message);
    if (map.n) {
        void *at = mmap(NULL, map.n, PROT_READ, MAP_PRIVATE, fd, 0);
        int code = errno;
        if (at == MAP_FAILED) {
            close(fd);
            return error_set(err, code == ENOMEM ? PLLM_E_MEMORY : PLLM_E_IO,
                             "%s: cannot be mapped: %s", path, strerror(code));
        }
        map.bytes = at;
        map.fd = fd;
    } else {
        close(fd);
    }
    *out = map;
    return PLLM_OK;
}

void file_unmap(struct file_map *map)
{
    if (map->bytes) {
        munmap((void *)map->bytes, map->n);
        close(map->fd);
    }
    *map = (struct file_map){0};
}

void file_forget(const struct file_map *map, const uint8_t *bytes, size_t n)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t begin = mem_round_up((size_t)(bytes - map->bytes), page);
    size_t end = ((size_t)(bytes - map->bytes) + n) & ~(page - 1);
    if (end > begin && end <= map->n)
        madvise((void *)(map->bytes + begin), end - begin, MADV_DONTNEED);
}

pllm_status file_copy(void *to, const struct file_map *map, const uint8_t *bytes, size_t n, pllm_error *err)
{
    const size_t first = (size_t)(bytes - map->bytes);
    for (size_t done = 0; done < n;) {
        const ssize_t got = pread(map->fd, (uint8_t *)to + done, n - done, (off_t)(first + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(err, PLLM_E_IO, "byte %zu cannot be read: %s", first + done, strerror(errno));
        if (got == 0)
            return error_set(err, PLLM_E_IO, "has %zu bytes, had %zu when it was opened", first + done, map->n);
        done += (size_t)got;
    }
    return PLLM_OK;
}

pllm_status file_read(struct buf *out, const char *path, size_t limit, pllm_error *err)
{
    size_t size, n = out->n;
    pllm_error why = {0};
    int fd = open_regular(path, &size, &why);
    if (fd < 0)
        return error_set(err, why.status, "%s", why.message);
    pllm_status status = PLLM_OK;
    if (size > limit)
        status = error_set(err, PLLM_E_FORMAT, "%s: has %zu bytes, wanted at most %zu", path, size, limit);
    else if (!vec_reserve(out, size + 1))
        status = error_memory(err, path);
    while (!status && n < out->n + size) {
        ssize_t got = read(fd, out->at + n, out->n + size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = error_errno(err, path);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    close(fd);
    if (!status) {
        out->n = n;
        out->at[n] = '\0';
    }
    return status;
}

enum file_kind file_kind(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return FILE_ABSENT;
    return S_ISREG(info.st_mode) ? FILE_REGULAR : S_ISDIR(info.st_mode) ? FILE_FOLDER : FILE_OTHER;
}

bool file_number(unsigned long long *value, const char *path)
{
    FILE *f = fopen(path, "re");
    const bool found = f && fscanf(f, "%llu", value) == 1;
    if (f)
        fclose(f);
    return found;
}

bool file_is_named(int fd, const char *path)
{
    struct stat held, named;
    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

char *file_join(const char *folder, const char *name)
{
    struct buf path = {0};
    size_t n = strlen(folder);
    if (!buf_printf(&path, "%s%s%s", folder, n && folder[n - 1] == '/' ? "" : "/", name)) {
        vec_fini(&path);
        return NULL;
    }
    return path.at;
}
