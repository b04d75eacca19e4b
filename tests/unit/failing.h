/* Makes the n-th allocation fail: for programs built by failing_test(STEM), where calls of mem_* from other files
 * come here first (the linker's --wrap). Include it in one file of the program.
 *
 *     int n = 0;
 *     do {
 *         fail_at(n++);
 *         status = thing_open(&thing, ...);
 *     } while (fail_happened());      each run must either succeed or fail cleanly
 *
 * And counts the bytes that were asked for, but for arenas and what grows (mem_realloc).
 */
#ifndef PARALLM_TESTS_UNIT_FAILING_H
#define PARALLM_TESTS_UNIT_FAILING_H

#include "base/mem.h"

void *__real_mem_alloc(size_t n, size_t size);
void *__real_mem_zalloc(size_t n, size_t size);
void *__real_mem_realloc(void *old, size_t n, size_t size);
char *__real_mem_strdup(const char *text);
char *__real_mem_strndup(const char *text, size_t n);
void *__real_mem_alloc_aligned(size_t bytes);
void *__real_arena_alloc(struct arena *a, size_t n, size_t size);
void *__wrap_mem_alloc(size_t n, size_t size);
void *__wrap_mem_zalloc(size_t n, size_t size);
void *__wrap_mem_realloc(void *old, size_t n, size_t size);
char *__wrap_mem_strdup(const char *text);
char *__wrap_mem_strndup(const char *text, size_t n);
void *__wrap_mem_alloc_aligned(size_t bytes);
void *__wrap_arena_alloc(struct arena *a, size_t n, size_t size);

static size_t asked_bytes; /* since the program began, also those that are free again */
static int fail_left = -1; /* allocations until the one that fails; -1: none does */

static inline void fail_at(int n)
{
    fail_left = n;
}

/* Whether an allocation failed since fail_at; none fails any more. */
static inline int fail_happened(void)
{
    int happened = fail_left == -2;
    fail_left = -1;
    return happened;
}

static inline int fail_now(void)
{
    if (fail_left == 0)
        fail_left = -2;
    else if (fail_left > 0)
        fail_left--;
    else
        return 0;
    return fail_left == -2;
}

void *__wrap_mem_alloc(size_t n, size_t size)
{
    asked_bytes += n * size;
    return fail_now() ? NULL : __real_mem_alloc(n, size);
}

void *__wrap_mem_zalloc(size_t n, size_t size)
{
    asked_bytes += n * size;
    return fail_now() ? NULL : __real_mem_zalloc(n, size);
}

void *__wrap_mem_realloc(void *old, size_t n, size_t size)
{
    return fail_now() ? NULL : __real_mem_realloc(old, n, size);
}

char *__wrap_mem_strdup(const char *text)
{
    return fail_now() ? NULL : __real_mem_strdup(text);
}

char *__wrap_mem_strndup(const char *text, size_t n)
{
    return fail_now() ? NULL : __real_mem_strndup(text, n);
}

void *__wrap_mem_alloc_aligned(size_t bytes)
{
    asked_bytes += bytes;
    return fail_now() ? NULL : __real_mem_alloc_aligned(bytes);
}

void *__wrap_arena_alloc(struct arena *a, size_t n, size_t size)
{
    return fail_now() ? NULL : __real_arena_alloc(a, n, size);
}

#endif
