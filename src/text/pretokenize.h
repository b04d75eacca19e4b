/* Cutting a text into words, which are encoded apart: a chain of steps, each of which cuts the pieces that the one before
 * left, or changes their text. */
#ifndef PARALLM_TEXT_PRETOKENIZE_H
#define PARALLM_TEXT_PRETOKENIZE_H

#include "base/error.h"
#include "base/vec.h"
#include "text/pattern.h"

#include <stdbool.h>
#include <stdint.h>

enum split_behavior {
    SPLIT_REMOVED,
    SPLIT_ISOLATED,
    SPLIT_MERGED_WITH_PREVIOUS,
    SPLIT_MERGED_WITH_NEXT,
    SPLIT_CONTIGUOUS
};

enum prepend_scheme { PREPEND_ALWAYS, PREPEND_FIRST, PREPEND_NEVER };

struct pretok_step {
    enum { PRETOK_SPLIT, PRETOK_PREFIX_SPACE, PRETOK_BYTES, PRETOK_METASPACE, PRETOK_FIXED } kind;
    struct pattern pattern; /* split: what to look for */
    enum split_behavior behavior;
    bool invert;            /* split: what lies between is what was looked for */
    char replacement[8];    /* metaspace: for a space */
    enum prepend_scheme prepend;
    bool split;             /* metaspace: cut before each replacement */
    size_t length;          /* fixed: characters */
};

typedef VEC(struct pretok_step) pretok_steps;
void pretok_fini(pretok_steps *steps);

struct piece {
    uint32_t at, n;
};

struct split_part {
    uint32_t start, end; /* in the piece */
    bool match;
};

/* A text cut in pieces; the text is the caller's until a step changes it. */
struct pieces {
    const char *text;
    size_t n_text;
    VEC(struct piece) piece;
    bool at_start; /* the first piece begins where the input begins */
    size_t limit;  /* of n_text (growth.h), below 2 GiB */
    /* Scratch of the steps: */
    VEC(struct piece) made;
    VEC(struct split_part) part;
    struct buf own, other, aged;
    struct pattern_scratch pattern;
};

void pieces_fini(struct pieces *p);

/* One piece, the whole (valid UTF-8, less than 2 GiB); false: no memory. */
bool pieces_start(struct pieces *p, const char *text, size_t n, bool at_start);
/* PLLM_E_ARGUMENT: an expression takes too long, or the text grew beyond the limit. */
pllm_status pretok_run(const struct pretok_step *steps, size_t n_steps, struct pieces *p, pllm_error *err);

#endif
