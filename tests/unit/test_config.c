#include "weights/config.h"

#include "gguf_writer.h"
#include "test.h"
#include "weights/gguf.h"

#include <math.h>

static struct config *from_text(const char *text)
{
    struct json top;
    struct config *c = NULL;
    assert_int_equal(json_parse(&top, text, strlen(text), "config.json", NULL), PLLM_OK);
    assert_int_equal(config_from_json(&c, top, NULL), PLLM_OK);
    return c;
}

static void close_with(struct config *c, const char *message)
{
    pllm_error err = {0};
    pllm_status status = config_status(c, &err);
    assert_string_equal(err.message, message);
    assert_int_equal(status == PLLM_OK, message[0] == '\0');
    config_close(c);
}

static void reads_both_spellings(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{\"rope_theta\": 5e5, \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.5}, \"torch_dtype\": \"bfloat16\"}",
        "{\"rope_parameters\": {\"rope_theta\": 500000, \"rope_type\": \"linear\", \"factor\": 2.5}, \"dtype\": \"bfloat16\"}",
        "{\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 5e5, \"rope_type\": \"linear\", \"factor\": 2.5}},"
        " \"dtype\": \"bfloat16\"}",
        "{\"text_config\": {\"rope_theta\": 5e5, \"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 2.5}},"
        " \"torch_dtype\": \"bfloat16\"}",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct config *c = from_text(same[i]);
        assert_true(config_has(c, "rope_scaling"));
        assert_true(config_float(c, "rope_theta") == 500000);
        assert_string_equal(config_string(c, "rope_scaling.rope_type"), "linear");
        assert_true(config_float(c, "rope_scaling.factor") == 2.5);
        assert_string_equal(config_string(c, "torch_dtype"), "bfloat16");
        assert_false(config_has(c, "rope_local_base_freq"));
        close_with(c, "");
    }
    struct config *c = from_text("{\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 1e6},"
                                 " \"sliding_attention\": {\"rope_theta\": 1e4}}}");
    assert_true(config_float(c, "rope_theta") == 1e6);
    assert_true(config_float(c, "rope_local_base_freq") == 1e4);
    close_with(c, "");
}

static void reads_values_and_fallbacks(void **state)
{
    (void)state;
    struct config *c = from_text("{\"a\": 3, \"z\": null, \"b\": true, \"list\": [1, 2.5], \"names\": [\"x\", \"y\"]}");
    assert_int_equal(config_int(c, "a", 1, 9), 3);
    assert_int_equal(config_int_or(c, "z", 1, 9, 7), 7);
    assert_true(config_bool_or(c, "b", false));
    assert_true(config_bool_or(c, "no", true));
    assert_true(config_float_or(c, "no", 0.5) == 0.5);
    assert_string_equal(config_string_or(c, "no", "d"), "d");
    assert_int_equal(config_size(c, "list"), 2);
    assert_int_equal(config_size(c, "a"), 0);
    assert_true(config_float_at(c, "list", 1) == 2.5);
    assert_int_equal(config_int_at(c, "list", 0, 0, 5), 1);
    assert_string_equal(config_string_at(c, "names", 1), "y");
    close_with(c, "");
}

