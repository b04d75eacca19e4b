#include "engine/prefix_root.h"

#include "base/mem.h"

#include <string.h>

enum { FIRST_BUCKETS = 64 };

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 32;
}

static uint64_t hash_of(const struct prefix_key *key)
{
    uint64_t h = mix(mix(mix(1, key->adapter), key->lone), (uint64_t)key->rope);
    for (const char *c = key->salt; c && *c; c++)
        h = mix(h, (unsigned char)*c);
    return mix(h, key->salt != NULL);
}

static bool same_salt(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_key(const struct prefix_key *a, const struct prefix_key *b)
{
    return a->adapter == b->adapter && a->lone == b->lone && a->rope == b->rope && same_salt(a->salt, b->salt);
}

static void link_root(struct root_table *t, struct prefix_root *r)
{
    struct prefix_root **bucket = &t->bucket[r->hash & (t->n_buckets - 1)];
    r->next = *bucket;
    *bucket = r;
}

/* Twice as many buckets, or as many as before: no memory, and chains grow longer. */
static void grow(struct root_table *t)
{
    const struct root_table old = *t;
    const size_t n = old.n_buckets ? 2 * old.n_buckets : FIRST_BUCKETS;
    struct prefix_root **bucket = mem_zalloc(n, sizeof *bucket);
    if (!bucket)
        return;
    t->bucket = bucket;
    t->n_buckets = n;
    for (size_t i = 0; i < old.n_buckets; i++)
        for (struct prefix_root *r = old.bucket[i], *next; r; r = next) {
            next = r->next;
            link_root(t, r);
        }
    mem_free(old.bucket);
}

struct prefix_root *root_table_get(struct root_table *t, const struct prefix_key *key)
{
    const uint64_t hash = hash_of(key);
    if (t->n >= t->n_buckets)
        grow(t);
    if (!t->n_buckets)
        return NULL;
    for (struct prefix_root *r = t->bucket[hash & (t->n_buckets - 1)]; r; r = r->next)
        if (r->hash == hash && same_key(&r->key, key))
            return r;
    struct prefix_root *r = mem_zalloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->hash = hash;
    r->key = *key;
    if (key->salt && !(r->key.salt = mem_strdup(key->salt))) {
        mem_free(r);
        return NULL;
    }
    link_root(t, r);
    t->n++;
    return r;
}

static void root_free(struct prefix_root *r)
{
    vec_fini(&r->children);
    mem_free((void *)r->key.salt);
    mem_free(r);
}

void root_table_remove(struct root_table *t, struct prefix_root *r)
{
    struct prefix_root **link = &t->bucket[r->hash & (t->n_buckets - 1)];
    while (*link != r)
        link = &(*link)->next;
    *link = r->next;
    t->n--;
    root_free(r);
}

void root_table_fini(struct root_table *t)
{
    for (size_t i = 0; i < t->n_buckets; i++)
        for (struct prefix_root *r = t->bucket[i], *next; r; r = next) {
            next = r->next;
            root_free(r);
        }
    mem_free(t->bucket);
    *t = (struct root_table){0};
}
