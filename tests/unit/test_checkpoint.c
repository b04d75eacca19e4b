#include "weights/tensor.h"

#include "folder.h"
#include "gguf_writer.h"
#include "safetensors_writer.h"
#include "test.h"
#include "weights/config.h"
#include "weights/gguf.h"

static const float floats[64] = {0, 1, 2, 3, 4, 5, 6, 7};

/* Opening `name` in the folder must fail with a message that contains `part`. */
static void refuse(const struct folder *f, const char *name, pllm_status status, const char *part)
{
    struct checkpoint *c = NULL;
    pllm_error err = {0};
    assert_int_equal(checkpoint_open(&c, name ? folder_at(f, name) : f->path, &err), status);
    assert_null(c);
    assert_message(err, f->path);
    assert_message(err, part);
}

static struct checkpoint *open_sound(const struct folder *f, const char *name)
{
    struct checkpoint *c = NULL;
    pllm_error err = {0};
    if (checkpoint_open(&c, name ? folder_at(f, name) : f->path, &err))
        fail_msg("%s", err.message);
    return c;
}

static void assert_tokens(const struct checkpoint *c, size_t n, const int32_t *wanted)
{
    token_vec ids = {0};
    assert_int_equal(checkpoint_end_tokens(c, &ids, NULL), PLLM_OK);
    assert_int_equal(ids.n, n);
    if (n)
        assert_memory_equal(ids.at, wanted, n * sizeof *wanted);
    vec_fini(&ids);
}

/* ---- GGUF --------------------------------------------------------------------------------------- */

static struct gguf_writer part(int no, int count)
{
    struct gguf_writer w = {0};
    char name[16];
    gguf_put_u32(&w, "split.no", (uint32_t)no);
    gguf_put_u32(&w, "split.count", (uint32_t)count);
    if (no == 0) {
        gguf_put_string(&w, "general.architecture", "llama");
        gguf_put_u32(&w, "split.tensors.count", (uint32_t)count);
        gguf_put_u32(&w, "tokenizer.ggml.eos_token_id", 2);
        gguf_put_u32(&w, "tokenizer.ggml.eot_token_id", 7);
        gguf_put_u32(&w, "tokenizer.ggml.eom_token_id", 2);
    }
    snprintf(name, sizeof name, "t%d", no);
    gguf_put_f32_tensor(&w, name, 2, 4 + (uint64_t)no);
    return w;
}

static void put_parts(const struct folder *f, int count)
{
    for (int i = 0; i < count; i++) {
        char name[64];
        struct gguf_writer w = part(i, count);
        snprintf(name, sizeof name, "m-%05d-of-%05d.gguf", i + 1, count);
        folder_put_buf(f, name, gguf_finish(&w));
    }
}

static void opens_split_gguf(void **state)
{
    (void)state;
    struct folder f = folder_make();
    put_parts(&f, 3);
    struct checkpoint *c = open_sound(&f, "m-00001-of-00003.gguf");
    assert_int_equal(c->format, CHECKPOINT_GGUF);
    assert_int_equal(c->files.n, 3);
    assert_int_equal(c->tensors.n, 3);
    const struct tensor *t = checkpoint_find(c, "t2");
    assert_int_equal(t->file, 2);
    assert_int_equal(t->m.cols, 6);
    float value;
    memcpy(&value, t->m.data + 11 * 4, 4);
    assert_true(value == 11);
    assert_null(checkpoint_find(c, "t3"));
    assert_tokens(c, 2, (int32_t[]){2, 7});
    checkpoint_close(c);

    refuse(&f, "m-00002-of-00003.gguf", PLLM_E_FORMAT, "is part 2 of 3, wanted the first");
    struct gguf_writer other = part(1, 4);
    folder_put_buf(&f, "m-00002-of-00003.gguf", gguf_finish(&other));
    refuse(&f, "m-00001-of-00003.gguf", PLLM_E_FORMAT, "is part 2 of 4, wanted part 2 of 3");
    unlink(folder_at(&f, "m-00002-of-00003.gguf"));
    refuse(&f, "m-00001-of-00003.gguf", PLLM_E_IO, "m-00002-of-00003.gguf: No such file");
    struct gguf_writer first = part(0, 3);
    folder_put_buf(&f, "m.gguf", gguf_finish(&first));
    refuse(&f, "m.gguf", PLLM_E_FORMAT, "is the first of 3 parts, so its name must end in -00001-of-00003.gguf");
    folder_remove(&f);
}

