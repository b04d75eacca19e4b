#include "engine/kv.h"

#include "base/mem.h"

#include <assert.h>

static bool pool_init(struct kv_pool *p, int n)
{
    *p = (struct kv_pool){.n_blocks = n, .n_free = n, .oldest = -1, .newest = -1};
    size_t count = (size_t)n;
    p->refs = mem_zalloc(count, sizeof *p->refs);
    p->free = mem_alloc(count, sizeof *p->free);
    p->older = mem_alloc(count, sizeof *p->older);
    p->newer = mem_alloc(count, sizeof *p->newer);
    p->known = mem_zalloc(count, sizeof *p->known);
    if (!p->refs || !p->free || !p->older || !p->newer || !p->known)
        return false;
    for (int i = 0; i < n; i++)
        p->free[i] = n - 1 - i; /* low numbers first: a short run touches little memory */
    return true;
}

static void pool_fini(struct kv_pool *p)
{
    mem_free(p->known);
    mem_free(p->newer);
    mem_free(p->older);
    mem_free(p->free);
    mem_free(p->refs);
}

pllm_status kv_blocks_init(struct kv_blocks *kv, const int n_blocks[KV_GROUPS], int window, pllm_error *err)
{
    *kv = (struct kv_blocks){.window = {0, window}, .in_use = {true, n_blocks[1] > 0}};
    bool ok = true;
    for (int g = 0; g < KV_GROUPS; g++)
        ok = pool_init(&kv->pool[g], n_blocks[g]) && ok;
    kv->content = mem_zalloc((size_t)n_blocks[0], sizeof *kv->content);
    if (ok && kv->content)
        return PLLM_OK;
    kv_blocks_fini(kv);
    return error_memory(err, "KV block tables");
}

void kv_blocks_fini(struct kv_blocks *kv)
{
    mem_free(kv->content);
    for (int g = 0; g < KV_GROUPS; g++)
        pool_fini(&kv->pool[g]);
    *kv = (struct kv_blocks){0};
}

static void cache_push(struct kv_pool *p, int32_t b)
{
    p->older[b] = p->newest;
    p->newer[b] = -1;
    if (p->newest >= 0)
        p->newer[p->newest] = b;
    else
        p->oldest = b;
    p->newest = b;
    p->n_cached++;
}

static void cache_remove(struct kv_pool *p, int32_t b)
{
    int32_t older = p->older[b], newer = p->newer[b];
    if (older >= 0)
        p->newer[older] = newer;
    else
        p->oldest = newer;
    if (newer >= 0)
        p->older[newer] = older;
    else
        p->newest = older;
    p->n_cached--;
}

int32_t kv_take(struct kv_pool *p)
{
    if (p->n_free == 0)
        return -1;
    int32_t b = p->free[--p->n_free];
    assert(p->refs[b] == 0 && !p->known[b]);
    p->refs[b] = 1;
    return b;
}

void kv_ref(struct kv_pool *p, int32_t b)
{
    if (p->refs[b] == 0) {
        assert(p->known[b]);
        cache_remove(p, b);
    }
    if (++p->refs[b] == 2)
        p->n_shared++;
}

void kv_unref(struct kv_pool *p, int32_t b)
{
    assert(p->refs[b] > 0);
    if (--p->refs[b] == 1)
        p->n_shared--;
    if (p->refs[b] > 0)
        return;
    if (p->known[b])
        cache_push(p, b);
    else
        p->free[p->n_free++] = b;
}

void kv_know(struct kv_pool *p, int32_t b)
{
    assert(p->refs[b] > 0 && !p->known[b]);
    p->known[b] = true;
}

void kv_forget(struct kv_pool *p, int32_t b)
{
    assert(p->known[b]);
    p->known[b] = false;
    if (p->refs[b] == 0) {
        cache_remove(p, b);
        p->free[p->n_free++] = b;
    }
}
