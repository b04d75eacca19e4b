/* What tokenizer_config.json and special_tokens_map.json say beside the tokenizer's own file. */
#ifndef PARALLM_TEXT_SETTINGS_H
#define PARALLM_TEXT_SETTINGS_H

#include "base/json.h"
#include "text/impl.h"

/* Whose settings they are. transformers lets a class that is built round SentencePiece put begin and end tokens as
 * add_bos_token and add_eos_token say; others do as tokenizer.json says. */
enum settings_kind { SETTINGS_JSON, SETTINGS_SENTENCEPIECE };

struct added_options {
    uint32_t flags; /* added_flag */
    bool normalized;
};

/* single_word, lstrip, rstrip, normalized, special; absent: as *out has them. */
pllm_status settings_added_options(const struct json *at, struct added_options *out, pllm_error *err);

/* Adds a token as the tokenizers library numbers it: by the vocabulary, or next behind all there are. One that was added
 * before, or is empty, is left as it is. */
pllm_status settings_add_token(struct tokenizer *t, const char *text, size_t n, const struct added_options *options,
                               pllm_error *err);

/* Both files; `settings` NULL: none. */
pllm_status settings_apply(struct tokenizer *t, const struct tokenizer_settings *settings, enum settings_kind kind,
                           pllm_error *err);

#endif