static void checks_gguf_as_a_whole(void **state)
{
    (void)state;
    struct folder f = folder_make();
    struct gguf_writer w = {0};
    gguf_put_string(&w, "general.architecture", "llama");
    gguf_put_u32(&w, "tokenizer.ggml.eos_token_id", UINT32_MAX);
    struct buf vocabulary = gguf_finish(&w);
    folder_put_buf(&f, "vocab.gguf", vocabulary);
    struct checkpoint *c = open_sound(&f, "vocab.gguf");
    assert_int_equal(c->tensors.n, 0);
    assert_null(checkpoint_find(c, "t"));
    token_vec ids = {0};
    pllm_error err;
    assert_int_equal(checkpoint_end_tokens(c, &ids, &err), PLLM_E_FORMAT);
    assert_message(err, "tokenizer.ggml.eos_token_id: is 4294967295, wanted 0 to 2147483647");
    checkpoint_close(c);

    w = (struct gguf_writer){0};
    gguf_put_string(&w, "general.architecture", "llama");
    gguf_put_f32_tensor(&w, "t", 1, 4);
    gguf_put_f32_tensor(&w, "t", 1, 4);
    folder_put_buf(&f, "twice.gguf", gguf_finish(&w));
    refuse(&f, "twice.gguf", PLLM_E_FORMAT, "tensor t: occurs twice");
    w = (struct gguf_writer){0};
    gguf_put_string(&w, "general.architecture", "llama");
    gguf_put_u32(&w, "split.tensors.count", 3);
    folder_put_buf(&f, "few.gguf", gguf_finish(&w));
    refuse(&f, "few.gguf", PLLM_E_FORMAT, "split.tensors.count: is 3, but the parts have 0 tensors");
    folder_put(&f, "empty.gguf", "", 0);
    refuse(&f, "empty.gguf", PLLM_E_FORMAT, "does not begin with \"GGUF\"");
    refuse(&f, "none.gguf", PLLM_E_IO, "No such file");
    folder_remove(&f);
}

/* Bytes of the mapping that are in memory; 0 where the system does not tell. */
static size_t resident(const struct file_map *map)
{
    size_t count = 0;
    FILE *file = fopen("/proc/self/smaps", "r");
    char line[512];
    bool ours = false;
    while (file && fgets(line, sizeof line, file)) {
        unsigned long begin, end, kib;
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            ours = begin == (unsigned long)(uintptr_t)map->bytes;
        else if (ours && sscanf(line, "Rss: %lu kB", &kib) == 1)
            count = kib * 1024;
    }
    if (file)
        fclose(file);
    return count;
}

/* Rows by checkpoint_copy, which touches no page of the mapping; then those of the mapping are the same. */
static void expect_copy(const struct checkpoint *c, const struct tensor *t, int64_t first, int64_t n)
{
    const size_t scales = matrix_scale_bytes(&t->m), rows = (size_t)n;
    const struct matrix_rows *m = &t->m;
    struct matrix_rows got;
    uint8_t *to = mem_alloc(rows, m->row_bytes + 2 * scales);
    const size_t before = resident(&c->files.at[0]);
    assert_int_equal(checkpoint_copy(&got, c, t, first, n, to, NULL), PLLM_OK);
    assert_int_equal(resident(&c->files.at[0]), before);
    assert_int_equal(got.rows, n);
    assert_int_equal(got.cols, m->cols);
    assert_memory_equal(got.data, m->data + (size_t)first * m->row_bytes, rows * m->row_bytes);
    if (scales) {
        assert_memory_equal(got.scales, m->scales + (size_t)first * scales, rows * scales);
        assert_memory_equal(got.biases, m->biases + (size_t)first * scales, rows * scales);
    }
    mem_free(to);
}

