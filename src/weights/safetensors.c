#include "weights/safetensors.h"

#include "base/cursor.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 32 << 20 }; /* the largest models' take a tenth of it; the format allows 100 MB */

static const struct dtype dtypes[] = {
    {"F32", 4, TYPE_F32},      {"F16", 2, TYPE_F16},      {"BF16", 2, TYPE_BF16},    {"F64", 8, TYPE_COUNT},
    {"I64", 8, TYPE_COUNT},    {"U64", 8, TYPE_COUNT},    {"I32", 4, TYPE_COUNT},    {"U32", 4, TYPE_COUNT},
    {"I16", 2, TYPE_COUNT},    {"U16", 2, TYPE_COUNT},    {"I8", 1, TYPE_COUNT},     {"U8", 1, TYPE_COUNT},
    {"BOOL", 1, TYPE_COUNT},   {"F8_E4M3", 1, TYPE_COUNT}, {"F8_E5M2", 1, TYPE_COUNT}, {"F8_E8M0", 1, TYPE_COUNT},
    {"C64", 8, TYPE_COUNT},
};

/* ---- One tensor's entry --------------------------------------------------------------------------- */

static pllm_status read_name(const struct json *entry, struct arena *arena, struct stored *s, pllm_error *err)
{
    size_t n = strlen(entry->key);
    if (n == 0 || n >= STORED_NAME)
        return json_error(entry->up, err, "a tensor's name has %zu bytes, wanted 1 to %d", n, STORED_NAME - 1);
    for (size_t i = 0; i < n; i++)
        if (entry->key[i] < 0x20 || entry->key[i] > 0x7E)
            return json_error(entry->up, err, "a tensor's name \"%.*s\" has the byte 0x%02X, wanted printable ASCII",
                              (int)i, entry->key, (uint8_t)entry->key[i]);
    char *name = arena_alloc(arena, n + 1, 1);
    if (!name)
        return error_memory(err, entry->key);
    s->name = memcpy(name, entry->key, n + 1);
    return PLLM_OK;
}

static pllm_status read_dtype(const struct json *entry, struct stored *s, pllm_error *err)
{
    const struct json at = json_get(entry, "dtype");
    const char *name;
    size_t n;
    pllm_status status = json_as_string(&at, &name, &n, err);
    if (status)
        return status;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].name, name) == 0) {
            s->dtype = &dtypes[i];
            return PLLM_OK;
        }
    return json_error(&at, err, "is \"%s\", which is no type of safetensors", name);
}

/* The shape, and the bytes that it needs. */
static pllm_status read_shape(const struct json *entry, struct stored *s, pllm_error *err)
{
    const struct json at = json_get(entry, "shape");
    pllm_status status = json_want(&at, J_ARRAY, err);
    if (status)
        return status;
    if (json_size(&at) > STORED_DIMS)
        return json_error(&at, err, "has %zu dimensions, wanted at most %d", json_size(&at), STORED_DIMS);
    s->n_dims = (int)json_size(&at);
    s->bytes = s->dtype->bytes;
    for (int i = 0; i < s->n_dims; i++) {
        const struct json size = json_item(&at, (size_t)i);
        status = json_as_int(&size, 1, INT64_MAX, &s->shape[i], err);
        if (status)
            return status;
        if (!mem_mul(s->bytes, (size_t)s->shape[i], &s->bytes))
            return json_error(&at, err, "needs more bytes than fit 64 bits");
    }
    return PLLM_OK;
}

/* A byte's place: json_as_int would let 8.0 pass. */
static pllm_status read_offset(const struct json *at, size_t limit, int64_t *out, pllm_error *err)
{
    int64_t n;
    pllm_status status = json_want(at, J_INT, err);
    if (!status)
        status = json_as_int(at, INT64_MIN, INT64_MAX, &n, err);
    if (!status && n > (int64_t)limit)
        status = json_error(at, err, "is %" PRId64 ", but the file has only %zu bytes of tensors: is it complete?", n, limit);
    return status ? status : json_as_int(at, 0, (int64_t)limit, out, err);
}

static pllm_status read_place(const struct json *entry, struct cursor data, struct stored *s, pllm_error *err)
{
    const struct json at = json_get(entry, "data_offsets");
    const struct json first = json_item(&at, 0), second = json_item(&at, 1);
    int64_t begin, end;
    pllm_status status = json_want(&at, J_ARRAY, err);
    if (!status && json_size(&at) != 2)
        status = json_error(&at, err, "has %zu elements, wanted 2", json_size(&at));
    if (!status)
        status = read_offset(&first, cursor_left(&data), &begin, err);
    if (!status)
        status = read_offset(&second, cursor_left(&data), &end, err);
    if (status)
        return status;
    if (begin > end || (uint64_t)(end - begin) != s->bytes)
        return json_error(&at, err, "is %" PRId64 " to %" PRId64 ", but %s of its shape takes %zu bytes", begin, end,
                          s->dtype->name, s->bytes);
    s->data = data.begin + begin;
    return PLLM_OK;
}

