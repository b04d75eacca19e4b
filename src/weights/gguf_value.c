/* Metadata values by key, as the types that callers want. */
#include "weights/gguf.h"

#include "base/cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int compare_key(const void *key, const void *value)
{
    return strcmp(key, ((const struct gguf_value *)value)->key);
}

const struct gguf_value *gguf_find(const struct gguf *g, const char *key)
{
    if (!g->values.n)
        return NULL;
    return bsearch(key, g->values.at, g->values.n, sizeof *g->values.at, compare_key);
}

const char *gguf_describe(const struct gguf_value *v, char *out, size_t size)
{
    static const char *const names[GGUF_TYPES] = {
        [GGUF_U8] = "integer",   [GGUF_I8] = "integer",  [GGUF_U16] = "integer",  [GGUF_I16] = "integer",
        [GGUF_U32] = "integer",  [GGUF_I32] = "integer", [GGUF_F32] = "number",   [GGUF_BOOL] = "boolean",
        [GGUF_STRING] = "string", [GGUF_U64] = "integer", [GGUF_I64] = "integer", [GGUF_F64] = "number",
    };
    const char *name = names[v->type];
    if (v->is_array)
        snprintf(out, size, "an array of %" PRIu64 " %ss", v->n, name);
    else
        snprintf(out, size, "%s %s", name[0] == 'i' ? "an" : "a", name);
    return out;
}

static pllm_status wrong_type(const struct gguf *g, const struct gguf_value *v, const char *wanted, pllm_error *err)
{
    char found[64];
    return error_set(err, PLLM_E_FORMAT, "%s: %s: is %s, wanted %s", g->source, v->key,
                     gguf_describe(v, found, sizeof found), wanted);
}

/* The element's bytes as an unsigned number; `bytes` of it. */
static uint64_t number_at(const struct gguf_value *v, uint64_t i, unsigned bytes)
{
    struct cursor c = cursor_over(v->bytes + i * bytes, bytes);
    uint64_t value = 0;
    cursor_number(&c, bytes, &value);
    return value;
}

bool gguf_int_at(const struct gguf_value *v, uint64_t i, int64_t *out)
{
    switch (v->type) {
    case GGUF_U8: *out = (int64_t)number_at(v, i, 1); return true;
    case GGUF_BOOL: *out = number_at(v, i, 1) != 0; return true;
    case GGUF_I8: *out = (int8_t)number_at(v, i, 1); return true;
    case GGUF_U16: *out = (int64_t)number_at(v, i, 2); return true;
    case GGUF_I16: *out = (int16_t)number_at(v, i, 2); return true;
    case GGUF_U32: *out = (int64_t)number_at(v, i, 4); return true;
    case GGUF_I32: *out = (int32_t)number_at(v, i, 4); return true;
    case GGUF_I64: *out = (int64_t)number_at(v, i, 8); return true;
    case GGUF_U64:
        if (number_at(v, i, 8) > INT64_MAX)
            return false;
        *out = (int64_t)number_at(v, i, 8);
        return true;
    default: return false;
    }
}

bool gguf_float_at(const struct gguf_value *v, uint64_t i, double *out)
{
    int64_t integer;
    if (v->type == GGUF_F32) {
        uint32_t bits = (uint32_t)number_at(v, i, 4);
        float value;
        memcpy(&value, &bits, sizeof value);
        *out = value;
        return true;
    }
    if (v->type == GGUF_F64) {
        uint64_t bits = number_at(v, i, 8);
        memcpy(out, &bits, sizeof *out);
        return true;
    }
    if (v->type == GGUF_BOOL || !gguf_int_at(v, i, &integer))
        return false;
    *out = (double)integer;
    return true;
}

pllm_status gguf_text(const struct gguf *g, const char *key, const char **out, size_t *n, pllm_error *err)
{
    const struct gguf_value *v = gguf_find(g, key);
    if (v && !v->text)
        return wrong_type(g, v, "a string", err);
    *out = v ? v->text : NULL;
    *n = v ? v->n_bytes - 8 : 0;
    return PLLM_OK;
}

