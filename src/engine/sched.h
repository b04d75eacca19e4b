/* Scheduler: which rows are in the next step.
 *
 * First a row for every sequence that decodes, then chunks of prompts that are being read, then new sequences,
 * all in the order of service: priority, arrival, sample. Sequences join while there are blocks for all their
 * known tokens. When blocks run out, the last in the order is preempted: it goes back to the queue, keeps its
 * tokens, and is computed again later, to the same bits. The first in the order can always go on, so every
 * sequence is served in the end. */
#ifndef PARALLM_ENGINE_SCHED_H
#define PARALLM_ENGINE_SCHED_H

#include "engine/queue.h"
#include "engine/table.h"

struct sched {
    struct cache cache;
    int max_rows, max_out, max_seqs; /* of a batch */
    int max_scores;                  /* rows of prompts that give logits, of max_out: what is never used takes no memory */
    size_t max_tops;                 /* most probable tokens of the first draws of requests */
    int limit;                       /* most running at present, at most max_seqs */

    struct seq **running; /* [max_seqs], in the order of service */
    int n_running;
    struct queue waiting;
    int n_quiet, behind_rows; /* beside urgent ones: steps since prompts of others were read; rows of such a step */

    /* The step in the making. */
    struct batch batch;
    int32_t *tokens;          /* [max_rows] */
    struct batch_seq *seqs;   /* [max_seqs] */
    int32_t *out_rows;        /* [max_out] */
    int rows_left, outs_left, scores_left, behind_left;
    size_t tops_left;
    int n_decode; /* rows of the step that continue an output */

    uint64_t preemptions;
};

struct sched_sizes {
    int max_rows, max_out, max_scores, max_seqs;
    int n_blocks[KV_GROUPS];
    size_t max_tops; /* as many as any one request needs: REQUEST_MAX_TOPS */
};

pllm_status sched_init(struct sched *s, const struct engine_model *model, const struct sched_sizes *sizes,
                       pllm_error *err);
void sched_fini(struct sched *s);

void sched_queue(struct sched *s, struct seq *q);
/* Takes a sequence out of the queue or the running ones and gives its blocks back. Between steps only. */
void sched_drop(struct sched *s, struct seq *q);
/* The same, but it stays in service: queued again. */
void sched_requeue(struct sched *s, struct seq *q);

/* Makes the next step: s->batch; each running sequence says what its part is (n_rows, first_out, n_out). Batch.n_rows
 * is 0 if nothing is left. PLLM_E_MEMORY: no memory for tables, nothing is changed. */
pllm_status sched_next(struct sched *s, pllm_error *err);

/* Whether the row at `pos` gives logits: to draw the next token, or to score the prompt's. Of a fork that reads prompt and
 * output in one step, the rows between the scored ones and the last give none. */
bool sched_wants_logits(const struct seq *q, int pos);

#endif
