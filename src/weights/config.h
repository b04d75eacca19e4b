/* A model's description, from config.json or from GGUF metadata, behind one set of accessors.
 *
 * Errors are sticky: the first one is kept with the key's path, later calls return their fallback, and
 * the caller asks once at the end (config_status). So a family's description has no error branches. */
#ifndef PARALLM_WEIGHTS_CONFIG_H
#define PARALLM_WEIGHTS_CONFIG_H

#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

struct config;
struct gguf;

/* Keys are Hugging Face's ("num_hidden_layers", "rope_scaling.factor"); for GGUF, a table in config_keys.c gives
 * the metadata key ("%s.block_count" with the architecture's name). A config.json may spell some things in
 * two ways (transformers 4 and 5); the same file knows both, and families use the older spelling. */
pllm_status config_from_json(struct config **out, struct json top /* taken over, also on failure */, pllm_error *err);
pllm_status config_from_gguf(struct config **out, const struct gguf *gguf, pllm_error *err);
void config_close(struct config *c);

/* After an error, what is required reads as `lo`, 1.0 or "". GGUF's per-layer arrays are integers where all
 * elements are the same. */
bool config_has(struct config *c, const char *key);                    /* present and not null */
bool config_is_null(struct config *c, const char *key); /* there, and null: of a key at the top of a config.json */
int64_t config_int(struct config *c, const char *key, int64_t lo, int64_t hi); /* required */
int64_t config_int_or(struct config *c, const char *key, int64_t lo, int64_t hi, int64_t fallback);
double config_float(struct config *c, const char *key);                /* required, finite */
double config_float_or(struct config *c, const char *key, double fallback);
bool config_bool_or(struct config *c, const char *key, bool fallback);
/* The config's memory; "" after an error. */
const char *config_string(struct config *c, const char *key);
const char *config_string_or(struct config *c, const char *key, const char *fallback);
/* Elements of an array (config_size 0: absent or no array). */
size_t config_size(struct config *c, const char *key);
int64_t config_int_at(struct config *c, const char *key, size_t index, int64_t lo, int64_t hi);
double config_float_at(struct config *c, const char *key, size_t index);
const char *config_string_at(struct config *c, const char *key, size_t index);

/* Records an error of the caller's own about a key, as the accessors do. */
void config_fail(struct config *c, pllm_status status, const char *key, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* The first error, or PLLM_OK. */
pllm_status config_status(const struct config *c, pllm_error *err);
bool config_is_gguf(const struct config *c);

/* For what does not fit the accessors (per-layer settings): the parsed file; node NULL for GGUF. */
struct json config_json(const struct config *c);

#endif
