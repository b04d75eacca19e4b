/* The line on a terminal while a model is downloaded or packed: after a second, cut to the terminal's width. Anywhere else,
 * nothing. */
#ifndef PARALLM_CLI_LOADING_H
#define PARALLM_CLI_LOADING_H

#include <stdbool.h>
#include <stdint.h>

struct loading {
    bool on, shown;
    double begun, updated;
    const char *what; /* the work that is under way: the time counts from its beginning */
    uint64_t first;   /* bytes that were done when it was first heard of */
    uint64_t done;    /* the last that was heard: bytes downloaded, of a download */
};

void loading_begin(struct loading *l, bool quiet);
bool loading_progress(void *user, const char *what, uint64_t done, uint64_t total); /* a pllm_progress; false after Ctrl-C */
void loading_end(struct loading *l); /* clears the line */

#endif
