/* Byte pair encoding: a word's symbols are merged, the pair of lowest rank first and the leftmost of equals, until
 * no pair is left that has a rank.
 *
 * One engine for three kinds: byte-level (symbols are bytes), characters with byte fallback, and SentencePiece's
 * vocabularies with scores instead of a list of merges. Immutable once built, but for notes on single tokens, which
 * any number of threads may add. */
#ifndef PARALLM_TEXT_BPE_H
#define PARALLM_TEXT_BPE_H

#include "base/error.h"
#include "text/strtab.h"
#include "text/tokenizer.h"

#include <stdatomic.h>

struct bpe_merge {
    uint64_t key; /* left << 32 | right; UINT64_MAX: free */
    uint32_t rank;
    int32_t id; /* of the result */
};

enum bpe_missing {
    BPE_MISSING_UNK,  /* a character that is no symbol is the unknown token, or nothing where there is none */
    BPE_MISSING_BYTES /* is spelled in bytes, at the end, like any symbol without a token: llama.cpp */
};

struct bpe {
    const struct strtab *vocab; /* the text of symbols: spellings, or raw bytes in byte mode; not owned */
    struct bpe_merge *merge;    /* merge_mask + 1 of them */
    size_t merge_mask, n_merges;
    uint64_t seed;
    int32_t byte_id[256];  /* byte mode: of each byte; else of "<0xXX>"; -1: none */
    int32_t *char_id;      /* [65536] of one-character tokens outside byte mode */
    struct strtab phantom; /* symbols without a token, which merges may need; their ids begin at first_phantom */
    int32_t first_phantom;
    bool byte_mode, byte_fallback, fuse_unk, ignore_merges;
    enum bpe_missing missing;
    int32_t unk;                      /* -1: none */
    char *prefix, *suffix;            /* of a word's characters but the first; of its last; NULL */
    uint64_t *inside;                 /* bits: pairs of characters that some token may have inside; NULL: all may */
    _Atomic unsigned char *is_single; /* by id: its text is encoded as itself: 0 unknown, 1 yes, 2 no */
};

struct bpe_symbol {
    int32_t id, merged;  /* what this and the next would become; -1: nothing */
    uint32_t rank;       /* of that */
    int32_t prev, next;  /* -1: none */
};

struct bpe_scratch {
    VEC(struct bpe_symbol) symbol;
    VEC(uint64_t) heap; /* candidates: rank << 32 | place of the left symbol */
    struct buf text;
};

void bpe_scratch_fini(struct bpe_scratch *s);

/* A zeroed struct but for what the caller sets after; `vocab` has all its texts. False: no memory. */
bool bpe_init(struct bpe *b, const struct strtab *vocab, bool byte_mode, size_t expected_merges);
void bpe_fini(struct bpe *b);

/* A merge; a later one of the same pair replaces it. */
bool bpe_add_merge(struct bpe *b, int32_t left, int32_t right, int32_t id, uint32_t rank);

/* The symbol with this text, made if need be (then without a token); -1: no memory. */
int32_t bpe_symbol_for(struct bpe *b, const char *text, size_t n);

/* Every way to cut a token's text in two symbols becomes a merge, ranked by the token's score (score[id] for each), highest
 * first; ids with skip[id] (or NULL: none) are left out. Single characters without a token count as symbols. PLLM_E_FORMAT: a
 * score is NaN, or a token of thousands of bytes would have to be cut. */
pllm_status bpe_merges_from_scores(struct bpe *b, const float *scores, const bool *skip, pllm_error *err);

/* After the last merge and the last flag; false: no memory. */
bool bpe_finish(struct bpe *b);

/* The ids of a word, valid UTF-8 (any bytes in byte mode), at the end of *ids. */
pllm_status bpe_encode(const struct bpe *b, const char *word, size_t n, ids_vec *ids, struct bpe_scratch *s,
                       pllm_error *err);

/* The slot of a pair, or a free one. */
static inline struct bpe_merge *bpe_find(const struct bpe *b, int32_t left, int32_t right)
{
    __extension__ typedef unsigned __int128 wide;
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    wide product = (wide)(key ^ b->seed) * 0x9E3779B97F4A7C15u;
    for (size_t i = (size_t)(product ^ product >> 64) & b->merge_mask;; i = (i + 1) & b->merge_mask)
        if (b->merge[i].key == key || b->merge[i].key == UINT64_MAX)
            return &b->merge[i];
}

/* The bit of `inside` for the character d behind c: several pairs may share one. */
enum { BPE_INSIDE_BITS = 1 << 22 };
static inline uint32_t bpe_inside_bit(uint32_t c, uint32_t d)
{
    uint64_t h = ((uint64_t)c << 21 ^ d) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(h >> 42);
}

#endif
