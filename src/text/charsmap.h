/* SentencePiece's compiled normalization rules: a double-array trie of strings and what each is replaced by. */
#ifndef PARALLM_TEXT_CHARSMAP_H
#define PARALLM_TEXT_CHARSMAP_H

#include "base/error.h"
#include "base/vec.h"
#include "text/trie.h"

#include <stdbool.h>
#include <stdint.h>

enum charsmap_rule {
    CHARSMAP_LONGEST, /* the longest rule at each place: SentencePiece */
    CHARSMAP_CLUSTERS /* whole grapheme clusters below 6 bytes, else characters, by the shortest rule: tokenizers */
};

struct charsmap {
    uint32_t *unit;
    size_t n_units;
    char *replacement; /* NUL-terminated strings one after another */
    size_t n_replacement;
    enum charsmap_rule rule;
    struct trie keep; /* texts that stay as they are; no nodes: none */
};

/* From the bytes of `precompiled_charsmap`, which are copied. */
pllm_status charsmap_init(struct charsmap *m, const void *bytes, size_t n, enum charsmap_rule rule, pllm_error *err);
/* A text that no rule touches; false: no memory. */
bool charsmap_keep(struct charsmap *m, const char *text, size_t n);
void charsmap_fini(struct charsmap *m);

/* Appends the rewritten text, valid UTF-8; stops early where *out has come to more than `limit` bytes. False: no memory. */
bool charsmap_run(const struct charsmap *m, const char *text, size_t n, size_t limit, struct buf *out);

#endif
