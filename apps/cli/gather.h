/* Lines that are read and wait to be handed to the engine, sorted so that prompts with a common beginning follow one
 * another: the engine then computes each beginning once, while it is in the cache. */
#ifndef PARALLM_CLI_GATHER_H
#define PARALLM_CLI_GATHER_H

#include <stdbool.h>
#include <stddef.h>

struct job;

struct gather {
    struct job **at; /* not owned: each is in its batch's list too */
    size_t n, room;
};

bool gather_add(struct gather *g, struct job *job); /* false: no memory */
/* By adapter, salt of the cache, tokens; equal ones stay in the order of the input. */
void gather_sort(struct gather *g);
void gather_fini(struct gather *g);

#endif
