/* Tokenizers: text to ids and back, exactly as the reference implementations.
 *
 * A tokenizer is immutable after it is opened; any number of threads may use it. It knows nothing of
 * model files: whoever opens it hands over bytes or GGUF's vocabulary. */
#ifndef PARALLM_TEXT_TOKENIZER_H
#define PARALLM_TEXT_TOKENIZER_H

#include "base/error.h"
#include "base/json.h"
#include "base/span.h"
#include "base/vec.h"

#include <stdint.h>

struct tokenizer;

/* What config files beside the tokenizer say, parsed; absent or zeroed: nothing. Memory is read during the call only. */
struct tokenizer_settings {
    struct json config;  /* tokenizer_config.json */
    struct json special; /* special_tokens_map.json */
};

/* GGUF's tokenizer.ggml.* metadata, read by the caller; absent: NULL, -1. Memory is read during the call only. */
struct gguf_vocab {
    const char *model, *pre; /* "gpt2", "llama" ...; "llama-bpe" ... */
    const char *name;        /* general.name, for the one model whose tokens have flags that GGUF cannot say */
    const struct text_span *tokens;
    size_t n_tokens;
    const float *scores;   /* [n_tokens] or NULL */
    const int32_t *types;  /* [n_tokens] or NULL: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte */
    const struct text_span *merges;
    size_t n_merges;
    const int32_t *unmerged; /* with scores: tokens that no merge makes, which GGUF itself cannot say */
    size_t n_unmerged;
    int64_t bos, eos, unk;
    int add_bos, add_eos, add_space_prefix; /* 0, 1 or -1 */
};

/* Phi-3's special tokens take the white space after them; GGUF cannot say so, and llama.cpp goes by the model's name (NULL: it
 * has none). */
bool gguf_name_is_phi3(const char *name);

pllm_status tokenizer_from_json(struct tokenizer **out, const char *json, size_t n,
                                const struct tokenizer_settings *settings, pllm_error *err);
pllm_status tokenizer_from_sentencepiece(struct tokenizer **out, const void *bytes, size_t n,
                                         const struct tokenizer_settings *settings, pllm_error *err);
pllm_status tokenizer_from_gguf(struct tokenizer **out, const struct gguf_vocab *vocab, pllm_error *err);
void tokenizer_close(struct tokenizer *t);

/* Ids of the text at the end of *ids. add_special: with begin and end tokens, as configured. parse_special: text that
 * spells a special token becomes it; else it is plain characters. */
typedef VEC(int32_t) ids_vec;
pllm_status tokenizer_encode(const struct tokenizer *t, ids_vec *ids, const char *text, size_t n,
                             bool add_special, bool parse_special, pllm_error *err);

/* The whole list's text at the end of *text, as the reference decodes a whole list. */
pllm_status tokenizer_decode(const struct tokenizer *t, struct buf *text, const int32_t *ids, size_t n,
                             bool skip_special, pllm_error *err);

size_t tokenizer_size(const struct tokenizer *t); /* ids are below */
int32_t tokenizer_bos(const struct tokenizer *t); /* -1: none */
int32_t tokenizer_eos(const struct tokenizer *t);
/* Text of a token as the vocabulary spells it; at NULL: no such id. */
struct text_span tokenizer_token(const struct tokenizer *t, int32_t id);
int32_t tokenizer_find(const struct tokenizer *t, const char *text, size_t n); /* -1: none */
bool tokenizer_is_special(const struct tokenizer *t, int32_t id);

/* Text of a sequence as its tokens come: pieces are whole UTF-8 characters, invalid bytes U+FFFD, and all pieces and the
 * tail joined are the whole text. A detok is a small value; copy it to fork a sequence. */
struct detok {
    uint8_t pending[4]; /* an unfinished character */
    uint8_t n_pending;
    bool skip_special, started;
};

void detok_init(struct detok *d, bool skip_special);
/* Appends what token `id` lets be shown. On failure all is as before: PLLM_E_MEMORY, and it can be tried again, or the
 * tokenizer's decoder gives up on this token, as it will each time. */
pllm_status detok_add(struct detok *d, const struct tokenizer *t, int32_t id, struct buf *text, pllm_error *err);
bool detok_finish(struct detok *d, struct buf *text); /* false: no memory */

#endif
