/* Roots of prefix trees by key, in a hash table: with a salt for each tenant, or without caching a tree for each request,
 * there may be very many. */
#ifndef PARALLM_ENGINE_PREFIX_ROOT_H
#define PARALLM_ENGINE_PREFIX_ROOT_H

#include "base/vec.h"

#include <stdint.h>

typedef VEC(int32_t) block_list;

struct prefix_key {
    const char *salt;   /* or NULL */
    uint64_t adapter;   /* load number of the adapter, 0: none */
    uint64_t lone;      /* not 0: shared only under this number, and dropped with its last user */
    int rope;           /* which factors positions are rotated with */
};

struct prefix_root {
    struct prefix_root *next; /* in its bucket */
    uint64_t hash;
    struct prefix_key key;    /* with a salt of its own */
    int n_users, n_nodes;     /* prefix.c's; gone when both are 0 */
    block_list children;      /* likewise */
};

/* Zeroed, it is empty. */
struct root_table {
    struct prefix_root **bucket; /* [n_buckets], a power of two */
    size_t n_buckets, n;
};

/* The root of a key, which is made if there is none; NULL: no memory. */
struct prefix_root *root_table_get(struct root_table *t, const struct prefix_key *key);
/* Frees a root. */
void root_table_remove(struct root_table *t, struct prefix_root *r);
void root_table_fini(struct root_table *t); /* with all roots in it */

#endif
