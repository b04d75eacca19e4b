/* Strings and the ids they stand for: the vocabulary's spellings, or the bytes behind them.
 *
 * All text lies in one block. Ids may have holes, two ids may have the same text (the later one is
 * found), and a text is found in constant time. */
#ifndef PARALLM_TEXT_STRTAB_H
#define PARALLM_TEXT_STRTAB_H

#include "base/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* More than any vocabulary has: an id above is a broken file, not a reason to allocate. */
enum { STRTAB_MAX = 1 << 22 };

struct strtab_slot {
    uint32_t hash;
    int32_t id; /* -1: free */
};

struct strtab_item {
    uint32_t at; /* in text */
    int32_t n;   /* -1: no such id */
};

struct strtab {
    struct buf text;              /* each string is followed by a NUL */
    VEC(struct strtab_item) item; /* by id */
    struct strtab_slot *slot;     /* slot_mask + 1 of them */
    size_t slot_mask, n_used;
    uint64_t seed; /* of the hash: nobody can build a file whose strings collide */
};

bool strtab_init(struct strtab *t, size_t expected); /* room for so many; false: no memory */
void strtab_fini(struct strtab *t);

/* Gives `id` (0 .. STRTAB_MAX - 1) a text, below 4 GiB in all; false: no memory, or too much text. An id has its
 * text for ever. */
bool strtab_set(struct strtab *t, int32_t id, const char *text, size_t n);

int32_t strtab_find(const struct strtab *t, const char *text, size_t n); /* -1: not there */

static inline bool strtab_has(const struct strtab *t, int32_t id)
{
    return id >= 0 && (size_t)id < t->item.n && t->item.at[id].n >= 0;
}

/* The text of an id that is there. */
static inline const char *strtab_text(const struct strtab *t, int32_t id, size_t *n)
{
    *n = (size_t)t->item.at[id].n;
    return t->text.at + t->item.at[id].at;
}

#endif
