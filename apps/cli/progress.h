/* The live line on a terminal: done / total, tokens per second, running and waiting sequences, time left. */
#ifndef PARALLM_CLI_PROGRESS_H
#define PARALLM_CLI_PROGRESS_H

#include "parallm.h"

struct progress {
    bool on;
    size_t total;      /* answers expected; 0: not known */
    int64_t longest;   /* tokens that an answer has at most; 0: not known */
    double begun, shown;
    bool reads;            /* tokens are those of prompts, not of answers; set after progress_begin */
    bool shares;           /* answers go to a terminal, too: the line gives way to them; set after progress_begin */
    bool drawn;            /* the line is there */
    uint64_t tokens_shown; /* until then */
    double rate;           /* tokens per second, lately */
};

bool progress_wanted(bool quiet); /* standard error is a terminal that can clear a line, and nobody asked for quiet */
/* Nothing is shown unless it is wanted. */
void progress_begin(struct progress *p, bool quiet, size_t total);
/* `known`: answers done and on their way, for where the total is not known. */
void progress_update(struct progress *p, size_t done, size_t known, const pllm_stats *stats);
void progress_give_way(struct progress *p); /* an answer is about to be written */
void progress_end(struct progress *p); /* clears the line */

/* What is going on while there is nothing to count, in place of what was said before, until it is over. */
void progress_say(bool quiet, const char *format, ...) __attribute__((format(printf, 2, 3)));
void progress_said(bool quiet);

int progress_columns(void); /* that a line on the terminal may take */
/* Adds `part` to the line, with two blanks before it, if that fits into `width` columns. */
void progress_add(char *line, size_t size, int width, const char *part);
void progress_time_left(char *out, size_t n, double seconds); /* "1:02:03 left" */

/* Seconds that the rest of `total` answers takes, after `elapsed` in which some were done and `tokens` came. While the first
 * answers come, the tokens of all that are on their way would count as theirs; no answer has more than `longest` (0: not known). */
double progress_seconds_left(double elapsed, size_t done, size_t total, uint64_t tokens, int64_t longest);

#endif
