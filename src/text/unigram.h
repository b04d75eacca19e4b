/* The unigram language model: of all ways to spell a word by tokens, the one whose scores have the highest sum
 * (Kudo, "Subword regularization", 2018), found by Viterbi's algorithm. */
#ifndef PARALLM_TEXT_UNIGRAM_H
#define PARALLM_TEXT_UNIGRAM_H

#include "base/error.h"
#include "text/strtab.h"
#include "text/tokenizer.h"
#include "text/trie.h"

struct unigram {
    const struct strtab *vocab; /* not owned */
    struct trie trie;
    double *score; /* by id */
    double unk_score;
    int32_t unk; /* -1: none */
    int32_t byte_id[256]; /* of "<0xXX>"; -1: none */
    bool byte_fallback;
    bool single; /* sums are rounded to single precision, as SentencePiece has them: it decides between equal ways */
};

struct unigram_node {
    double score;  /* best of the ways to here */
    uint32_t from; /* where its last token begins */
    int32_t id;    /* -1: an unknown character */
    bool reached;
};

struct unigram_token {
    uint32_t start, end;
    int32_t id;
};

struct unigram_scratch {
    VEC(struct unigram_node) node;
    VEC(struct unigram_token) token;
};
void unigram_scratch_fini(struct unigram_scratch *s);

/* vocab has all its texts; score[id] for each, copied; skip[id] (or NULL): not a piece of text. PLLM_E_FORMAT: a score
 * that is not finite. */
pllm_status unigram_init(struct unigram *u, const struct strtab *vocab, const double *score, const bool *skip,
                         pllm_error *err);
void unigram_fini(struct unigram *u);

/* The ids of a word, valid UTF-8, at the end of *ids. PLLM_E_ARGUMENT: a character is unknown, and there is no token for
 * such. */
pllm_status unigram_encode(const struct unigram *u, const char *word, size_t n, ids_vec *ids,
                           struct unigram_scratch *s, pllm_error *err);

#endif
