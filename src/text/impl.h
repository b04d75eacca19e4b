/* What a tokenizer is made of; for the files that build one. */
#ifndef PARALLM_TEXT_IMPL_H
#define PARALLM_TEXT_IMPL_H

#include "text/added.h"
#include "text/bpe.h"
#include "text/decode.h"
#include "text/normalize.h"
#include "text/pretokenize.h"
#include "text/strtab.h"
#include "text/tokenizer.h"
#include "text/unigram.h"

enum token_flag { TOKEN_SPECIAL = 1, TOKEN_ADDED = 2 };

struct tokenizer {
    struct strtab vocab; /* what the model knows, as the file spells it */
    struct strtab raw;   /* byte-level: the same ids, by the bytes behind the spelling */
    struct strtab extra; /* added tokens; they come before the vocabulary's */
    struct strtab shown; /* what decoding shows for added tokens that the normalizer changes */
    VEC(uint8_t) flag;   /* token_flag, by id; the number of ids */
    struct added_set added, added_normalized; /* found in the text as it came; in the normalized text */
    norm_steps normalizer;
    pretok_steps pretokenizer;
    enum { MODEL_BPE, MODEL_UNIGRAM } model;
    struct bpe bpe;
    struct unigram unigram;
    ids_vec prefix, suffix; /* put round a text with special tokens */
    decode_steps decoder;
    int32_t bos, eos; /* -1: none */
};

/* What decoding shows for a token, and whether it leaves it out without special tokens. As the tokenizers library does: an
 * added token that is looked for in normalized text is shown normalized, and what is special is a text, not an id. */
struct text_span tokenizer_shown(const struct tokenizer *t, int32_t id);
bool tokenizer_hides(const struct tokenizer *t, int32_t id);

/* An empty tokenizer without tokens; NULL: no memory. Close it with tokenizer_close whatever state it is in. */
struct tokenizer *tokenizer_new(enum added_order order);

/* Where an added token is looked for. */
enum added_place {
    ADDED_IN_INPUT,      /* in the text as it came */
    ADDED_IN_NORMALIZED, /* in the normalized text, after it was normalized itself */
    ADDED_NORMAL_ALREADY /* in the normalized text, as it is */
};

/* Adds a token that is cut out of the text; `id` is the vocabulary's if it has the text. */
pllm_status tokenizer_add_token(struct tokenizer *t, int32_t id, const char *text, size_t n, uint32_t flags,
                                enum added_place place, pllm_error *err);

/* Fills t->raw from a byte-level vocabulary; false: no memory. */
bool tokenizer_index_bytes(struct tokenizer *t);

/* After everything is in: the number of ids, the automata of added tokens. */
pllm_status tokenizer_finish(struct tokenizer *t, pllm_error *err);

/* GPT-2's expression, by which ByteLevel cuts. */
extern const char gpt2_pattern[];

/* Appends a step; false: no memory, and what it owns is still the caller's. */
static inline bool pretok_push(pretok_steps *steps, struct pretok_step step)
{
    return vec_push(steps, step);
}

/* Appends a split by an expression, which cuts out what it matches. */
pllm_status pretok_push_regex(pretok_steps *steps, const char *source, size_t n, enum split_behavior behavior,
                              bool invert, pllm_error *err);

/* Appends a step that replaces a string by another, or puts one before. */
pllm_status norm_push_replace(norm_steps *steps, const char *what, const char *by, pllm_error *err);
pllm_status norm_push_prepend(norm_steps *steps, const char *content, size_t n, pllm_error *err);

/* The steps by which SentencePiece's kind decodes: marks to spaces, bytes, and one space off the front if `strip`. */
pllm_status decode_push_sentencepiece(decode_steps *steps, bool strip, pllm_error *err);

#define SPACE_MARK "\xE2\x96\x81" /* U+2581, which SentencePiece writes for a space */

#endif
