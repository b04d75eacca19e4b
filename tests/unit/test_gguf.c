#include "weights/gguf.h"

#include "gguf_writer.h"
#include "test.h"

/* A writer with what every sound file has. */
static struct gguf_writer sound(void)
{
    struct gguf_writer w = {0};
    gguf_put_string(&w, "general.architecture", "llama");
    gguf_put_u32(&w, "llama.block_count", 2);
    gguf_put_f32_tensor(&w, "a.weight", 3, 4);
    gguf_put_f32_tensor(&w, "b.weight", 2, 8);
    return w;
}

/* Copies the file to memory of just its size, so that a sanitizer sees a read past its end. */
static pllm_status open_file(struct gguf **g, struct buf *file, pllm_error *err)
{
    char *exact = mem_realloc(file->at, file->n, 1);
    if (exact)
        file->at = exact;
    memset(err, 0, sizeof *err);
    return gguf_open(g, (const uint8_t *)file->at, file->n, "m.gguf", err);
}

/* The file must be refused with a message that contains `part`. */
static void refuse(struct buf file, pllm_status status, const char *part)
{
    struct gguf *g = NULL;
    pllm_error err;
    assert_int_equal(open_file(&g, &file, &err), status);
    assert_null(g);
    assert_message(err, "m.gguf: ");
    assert_message(err, part);
    vec_fini(&file);
}

static void refuse_writer(struct gguf_writer *w, const char *part)
{
    refuse(gguf_finish(w), PLLM_E_FORMAT, part);
}

static void reads_tensors_and_values(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        struct gguf_writer w = sound();
        w.version = version;
        struct buf file = gguf_finish(&w);
        struct gguf *g;
        pllm_error err;
        assert_int_equal(open_file(&g, &file, &err), PLLM_OK);
        assert_int_equal(g->tensors.n, 2);
        const struct tensor *t = &g->tensors.at[1];
        assert_string_equal(t->name, "b.weight");
        assert_int_equal(t->shape[0], 2);
        assert_int_equal(t->shape[1], 8);
        assert_int_equal(t->m.rows, 2);
        assert_int_equal(t->m.cols, 8);
        float last;
        memcpy(&last, t->m.data + 15 * 4, 4);
        assert_true(last == 15);
        const char *text;
        size_t n;
        int64_t layers;
        assert_int_equal(gguf_text(g, "general.architecture", &text, &n, &err), PLLM_OK);
        assert_string_equal(text, "llama");
        assert_int_equal(gguf_int(g, "llama.block_count", 1, 10, -1, &layers, &err), PLLM_OK);
        assert_int_equal(layers, 2);
        assert_null(gguf_find(g, "llama.nothing"));
        gguf_close(g);
        vec_fini(&file);
    }
}

static void reads_arrays(void **state)
{
    (void)state;
    struct gguf_writer w = {0};
    gguf_put_array(&w, "s", 8, 2);
    put_bytes(&w.values, "a\0b", 3);
    put_text(&w.values, "");
    gguf_put_array(&w, "i", 5, 2);
    put_number(&w.values, (uint32_t)-7, 4);
    put_number(&w.values, 9, 4);
    gguf_put_array(&w, "f", 6, 1);
    put_number(&w.values, 0x3F000000, 4);
    gguf_put_array(&w, "u", 4, 1);
    put_number(&w.values, UINT32_MAX, 4);
    struct buf file = gguf_finish(&w);
    struct gguf *g;
    pllm_error err;
    assert_int_equal(open_file(&g, &file, &err), PLLM_OK);
    struct text_span *spans;
    int32_t *ints;
    float *floats;
    size_t n;
    assert_int_equal(gguf_strings(g, "s", &spans, &n, &err), PLLM_OK);
    assert_int_equal(n, 2);
    assert_int_equal(spans[0].n, 3);
    assert_memory_equal(spans[0].at, "a\0b", 3);
    assert_int_equal(spans[1].n, 0);
    assert_int_equal(gguf_ints(g, "i", &ints, &n, &err), PLLM_OK);
    assert_int_equal(ints[0], -7);
    assert_int_equal(ints[1], 9);
    assert_int_equal(gguf_floats(g, "f", &floats, &n, &err), PLLM_OK);
    assert_true(floats[0] == 0.5f);
    mem_free(spans);
    mem_free(ints);
    mem_free(floats);

    assert_int_equal(gguf_floats(g, "none", &floats, &n, &err), PLLM_OK);
    assert_null(floats);
    assert_int_equal(n, 0);
    assert_int_equal(gguf_ints(g, "s", &ints, &n, &err), PLLM_E_FORMAT);
    assert_string_equal(err.message, "m.gguf: s: is an array of 2 strings, wanted an array of integers");
    assert_int_equal(gguf_ints(g, "u", &ints, &n, &err), PLLM_E_FORMAT);
    assert_message(err, "u[0]: does not fit 32 bits");
    gguf_close(g);
    vec_fini(&file);
}