/* Opening touches the description only, and what was read can be given back. */
static void reads_no_weights_and_forgets(void **state)
{
    (void)state;
    struct folder f = folder_make();
    struct gguf_writer w = {0};
    const uint64_t rows = 2048, cols = 1024; /* 8 MiB */
    gguf_put_string(&w, "general.architecture", "llama");
    gguf_put_f32_tensor(&w, "t", rows, cols);
    folder_put_buf(&f, "m.gguf", gguf_finish(&w));
    struct checkpoint *c = open_sound(&f, "m.gguf");
    const struct tensor *t = checkpoint_find(c, "t");
    const size_t bytes = (size_t)t->m.rows * t->m.row_bytes, before = resident(&c->files.at[0]);
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < bytes; i += 512)
        sum = (uint8_t)(sum + t->m.data[i]);
    const size_t after = resident(&c->files.at[0]);
    checkpoint_forget(c, t, 0, t->m.rows);
    if (after) { /* the system tells */
        assert_true(before < bytes / 2);
        assert_true(after >= bytes);
        assert_true(resident(&c->files.at[0]) < bytes / 16);
    }
    expect_copy(c, t, 7, 1900);
    checkpoint_close(c);
    folder_remove(&f);
}

/* ---- Folders ------------------------------------------------------------------------------------ */

static struct folder sound_folder(void)
{
    struct folder f = folder_make();
    struct safetensors_writer w = {0};
    folder_put_text(&f, "config.json", "{\"model_type\": \"llama\", \"eos_token_id\": 5}");
    safetensors_put(&w, "b.weight", "F32", "[2, 4]", floats, 32);
    safetensors_put(&w, "a.bias", "BF16", "[4]", floats, 8);
    safetensors_put(&w, "positions", "I64", "[1]", floats, 8);
    folder_put_buf(&f, "model.safetensors", safetensors_finish(&w));
    return f;
}

static void opens_a_folder(void **state)
{
    (void)state;
    struct folder f = sound_folder();
    struct checkpoint *c = open_sound(&f, NULL);
    assert_int_equal(c->format, CHECKPOINT_HF);
    assert_int_equal(c->tensors.n, 2);
    const struct tensor *t = checkpoint_find(c, "b.weight");
    assert_int_equal(t->m.rows, 2);
    assert_int_equal(t->m.row_bytes, 16);
    assert_int_equal(checkpoint_find(c, "a.bias")->m.type, TYPE_BF16);
    assert_string_equal(config_string(c->config, "model_type"), "llama");
    assert_tokens(c, 1, (int32_t[]){5});
    checkpoint_close(c);
    folder_put_text(&f, "generation_config.json", "{\"eos_token_id\": [7, 5, 9]}");
    c = open_sound(&f, NULL);
    assert_tokens(c, 3, (int32_t[]){5, 7, 9});
    checkpoint_close(c);

    folder_put_text(&f, "generation_config.json", "[]");
    refuse(&f, NULL, PLLM_E_FORMAT, "generation_config.json: is an array, wanted an object");
    unlink(folder_at(&f, "generation_config.json"));
    folder_put_text(&f, "config.json", "{} x");
    refuse(&f, NULL, PLLM_E_FORMAT, "config.json: line 1");
    unlink(folder_at(&f, "config.json"));
    refuse(&f, NULL, PLLM_E_IO, "is a folder without config.json, wanted one with config.json and safetensors, or a .gguf file");
    folder_put_text(&f, "small-Q4_0.gguf", "GGUF");
    refuse(&f, NULL, PLLM_E_IO, "is a folder without config.json; name one of its GGUF files: small-Q4_0.gguf");
    unlink(folder_at(&f, "small-Q4_0.gguf"));
    folder_put_text(&f, "config.json", "{\"quantization_config\": {\"quant_method\": \"gptq\"}}");
    refuse(&f, NULL, PLLM_E_UNSUPPORTED, "config.json: quantization_config.quant_method: is \"gptq\", which is not supported");
    unlink(folder_at(&f, "model.safetensors"));
    refuse(&f, NULL, PLLM_E_IO, "holds neither model.safetensors nor model.safetensors.index.json");
    folder_put_text(&f, "pytorch_model.bin", "PK");
    refuse(&f, NULL, PLLM_E_IO, "model.safetensors.index.json; pickled weights are not read, wanted safetensors: pytorch_model.bin");
    folder_remove(&f);
}

static void refuses_integer_weights(void **state)
{
    (void)state;
    struct folder f = sound_folder();
    struct safetensors_writer w = {0};
    safetensors_put(&w, "q.weight", "I64", "[1]", floats, 8);
    folder_put_buf(&f, "model.safetensors", safetensors_finish(&w));
    refuse(&f, NULL, PLLM_E_UNSUPPORTED, "tensor q.weight: is I64, wanted F32, F16 or BF16");
    folder_remove(&f);
}

