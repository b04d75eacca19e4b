#include "engine/prefix.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

struct node {
    struct prefix_root *root; /* NULL: not in the tree */
    int32_t parent;           /* -1: the root */
    int32_t window_block;
    int n_tokens;
    block_list children; /* sorted by tokens; memory stays for the block's next use */
};

struct prefix {
    struct kv_blocks *kv;
    struct node *nodes;          /* [blocks of group 0] */
    int32_t (*tokens)[KV_BLOCK]; /* likewise */
    int32_t *window_owner;       /* [blocks of group 1]: the node that carries it */
    struct root_table roots;
};

pllm_status prefix_open(struct prefix **out, struct kv_blocks *kv, pllm_error *err)
{
    struct prefix *t = mem_zalloc(1, sizeof *t);
    if (!t)
        return error_memory(err, "prefix tree");
    size_t n = (size_t)kv->pool[0].n_blocks;
    t->kv = kv;
    t->nodes = mem_zalloc(n, sizeof *t->nodes);
    t->tokens = mem_alloc(n, sizeof *t->tokens);
    t->window_owner = mem_alloc((size_t)kv->pool[1].n_blocks, sizeof *t->window_owner);
    if (!t->nodes || !t->tokens || !t->window_owner) {
        prefix_close(t);
        return error_memory(err, "prefix tree");
    }
    *out = t;
    return PLLM_OK;
}

void prefix_close(struct prefix *t)
{
    if (!t)
        return;
    root_table_fini(&t->roots);
    for (int i = 0; t->nodes && i < t->kv->pool[0].n_blocks; i++)
        vec_fini(&t->nodes[i].children);
    mem_free(t->window_owner);
    mem_free(t->tokens);
    mem_free(t->nodes);
    mem_free(t);
}

struct prefix_root *prefix_root_get(struct prefix *t, const struct prefix_key *key)
{
    struct prefix_root *r = root_table_get(&t->roots, key);
    if (r)
        r->n_users++;
    return r;
}

/* Drops all nodes of a root, children first; its sequences are gone, so nobody uses them. */
static void root_clear(struct prefix *t, struct prefix_root *r)
{
    while (r->children.n) {
        int32_t b = r->children.at[r->children.n - 1];
        while (t->nodes[b].children.n)
            b = t->nodes[b].children.at[t->nodes[b].children.n - 1];
        prefix_remove(t, b);
    }
}

void prefix_root_put(struct prefix *t, struct prefix_root *r)
{
    if (--r->n_users > 0)
        return;
    r->n_users = 1; /* so that removing the last node leaves it to us */
    if (r->key.lone)
        root_clear(t, r);
    r->n_users = 0;
    if (r->n_nodes == 0)
        root_table_remove(&t->roots, r);
}

static block_list *children_of(struct prefix *t, struct prefix_root *root, int32_t parent)
{
    return parent < 0 ? &root->children : &t->nodes[parent].children;
}