pllm_status gguf_int(const struct gguf *g, const char *key, int64_t lo, int64_t hi, int64_t fallback, int64_t *out,
                     pllm_error *err)
{
    const struct gguf_value *v = gguf_find(g, key);
    int64_t value = fallback;
    if (v && (v->is_array || (!gguf_int_at(v, 0, &value) && v->type != GGUF_U64)))
        return wrong_type(g, v, "an integer", err);
    if (v && v->type == GGUF_U64 && !gguf_int_at(v, 0, &value))
        return error_set(err, PLLM_E_FORMAT, "%s: %s: is above 2^63, wanted %" PRId64 " to %" PRId64, g->source, key, lo,
                         hi);
    if (v && (value < lo || value > hi))
        return error_set(err, PLLM_E_FORMAT, "%s: %s: is %" PRId64 ", wanted %" PRId64 " to %" PRId64, g->source, key,
                         value, lo, hi);
    *out = value;
    return PLLM_OK;
}

/* An array of the wanted kind, with memory for its elements; *v NULL: absent. */
static pllm_status find_array(const struct gguf *g, const char *key, bool (*fits)(enum gguf_type),
                              const char *wanted, size_t item_bytes, const struct gguf_value **v, void **out,
                              pllm_error *err)
{
    const struct gguf_value *found = gguf_find(g, key);
    if (found && (!found->is_array || !fits(found->type)))
        return wrong_type(g, found, wanted, err);
    /* n is bounded by the file's size: every element took at least a byte of it, a string eight. */
    void *memory = found ? mem_alloc((size_t)found->n, item_bytes) : NULL;
    if (found && !memory)
        return error_memory(err, key);
    *v = found;
    *out = memory;
    return PLLM_OK;
}

static bool is_string(enum gguf_type type)
{
    return type == GGUF_STRING;
}

static bool is_float(enum gguf_type type)
{
    return type == GGUF_F32 || type == GGUF_F64;
}

static bool is_int(enum gguf_type type)
{
    return type != GGUF_STRING && !is_float(type);
}

pllm_status gguf_strings(const struct gguf *g, const char *key, struct text_span **out, size_t *n, pllm_error *err)
{
    const struct gguf_value *v;
    void *memory;
    pllm_status status = find_array(g, key, is_string, "an array of strings", sizeof **out, &v, &memory, err);
    if (status)
        return status;
    struct text_span *spans = memory;
    struct cursor c = cursor_over(v ? v->bytes : NULL, v ? v->n_bytes : 0);
    for (uint64_t i = 0; v && i < v->n; i++) {
        uint64_t length = 0;
        const uint8_t *bytes = NULL;
        cursor_u64(&c, &length); /* gguf_open has seen that all of them fit */
        cursor_take(&c, length, &bytes);
        spans[i] = (struct text_span){(const char *)bytes, (size_t)length};
    }
    *out = spans;
    *n = v ? (size_t)v->n : 0;
    return PLLM_OK;
}

pllm_status gguf_floats(const struct gguf *g, const char *key, float **out, size_t *n, pllm_error *err)
{
    const struct gguf_value *v;
    void *memory;
    pllm_status status = find_array(g, key, is_float, "an array of numbers", sizeof **out, &v, &memory, err);
    if (status)
        return status;
    float *values = memory;
    for (uint64_t i = 0; v && i < v->n; i++) {
        double value = 0;
        gguf_float_at(v, i, &value);
        values[i] = (float)value;
    }
    *out = values;
    *n = v ? (size_t)v->n : 0;
    return PLLM_OK;
}

pllm_status gguf_ints(const struct gguf *g, const char *key, int32_t **out, size_t *n, pllm_error *err)
{
    const struct gguf_value *v;
    void *memory;
    pllm_status status = find_array(g, key, is_int, "an array of integers", sizeof **out, &v, &memory, err);
    if (status)
        return status;
    int32_t *values = memory;
    for (uint64_t i = 0; v && i < v->n; i++) {
        int64_t value = INT64_MAX;
        gguf_int_at(v, i, &value);
        if (value < INT32_MIN || value > INT32_MAX) {
            mem_free(values);
            return error_set(err, PLLM_E_FORMAT, "%s: %s[%" PRIu64 "]: does not fit 32 bits", g->source, key, i);
        }
        values[i] = (int32_t)value;
    }
    *out = values;
    *n = v ? (size_t)v->n : 0;
    return PLLM_OK;
}