static struct folder sharded_folder(const char *index)
{
    struct folder f = folder_make();
    folder_put_text(&f, "config.json", "{}");
    for (int i = 0; i < 2; i++) {
        struct safetensors_writer w = {0};
        safetensors_put(&w, i ? "b" : "a", "F32", "[2, 4]", floats, 32);
        folder_put_buf(&f, i ? "s2.safetensors" : "s1.safetensors", safetensors_finish(&w));
    }
    folder_put_text(&f, "model.safetensors.index.json", index);
    return f;
}

static void opens_shards(void **state)
{
    (void)state;
    struct folder f = sharded_folder("{\"weight_map\": {\"b\": \"s2.safetensors\", \"a\": \"s1.safetensors\"}}");
    struct checkpoint *c = open_sound(&f, NULL);
    assert_int_equal(c->files.n, 2);
    assert_int_equal(c->tensors.n, 2);
    assert_int_equal(checkpoint_find(c, "b")->file, 0);
    assert_int_equal(checkpoint_find(c, "a")->file, 1);
    checkpoint_close(c);
    folder_remove(&f);
}

static void refuses_bad_indexes(void **state)
{
    (void)state;
    static const struct {
        const char *index, *message;
    } bad[] = {
        {"[]", "index.json: is an array, wanted an object"},
        {"{}", "index.json: weight_map: is missing, wanted an object"},
        {"{\"weight_map\": {\"a\": 1}}", "weight_map.a: is an integer, wanted a string"},
        {"{\"weight_map\": {\"a\": \"../s1.safetensors\"}}", "weight_map.a: is \"../s1.safetensors\", wanted the name of"},
        {"{\"weight_map\": {\"a\": \"/etc/hostname\"}}", "weight_map.a: is \"/etc/hostname\", wanted the name of"},
        {"{\"weight_map\": {\"a\": \"..\"}}", "weight_map.a: is \"..\", wanted the name of"},
        {"{\"weight_map\": {\"a\": \"\"}}", "weight_map.a: is \"\", wanted the name of"},
        {"{\"weight_map\": {\"a\": \"s3.safetensors\"}}", "weight_map.a: names s3.safetensors, which is not there"},
        {"{\"weight_map\": {\"a\": \"s1.safetensors\", \"c\": \"s2.safetensors\"}}",
         "weight_map.c: no file holds this tensor, wanted it in s2.safetensors"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct folder f = sharded_folder(bad[i].index);
        refuse(&f, NULL, PLLM_E_FORMAT, bad[i].message);
        folder_remove(&f);
    }
    struct folder f = sharded_folder("{\"weight_map\": {\"a\": \"s1.safetensors\", \"b\": \"s2.safetensors\"}}");
    struct safetensors_writer w = {0};
    safetensors_put(&w, "a", "F32", "[2, 4]", floats, 32);
    folder_put_buf(&f, "s2.safetensors", safetensors_finish(&w));
    refuse(&f, NULL, PLLM_E_FORMAT, "tensor a: is in two files");
    folder_remove(&f);
}

/* ---- MLX ---------------------------------------------------------------------------------------- */

/* A folder with q, 2 x 64 in `bits` and groups of 32, and a plain k. */
static struct folder mlx_folder(const char *config, int bits, const char *scales_shape, const char *biases_type)
{
    static const uint8_t zeros[256];
    struct folder f = folder_make();
    struct safetensors_writer w = {0};
    char shape[32];
    const size_t words = (size_t)(64 * bits / 32);
    snprintf(shape, sizeof shape, "[2, %zu]", words);
    folder_put_text(&f, "config.json", config);
    safetensors_put(&w, "q.weight", "U32", shape, zeros, words * 8);
    safetensors_put(&w, "q.scales", "F16", scales_shape, floats, 8);
    if (biases_type)
        safetensors_put(&w, "q.biases", biases_type, "[2, 2]", floats, strcmp(biases_type, "F32") ? 8 : 16);
    safetensors_put(&w, "k.weight", "F16", "[2, 4]", floats, 16);
    folder_put_buf(&f, "model.safetensors", safetensors_finish(&w));
    return f;
}

static void opens_mlx_matrices(void **state)
{
    (void)state;
    static const char *const configs[] = {
        "{\"quantization\": {\"bits\": 3, \"group_size\": 32}}",
        "{\"quantization\": {\"bits\": 8, \"group_size\": 64, \"q\": {\"bits\": 3, \"group_size\": 32}}}",
        "{\"quantization_config\": {\"bits\": 3, \"group_size\": 32, \"mode\": \"affine\"}}",
    };
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        struct folder f = mlx_folder(configs[i], 3, "[2, 2]", "F16");
        struct checkpoint *c = open_sound(&f, NULL);
        assert_int_equal(c->tensors.n, 2);
        const struct tensor *q = checkpoint_find(c, "q.weight");
        assert_int_equal(q->m.type, TYPE_MLX);
        assert_int_equal(q->m.bits, 3);
        assert_int_equal(q->m.group, 32);
        assert_int_equal(q->m.rows, 2);
        assert_int_equal(q->m.cols, 64);
        assert_int_equal(q->shape[1], 64);
        assert_int_equal(q->m.row_bytes, 24);
        assert_int_equal(q->m.scale_type, TYPE_F16);
        assert_memory_equal(q->m.scales, floats, 8);
        assert_memory_equal(q->m.biases, floats, 8);
        assert_int_equal(checkpoint_find(c, "k.weight")->m.type, TYPE_F16);
        checkpoint_forget(c, q, 0, q->m.rows);
        expect_copy(c, q, 1, 1);
        checkpoint_close(c);
        folder_remove(&f);
    }
}

