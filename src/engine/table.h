/* A sequence's block tables: how a prefix is found in the tree, how blocks are taken, filled, shared, sealed
 * and given back.
 *
 * A sequence shares full blocks by reference, also those that another one is still computing: it follows
 * behind, or takes the work over when the other stops. Of a block that agrees in part it copies the common
 * beginning. Who waits for whom: only for a sequence that comes before it in the order of service, so there is
 * no circle. */
#ifndef PARALLM_ENGINE_TABLE_H
#define PARALLM_ENGINE_TABLE_H

#include "engine/engine_model.h"
#include "engine/request.h"

struct cache {
    struct kv_blocks kv;
    struct prefix *prefix;
    const struct engine_model *model;
    void *decoder;
    uint64_t step; /* number of the step in the making, from 1 */
};

/* Rows are computed for positions below: all tokens, without the last one if nothing is to be drawn. */
int seq_end(const struct seq *s);
int seq_rope(const struct cache *c, const struct seq *s);

/* Finds the longest known prefix and takes blocks for the rest of the tokens that are known, leaving `reserve`
 * available. False, holding nothing: there are too few. seq_reserve was called. */
bool table_admit(struct cache *c, struct seq *s, int reserve);

/* Gives all blocks back; what is computed stays known to the tree. Between steps only. */
void table_release(struct cache *c, struct seq *s);

enum table_way {
    TABLE_READY, /* its next rows can be computed */
    TABLE_WAIT,  /* another sequence is about to compute what it shares */
    TABLE_LOST,  /* a shared block of the window group is gone: release it, admit it again */
};

/* Moves over positions that others have computed, and copies what is to be copied. */
enum table_way table_advance(struct cache *c, struct seq *s);

/* A block of group 0 for position tokens.n - 1, if it has none; false: all are in use. */
bool table_extend(struct cache *c, struct seq *s);

/* How many rows from s->pos on, at most `max`, it can compute in this step: up to what an earlier sequence
 * computes, and as far as the window group has blocks, which are taken. -1: not even one for the first row. */
int table_rows(struct cache *c, struct seq *s, int max);

/* n rows are computed in this step. */
void table_fill(struct cache *c, struct seq *s, int n);

/* Once before each step: full blocks enter the tree, or give way to equal ones that are there; what lies behind the
 * window is given up. */
void table_seal(struct cache *c, struct seq *s);

#endif
