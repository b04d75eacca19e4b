/* Prompts as one ragged batch, and the logits of all their positions. Within tests of models only. */
#ifndef PARALLM_TESTS_GOLDEN_PROMPTS_H
#define PARALLM_TESTS_GOLDEN_PROMPTS_H

#include "model/model.h"

enum { MAX_ROWS = 4096, MAX_PROMPTS = 32, THREADS = 2 };

/* Each prompt is a sequence of its own, with blocks of its own. */
struct prompts {
    struct batch batch;
    struct batch_seq seqs[MAX_PROMPTS];
    int32_t tokens[MAX_ROWS], out_rows[MAX_ROWS], blocks[MAX_ROWS];
    int n_blocks;
};

/* A sequence of n tokens, which the caller fills in: p->tokens from the place that is returned. */
static inline int32_t *prompts_add(struct prompts *p, int n)
{
    struct batch_seq *s = &p->seqs[p->batch.n_seqs++];
    int32_t *tokens = p->tokens + p->batch.n_rows;
    assert_true(p->batch.n_seqs <= MAX_PROMPTS && p->batch.n_rows + n <= MAX_ROWS);
    *s = (struct batch_seq){.first_row = p->batch.n_rows, .n_rows = n, .adapter = -1};
    for (int g = 0; g < KV_GROUPS; g++)
        s->blocks[g] = p->blocks + p->n_blocks;
    for (int i = 0; i < (n + KV_BLOCK - 1) / KV_BLOCK; i++, p->n_blocks++)
        p->blocks[p->n_blocks] = p->n_blocks;
    for (int i = 0; i < n; i++, p->batch.n_rows++)
        p->out_rows[p->batch.n_rows] = p->batch.n_rows;
    return tokens;
}

/* Runs them; the logits are the decoder's, which the caller closes. */
static inline struct decoder *prompts_run(struct prompts *p, const struct model *m, struct pool *pool, const float **logits,
                                          size_t *stride)
{
    struct decoder *d;
    const int rope_switch = model_rope_switch(m->desc);
    for (int i = 0; i < p->batch.n_seqs; i++)
        p->seqs[i].rope = rope_switch > 0 && p->seqs[i].n_rows > rope_switch;
    p->batch.n_out = p->batch.n_rows;
    p->batch.tokens = p->tokens;
    p->batch.out_rows = p->out_rows;
    p->batch.seqs = p->seqs;
    const struct decoder_options o = {.pool = pool, .threads = THREADS, .max_rows = p->batch.n_rows,
                                      .max_seqs = p->batch.n_seqs, .max_out = p->batch.n_rows, .kv_type = KV_F32,
                                      .n_blocks = {p->n_blocks, p->n_blocks}};
    assert_int_equal(decoder_open(&d, m, &o, NULL), PLLM_OK);
    decoder_step(d, &p->batch, logits, stride);
    return d;
}

#endif
