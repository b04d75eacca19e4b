/* The parts of a tokenizer.json: each function reads one component into the tokenizer. For tokenizer_json.c. */
#ifndef PARALLM_TEXT_JSON_PARTS_H
#define PARALLM_TEXT_JSON_PARTS_H

#include "base/json.h"
#include "text/impl.h"

/* Bytes of the two values that are too large for a tree; NULL: the file has none, or a small one. */
struct json_large {
    const char *vocab, *merges;
    size_t n_vocab, n_merges;
};

enum { JSON_PARTS_DEPTH = 16 }; /* of Sequences in Sequences */

/* null or an object with "type". */
pllm_status json_read_normalizer(norm_steps *steps, const struct json *at, int depth, pllm_error *err);
pllm_status json_read_pretokenizer(pretok_steps *steps, const struct json *at, int depth, pllm_error *err);
pllm_status json_read_decoder(decode_steps *steps, const struct json *at, int depth, pllm_error *err);

/* The model, after the pre-tokenizer, whose last step may become part of it. */
pllm_status json_read_model(struct tokenizer *t, const struct json *at, const struct json_large *large, pllm_error *err);

/* Helpers. A member that is absent or null leaves *out as it is. */
pllm_status json_flag(const struct json *at, const char *key, bool *out, pllm_error *err);
pllm_status json_text(const struct json *at, const char *key, const char **out, size_t *n, pllm_error *err);
/* The same, wanted; error if it is absent. */
pllm_status json_need_text(const struct json *at, const char *key, const char **out, size_t *n, pllm_error *err);
/* A component's "type"; *type is NULL where the component is null or absent. Refuses what nests too deeply. */
pllm_status json_component_type(const struct json *at, int depth, const char **type, pllm_error *err);
/* PLLM_E_UNSUPPORTED: "<where>.type: "X" is a `what` that this build does not know". */
pllm_status json_unknown(const struct json *at, const char *what, const char *type, pllm_error *err);

#endif
