/* A trie over bytes, and the automaton over it that finds many strings in one pass (Aho and Corasick,
 * "Efficient string matching: an aid to bibliographic search", 1975). */
#ifndef PARALLM_TEXT_TRIE_H
#define PARALLM_TEXT_TRIE_H

#include "base/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRIE_ROOT = 0, TRIE_NONE = UINT32_MAX };

struct trie_node {
    uint32_t parent, depth;
    uint32_t fail;  /* node of the longest proper suffix that is in the trie; after trie_link */
    uint32_t shown; /* this node or the first on its way of fails that ends a string; TRIE_NONE */
    int32_t value;  /* of the string that ends here; -1: none does */
    uint8_t byte;   /* on the edge from the parent */
};

struct trie_edge {
    uint64_t key; /* node << 8 | byte, plus 1; 0: free */
    uint32_t child;
};

struct trie {
    VEC(struct trie_node) node;
    struct trie_edge *edge; /* edge_mask + 1 of them */
    size_t edge_mask;
    bool first[256]; /* some string begins with this byte */
};

bool trie_init(struct trie *t); /* false: no memory */
void trie_fini(struct trie *t);

/* Adds a string, n > 0, with a value >= 0 (a later one replaces it); false: no memory. */
bool trie_add(struct trie *t, const char *text, size_t n, int32_t value);

/* After the last trie_add: what trie_step needs. */
bool trie_link(struct trie *t);

/* The node below `node` along `byte`, or TRIE_NONE. */
static inline uint32_t trie_child(const struct trie *t, uint32_t node, uint8_t byte)
{
    uint64_t key = ((uint64_t)node << 8 | byte) + 1;
    for (size_t i = (size_t)(key * 0x9E3779B97F4A7C15u >> 20) & t->edge_mask;; i = (i + 1) & t->edge_mask) {
        if (t->edge[i].key == key)
            return t->edge[i].child;
        if (!t->edge[i].key)
            return TRIE_NONE;
    }
}

/* The state after one more byte: the longest suffix of what was read that begins a string. */
static inline uint32_t trie_step(const struct trie *t, uint32_t state, uint8_t byte)
{
    uint32_t child;
    while ((child = trie_child(t, state, byte)) == TRIE_NONE) {
        if (state == TRIE_ROOT)
            return TRIE_ROOT;
        state = t->node.at[state].fail;
    }
    return child;
}

#endif
