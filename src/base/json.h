/* JSON values that know where they are, so that every complaint names the place:
 * "config.json: rope_scaling.factor: is a string, wanted a number".
 *
 * A `struct json` is a small value on the caller's stack: a node and the way to it. It is valid as
 * long as the document and the `up` value it was reached from. Jansson does the parsing. */
#ifndef PARALLM_BASE_JSON_H
#define PARALLM_BASE_JSON_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_t; /* Jansson's; only json.c looks inside */

struct json {
    const struct json_t *node; /* NULL: absent */
    const struct json *up;     /* NULL at the top */
    const char *key;           /* of this value in an object; the source's name at the top */
    size_t index;              /* of this value in an array (key is NULL) */
};

enum json_kind { J_ABSENT, J_NULL, J_BOOL, J_INT, J_REAL, J_STRING, J_ARRAY, J_OBJECT };

/* Parses n bytes; `source` names them in messages and must outlive *out. Depth is limited (2048, Jansson's),
 * duplicate keys, NaN and anything after the value are refused, strings may hold NUL. Where an integer is beyond
 * 64 bits (transformers writes a model_max_length of 1e30 in digits), all integers of the document are J_REAL. */
pllm_status json_parse(struct json *out, const char *bytes, size_t n, const char *source, pllm_error *err);
void json_free(struct json *top);

enum json_kind json_kind(const struct json *at);

/* Members. J_ABSENT (node NULL) where there is none or `in` is no object or array; the result can
 * still be asked for, and then says that it is missing. */
struct json json_get(const struct json *in, const char *key);
struct json json_item(const struct json *in, size_t index);
size_t json_size(const struct json *in); /* of an array or object, else 0 */

/* Walks an object in the file's order: *cursor is NULL at first; false at the end. */
bool json_next(const struct json *in, void **cursor, struct json *member);

/* A value of the wanted kind, or an error that names the place. */
pllm_status json_as_int(const struct json *at, int64_t lo, int64_t hi, int64_t *out, pllm_error *err);
pllm_status json_as_number(const struct json *at, double *out, pllm_error *err); /* int or real, finite */
pllm_status json_as_bool(const struct json *at, bool *out, pllm_error *err);
pllm_status json_as_string(const struct json *at, const char **out, size_t *n, pllm_error *err); /* the document's memory */
pllm_status json_want(const struct json *at, enum json_kind kind, pllm_error *err); /* array, object ... */

/* Fills *err with "<source>: <path>: <message>". */
void json_complain(const struct json *at, pllm_error *err, pllm_status status, const char *format, ...)
    PRINTF_LIKE(4, 5);
#define json_error(at, err, ...) (json_complain((at), (err), PLLM_E_FORMAT, __VA_ARGS__), error_status(PLLM_E_FORMAT))
#define json_unsupported(at, err, ...)                                                             \
    (json_complain((at), (err), PLLM_E_UNSUPPORTED, __VA_ARGS__), error_status(PLLM_E_UNSUPPORTED))

/* "a.b[3].c" of the value, without the source; "" at the top. Cut to size. */
void json_path(const struct json *at, char *out, size_t size);

#endif