static void refuses_bad_mlx(void **state)
{
    (void)state;
    static const char good[] = "{\"quantization\": {\"bits\": 4, \"group_size\": 32}}";
    static const struct {
        const char *config, *scales_shape, *biases_type, *message;
    } bad[] = {
        {"{}", "[2, 2]", "F16", "tensor q.weight: is U32, but config.json has no \"quantization\""},
        {"{\"quantization\": 4}", "[2, 2]", "F16", "config.json: quantization: is an integer, wanted an object"},
        {"{\"quantization\": {\"bits\": 7, \"group_size\": 32}}", "[2, 2]", "F16",
         "quantization.bits: is 7, wanted 2, 3, 4, 5, 6 or 8"},
        {"{\"quantization\": {\"bits\": 4, \"group_size\": 16}}", "[2, 2]", "F16",
         "quantization.group_size: is 16, wanted 32, 64 or 128"},
        {"{\"quantization\": {\"bits\": 4, \"group_size\": 32, \"q\": {\"bits\": 4}}}", "[2, 2]", "F16",
         "quantization.q.group_size: is missing, wanted an integer"},
        {"{\"quantization\": {\"bits\": 4, \"group_size\": 128}}", "[2, 2]", "F16",
         "tensor q.weight: rows of 8 words are no groups of 128 values of 4 bits"},
        {"{\"quantization\": {\"bits\": 3, \"group_size\": 32}}", "[2, 2]", "F16",
         "tensor q.weight: rows of 8 words are no groups of 32 values of 3 bits"},
        {"{\"quantization\": {\"bits\": 2, \"group_size\": 32}}", "[2, 2]", "F16",
         "tensor q.scales: has shape [2, 2], wanted [2, 4]: a value per 32 of 128 inputs"},
        {good, "[4]", "F16", "tensor q.scales: has shape [4], wanted [2, 2]"},
        {good, "[2, 2]", NULL, "tensor q.biases: is missing, but q.weight is quantized"},
        {good, "[2, 2]", "I16", "tensor q.biases: is I16, wanted F32, F16 or BF16"},
        {good, "[2, 2]", "BF16", "tensor q.biases: has another type than its scales"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct folder f = mlx_folder(bad[i].config, 4, bad[i].scales_shape, bad[i].biases_type);
        refuse(&f, NULL, PLLM_E_FORMAT, bad[i].message);
        folder_remove(&f);
    }
    struct folder f = mlx_folder("{\"quantization\": {\"bits\": 4, \"group_size\": 32, \"mode\": \"mxfp4\"}}", 4, "[2, 2]",
                                 "F16");
    refuse(&f, NULL, PLLM_E_UNSUPPORTED, "quantization.mode: is \"mxfp4\", wanted \"affine\"");
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_split_gguf),        cmocka_unit_test(checks_gguf_as_a_whole),
        cmocka_unit_test(reads_no_weights_and_forgets), cmocka_unit_test(opens_a_folder),
        cmocka_unit_test(refuses_integer_weights), cmocka_unit_test(opens_shards),
        cmocka_unit_test(refuses_bad_indexes),     cmocka_unit_test(opens_mlx_matrices),
        cmocka_unit_test(refuses_bad_mlx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
