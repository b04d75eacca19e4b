/* Reads the safetensors files of the tests' own data and of ../shared/reference: no model code involved. */
#ifndef PARALLM_TESTS_UNIT_TENSORS_H
#define PARALLM_TESTS_UNIT_TENSORS_H

#include "base/file.h"
#include "base/json.h"

struct tensors {
    struct file_map map;
    struct json header;
};

struct tensor_bytes {
    int64_t rows, cols; /* of a two-dimensional tensor, in items */
    const uint8_t *bytes; /* NULL: there is no such tensor */
    size_t n;
};

/* False: there is no such file. */
static bool tensors_open(struct tensors *t, const char *path)
{
    if (file_kind(path) != FILE_REGULAR)
        return false;
    uint64_t n = 0;
    assert_int_equal(file_map(&t->map, path, NULL), PLLM_OK);
    memcpy(&n, t->map.bytes, sizeof n);
    assert_true(n < t->map.n);
    assert_int_equal(json_parse(&t->header, (const char *)t->map.bytes + 8, n, "header", NULL), PLLM_OK);
    return true;
}

static void tensors_close(struct tensors *t)
{
    json_free(&t->header);
    file_unmap(&t->map);
}

static int64_t tensors_int(const struct json *in, const char *key, size_t index)
{
    struct json list = json_get(in, key), item = json_item(&list, index);
    int64_t value;
    assert_int_equal(json_as_int(&item, 0, INT64_MAX, &value, NULL), PLLM_OK);
    return value;
}

static struct tensor_bytes tensors_get(const struct tensors *t, const char *name)
{
    struct json entry = json_get(&t->header, name);
    if (json_kind(&entry) == J_ABSENT)
        return (struct tensor_bytes){0};
    uint64_t header;
    memcpy(&header, t->map.bytes, sizeof header);
    int64_t begin = tensors_int(&entry, "data_offsets", 0), end = tensors_int(&entry, "data_offsets", 1);
    assert_true(begin <= end && 8 + header + (uint64_t)end <= t->map.n);
    return (struct tensor_bytes){.rows = tensors_int(&entry, "shape", 0),
                                 .cols = tensors_int(&entry, "shape", 1),
                                 .bytes = t->map.bytes + 8 + header + begin,
                                 .n = (size_t)(end - begin)};
}

#endif
