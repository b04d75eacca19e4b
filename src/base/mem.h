/* Memory: sizes that cannot overflow, allocation that can fail, and an arena for one step.
 *
 * Everything allocates through these functions, so that tests can make any of them fail. Whoever
 * allocates frees. Sizes that come from input go through mem_mul and mem_add and a limit first. */
#ifndef PARALLM_BASE_MEM_H
#define PARALLM_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* *out = a * b or a + b; false, and *out untouched, where that does not fit. */
static inline bool mem_mul(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

static inline bool mem_add(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

/* `bytes` rounded up to a multiple of `unit`, a power of two; the caller knows that it fits. */
static inline size_t mem_round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) & ~(unit - 1);
}

enum { MEM_ALIGN = 64 }; /* a cache line, and the widest vector */

/* n items of `size` bytes, zeroed or not; NULL on failure or overflow. n = 0 gives a pointer that
 * may only be freed. Free with mem_free. */
void *mem_alloc(size_t n, size_t size);
void *mem_zalloc(size_t n, size_t size);

/* Resizes what mem_alloc gave; on failure NULL, and `old` is still there. */
void *mem_realloc(void *old, size_t n, size_t size);
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t n);
void mem_free(void *memory);

/* Aligned to MEM_ALIGN, not zeroed; from 2 MiB on, backed by large pages where the system can.
 * Free with mem_free_aligned and the same size. */
void *mem_alloc_aligned(size_t bytes);
void mem_free_aligned(void *memory, size_t bytes);

/* Memory that is handed out piece by piece and given back all at once. Blocks stay for reuse. */
struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used, high;          /* bytes handed out since the last reset, and the most ever */
};

void *arena_alloc(struct arena *a, size_t n, size_t size); /* aligned to MEM_ALIGN; NULL on failure */
void arena_reset(struct arena *a);                         /* all pieces are gone; memory stays */
void arena_fini(struct arena *a);

#endif
