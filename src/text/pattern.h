/* Where to cut or replace: a plain string or a regular expression.
 *
 * Expressions are written for Oniguruma with Ruby's syntax, as tokenizer files are; they are translated for PCRE2
 * (onig.c) and run with its JIT under a limit of work, so that a hostile one ends with an error. */
#ifndef PARALLM_TEXT_PATTERN_H
#define PARALLM_TEXT_PATTERN_H

#include "base/error.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stddef.h>

struct pattern {
    char *literal; /* or NULL: */
    size_t n_literal;
    void *code; /* pcre2_code */
    bool jit;
};

/* What one search at a time needs; zeroed: nothing yet. */
struct pattern_scratch {
    void *match, *context; /* pcre2_match_data, pcre2_match_context */
};

struct pattern_match {
    size_t start, end;
};

/* PLLM_E_FORMAT: the message has the expression, or its beginning, and what is wrong with it. */
pllm_status pattern_regex(struct pattern *p, const char *source, size_t n, pllm_error *err);
pllm_status pattern_literal(struct pattern *p, const char *text, size_t n, pllm_error *err);
void pattern_fini(struct pattern *p);
void pattern_scratch_fini(struct pattern_scratch *s);

/* All matches one after another: zeroed but for what the caller gives; false: no more, or *status is set.
 * An empty match right behind the one before is passed over. */
struct pattern_walk {
    const struct pattern *pattern;
    struct pattern_scratch *scratch;
    const char *text;
    size_t n, from;
    bool matched; /* there was a match, and it ended at from's last value */
    size_t last_end;
};
bool pattern_next(struct pattern_walk *w, struct pattern_match *m, pllm_status *status, pllm_error *err);

/* Whether PCRE2 takes an expression, in its own syntax: what a version of it knows can only be asked so. */
bool pattern_compiles(const char *source);

/* Oniguruma's syntax as PCRE2's at the end of *out (onig.c). PLLM_E_FORMAT: it cannot be. */
pllm_status onig_translate(struct buf *out, const char *source, size_t n, pllm_error *err);

#endif