/* Each use of a wrong value leaves its message, and the first message stays. */
static void keeps_the_first_error(void **state)
{
    (void)state;
    static const char text[] = "{\"s\": \"x\", \"n\": -5, \"h\": 32.5, \"rope_scaling\": \"linear\", \"l\": [1, \"x\"],"
                               " \"nul\": \"a\\u0000b\"}";
    struct config *c = from_text(text);
    assert_int_equal(config_int(c, "n", 1, 9), 1);
    assert_true(config_float(c, "s") == 1);
    close_with(c, "config.json: n: is -5, wanted 1 to 9");
    c = from_text(text);
    assert_int_equal(config_int(c, "none", 1, 9), 1);
    close_with(c, "config.json: none: is missing");
    c = from_text(text);
    assert_int_equal(config_int(c, "h", 1, 99), 1);
    close_with(c, "config.json: h: is a number, wanted an integer");
    c = from_text(text);
    assert_true(config_float_or(c, "s", 2) == 1);
    close_with(c, "config.json: s: is a string, wanted a number");
    c = from_text(text);
    assert_false(config_bool_or(c, "n", false));
    close_with(c, "config.json: n: is an integer, wanted true or false");
    c = from_text(text);
    assert_string_equal(config_string(c, "n"), "");
    close_with(c, "config.json: n: is an integer, wanted a string");
    c = from_text(text);
    assert_string_equal(config_string(c, "nul"), "");
    close_with(c, "config.json: nul: holds a NUL");
    c = from_text(text);
    assert_false(config_has(c, "rope_scaling.factor"));
    close_with(c, "config.json: rope_scaling: is a string, wanted an object");
    c = from_text(text);
    assert_true(config_float_at(c, "l", 1) == 1);
    close_with(c, "config.json: l[1]: is a string, wanted a number");
    c = from_text(text);
    assert_true(config_float_at(c, "l", 2) == 1);
    close_with(c, "config.json: l: has 2 elements, wanted at least 3");
    c = from_text(text);
    config_fail(c, PLLM_E_UNSUPPORTED, "s", "is \"%s\", which is not supported", "x");
    close_with(c, "config.json: s: is \"x\", which is not supported");
}

static void refuses_other_json(void **state)
{
    (void)state;
    struct json top;
    struct config *c = NULL;
    pllm_error err;
    assert_int_equal(json_parse(&top, "[]", 2, "config.json", NULL), PLLM_OK);
    assert_int_equal(config_from_json(&c, top, &err), PLLM_E_FORMAT);
    assert_string_equal(err.message, "config.json: is an array, wanted an object");
    assert_null(c);
}

struct model {
    struct buf file;
    struct gguf *gguf;
    struct config *config;
};

static void open_model(struct model *m, struct gguf_writer *w)
{
    m->file = gguf_finish(w);
    assert_int_equal(gguf_open(&m->gguf, (uint8_t *)m->file.at, m->file.n, "m.gguf", NULL), PLLM_OK);
    assert_int_equal(config_from_gguf(&m->config, m->gguf, NULL), PLLM_OK);
}

static void close_model(struct model *m, const char *message)
{
    close_with(m->config, message);
    gguf_close(m->gguf);
    vec_fini(&m->file);
}

static struct gguf_writer sound(void)
{
    struct gguf_writer w = {0};
    gguf_put_f32(&w, "qwen2.rope.freq_base", 1e6f);
    gguf_put_string(&w, "general.architecture", "qwen2");
    gguf_put_u32(&w, "qwen2.block_count", 3);
    gguf_put_array(&w, "qwen2.attention.head_count", 4, 3);
    for (int i = 0; i < 3; i++)
        put_number(&w.values, 8, 4);
    gguf_put_array(&w, "qwen2.feed_forward_length", 4, 2);
    put_number(&w.values, 8, 4);
    put_number(&w.values, 9, 4);
    gguf_put_array(&w, "tokenizer.ggml.tokens", 8, 2);
    put_text(&w.values, "a");
    put_text(&w.values, "b");
    gguf_put_f32(&w, "qwen2.attention.layer_norm_rms_epsilon", (float)NAN);
    gguf_put_string(&w, "qwen2.context_length", "x");
    gguf_put_string(&w, "qwen2.rope.scaling.type", "yarn");
    gguf_put_f32(&w, "qwen2.rope.scaling.factor", 4);
    return w;
}

static void translates_gguf_keys(void **state)
{
    (void)state;
    struct gguf_writer w = sound();
    struct model m;
    open_model(&m, &w);
    struct config *c = m.config;
    assert_true(config_is_gguf(c));
    assert_int_equal(config_int(c, "num_hidden_layers", 1, 99), 3);
    assert_int_equal(config_int(c, "num_attention_heads", 1, 99), 8);
    assert_int_equal(config_int(c, "vocab_size", 1, 99), 2);
    assert_true(config_float(c, "rope_theta") == 1e6);
    assert_string_equal(config_string(c, "model_type"), "qwen2");
    assert_string_equal(config_string(c, "rope_scaling.rope_type"), "yarn");
    assert_true(config_float(c, "rope_scaling.factor") == 4);
    assert_int_equal(config_size(c, "intermediate_size"), 2);
    assert_int_equal(config_int_at(c, "intermediate_size", 1, 0, 99), 9);
    assert_false(config_has(c, "head_dim"));
    assert_false(config_has(c, "no_such_key"));
    close_model(&m, "");
}

