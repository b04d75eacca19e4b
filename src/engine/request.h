/* A request as the engine keeps it, and its samples: sequences of tokens with their place in the KV cache. */
#ifndef PARALLM_ENGINE_REQUEST_H
#define PARALLM_ENGINE_REQUEST_H

#include "base/vec.h"
#include "engine/history.h"
#include "engine/kv.h"
#include "engine/prefix.h"
#include "engine/stop.h"
#include "text/tokenizer.h"

/* All samples of a request draw their first token in the same step, with `logprobs` most probable tokens each: so many of them
 * at most, 256 MiB. A step has no more for all its first draws together. */
enum { REQUEST_MAX_TOPS = 1 << 25 };

enum seq_state {
    SEQ_LATER,   /* waits for the request's first sample, which computes the prompt for all */
    SEQ_WAITING, /* in the queue */
    SEQ_RUNNING, /* has blocks, takes part in steps */
    SEQ_DONE,
};

struct request {
    uint64_t id;
    struct request *next; /* in the engine's table of ids */
    pllm_request p;       /* every pointer in it is owned here */
    struct stops stops;
    uint64_t seed;
    int adapter;          /* slot in the engine's table, -1: none */
    uint64_t lone;        /* number of its private prefix tree, 0: shares */
    struct prefix_root *roots[2]; /* by rope; [1] NULL where the model has only one kind */
    struct seq *seqs;     /* [p.n] */
    int n_done;
    bool needs_history;   /* has penalties */
    bool cancelled;       /* to be forgotten at the end of the step that has its rows */
    bool broken;          /* the model computed no number for a token of its prompt */
    bool prompt_done;     /* the first tokens of all samples are drawn */
};

/* One sample. tokens[0 .. n_prompt-1] is the prompt, the rest output. The values of positions [0, pos) are in
 * its blocks, or will be after the step in the making. */
struct seq {
    struct request *request;
    struct seq *parent, *child[2]; /* in the queue */
    uint32_t rank;                 /* likewise */
    int32_t sample;          /* first_sample + index */
    enum seq_state state;

    ids_vec tokens;
    VEC(float) logprobs;     /* of the output */
    int n_prompt;
    int n_given;             /* output tokens that the request came with (fork) */

    int rope;                /* which factors its blocks are rotated with */
    int pos;
    int n_rows, first_row;   /* in the step in the making; rows compute [pos - n_rows, pos) */
    int first_out, n_out;    /* its logits in that step */
    int n_blocks, block_cap; /* entries of the tables */
    int32_t *blocks[KV_GROUPS];
    int n_sealed;            /* blocks that are complete and known to the tree as far as they can be */
    int first_kept;          /* entries of group 1 before this one are given up */
    int32_t copy_from;       /* block whose beginning its first own block copies, -1: none; referred to */
    int32_t copy_window;     /* its block of group 1, or -1 */
    int copy_tokens;         /* how many positions to copy */
    bool shares_nothing;     /* lost a shared block once: computes all by itself */

    int n_scored;            /* prompt positions below have had their events */
    int cached_tokens;       /* -1: not admitted yet */
    struct history history;
    struct detok detok;
    struct buf text;         /* held back */
    uint32_t *matched;       /* of stop strings */
};

/* Copies a request; tokens = given[0 .. n_given-1], then p->tokens, of which the first n_prompt are the prompt.
 * Values out of range are refused, naming the field. */
pllm_status request_open(struct request **out, const pllm_request *p, const int32_t *given, size_t n_given,
                         size_t n_prompt, int vocab, pllm_error *err);
void request_close(struct request *r); /* its sequences hold no blocks any more */

/* Order of service: priority, then arrival, then sample. */
bool seq_before(const struct seq *a, const struct seq *b);

/* Room for one more token, and table entries for it; false: no memory. */
bool seq_reserve(struct seq *s);

static inline int seq_n_output(const struct seq *s)
{
    return (int)s->tokens.n - s->n_prompt;
}

#endif
