/* What a Hugging Face key is called elsewhere: in GGUF, and in other versions of transformers. */
#ifndef PARALLM_WEIGHTS_CONFIG_KEYS_H
#define PARALLM_WEIGHTS_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

enum { CONFIG_KEY_MAX = 128 }; /* bytes of the longest key, NUL included */

/* The list whose length is the vocabulary's size. */
#define CONFIG_GGUF_TOKENS "tokenizer.ggml.tokens"

/* Spelling number i (0: the key itself) of a config.json key, in `out`; false: there are no more. */
bool config_spelling(const char *key, size_t i, char out[CONFIG_KEY_MAX]);

/* The i-th GGUF key that may hold `key`, for general.architecture `arch`, in `out`; false: no more. */
bool config_gguf_key(const char *key, const char *arch, size_t i, char out[CONFIG_KEY_MAX]);

#endif
