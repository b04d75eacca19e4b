/* Which word a mistyped one was meant to be. */
#ifndef PARALLM_CLI_NEAREST_H
#define PARALLM_CLI_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *word; /* the best so far; NULL: none is near */
    int distance;
};

/* Considers `candidate` for the n bytes of `typed`: near are those that at most two letters more, less or other make
 * of it, one in short words, and, after all of these, those that begin with it. Dashes and
 * underscores are the same. The first of equals stays. */
void nearest_consider(struct nearest *best, const char *typed, size_t n, const char *candidate);

#endif
