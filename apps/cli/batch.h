/* Many lines in, many lines out: reads ahead, hands the lines to the engine in the order of their beginnings whenever
 * it has little left to do, hands each event to its line's job, and writes what is finished. At most a window of lines
 * and some MiB of them are in memory, however long the input is. What a line asks for and what its answer looks like is
 * the command's: struct batch_kind. */
#ifndef PARALLM_CLI_BATCH_H
#define PARALLM_CLI_BATCH_H

#include "buffer.h"
#include "gather.h"
#include "lines.h"
#include "output.h"
#include "progress.h"
#include "request.h"

/* One answer as it grows. */
struct sample {
    struct buffer text;
    struct buffer token_ids, logprobs; /* items of JSON lists */
    struct buffer piece;               /* what is to be written now, before the line; --stream */
    struct buffer line;                /* the whole output line, once it is finished */
    bool finished;
    bool streamed;                     /* an event came, so that this is no error of the line */
};

/* A line of the input, until its answers are written. */
struct job {
    uint64_t id;            /* the engine's; 0: it does not have it yet */
    size_t number;          /* of the line, from 0 */
    struct request request;
    struct buffer prompt_logprobs, prompt_top; /* items of JSON lists, after the first token's */
    double sum;             /* score: of the log-probabilities from `from` on */
    bool is_greedy;
    size_t from;
    struct sample *samples;
    int n_samples, n_left;
    size_t n_bytes;         /* that it counts for in batch.n_bytes */
    struct job *chain;        /* others in its bucket */
    struct job *older, *newer; /* in the order of the input */
};

struct batch_kind {
    /* Makes a request of a line. An error is the line's. */
    pllm_status (*read)(struct job *job, const struct request_context *c, const char *line, size_t n, pllm_error *err);
    bool takes_prompts; /* of --prompt, too */
    bool keeps_prompt; /* its tokens are needed for the output */
    bool plain;        /* no JSON is written: a line's error goes to standard error, behind what was written of it */
    /* Takes an event; after a FINISH, sample->line is complete. Returns false if that line is an error. */
    bool (*event)(struct job *job, struct sample *sample, const pllm_event *e, const struct request_context *c);
};

struct batch {
    /* Set by the caller, who owns them. */
    const struct batch_kind *kind;
    pllm_engine *engine;
    const struct request_context *context;
    struct lines *lines;
    struct output *output;
    struct progress *progress;
    bool ordered; /* answers in the order of the input */
    /* What came of it. */
    size_t n_lines, n_samples, n_errors;
    uint64_t prompt_tokens;
    /* Its own. */
    struct job *buckets[4096];
    struct job *oldest, *newest;
    struct gather gathered;
    size_t n_jobs, n_pending, window; /* lines held; answers still to come; most of either */
    size_t n_submitted, low;          /* answers that the engine owes; so few that it wants more */
    size_t n_bytes;                   /* held for lines and finished answers, about */
    bool ended;
};

/* Runs to the end of the input, or Ctrl-C. Returns the exit code, after a message where one is due. */
int batch_run(struct batch *b);

/* The fields "id" and "index" with which each output line begins; index -1: there is none. */
void batch_begin_line(struct buffer *line, const struct job *job, int index);

#endif
