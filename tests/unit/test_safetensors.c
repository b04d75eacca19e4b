#include "weights/safetensors.h"

#include "safetensors_writer.h"
#include "test.h"

static const float floats[8] = {0, 1, 2, 3, 4, 5, 6, 7};

static struct safetensors_writer sound(void)
{
    struct safetensors_writer w = {0};
    safetensors_put_entry(&w, "\"__metadata__\": {\"format\": \"pt\"}");
    safetensors_put(&w, "b", "F32", "[2, 4]", floats, 32);
    safetensors_put(&w, "a", "I64", "[]", floats, 8);
    return w;
}

/* Reads from memory of just the file's size, so that a sanitizer sees a read past its end. */
static pllm_status read_exact(struct stored_list *list, struct arena *arena, struct buf *file, pllm_error *err)
{
    char *exact = mem_realloc(file->at, file->n, 1);
    if (exact)
        file->at = exact;
    memset(err, 0, sizeof *err);
    return safetensors_read(list, arena, (uint8_t *)file->at, file->n, "m.st", 7, err);
}

static void refuse(struct buf file, const char *part)
{
    struct stored_list list = {0};
    struct arena arena = {0};
    pllm_error err;
    assert_int_equal(read_exact(&list, &arena, &file, &err), PLLM_E_FORMAT);
    assert_message(err, "m.st: ");
    assert_message(err, part);
    vec_fini(&list.at);
    arena_fini(&arena);
    vec_fini(&file);
}

/* A file whose second tensor is described by `text`, which should point at 8 bytes. */
static void refuse_entry(const char *text, const char *part)
{
    struct safetensors_writer w = {0};
    safetensors_put(&w, "b", "F32", "[2, 4]", floats, 32);
    safetensors_put_entry(&w, text);
    buf_add(&w.data, floats, 8);
    refuse(safetensors_finish(&w), part);
}

static void reads_tensors(void **state)
{
    (void)state;
    struct safetensors_writer w = sound();
    struct buf file = safetensors_finish(&w);
    struct stored_list list = {0};
    struct arena arena = {0};
    const char *twice;
    char shape[32];
    pllm_error err;
    assert_int_equal(read_exact(&list, &arena, &file, &err), PLLM_OK);
    assert_int_equal(list.at.n, 2);
    assert_true(stored_sort(&list, &twice));
    const struct stored *b = stored_find(&list, "b"), *a = stored_find(&list, "a");
    assert_string_equal(b->dtype->name, "F32");
    assert_int_equal(b->file, 7);
    assert_int_equal(b->bytes, 32);
    assert_memory_equal(b->data, floats, 32);
    assert_string_equal(stored_shape(b, shape, sizeof shape), "[2, 4]");
    assert_int_equal(a->n_dims, 0);
    assert_string_equal(stored_shape(a, shape, sizeof shape), "[]");
    assert_null(stored_find(&list, "c"));
    vec_push(&list.at, *a);
    assert_false(stored_sort(&list, &twice));
    assert_string_equal(twice, "a");
    vec_fini(&list.at);
    arena_fini(&arena);
    vec_fini(&file);
}

static void refuses_every_cut(void **state)
{
    (void)state;
    struct safetensors_writer w = sound();
    struct buf whole = safetensors_finish(&w);
    for (size_t n = 0; n < whole.n; n++) {
        struct buf cut = {0};
        assert_true(vec_reserve(&cut, 1) && buf_add(&cut, whole.at, n));
        refuse(cut, n < 8 ? "wanted at least the header's length" : "");
    }
    vec_fini(&whole);
}

static void refuses_bad_headers(void **state)
{
    (void)state;
    struct buf file = {0};
    buf_add(&file, "\0\0\0\0\0\0\0\x10{}", 10);
    refuse(file, "claims a header of 1152921504606846976 bytes, wanted at most 2");
    file = (struct buf){0};
    buf_add(&file, "\2\0\0\0\0\0\0\0[]", 10);
    refuse(file, "is an array, wanted an object");
    file = (struct buf){0};
    buf_add(&file, "\0\0\0\0\0\0\0\0", 8);
    refuse(file, "line 1");
    struct safetensors_writer w = sound();
    assert_true(vec_reserve(&w.header, 32 << 20));
    memset(w.header.at + w.header.n, ' ', 32 << 20);
    w.header.n += 32 << 20;
    refuse(safetensors_finish(&w), "bytes, wanted at most 33554432");
    w = sound();
    safetensors_put_entry(&w, "\"b\": {}");
    refuse(safetensors_finish(&w), "duplicate object key");
    w = sound();
    buf_add(&w.data, "x", 1);
    refuse(safetensors_finish(&w), "has 1 bytes after the last tensor");
}

static void refuses_bad_entries(void **state)
{
    (void)state;
    refuse_entry("\"t\": 1", "t: is an integer, wanted an object");
    refuse_entry("\"\": {}", "a tensor's name has 0 bytes, wanted 1 to 255");
    refuse_entry("\"caf\xC3\xA9\": {}", "a tensor's name \"caf\" has the byte 0xC3");
    refuse_entry("\"t\": {\"shape\": [2], \"data_offsets\": [32, 40]}", "t.dtype: is missing, wanted a string");
    refuse_entry("\"t\": {\"dtype\": \"F99\", \"shape\": [2], \"data_offsets\": [32, 40]}",
                 "t.dtype: is \"F99\", which is no type of safetensors");
    refuse_entry("\"t\": {\"dtype\": \"F32\", \"shape\": \"2\", \"data_offsets\": [32, 40]}",
                 "t.shape: is a string, wanted an array");
    refuse_entry("\"t\": {\"dtype\": \"F32\", \"shape\": [-2], \"data_offsets\": [32, 40]}", "t.shape[0]: is -2, wanted 1 to");
    refuse_entry("\"t\": {\"dtype\": \"F32\", \"shape\": [1,1,1,1,1,1,1,1,2], \"data_offsets\": [32, 40]}",
                 "t.shape: has 9 dimensions, wanted at most 8");
    refuse_entry("\"t\": {\"dtype\": \"F32\", \"shape\": [1099511627776, 1099511627776], \"data_offsets\": [32, 40]}",
                 "t.shape: needs more bytes than fit 64 bits");
    refuse_entry("\"t\": {\"dtype\": \"F16\", \"shape\": [2], \"data_offsets\": [32, 40]}",
                 "t.data_offsets: is 32 to 40, but F16 of its shape takes 4 bytes");
    refuse_entry("\"t\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [40, 32]}", "t.data_offsets: is 40 to 32");
    refuse_entry("\"t\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [32, 41]}",
                 "t.data_offsets[1]: is 41, but the file has only 40 bytes of tensors: is it complete?");
    refuse_entry("\"t\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [-8, 0]}",
                 "t.data_offsets[0]: is -8, wanted 0 to 40");
    refuse_entry("\"t\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [32.0, 40]}",
                 "t.data_offsets[0]: is a number, wanted an integer");
    refuse_entry("\"t\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": \"32\"}",
                 "t.data_offsets: is a string, wanted an array");
    refuse_entry("\"t\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [32]}",
                 "t.data_offsets: has 1 elements, wanted 2");
    refuse_entry("\"t\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [24, 32]}", "tensors b and t share bytes");
    refuse_entry("\"t\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [36, 40]}",
                 "4 bytes before tensor t belong to none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_tensors),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(refuses_bad_headers),
        cmocka_unit_test(refuses_bad_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