static pllm_status read_entry(const struct json *entry, struct arena *arena, struct cursor data, struct stored *s,
                              pllm_error *err)
{
    pllm_status status = read_name(entry, arena, s, err);
    if (!status)
        status = json_want(entry, J_OBJECT, err);
    if (!status)
        status = read_dtype(entry, s, err);
    if (!status)
        status = read_shape(entry, s, err);
    return status ? status : read_place(entry, data, s, err);
}

/* ---- The file ----------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const struct stored *x = a, *y = b;
    return x->data < y->data ? -1 : x->data > y->data;
}

/* Every byte belongs to one tensor: what a tensor does not account for has no business in the file. */
static pllm_status check_cover(struct stored *first, size_t n, struct cursor data, const char *source, pllm_error *err)
{
    size_t at = 0;
    if (n)
        qsort(first, n, sizeof *first, by_place);
    for (size_t i = 0; i < n; i++) {
        size_t begin = (size_t)(first[i].data - data.begin);
        if (begin < at)
            return error_set(err, PLLM_E_FORMAT, "%s: tensors %s and %s share bytes", source, first[i - 1].name,
                             first[i].name);
        if (begin > at)
            return error_set(err, PLLM_E_FORMAT, "%s: %zu bytes before tensor %s belong to none", source, begin - at,
                             first[i].name);
        at = begin + first[i].bytes;
    }
    if (at != cursor_left(&data))
        return error_set(err, PLLM_E_FORMAT, "%s: has %zu bytes after the last tensor", source,
                         cursor_left(&data) - at);
    return PLLM_OK;
}

static pllm_status read_entries(struct stored_list *list, struct arena *arena, const struct json *top,
                                struct cursor data, int file, pllm_error *err)
{
    pllm_status status = json_want(top, J_OBJECT, err);
    void *cursor = NULL;
    struct json entry;
    while (!status && json_next(top, &cursor, &entry)) {
        struct stored s = {.file = file};
        if (strcmp(entry.key, "__metadata__") == 0)
            continue;
        status = read_entry(&entry, arena, data, &s, err);
        if (!status && !vec_push(&list->at, s))
            status = error_memory(err, top->key);
    }
    return status;
}

pllm_status safetensors_read(struct stored_list *list, struct arena *arena, const uint8_t *bytes, size_t n,
                             const char *source, int file, pllm_error *err)
{
    struct cursor c = cursor_over(bytes, n);
    uint64_t length;
    const uint8_t *header;
    if (!cursor_u64(&c, &length))
        return error_set(err, PLLM_E_FORMAT, "%s: has %zu bytes, wanted at least the header's length in 8", source, n);
    if (length > MAX_HEADER || !cursor_take(&c, length, &header))
        return error_set(err, PLLM_E_FORMAT, "%s: claims a header of %" PRIu64 " bytes, wanted at most %zu", source,
                         length, cursor_left(&c) < MAX_HEADER ? cursor_left(&c) : (size_t)MAX_HEADER);
    const struct cursor data = cursor_over(c.at, cursor_left(&c));
    const size_t before = list->at.n;
    struct json top;
    pllm_status status = json_parse(&top, (const char *)header, (size_t)length, source, err);
    if (status)
        return status;
    status = read_entries(list, arena, &top, data, file, err);
    if (!status)
        status = check_cover(list->at.at + before, list->at.n - before, data, source, err);
    json_free(&top);
    return status;
}

/* ---- Lists -------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct stored *)a)->name, ((const struct stored *)b)->name);
}

bool stored_sort(struct stored_list *list, const char **twice)
{
    if (list->at.n)
        qsort(list->at.at, list->at.n, sizeof *list->at.at, by_name);
    for (size_t i = 1; i < list->at.n; i++)
        if (strcmp(list->at.at[i - 1].name, list->at.at[i].name) == 0) {
            *twice = list->at.at[i].name;
            return false;
        }
    return true;
}

static int compare_name(const void *name, const void *stored)
{
    return strcmp(name, ((const struct stored *)stored)->name);
}

const struct stored *stored_find(const struct stored_list *list, const char *name)
{
    if (!list->at.n)
        return NULL;
    return bsearch(name, list->at.at, list->at.n, sizeof *list->at.at, compare_name);
}

const char *stored_shape(const struct stored *s, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < s->n_dims && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%" PRId64, i ? ", " : "[", s->shape[i]);
    if (n < size)
        snprintf(out + n, size - n, "%s", n ? "]" : "[]");
    return out;
}
