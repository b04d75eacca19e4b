#include "text/trie.h"

#include <string.h>

bool trie_init(struct trie *t)
{
    *t = (struct trie){.edge_mask = 63};
    t->edge = mem_zalloc(t->edge_mask + 1, sizeof *t->edge);
    return t->edge && vec_push(&t->node, (struct trie_node){.shown = TRIE_NONE, .value = -1});
}

void trie_fini(struct trie *t)
{
    mem_free(t->edge);
    vec_fini(&t->node);
    t->edge = NULL;
}

static size_t place_of(uint64_t key, size_t mask)
{
    return (size_t)(key * 0x9E3779B97F4A7C15u >> 20) & mask;
}

static bool grow_edges(struct trie *t)
{
    size_t mask = t->edge_mask * 2 + 1;
    struct trie_edge *edge = mem_zalloc(mask + 1, sizeof *edge);
    if (!edge)
        return false;
    for (size_t i = 0; i <= t->edge_mask; i++) {
        if (!t->edge[i].key)
            continue;
        size_t to = place_of(t->edge[i].key, mask);
        while (edge[to].key)
            to = (to + 1) & mask;
        edge[to] = t->edge[i];
    }
    mem_free(t->edge);
    t->edge = edge;
    t->edge_mask = mask;
    return true;
}

/* A new node below `parent`; TRIE_NONE: no memory. */
static uint32_t add_child(struct trie *t, uint32_t parent, uint8_t byte)
{
    if (t->node.n >= t->edge_mask / 2 && !grow_edges(t))
        return TRIE_NONE;
    uint32_t child = (uint32_t)t->node.n;
    struct trie_node node = {
        .parent = parent, .depth = t->node.at[parent].depth + 1, .shown = TRIE_NONE, .value = -1, .byte = byte};
    if (t->node.n >= TRIE_NONE || !vec_push(&t->node, node))
        return TRIE_NONE;
    uint64_t key = ((uint64_t)parent << 8 | byte) + 1;
    size_t i = place_of(key, t->edge_mask);
    while (t->edge[i].key)
        i = (i + 1) & t->edge_mask;
    t->edge[i] = (struct trie_edge){key, child};
    return child;
}

bool trie_add(struct trie *t, const char *text, size_t n, int32_t value)
{
    uint32_t node = TRIE_ROOT;
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)text[i];
        uint32_t child = trie_child(t, node, byte);
        if (child == TRIE_NONE && (child = add_child(t, node, byte)) == TRIE_NONE)
            return false;
        node = child;
    }
    t->first[(uint8_t)text[0]] = true;
    t->node.at[node].value = value;
    return true;
}

/* Node numbers by depth, which is the order that fail links can be computed in; NULL: no memory. */
static uint32_t *by_depth(const struct trie *t)
{
    size_t n = t->node.n, deepest = 0;
    for (size_t i = 0; i < n; i++)
        if (t->node.at[i].depth > deepest)
            deepest = t->node.at[i].depth;
    uint32_t *order = mem_alloc(n, sizeof *order);
    size_t *start = mem_zalloc(deepest + 2, sizeof *start);
    if (order && start) {
        for (size_t i = 0; i < n; i++)
            start[t->node.at[i].depth + 1]++;
        for (size_t d = 0; d <= deepest; d++)
            start[d + 1] += start[d];
        for (size_t i = 0; i < n; i++)
            order[start[t->node.at[i].depth]++] = (uint32_t)i;
    } else {
        mem_free(order);
        order = NULL;
    }
    mem_free(start);
    return order;
}

bool trie_link(struct trie *t)
{
    uint32_t *order = by_depth(t);
    if (!order)
        return false;
    for (size_t k = 1; k < t->node.n; k++) {
        struct trie_node *node = &t->node.at[order[k]];
        node->fail = TRIE_ROOT;
        if (node->depth > 1)
            node->fail = trie_step(t, t->node.at[node->parent].fail, node->byte);
        node->shown = node->value >= 0 ? order[k] : t->node.at[node->fail].shown;
    }
    mem_free(order);
    return true;
}
