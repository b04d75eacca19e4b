/* The KV cache as the engine sees it: blocks of KV_BLOCK positions, counted, never looked into.
 *
 * Each group of layers has its own pool. Group 0 exists always, even where no layer uses it, and its blocks
 * name the content: what is known of a block of group 0 (tokens, how far it is computed) holds for the block
 * of the other group beside it. A block is in one of three states:
 *
 *     live    refs > 0: sequences read or write it
 *     cached  refs = 0, known to the prefix tree: kept for reuse, given up oldest first
 *     free    neither
 *
 * Owned by the engine; one thread. */
#ifndef PARALLM_ENGINE_KV_H
#define PARALLM_ENGINE_KV_H

#include "backend/backend.h"

struct seq;

struct kv_pool {
    int n_blocks, n_free, n_cached, n_shared; /* shared: refs > 1 */
    int32_t *refs;
    int32_t *free;         /* stack of n_free blocks: the last one freed is taken first */
    int32_t *older, *newer; /* links of the cached ones; -1 at the ends */
    int32_t oldest, newest;
    bool *known;           /* to the prefix tree */
};

/* What a block of group 0 holds. `filled` counts positions that are computed, those of the step in the making
 * included; rows of the same step may attend to them, copies may not: they take `settled` ones. */
struct kv_content {
    struct seq *writer; /* who computes the rest, NULL: nobody */
    uint64_t step;      /* in which filled last rose */
    uint8_t filled, before;
};

struct kv_blocks {
    struct kv_pool pool[KV_GROUPS];
    struct kv_content *content; /* [pool[0].n_blocks] */
    int window[KV_GROUPS];      /* positions that a group keeps; 0: all */
    bool in_use[KV_GROUPS];     /* group 1: whether any layer is in it */
};

/* n_blocks[1] is 0 where the model has no layers with a window. */
pllm_status kv_blocks_init(struct kv_blocks *kv, const int n_blocks[KV_GROUPS], int window, pllm_error *err);
void kv_blocks_fini(struct kv_blocks *kv);

/* A free block with one reference, or -1: none is free (cached ones may be given up by then: prefix_take). */
int32_t kv_take(struct kv_pool *p);
void kv_ref(struct kv_pool *p, int32_t block);
/* The last reference gives the block back: to the cache if the tree knows it, else to the free ones. */
void kv_unref(struct kv_pool *p, int32_t block);
void kv_know(struct kv_pool *p, int32_t block);   /* a live block enters the tree */
void kv_forget(struct kv_pool *p, int32_t block); /* a block leaves the tree; free at once if nobody uses it */

static inline int kv_available(const struct kv_pool *p) /* blocks that a taker could get */
{
    return p->n_free + p->n_cached;
}

static inline int kv_live(const struct kv_pool *p)
{
    return p->n_blocks - p->n_free - p->n_cached;
}

/* Positions of a block that were computed before step `now`. */
static inline int kv_settled(const struct kv_content *c, uint64_t now)
{
    return c->step < now ? c->filled : c->before;
}

/* Marks the first n positions as computed in step `now`. */
static inline void kv_fill(struct kv_content *c, int n, uint64_t now)
{
    if (n <= c->filled)
        return;
    if (c->step < now)
        c->before = c->filled;
    c->step = now;
    c->filled = (uint8_t)n;
}

#endif
