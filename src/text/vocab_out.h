/* A tokenizer as GGUF's tokenizer.ggml.* metadata: the way back of tokenizer_from_gguf. */
#ifndef PARALLM_TEXT_VOCAB_OUT_H
#define PARALLM_TEXT_VOCAB_OUT_H

#include "text/tokenizer.h"

struct vocab_out {
    struct gguf_vocab vocab; /* its arrays are owned here, their text here or by the tokenizer */
    struct text_span *tokens, *merges;
    float *scores;
    int32_t *types, *unmerged;
    char *pre;
    struct buf made, merged; /* texts of tokens that the tokenizer has not, and of merges */
};

/* The vocabulary of a tokenizer from a folder's files, filled up to n_tokens ids, the model's number. `name` is what the
 * file will be called (general.name); it is kept. PLLM_E_UNSUPPORTED: GGUF cannot say what this tokenizer does; that is
 * found out by trying the result on a text. */
pllm_status vocab_out_open(struct vocab_out *out, const struct tokenizer *t, size_t n_tokens, const char *name,
                           pllm_error *err);
void vocab_out_fini(struct vocab_out *out);

/* Special tokens take the white space after them, as Phi-3's do: GGUF has no word for it but the model's name. */
bool tokenizer_takes_space_after(const struct tokenizer *t);

#endif