static void names_gguf_keys_in_errors(void **state)
{
    (void)state;
    struct gguf_writer w = sound();
    struct model m;
    open_model(&m, &w);
    config_float(m.config, "rms_norm_eps");
    close_model(&m, "m.gguf: qwen2.attention.layer_norm_rms_epsilon: is nan, wanted a finite number");
    w = sound();
    open_model(&m, &w);
    config_int(m.config, "max_position_embeddings", 1, 99);
    close_model(&m, "m.gguf: qwen2.context_length: is a string, wanted an integer");
    w = sound();
    open_model(&m, &w);
    config_int(m.config, "intermediate_size", 1, 99);
    close_model(&m, "m.gguf: qwen2.feed_forward_length: differs between layers");
    w = sound();
    open_model(&m, &w);
    config_int(m.config, "num_attention_heads", 1, 4);
    close_model(&m, "m.gguf: qwen2.attention.head_count: is 8, wanted 1 to 4");
    w = sound();
    open_model(&m, &w);
    config_int(m.config, "hidden_size", 1, 4);
    close_model(&m, "m.gguf: qwen2.embedding_length: is missing");
    w = sound();
    open_model(&m, &w);
    config_float(m.config, "num_attention_heads");
    close_model(&m, "m.gguf: qwen2.attention.head_count: is an array of 3 integers, wanted a number");
}

static void counts_the_vocabulary(void **state)
{
    (void)state;
    struct gguf_writer w = sound();
    struct model m;
    open_model(&m, &w);
    config_int(m.config, "vocab_size", 3, 99);
    close_model(&m, "m.gguf: tokenizer.ggml.tokens: has 2 elements, wanted 3 to 99");
    w = (struct gguf_writer){0};
    gguf_put_string(&w, "general.architecture", "llama");
    gguf_put_u32(&w, "llama.vocab_size", 7);
    open_model(&m, &w);
    assert_int_equal(config_int(m.config, "vocab_size", 1, 99), 7);
    close_model(&m, "");
    w = (struct gguf_writer){0};
    gguf_put_string(&w, "general.architecture", "llama");
    gguf_put_array(&w, "tokenizer.ggml.tokens", 4, 1);
    put_number(&w.values, 7, 4);
    open_model(&m, &w);
    config_int(m.config, "vocab_size", 1, 99);
    close_model(&m, "m.gguf: tokenizer.ggml.tokens: is an array of 1 integers, wanted an array of strings");
}

static void wants_an_architecture(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        const char *message;
    } bad[] = {{0, "m.gguf: general.architecture: is missing, wanted a string"},
               {4, "m.gguf: general.architecture: is an integer, wanted a string"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct gguf_writer w = {0};
        if (bad[i].type)
            gguf_put_u32(&w, "general.architecture", 1);
        struct buf file = gguf_finish(&w);
        struct gguf *g;
        struct config *c = NULL;
        pllm_error err;
        assert_int_equal(gguf_open(&g, (uint8_t *)file.at, file.n, "m.gguf", NULL), PLLM_OK);
        assert_int_equal(config_from_gguf(&c, g, &err), PLLM_E_FORMAT);
        assert_string_equal(err.message, bad[i].message);
        gguf_close(g);
        vec_fini(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_both_spellings),      cmocka_unit_test(reads_values_and_fallbacks),
        cmocka_unit_test(keeps_the_first_error),     cmocka_unit_test(refuses_other_json),
        cmocka_unit_test(translates_gguf_keys),      cmocka_unit_test(names_gguf_keys_in_errors),
        cmocka_unit_test(wants_an_architecture),     cmocka_unit_test(counts_the_vocabulary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
