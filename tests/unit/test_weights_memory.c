/* Every allocation of the readers fails once: what comes of it is PLLM_E_MEMORY, and nothing is lost. */
#include "weights/lora.h"
#include "weights/tensor.h"

#include "failing.h"
#include "folder.h"
#include "gguf_writer.h"
#include "safetensors_writer.h"
#include "test.h"
#include "weights/gguf.h"

static const float floats[64];

/* Opens until no allocation fails; `least`: so many must have been tried. */
static void open_failing(const char *path, int least)
{
    int n = 0;
    pllm_status status;
    do {
        struct checkpoint *c = NULL;
        token_vec ids = {0};
        pllm_error err = {0};
        fail_at(n++);
        status = checkpoint_open(&c, path, &err);
        if (!status)
            status = checkpoint_end_tokens(c, &ids, &err);
        if (status) {
            assert_int_equal(status, PLLM_E_MEMORY);
            assert_message(err, "not enough memory");
        }
        vec_fini(&ids);
        checkpoint_close(c);
    } while (fail_happened());
    assert_int_equal(status, PLLM_OK);
    assert_true(n > least);
}

static void opens_gguf(void **state)
{
    (void)state;
    struct folder f = folder_make();
    for (int i = 0; i < 2; i++) {
        struct gguf_writer w = {0};
        gguf_put_string(&w, "general.architecture", "llama");
        gguf_put_u32(&w, "split.no", (uint32_t)i);
        gguf_put_u32(&w, "split.count", 2);
        gguf_put_u32(&w, "tokenizer.ggml.eos_token_id", 2);
        gguf_put_f32_tensor(&w, i ? "a" : "b", 2, 4);
        gguf_put_f32_tensor(&w, i ? "c" : "d", 2, 4);
        folder_put_buf(&f, i ? "m-00002-of-00002.gguf" : "m-00001-of-00002.gguf", gguf_finish(&w));
    }
    open_failing(folder_at(&f, "m-00001-of-00002.gguf"), 20);
    folder_remove(&f);
}

static void opens_folders(void **state)
{
    (void)state;
    struct folder f = folder_make();
    folder_put_text(&f, "config.json", "{\"quantization\": {\"bits\": 4, \"group_size\": 32}, \"eos_token_id\": 2}");
    folder_put_text(&f, "generation_config.json", "{\"eos_token_id\": [3]}");
    folder_put_text(&f, "model.safetensors.index.json", "{\"weight_map\": {\"q.weight\": \"s.safetensors\"}}");
    struct safetensors_writer w = {0};
    safetensors_put(&w, "q.weight", "U32", "[2, 4]", floats, 32);
    safetensors_put(&w, "q.scales", "F16", "[2, 1]", floats, 4);
    safetensors_put(&w, "q.biases", "F16", "[2, 1]", floats, 4);
    safetensors_put(&w, "n.weight", "F32", "[4]", floats, 16);
    folder_put_buf(&f, "s.safetensors", safetensors_finish(&w));
    open_failing(f.path, 15);
    folder_remove(&f);
}

static void opens_adapters(void **state)
{
    (void)state;
    const struct lora_shape shape = {.n_layers = 1, .in = {4, 4, 4, 4, 4, 4, 4}, .out = {4, 4, 4, 4, 4, 4, 4}};
    struct folder f = folder_make();
    struct safetensors_writer w = {0};
    folder_put_text(&f, "adapter_config.json", "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 8}");
    safetensors_put(&w, "model.layers.0.self_attn.q_proj.lora_A.weight", "F32", "[2, 4]", floats, 32);
    safetensors_put(&w, "model.layers.0.self_attn.q_proj.lora_B.weight", "F32", "[4, 2]", floats, 32);
    folder_put_buf(&f, "adapter_model.safetensors", safetensors_finish(&w));
    int n = 0;
    pllm_status status;
    do {
        struct adapter *a = NULL;
        pllm_error err = {0};
        fail_at(n++);
        status = adapter_open(&a, f.path, &shape, &err);
        if (status)
            assert_int_equal(status, PLLM_E_MEMORY);
        adapter_close(a);
    } while (fail_happened());
    assert_int_equal(status, PLLM_OK);
    assert_true(n > 8);
    folder_remove(&f);
}

static void copies_arrays(void **state)
{
    (void)state;
    struct gguf_writer w = {0};
    gguf_put_array(&w, "s", 8, 1);
    put_text(&w.values, "x");
    struct buf file = gguf_finish(&w);
    struct gguf *g;
    struct text_span *spans = NULL;
    size_t n;
    pllm_error err;
    assert_int_equal(gguf_open(&g, (uint8_t *)file.at, file.n, "m.gguf", NULL), PLLM_OK);
    fail_at(0);
    assert_int_equal(gguf_strings(g, "s", &spans, &n, &err), PLLM_E_MEMORY);
    assert_true(fail_happened());
    assert_null(spans);
    gguf_close(g);
    vec_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_gguf),
        cmocka_unit_test(opens_folders),
        cmocka_unit_test(opens_adapters),
        cmocka_unit_test(copies_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
