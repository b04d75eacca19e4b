/* The Hugging Face cache, which several tools share:
 *
 *     ROOT/models--org--model/refs/main                  a branch or tag: the id of its commit
 *                            /snapshots/COMMIT/FILE      symbolic links, ../../blobs/ETAG
 *                            /blobs/ETAG                 the contents; ETAG.incomplete while they come
 *     ROOT/.locks/models--org--model/ETAG.lock           held (flock) by whoever downloads that blob
 *
 * Revisions, commits, file names and etags given here have passed the checks of name.h. */
#ifndef PARALLM_HUB_CACHE_H
#define PARALLM_HUB_CACHE_H

#include "hub/files.h"

struct hub_cache {
    char *repo;  /* ROOT/models--org--model */
    char *locks; /* ROOT/.locks/models--org--model */
};

/* Makes paths, no folders. */
pllm_status hub_cache_open(struct hub_cache *out, const char *root, const char *repo, pllm_error *err);
void hub_cache_fini(struct hub_cache *c);

/* An etag that may name a blob. */
bool hub_is_etag(const char *text, size_t n);

/* The commit that a revision stands for, as far as the cache knows: what refs/ says, or a snapshot of that name.
 * "": unknown. */
pllm_status hub_cache_commit(const struct hub_cache *c, const char *revision, char commit[HUB_COMMIT_SIZE], pllm_error *err);

/* Paths in new memory (mem_free), or NULL. `file` NULL: the snapshot's folder. */
char *hub_cache_file(const struct hub_cache *c, const char *commit, const char *file);
char *hub_cache_blob(const struct hub_cache *c, const char *etag, const char *ending);

/* What a snapshot holds, down to a few folders: only files whose contents are there. A snapshot that is absent has none. */
pllm_status hub_cache_list(struct hub_files *out, const struct hub_cache *c, const char *commit, pllm_error *err);

/* Puts FILE into the snapshot as a link to its blob, whatever stood there. */
pllm_status hub_cache_link(const struct hub_cache *c, const char *commit, const char *file, const char *etag,
                           pllm_error *err);

/* Writes refs/REVISION, at once and only where it changes. */
pllm_status hub_cache_set_ref(const struct hub_cache *c, const char *revision, const char *commit, pllm_error *err);

/* Makes the folders above a path that are missing. */
pllm_status hub_make_folders(const char *path, pllm_error *err);

/* Waits until nobody else downloads this blob; `tick` (called some times a second) says false to give up: PLLM_E_ARGUMENT,
 * "interrupted". The lock is *fd, until it is closed. */
pllm_status hub_cache_lock(int *fd, const struct hub_cache *c, const char *etag, bool (*tick)(void *user), void *user,
                           pllm_error *err);

#endif