static void names_what_a_value_is(void **state)
{
    (void)state;
    struct gguf_writer w = {0};
    gguf_put_string(&w, "s", "x");
    gguf_put_u32(&w, "u", 5);
    gguf_put_key(&w, "big", 10);
    put_number(&w.values, UINT64_MAX, 8);
    struct buf file = gguf_finish(&w);
    struct gguf *g;
    pllm_error err;
    int64_t i;
    const char *text;
    size_t n;
    assert_int_equal(open_file(&g, &file, &err), PLLM_OK);
    assert_int_equal(gguf_int(g, "s", 0, 9, 0, &i, &err), PLLM_E_FORMAT);
    assert_string_equal(err.message, "m.gguf: s: is a string, wanted an integer");
    assert_int_equal(gguf_int(g, "u", 0, 4, 0, &i, &err), PLLM_E_FORMAT);
    assert_string_equal(err.message, "m.gguf: u: is 5, wanted 0 to 4");
    assert_int_equal(gguf_int(g, "big", 0, 4, 0, &i, &err), PLLM_E_FORMAT);
    assert_string_equal(err.message, "m.gguf: big: is above 2^63, wanted 0 to 4");
    assert_int_equal(gguf_text(g, "u", &text, &n, &err), PLLM_E_FORMAT);
    assert_string_equal(err.message, "m.gguf: u: is an integer, wanted a string");
    gguf_close(g);
    vec_fini(&file);
}

/* Every proper prefix of a sound file is refused, and reads nothing outside it. */
static void refuses_every_cut(void **state)
{
    (void)state;
    struct gguf_writer w = sound();
    gguf_put_array(&w, "tokens", 8, 2);
    put_text(&w.values, "one");
    put_text(&w.values, "two");
    struct buf whole = gguf_finish(&w);
    for (size_t n = 0; n < whole.n; n++) {
        struct buf cut = {0};
        assert_true(buf_add(&cut, whole.at, n) && vec_reserve(&cut, 1));
        refuse(cut, PLLM_E_FORMAT, "");
    }
    vec_fini(&whole);
}

static void refuses_bad_headers(void **state)
{
    (void)state;
    struct gguf_writer w = sound();
    w.version = 99;
    refuse(gguf_finish(&w), PLLM_E_UNSUPPORTED, "GGUF version is 99, wanted 2 or 3");
    w = sound();
    w.version = 3 << 24;
    refuse_writer(&w, "(big-endian?), wanted 2 or 3");
    w = sound();
    w.n_tensors = (uint64_t)1 << 60;
    refuse_writer(&w, "claims 1152921504606846976 tensors");
    w = sound();
    w.n_values = (uint64_t)1 << 60;
    refuse_writer(&w, "claims 1152921504606846976 metadata values");
    struct buf other = {0};
    buf_add(&other, "GGML....................", 24);
    refuse(other, PLLM_E_FORMAT, "does not begin with \"GGUF\"");
}

static void refuses_bad_values(void **state)
{
    (void)state;
    struct gguf_writer w = sound();
    gguf_put_key(&w, "k", 99);
    refuse_writer(&w, "k: value type 99 is unknown, wanted 0 to 12");
    w = sound();
    gguf_put_u32(&w, "llama.block_count", 3);
    refuse_writer(&w, "llama.block_count: occurs twice");
    w = sound();
    gguf_put_array(&w, "deep", 9, 1);
    refuse(gguf_finish(&w), PLLM_E_UNSUPPORTED, "deep: is an array of arrays");
    w = sound();
    gguf_put_array(&w, "long", 4, (uint64_t)1 << 62);
    refuse_writer(&w, "ends inside long");
    w = sound();
    gguf_put_key(&w, "text", 8);
    put_number(&w.values, (uint64_t)1 << 63, 8);
    refuse_writer(&w, "ends inside text");
    w = sound();
    gguf_put_key(&w, "text", 8);
    put_number(&w.values, 64 << 20, 8);
    assert_true(vec_reserve(&w.values, 64 << 20));
    memset(w.values.at + w.values.n, 'x', 64 << 20);
    w.values.n += 64 << 20;
    refuse_writer(&w, "metadata hold more than 67108864 bytes of text");
    w = sound();
    gguf_put_u32(&w, "", 3);
    refuse_writer(&w, "a metadata key has 0 bytes, wanted 1 to 65535");
}

