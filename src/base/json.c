#include "base/json.h"

#include "base/vec.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {"missing",           "null",     "true or false", "an integer",
                                         "a number",          "a string", "an array",      "an object"};

pllm_status json_parse(struct json *out, const char *bytes, size_t n, const char *source, pllm_error *err)
{
    json_error_t why;
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY;
    json_t *node = json_loadb(bytes ? bytes : "", n, flags, &why);
    if (!node && json_error_code(&why) == json_error_numeric_overflow)
        node = json_loadb(bytes, n, flags | JSON_DECODE_INT_AS_REAL, &why);
    if (!node && json_error_code(&why) == json_error_out_of_memory)
        return error_memory(err, source);
    if (!node)
        return error_set(err, PLLM_E_FORMAT, "%s: line %d, column %d: %s", source, why.line, why.column,
                         why.text);
    *out = (struct json){.node = node, .key = source};
    return PLLM_OK;
}

void json_free(struct json *top)
{
    json_decref((json_t *)top->node);
    *top = (struct json){0};
}

enum json_kind json_kind(const struct json *at)
{
    if (!at->node)
        return J_ABSENT;
    switch (json_typeof(at->node)) {
    case JSON_OBJECT: return J_OBJECT;
    case JSON_ARRAY: return J_ARRAY;
    case JSON_STRING: return J_STRING;
    case JSON_INTEGER: return J_INT;
    case JSON_REAL: return J_REAL;
    case JSON_NULL: return J_NULL;
    default: return J_BOOL;
    }
}

struct json json_get(const struct json *in, const char *key)
{
    return (struct json){.node = json_object_get(in->node, key), .up = in, .key = key};
}

struct json json_item(const struct json *in, size_t index)
{
    return (struct json){.node = json_array_get(in->node, index), .up = in, .index = index};
}

size_t json_size(const struct json *in)
{
    return json_is_array(in->node) ? json_array_size(in->node) : json_object_size(in->node);
}

bool json_next(const struct json *in, void **cursor, struct json *member)
{
    json_t *object = (json_t *)in->node;
    *cursor = *cursor ? json_object_iter_next(object, *cursor) : json_object_iter(object);
    if (!*cursor)
        return false;
    *member = (struct json){
        .node = json_object_iter_value(*cursor), .up = in, .key = json_object_iter_key(*cursor)};
    return true;
}

/* Writes from the top downwards: recursion as deep as the way is long, which callers build by hand. */
static void add_path(const struct json *at, char *out, size_t size)
{
    if (!at->up)
        return;
    add_path(at->up, out, size);
    size_t n = strlen(out);
    if (at->key)
        snprintf(out + n, size - n, "%s%s", n ? "." : "", at->key);
    else
        snprintf(out + n, size - n, "[%zu]", at->index);
}

void json_path(const struct json *at, char *out, size_t size)
{
    out[0] = '\0';
    add_path(at, out, size);
}

static const char *source_of(const struct json *at)
{
    while (at->up)
        at = at->up;
    return at->key;
}

void json_complain(const struct json *at, pllm_error *err, pllm_status status, const char *format, ...)
{
    char path[192], text[320];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_path(at, path, sizeof path);
    error_fill(err, status, "%s: %s%s%s", source_of(at), path, path[0] ? ": " : "", text);
}

pllm_status json_want(const struct json *at, enum json_kind kind, pllm_error *err)
{
    enum json_kind found = json_kind(at);
    if (found == kind)
        return PLLM_OK;
    return json_error(at, err, "is %s, wanted %s", kind_names[found], kind_names[kind]);
}

pllm_status json_as_int(const struct json *at, int64_t lo, int64_t hi, int64_t *out, pllm_error *err)
{
    double real = json_real_value(at->node);
    int64_t value = json_integer_value(at->node);
    if (json_kind(at) == J_REAL && real == floor(real) && fabs(real) < 0x1p53)
        value = (int64_t)real; /* 1e6 and 32.0 are written by some tools */
    else if (json_want(at, J_INT, err))
        return PLLM_E_FORMAT;
    if (value < lo || value > hi)
        return json_error(at, err, "is %lld, wanted %lld to %lld", (long long)value, (long long)lo,
                          (long long)hi);
    *out = value;
    return PLLM_OK;
}

pllm_status json_as_number(const struct json *at, double *out, pllm_error *err)
{
    if (json_kind(at) != J_INT && json_want(at, J_REAL, err))
        return PLLM_E_FORMAT;
    *out = json_number_value(at->node);
    return PLLM_OK;
}

pllm_status json_as_bool(const struct json *at, bool *out, pllm_error *err)
{
    pllm_status status = json_want(at, J_BOOL, err);
    if (!status)
        *out = json_is_true(at->node);
    return status;
}

pllm_status json_as_string(const struct json *at, const char **out, size_t *n, pllm_error *err)
{
    pllm_status status = json_want(at, J_STRING, err);
    if (status)
        return status;
    *out = json_string_value(at->node);
    *n = json_string_length(at->node);
    return PLLM_OK;
}
