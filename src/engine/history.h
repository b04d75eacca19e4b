/* Which tokens a sequence has seen, and how often: what penalties need, in the number of distinct tokens
 * and not in the size of the vocabulary. A small hash table with one entry for each distinct token. */
#ifndef PARALLM_ENGINE_HISTORY_H
#define PARALLM_ENGINE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct history_entry {
    int32_t token;    /* -1: empty */
    int32_t n_recent; /* in the last `window` tokens of prompt and output */
    int32_t n_output; /* in the output */
};

struct history {
    struct history_entry *entries; /* [size], a power of two; at most half are used */
    size_t size, n_used;
    int32_t window;  /* 0: all tokens */
    size_t n_tokens; /* counted so far */
};

void history_init(struct history *h, int32_t window);
void history_fini(struct history *h);
/* Counts tokens[h->n_tokens .. n-1], of which those from n_prompt on are output. False: no memory; then it
 * may be called again. */
bool history_update(struct history *h, const int32_t *tokens, size_t n, size_t n_prompt);

#endif