static void refuses_bad_alignment(void **state)
{
    (void)state;
    static const struct {
        uint32_t value;
        const char *message;
    } bad[] = {{0, "general.alignment: is 0, wanted 1 to 1048576"},
               {3, "general.alignment: is 3, wanted a power of two"},
               {1u << 31, "general.alignment: is 2147483648, wanted 1 to"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct gguf_writer w = sound();
        gguf_put_u32(&w, "general.alignment", bad[i].value);
        refuse_writer(&w, bad[i].message);
    }
    struct gguf_writer w = sound();
    gguf_put_string(&w, "general.alignment", "32");
    refuse_writer(&w, "general.alignment: is a string, wanted an integer");
}

/* sound() and one more tensor's description. */
static void refuse_info(const char *name, uint32_t n_dims, const uint64_t *dims, uint32_t type, uint64_t offset,
                        pllm_status status, const char *message)
{
    struct gguf_writer w = sound();
    gguf_put_info(&w, name, n_dims, dims, type, offset);
    refuse(gguf_finish(&w), status, message);
}

static void refuses_bad_tensors(void **state)
{
    (void)state;
    static const uint64_t dims[100] = {32, 2}, zero[] = {32, 0}, huge[] = {1, (uint64_t)1 << 63};
    static const uint64_t wraps[] = {32, (uint64_t)1 << 32, (uint64_t)1 << 32}, odd[] = {33, 2};
    static const uint64_t bytes[] = {(uint64_t)1 << 62}, eight[] = {8};
    const pllm_status format = PLLM_E_FORMAT;
    refuse_info("t", 100, dims, 0, 0, format, "tensor t: has 100 dimensions, wanted 1 to 4");
    refuse_info("t", 0, dims, 0, 0, format, "tensor t: has 0 dimensions, wanted 1 to 4");
    refuse_info("t", 2, zero, 0, 0, format, "tensor t: dimension 1 is 0, wanted 1 to 2^63-1");
    refuse_info("t", 2, huge, 0, 0, format, "tensor t: dimension 1 is 9223372036854775808");
    refuse_info("t", 3, wraps, 0, 0, format, "tensor t: needs more bytes than fit 64 bits");
    refuse_info("t", 1, bytes, 0, 0, format, "tensor t: needs more bytes than fit 64 bits");
    refuse_info("t", 2, odd, 2, 0, format, "tensor t: has rows of 33 values, wanted a multiple of 32 for q4_0");
    refuse_info("t", 2, dims, 14, 0, format, "tensor t: has rows of 32 values, wanted a multiple of 256 for q6_k");
    refuse_info("t", 2, dims, 250, 0, format, "tensor t: type 250 is none of GGUF's");
    refuse_info("t", 2, dims, 4, 0, format, "tensor t: type 4 is none of GGUF's");
    refuse_info("t", 2, dims, 16, 0, PLLM_E_UNSUPPORTED, "tensor t: type IQ2_XXS (16) is not supported");
    refuse_info("t", 2, dims, 0, 1 << 20, format, "tensor t: needs 256 bytes from offset 1048576 on, but the file has");
    refuse_info("t", 1, eight, 0, UINT64_MAX - 31, format, "tensor t: needs 32 bytes");
    refuse_info("t", 2, dims, 0, 8, format, "tensor t: offset 8 is no multiple of 32");
    refuse_info("t", 1, dims, 0, 0, format, "share bytes");
    refuse_info("", 1, dims, 0, 0, format, "a tensor's name has 0 bytes, wanted 1 to 255");
    refuse_info("caf\xC3\xA9", 1, dims, 0, 0, format, "a tensor's name \"caf\" has the byte 0xC3");
    struct gguf_writer w = sound();
    put_bytes(&w.infos, "a\0b", 3);
    w.n_tensors++;
    refuse_writer(&w, "a tensor's name \"a\" has the byte 0x00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_tensors_and_values), cmocka_unit_test(reads_arrays),
        cmocka_unit_test(names_what_a_value_is),    cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(refuses_bad_headers),      cmocka_unit_test(refuses_bad_values),
        cmocka_unit_test(refuses_bad_alignment),    cmocka_unit_test(refuses_bad_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
