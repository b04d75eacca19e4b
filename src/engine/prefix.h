/* Prefix tree: which blocks hold which tokens, so that nothing is computed or stored twice.
 *
 *     root (salt, adapter ...)            one tree for each set of things that change a prefix's values
 *       +- block "the quick ... fox"      a full block has KV_BLOCK tokens and may have children
 *       |    +- block "jumps ... dog"
 *       |    +- block "jumps ov"          a part of one has none
 *       +- block ...
 *
 * A node *is* a block of group 0, and carries the block of the window group beside it while that is kept
 * (`window_block`, else -1). Blocks enter the tree as soon as their tokens are known, before they are
 * computed (kv_content.filled says how far they are). Children are sorted by their tokens, so that the
 * child with the longest common beginning stands beside the place where the searched tokens would stand.
 *
 * Blocks that no sequence uses stay until somebody needs room: the oldest first, children before parents,
 * which follows from releasing a sequence's blocks from its last one to its first. */
#ifndef PARALLM_ENGINE_PREFIX_H
#define PARALLM_ENGINE_PREFIX_H

#include "engine/kv.h"
#include "engine/prefix_root.h"

struct prefix;

pllm_status prefix_open(struct prefix **out, struct kv_blocks *kv, pllm_error *err);
void prefix_close(struct prefix *t);

/* The tree for a key, with one more user; NULL: no memory. */
struct prefix_root *prefix_root_get(struct prefix *t, const struct prefix_key *key);
void prefix_root_put(struct prefix *t, struct prefix_root *root);

/* The child of `parent` (a block; -1: the root) that has most of its first tokens in common with
 * tokens[0 .. n-1], n <= KV_BLOCK, and *common, how many; -1: not even the first. */
int32_t prefix_find(const struct prefix *t, const struct prefix_root *root, int32_t parent,
                    const int32_t *tokens, int n, int *common);

/* Makes a live block a child of `parent`. False: one with these tokens is there, the parent is not in the
 * tree, or no memory; then the block stays outside. */
bool prefix_insert(struct prefix *t, struct prefix_root *root, int32_t parent, int32_t block,
                   const int32_t *tokens, int n);
/* Takes a block without children out. */
void prefix_remove(struct prefix *t, int32_t block);

/* Lets a live block stand under tokens[0 .. n-1] instead of a beginning or continuation of them, or nothing; n = 0: not at
 * all. The block of the window group beside it stays there. It has no children, and its root is in use. */
void prefix_rename(struct prefix *t, struct prefix_root *root, int32_t parent, int32_t block, const int32_t *tokens, int n);

/* Lets a block stand under no more than the first n of its tokens; otherwise the same. */
void prefix_shorten(struct prefix *t, int32_t block, int n);
bool prefix_has(const struct prefix *t, int32_t block);
int prefix_n_tokens(const struct prefix *t, int32_t block); /* of a block in the tree */

int32_t prefix_window_block(const struct prefix *t, int32_t block); /* -1: not kept */
void prefix_set_window_block(struct prefix *t, int32_t block, int32_t window_block); /* of a block in the tree */

/* A block of a group, giving up the oldest cached ones if need be; -1: all are in use. */
int32_t prefix_take(struct prefix *t, int group);

#endif
