/* The pre-tokenizers that GGUF files know by name (tokenizer.ggml.pre). */
#ifndef PARALLM_TEXT_GGUF_PRE_H
#define PARALLM_TEXT_GGUF_PRE_H

#include "text/pretokenize.h"

#include <stdbool.h>

struct gguf_pre {
    const char *names;       /* each followed by a space */
    const char *patterns[6]; /* regular expressions, each of which cuts out what it matches; one after another */
    bool ignore_merges;      /* a word that is a token is not merged from its characters */
    bool add_bos;            /* where the file does not say */
};

/* NULL: no such name. */
const struct gguf_pre *gguf_pre_find(const char *name);

/* All of them, the first of equal ones first; NULL past the last one. */
const struct gguf_pre *gguf_pre_at(size_t i);

/* Its patterns as steps, behind those that are there. */
pllm_status gguf_pre_push(const struct gguf_pre *pre, pretok_steps *steps, pllm_error *err);

#endif
