/* What happens to a text before it is cut into words: a chain of steps, each of which rewrites it. */
#ifndef PARALLM_TEXT_NORMALIZE_H
#define PARALLM_TEXT_NORMALIZE_H

#include "base/error.h"
#include "base/vec.h"
#include "text/charsmap.h"
#include "text/pattern.h"

#include <stdbool.h>

struct norm_step {
    enum {
        NORM_NFC,
        NORM_NFD,
        NORM_NFKC,
        NORM_NFKD,
        NORM_LOWERCASE,
        NORM_STRIP,
        NORM_STRIP_ACCENTS,
        NORM_NMT,
        NORM_PREPEND,
        NORM_REPLACE,
        NORM_CHARSMAP,
        NORM_BYTES
    } kind;
    struct pattern pattern; /* replace: what */
    char *content;          /* replace, prepend: by what */
    size_t n_content;
    bool left, right; /* strip: which ends */
    struct charsmap charsmap;
};

typedef VEC(struct norm_step) norm_steps;
void norm_fini(norm_steps *steps);

/* A text on its way through the steps. */
struct normalized {
    const char *text; /* the caller's, until a step changes it */
    size_t n;
    bool cut_start; /* a step removed what it began with */
    struct buf own, other;
    struct pattern_scratch pattern;
    VEC(int32_t) wide;
    size_t limit; /* of bytes (growth.h) */
};

void normalized_fini(struct normalized *t);

/* t->text and t->n hold the input, valid UTF-8, and then the result, valid until the next run. PLLM_E_ARGUMENT:
 * it grew beyond growth_limit. */
pllm_status norm_run(const struct norm_step *steps, size_t n_steps, struct normalized *t, pllm_error *err);

#endif