static int common_tokens(const int32_t *a, int n_a, const int32_t *b, int n_b)
{
    int i = 0, n = n_a < n_b ? n_a : n_b;
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

/* The first child that is not less than the tokens (a beginning comes before what continues it). */
static size_t place_of(const struct prefix *t, const block_list *children, const int32_t *tokens, int n)
{
    size_t lo = 0, hi = children->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int32_t b = children->at[mid];
        int n_b = t->nodes[b].n_tokens, same = common_tokens(t->tokens[b], n_b, tokens, n);
        bool less = same == n_b ? same < n : same < n && t->tokens[b][same] < tokens[same];
        if (less)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int32_t prefix_find(const struct prefix *t, const struct prefix_root *root, int32_t parent,
                    const int32_t *tokens, int n, int *common)
{
    const block_list *children = parent < 0 ? &root->children : &t->nodes[parent].children;
    size_t place = place_of(t, children, tokens, n);
    int32_t best = -1;
    *common = 0;
    for (size_t i = place > 0 ? place - 1 : 0; i <= place && i < children->n; i++) {
        int32_t b = children->at[i];
        int same = common_tokens(t->tokens[b], t->nodes[b].n_tokens, tokens, n);
        if (same > *common) {
            *common = same;
            best = b;
        }
    }
    return best;
}

static bool is_node(const struct prefix *t, size_t place, const block_list *children,
                    const int32_t *tokens, int n)
{
    if (place >= children->n)
        return false;
    int32_t b = children->at[place];
    return t->nodes[b].n_tokens == n && common_tokens(t->tokens[b], n, tokens, n) == n;
}

bool prefix_insert(struct prefix *t, struct prefix_root *root, int32_t parent, int32_t block,
                   const int32_t *tokens, int n)
{
    struct node *node = &t->nodes[block];
    assert(!node->root && n > 0 && n <= KV_BLOCK);
    if (parent >= 0 && t->nodes[parent].root != root)
        return false;
    block_list *children = children_of(t, root, parent);
    size_t place = place_of(t, children, tokens, n);
    if (is_node(t, place, children, tokens, n) || !vec_reserve(children, 1))
        return false;
    memmove(children->at + place + 1, children->at + place, (children->n - place) * sizeof *children->at);
    children->at[place] = block;
    children->n++;
    memcpy(t->tokens[block], tokens, (size_t)n * sizeof *tokens);
    node->root = root;
    node->parent = parent;
    node->n_tokens = n;
    node->window_block = -1;
    root->n_nodes++;
    kv_know(&t->kv->pool[0], block);
    return true;
}

void prefix_remove(struct prefix *t, int32_t block)
{
    struct node *node = &t->nodes[block];
    struct prefix_root *root = node->root;
    assert(root && node->children.n == 0);
    block_list *children = children_of(t, root, node->parent);
    size_t place = place_of(t, children, t->tokens[block], node->n_tokens);
    assert(children->at[place] == block);
    children->n--;
    memmove(children->at + place, children->at + place + 1, (children->n - place) * sizeof *children->at);
    prefix_set_window_block(t, block, -1);
    node->root = NULL;
    kv_forget(&t->kv->pool[0], block);
    if (--root->n_nodes == 0 && root->n_users == 0)
        root_table_remove(&t->roots, root);
}

void prefix_rename(struct prefix *t, struct prefix_root *root, int32_t parent, int32_t block, const int32_t *tokens, int n)
{
    const struct node was = t->nodes[block];
    if (was.root && was.n_tokens == n)
        return;
    const int32_t window_block = was.root ? was.window_block : -1;
    if (window_block >= 0)
        kv_ref(&t->kv->pool[1], window_block); /* or it would be free once the block is out of the tree */
    if (was.root)
        prefix_remove(t, block);
    if (n > 0 && prefix_insert(t, root, parent, block, tokens, n))
        prefix_set_window_block(t, block, window_block);
    if (window_block >= 0)
        kv_unref(&t->kv->pool[1], window_block);
}

void prefix_shorten(struct prefix *t, int32_t block, int n)
{
    const struct node *node = &t->nodes[block];
    int32_t tokens[KV_BLOCK];
    if (!node->root || n >= node->n_tokens)
        return;
    memcpy(tokens, t->tokens[block], sizeof tokens);
    prefix_rename(t, node->root, node->parent, block, tokens, n);
}

bool prefix_has(const struct prefix *t, int32_t block)
{
    return t->nodes[block].root != NULL;
}

int prefix_n_tokens(const struct prefix *t, int32_t block)
{
    return t->nodes[block].n_tokens;
}

int32_t prefix_window_block(const struct prefix *t, int32_t block)
{
    return t->nodes[block].root ? t->nodes[block].window_block : -1;
}

void prefix_set_window_block(struct prefix *t, int32_t block, int32_t window_block)
{
    struct node *node = &t->nodes[block];
    if (node->window_block == window_block)
        return;
    if (node->window_block >= 0)
        kv_forget(&t->kv->pool[1], node->window_block);
    node->window_block = window_block;
    if (window_block >= 0) {
        kv_know(&t->kv->pool[1], window_block);
        t->window_owner[window_block] = block;
    }
}

int32_t prefix_take(struct prefix *t, int group)
{
    struct kv_pool *p = &t->kv->pool[group];
    if (p->n_free == 0 && p->oldest >= 0) {
        if (group == 0)
            prefix_remove(t, p->oldest);
        else
            prefix_set_window_block(t, t->window_owner[p->oldest], -1);
    }
    int32_t b = kv_take(p);
    if (b >= 0 && group == 0)
        t->kv->content[b] = (struct kv_content){0};
    return b;
}
