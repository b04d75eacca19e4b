/* Files: mapped for reading, or read whole up to a limit. */
#ifndef PARALLM_BASE_FILE_H
#define PARALLM_BASE_FILE_H

#include "base/error.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct file_map {
    const uint8_t *bytes; /* NULL for an empty file */
    size_t n;
    int fd; /* for file_copy; open while `bytes` are mapped */
};

/* Maps a regular file. It must not shrink while mapped: a reader would get SIGBUS; model files are
 * written beside and renamed, as every tool does. */
pllm_status file_map(struct file_map *out, const char *path, pllm_error *err);
void file_unmap(struct file_map *map);

/* Tells the system that these bytes were read and will not be again, so that a mapped checkpoint
 * does not stay resident beside its packed copy. A wish; `bytes` need not begin at a page. */
void file_forget(const struct file_map *map, const uint8_t *bytes, size_t n);

/* Bytes of a mapped file, read without mapping their pages: for many that are wanted once, half the work of the system, and
 * a file that has shrunk is an error. By any number of threads at once. */
pllm_status file_copy(void *to, const struct file_map *map, const uint8_t *bytes, size_t n, pllm_error *err);

/* The whole file at the end of *out (NUL after it, not counted); PLLM_E_FORMAT above `limit`. */
pllm_status file_read(struct buf *out, const char *path, size_t limit, pllm_error *err);

enum file_kind { FILE_ABSENT, FILE_REGULAR, FILE_FOLDER, FILE_OTHER };
enum file_kind file_kind(const char *path);

/* The number that a file begins with, as those of /proc and /sys; false: there is none. */
bool file_number(unsigned long long *value, const char *path);

/* Does `path` still lead to the open file? Others may have deleted or replaced it meanwhile. */
bool file_is_named(int fd, const char *path);

/* "folder/name" in new memory (mem_free), or NULL. */
char *file_join(const char *folder, const char *name);

#endif
