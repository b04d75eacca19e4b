/* A temporary folder with small files in it, for tests of readers that take paths. */
#ifndef PARALLM_TESTS_UNIT_FOLDER_H
#define PARALLM_TESTS_UNIT_FOLDER_H

#include "base/file.h"
#include "base/vec.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct folder {
    char path[64];
};

static inline struct folder folder_make(void)
{
    struct folder f = {"/tmp/parallm-test-XXXXXX"};
    if (!mkdtemp(f.path))
        abort();
    return f;
}

/* "folder/name" in one of a few static places. */
static inline const char *folder_at(const struct folder *f, const char *name)
{
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", f->path, name);
    return path;
}

static inline void folder_put(const struct folder *f, const char *name, const void *bytes, size_t n)
{
    FILE *file = fopen(folder_at(f, name), "wb");
    if (!file || fwrite(bytes, 1, n, file) != n || fclose(file))
        abort();
}

static inline void folder_put_text(const struct folder *f, const char *name, const char *text)
{
    folder_put(f, name, text, strlen(text));
}

/* Takes over `bytes`. */
static inline void folder_put_buf(const struct folder *f, const char *name, struct buf bytes)
{
    folder_put(f, name, bytes.at, bytes.n);
    vec_fini(&bytes);
}

static inline void folder_remove(const struct folder *f)
{
    DIR *dir = opendir(f->path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            unlink(folder_at(f, e->d_name));
    closedir(dir);
    rmdir(f->path);
}

/* Removes a folder with all that is below it. Returns 0, or what went wrong. */
static inline int folder_remove_all(const char *path)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", path);
    return system(command);
}

#endif
