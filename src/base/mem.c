#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LARGE_PAGE_BYTES = 2 << 20, ARENA_BLOCK_BYTES = 1 << 16 };

void *mem_alloc(size_t n, size_t size)
{
    size_t bytes;
    if (!mem_mul(n, size, &bytes))
        return NULL;
    return malloc(bytes ? bytes : 1);
}

void *mem_zalloc(size_t n, size_t size)
{
    return calloc(n ? n : 1, size ? size : 1);
}

void *mem_realloc(void *old, size_t n, size_t size)
{
    size_t bytes;
    if (!mem_mul(n, size, &bytes))
        return NULL;
    return realloc(old, bytes ? bytes : 1);
}

char *mem_strndup(const char *text, size_t n)
{
    char *copy = n < SIZE_MAX ? mem_alloc(n + 1, 1) : NULL;
    if (copy) {
        memcpy(copy, text, n);
        copy[n] = '\0';
    }
    return copy;
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

void mem_free(void *memory)
{
    free(memory);
}

/* Large regions are mapped, so that they begin at a page and go back to the system when freed. */
static size_t mapped_bytes(size_t bytes)
{
    return mem_round_up(bytes, LARGE_PAGE_BYTES);
}

/* A mapping that begins at a large page: map one more than needed and cut both ends off. The last page, which `wanted` bytes
 * fill in part, stays one of small ones: a large one takes its whole memory at the first touch. */
static void *map_large(size_t wanted)
{
    const size_t bytes = mapped_bytes(wanted);
    char *at = mmap(NULL, bytes + LARGE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    size_t head = mem_round_up((uintptr_t)at, LARGE_PAGE_BYTES) - (uintptr_t)at;
    if (head)
        munmap(at, head);
    munmap(at + head + bytes, LARGE_PAGE_BYTES - head);
#ifdef MADV_HUGEPAGE
    madvise(at + head, wanted / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES, MADV_HUGEPAGE); /* a wish: nothing depends on it */
#endif
    return at + head;
}

void *mem_alloc_aligned(size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    if (bytes >= LARGE_PAGE_BYTES)
        return map_large(bytes);
    return aligned_alloc(MEM_ALIGN, mem_round_up(bytes ? bytes : 1, MEM_ALIGN));
}

void mem_free_aligned(void *memory, size_t bytes)
{
    if (memory && bytes >= LARGE_PAGE_BYTES)
        munmap(memory, mapped_bytes(bytes));
    else
        free(memory);
}

struct arena_block {
    struct arena_block *next;
    size_t bytes, used;
};

enum { ARENA_HEADER = MEM_ALIGN };
_Static_assert(sizeof(struct arena_block) <= ARENA_HEADER, "the header fits before the first piece");

static struct arena_block *arena_grow(struct arena *a, size_t bytes)
{
    size_t last = a->blocks ? a->blocks->bytes : ARENA_BLOCK_BYTES / 2;
    size_t want = bytes > 2 * last ? bytes : 2 * last, total;
    if (!mem_add(want, ARENA_HEADER, &total))
        return NULL;
    struct arena_block *b = mem_alloc_aligned(total);
    if (!b)
        return NULL;
    *b = (struct arena_block){.next = a->blocks, .bytes = want};
    a->blocks = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
    size_t bytes;
    if (!mem_mul(n, size, &bytes) || bytes > SIZE_MAX / 4)
        return NULL;
    bytes = mem_round_up(bytes ? bytes : 1, MEM_ALIGN);
    struct arena_block *b = a->blocks;
    if (!b || b->bytes - b->used < bytes)
        b = arena_grow(a, bytes);
    if (!b)
        return NULL;
    void *piece = (char *)b + ARENA_HEADER + b->used;
    b->used += bytes;
    a->used += bytes;
    if (a->used > a->high)
        a->high = a->used;
    return piece;
}

static void arena_free_from(struct arena_block *b)
{
    while (b) {
        struct arena_block *next = b->next;
        mem_free_aligned(b, b->bytes + ARENA_HEADER);
        b = next;
    }
}

/* Keeps the newest block, which is the largest: a steady user soon has one block and no more calls. */
void arena_reset(struct arena *a)
{
    if (a->blocks) {
        arena_free_from(a->blocks->next);
        a->blocks->next = NULL;
        a->blocks->used = 0;
    }
    a->used = 0;
}

void arena_fini(struct arena *a)
{
    arena_free_from(a->blocks);
    *a = (struct arena){0};
}
