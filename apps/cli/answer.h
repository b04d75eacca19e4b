/* The output of `generate`: a line for each answer, or what comes of it at each step. */
#ifndef PARALLM_CLI_ANSWER_H
#define PARALLM_CLI_ANSWER_H

#include "batch.h"

extern const struct batch_kind answer_kind;
extern const struct batch_kind stream_kind; /* --stream: answers in pieces, JSON lines */
extern const struct batch_kind text_kind;   /* --stream of one answer: its text */

/* "[[5, -0.1], ...]" */
void answer_top(struct buffer *b, const pllm_event *e);

/* The member "error" of a line whose answer or score ended in one; of others nothing. */
void answer_error(struct buffer *line, const pllm_event *e);

#endif
