#include "weights/lora.h"

#include "folder.h"
#include "safetensors_writer.h"
#include "test.h"
#include "weights/lora_pattern.h"

#include <math.h>

/* Hidden 4, two heads of 3, one KV head, intermediate 5; no o_proj. */
static const struct lora_shape shape = {
    .n_layers = 2,
    .in = {[LORA_Q] = 4, [LORA_K] = 4, [LORA_V] = 4, [LORA_GATE] = 4, [LORA_UP] = 4, [LORA_DOWN] = 5},
    .out = {[LORA_Q] = 6, [LORA_K] = 3, [LORA_V] = 3, [LORA_GATE] = 5, [LORA_UP] = 5, [LORA_DOWN] = 4},
};

static const float ramp[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                               16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

#define PEFT "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 8, \"use_dora\": false, \"modules_to_save\": null"
#define NAME "base_model.model.model.layers.1."

static void put(struct safetensors_writer *w, const char *name, int rows, int cols)
{
    char text[32];
    snprintf(text, sizeof text, "[%d, %d]", rows, cols);
    safetensors_put(w, name, "F32", text, ramp, (size_t)(rows * cols) * 4);
}

static struct safetensors_writer sound(void)
{
    struct safetensors_writer w = {0};
    put(&w, NAME "self_attn.k_proj.lora_A.weight", 2, 4);
    put(&w, NAME "self_attn.k_proj.lora_B.weight", 3, 2);
    return w;
}

/* A folder with this configuration and these tensors, opened and removed. */
static pllm_status open_adapter(struct adapter **a, const char *config, struct safetensors_writer *w, bool mlx,
                                pllm_error *err)
{
    struct folder f = folder_make();
    memset(err, 0, sizeof *err);
    *a = NULL;
    folder_put_text(&f, "adapter_config.json", config);
    folder_put_buf(&f, mlx ? "adapters.safetensors" : "adapter_model.safetensors", safetensors_finish(w));
    pllm_status status = adapter_open(a, f.path, &shape, err);
    folder_remove(&f);
    return status;
}

static struct adapter *open_sound(const char *config, struct safetensors_writer *w, bool mlx)
{
    struct adapter *a;
    pllm_error err;
    if (open_adapter(&a, config, w, mlx, &err))
        fail_msg("%s", err.message);
    return a;
}

static void refuse(const char *config, struct safetensors_writer *w, pllm_status status, const char *part)
{
    struct adapter *a;
    pllm_error err;
    assert_int_equal(open_adapter(&a, config, w, false, &err), status);
    assert_null(a);
    assert_message(err, part);
}

static void refuse_config(const char *config, pllm_status status, const char *part)
{
    struct safetensors_writer w = sound();
    refuse(config, &w, status, part);
}

/* Its B is the rows of two that begin at `from`. */
static void expect_b(const struct lora_matrix *m, const float *from)
{
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < m->out; j++)
            assert_true(lora_b(m, j)[i * LORA_PANEL] == from[j * 2 + i]);
    for (int j = m->out; j < LORA_PANEL; j++)
        assert_true(m->b[j] == 0 && m->b[LORA_PANEL + j] == 0);
}

static void reads_peft(void **state)
{
    (void)state;
    struct safetensors_writer w = sound();
    struct adapter *a = open_sound(PEFT "}", &w, false);
    const struct lora_matrix *m = &a->at[LORA_MODULES + LORA_K];
    assert_int_equal(m->rank, 2);
    assert_int_equal(m->in, 4);
    assert_int_equal(m->out, 3);
    assert_true(m->scale == 4);
    assert_memory_equal(m->a, ramp, 8 * 4);
    expect_b(m, ramp);
    assert_int_equal(a->bytes, (8 + 2 * LORA_PANEL) * 4);
    assert_int_equal(a->at[LORA_K].rank, 0);
    assert_int_equal(a->at[LORA_MODULES + LORA_Q].rank, 0);
    adapter_close(a);
}

static void scales_by_rslora_and_patterns(void **state)
{
    (void)state;
    struct safetensors_writer w = sound();
    struct adapter *a = open_sound(PEFT ", \"use_rslora\": true}", &w, false);
    assert_true(a->at[LORA_MODULES + LORA_K].scale == (float)(8 / sqrt(2)));
    adapter_close(a);
    w = (struct safetensors_writer){0};
    put(&w, NAME "self_attn.k_proj.lora_A.weight", 4, 4);
    put(&w, NAME "self_attn.k_proj.lora_B.weight", 3, 4);
    put(&w, NAME "mlp.down_proj.lora_A.weight", 2, 5);
    put(&w, NAME "mlp.down_proj.lora_B.weight", 4, 2);
    a = open_sound(PEFT ", \"rank_pattern\": {\"x\": 7, \"layers.1.self_attn.k_proj\": 4, \"k_proj\": 9},"
                        " \"alpha_pattern\": {\".*_proj\": 6}}",
                   &w, false);
    assert_int_equal(a->at[LORA_MODULES + LORA_K].rank, 4);
    assert_true(a->at[LORA_MODULES + LORA_K].scale == 1.5f);
    assert_true(a->at[LORA_MODULES + LORA_DOWN].scale == 3);
    adapter_close(a);
}

static void reads_mlx_transposed(void **state)
{
    (void)state;
    struct safetensors_writer w = {0};
    put(&w, "model.layers.0.mlp.down_proj.lora_a", 5, 2);
    put(&w, "model.layers.0.mlp.down_proj.lora_b", 2, 4);
    struct adapter *a = open_sound("{\"lora_parameters\": {\"rank\": 2, \"scale\": 10.0}}", &w, true);
    const struct lora_matrix *m = &a->at[LORA_DOWN];
    assert_true(m->scale == 10);
    assert_true(m->a[0 * 5 + 3] == 6 && m->a[1 * 5 + 3] == 7);
    assert_true(m->b[3] == 3 && m->b[LORA_PANEL + 3] == 7);
    adapter_close(a);
}

static void splits_fused_modules(void **state)
{
    (void)state;
    struct safetensors_writer w = {0};
    put(&w, NAME "self_attn.qkv_proj.lora_A.weight", 2, 4);
    put(&w, NAME "self_attn.qkv_proj.lora_B.weight", 12, 2);
    struct adapter *a = open_sound(PEFT "}", &w, false);
    const struct lora_matrix *at = a->at + LORA_MODULES;
    assert_memory_equal(at[LORA_V].a, ramp, 8 * 4);
    expect_b(&at[LORA_Q], ramp);
    expect_b(&at[LORA_K], ramp + 12);
    expect_b(&at[LORA_V], ramp + 18);
    adapter_close(a);
    w = sound();
    put(&w, NAME "self_attn.qkv_proj.lora_A.weight", 2, 4);
    put(&w, NAME "self_attn.qkv_proj.lora_B.weight", 12, 2);
    refuse(PEFT "}", &w, PLLM_E_FORMAT, "adapts what another tensor adapts already");
}

/* As files of models have them whose neighbouring values rotate together: 0 2 1 3 | 4 6 5 7 of heads of four. */
static void puts_rows_of_heads_in_order(void **state)
{
    (void)state;
    static const struct lora_shape turned = {
        .n_layers = 2, .in = {[LORA_Q] = 4, [LORA_K] = 4, [LORA_V] = 4}, .out = {[LORA_Q] = 8, [LORA_K] = 4, [LORA_V] = 4}, .heads = {4, 4},
    };
    static const float q[] = {0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15}, k[] = {16, 17, 20, 21, 18, 19, 22, 23};
    struct folder f = folder_make();
    struct safetensors_writer w = {0};
    struct adapter *a;
    pllm_error err;
    put(&w, NAME "self_attn.qkv_proj.lora_A.weight", 2, 4);
    put(&w, NAME "self_attn.qkv_proj.lora_B.weight", 16, 2);
    folder_put_text(&f, "adapter_config.json", PEFT "}");
    folder_put_buf(&f, "adapter_model.safetensors", safetensors_finish(&w));
    if (adapter_open(&a, f.path, &turned, &err))
        fail_msg("%s", err.message);
    folder_remove(&f);
    expect_b(&a->at[LORA_MODULES + LORA_Q], q);
    expect_b(&a->at[LORA_MODULES + LORA_K], k);
    expect_b(&a->at[LORA_MODULES + LORA_V], ramp + 24);
    adapter_close(a);
}

static void refuses_bad_configs(void **state)
{
    (void)state;
    const pllm_status format = PLLM_E_FORMAT, unsupported = PLLM_E_UNSUPPORTED;
    refuse_config("[]", format, "adapter_config.json: is an array, wanted an object");
    refuse_config("{}", format, "peft_type: is missing, wanted a string");
    refuse_config("{\"peft_type\": \"IA3\"}", unsupported, "peft_type: is \"IA3\", wanted \"LORA\"");
    refuse_config("{\"peft_type\": \"LORA\", \"lora_alpha\": 8}", format, "r: is missing, wanted an integer");
    refuse_config("{\"peft_type\": \"LORA\", \"r\": 0, \"lora_alpha\": 8}", format, "r: is 0, wanted 1 to 512");
    refuse_config("{\"peft_type\": \"LORA\", \"r\": 2147483648, \"lora_alpha\": 8}", format, "r: is 2147483648, wanted 1 to");
    refuse_config("{\"peft_type\": \"LORA\", \"r\": 2}", format, "lora_alpha: is missing, wanted a number");
    refuse_config("{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": \"8\"}", format, "lora_alpha: is a string, wanted a number");
    refuse_config(PEFT ", \"bias\": \"all\"}", unsupported, "bias: is \"all\", wanted \"none\"");
    refuse_config("{\"peft_type\": \"LORA\", \"use_dora\": true}", unsupported, "use_dora: is not supported");
    refuse_config(PEFT ", \"target_modules\": 3}", format, "target_modules: is an integer, wanted an array");
    refuse_config(PEFT ", \"rank_pattern\": {\"([\": 4}}", unsupported, "rank_pattern.([: is no pattern that is understood");
    refuse_config(PEFT ", \"rank_pattern\": {\"k_proj\": 0}}", format, "rank_pattern.k_proj: is 0, wanted 1 to 512");
    refuse_config(PEFT ", \"rank_pattern\": []}", format, "rank_pattern: is an array, wanted an object");
    refuse_config(PEFT ", \"alpha_pattern\": {\"k_proj\": 1e300}}", format,
                  "the scale of model.layers.1.self_attn.k_proj is 5e+299, wanted a finite number");
    refuse_config(PEFT ", \"rank_pattern\": {\"k_proj\": 3}}", format, "has shape [2, 4], wanted [3, 4]");

    struct safetensors_writer w = {0};
    struct adapter *a;
    pllm_error err;
    assert_int_equal(open_adapter(&a, "{\"fine_tune_type\": \"dora\"}", &w, true, &err), unsupported);
    assert_message(err, "fine_tune_type: is \"dora\", wanted \"lora\"");
    w = (struct safetensors_writer){0};
    assert_int_equal(open_adapter(&a, "{\"lora_parameters\": {\"rank\": 2}}", &w, true, &err), format);
    assert_message(err, "lora_parameters.scale: is missing, wanted a number");
}

/* sound() and one pair more, or half of one. */
static void refuse_pair(const char *a, int a_rows, int a_cols, const char *b, int b_rows, int b_cols, const char *part)
{
    struct safetensors_writer w = sound();
    if (a)
        put(&w, a, a_rows, a_cols);
    if (b)
        put(&w, b, b_rows, b_cols);
    refuse(PEFT "}", &w, PLLM_E_FORMAT, part);
}

static void refuses_bad_tensors(void **state)
{
    (void)state;
    static const char a[] = NAME "mlp.up_proj.lora_A.weight", b[] = NAME "mlp.up_proj.lora_B.weight";
    refuse_pair(a, 2, 5, b, 5, 2, "up_proj.lora_A.weight: has shape [2, 5], wanted [2, 4]");
    refuse_pair(a, 2, 4, b, 5, 3, "up_proj.lora_B.weight: has shape [5, 3], wanted [5, 2]");
    refuse_pair(a, 2, 4, NULL, 0, 0, "up_proj.lora_B.weight: is missing, but " NAME "mlp.up_proj.lora_A.weight is there");
    refuse_pair(NULL, 0, 0, b, 5, 2, "up_proj.lora_A.weight: is missing, but");
    refuse_pair("model.layers.99.mlp.up_proj.lora_A.weight", 2, 4, NULL, 0, 0, "is for layer 99, but the model has 2 layers");
    refuse_pair("model.layers.0.mlp.x_proj.lora_A.weight", 2, 4, NULL, 0, 0, "is for a module that cannot be adapted");
    refuse_pair("model.layers.x.mlp.up_proj.lora_A.weight", 2, 4, NULL, 0, 0, "is in no layer of the model");
    refuse_pair("lm_head.lora_A.weight", 2, 4, NULL, 0, 0, "is in no layer of the model");
    refuse_pair(NAME "mlp.up_proj.lora_magnitude", 2, 4, NULL, 0, 0, "does not end in .lora_A.weight or .lora_B.weight");
    refuse_pair(NAME "self_attn.o_proj.lora_A.weight", 2, 6, NAME "self_attn.o_proj.lora_B.weight", 4, 2,
                "is for a module that the model does not have");
    struct safetensors_writer w = {0};
    refuse(PEFT "}", &w, PLLM_E_FORMAT, "holds no tensors");
    w = sound();
    safetensors_put(&w, a, "I32", "[2, 4]", ramp, 32);
    put(&w, b, 5, 2);
    refuse(PEFT "}", &w, PLLM_E_FORMAT, "up_proj.lora_A.weight: is I32, wanted F32, F16 or BF16");
    w = sound();
    put(&w, a, 2, 4);
    float bad[10] = {0, 1, NAN};
    safetensors_put(&w, b, "F32", "[5, 2]", bad, 40);
    refuse(PEFT "}", &w, PLLM_E_FORMAT, "up_proj.lora_B.weight: holds nan, wanted finite values");
}

static void refuses_other_paths(void **state)
{
    (void)state;
    struct adapter *a = NULL;
    pllm_error err;
    assert_int_equal(adapter_open(&a, "/nowhere", &shape, &err), PLLM_E_IO);
    assert_string_equal(err.message, "/nowhere: is no folder, wanted one with adapter_config.json");
}

static void matches_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        enum pattern_result result;
    } cases[] = {
        {"q_proj", "model.layers.0.q_proj", PATTERN_YES},
        {"_proj", "model.layers.0.q_proj", PATTERN_NO},
        {"abc", "bc", PATTERN_NO},
        {"a.c", "a.c", PATTERN_YES},
        {"layersX0", "model.layers.0", PATTERN_NO},
        {"model.layers", "model_layers", PATTERN_YES},
        {"layers.0.q_proj", "model.layers.0.q_proj", PATTERN_YES},
        {"^q_proj", "a.q_proj", PATTERN_NO},
        {"^a.q_proj$", "a.q_proj", PATTERN_YES},
        {"layers\\.[0-3]\\.q", "model.layers.2.q", PATTERN_YES},
        {"layers\\.[^0-3]\\.q", "model.layers.2.q", PATTERN_NO},
        {"layers\\.\\d+\\.q", "model.layers.27.q", PATTERN_YES},
        {"(q|k|v)_proj", "x.k_proj", PATTERN_YES},
        {"(?:q|k)_proj", "x.v_proj", PATTERN_NO},
        {".*attn.*", "a.self_attn.q", PATTERN_YES},
        {"x?q\\w*?", "a.q_proj", PATTERN_YES},
        {"(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", PATTERN_NO},
        {"", "a.", PATTERN_YES},
        {"(", "a", PATTERN_BAD},
        {"a)", "a", PATTERN_BAD},
        {"[a", "a", PATTERN_BAD},
        {"*a", "a", PATTERN_BAD},
        {"a{2}", "aa", PATTERN_BAD},
        {"(?=a)", "a", PATTERN_BAD},
        {"\\", "a", PATTERN_BAD},
        {"((((((((((a))))))))))", "a", PATTERN_BAD},
        {"(((a*)*)*)*", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         PATTERN_YES},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int steps = PATTERN_STEPS;
        if (lora_pattern_match(cases[i].pattern, cases[i].name, &steps) != cases[i].result)
            fail_msg("\"%s\" on \"%s\"", cases[i].pattern, cases[i].name);
    }
    int steps = 5;
    assert_int_equal(lora_pattern_match("(q|k)", "a.q", &steps), PATTERN_YES);
    assert_int_equal(lora_pattern_match("(q|k)", "a.q", &steps), PATTERN_BAD);
}

/* The shapes of ../shared/reference/models/llama and gemma, which the adapters there are for. */
static struct lora_shape reference_shape(const char *name)
{
    const bool llama = strncmp(name, "llama", 5) == 0;
    const int hidden = llama ? 96 : 64, q = llama ? 96 : 320, kv = llama ? 48 : 80, mlp = 176;
    return (struct lora_shape){.n_layers = 3, .in = {hidden, hidden, hidden, q, hidden, hidden, mlp},
                               .out = {q, kv, kv, hidden, mlp, mlp, hidden}};
}

static void opens_reference_adapters(void **state)
{
    (void)state;
    static const char root[] = "../shared/reference/lora";
    char path[1024];
    DIR *dir = opendir(root);
    int n = 0;
    if (!dir)
        skip();
    for (struct dirent *e; (e = readdir(dir));) {
        struct adapter *a;
        pllm_error err;
        snprintf(path, sizeof path, "%s/%s", root, e->d_name);
        if (e->d_name[0] == '.' || file_kind(path) != FILE_FOLDER)
            continue;
        const struct lora_shape s = reference_shape(e->d_name);
        if (adapter_open(&a, path, &s, &err))
            fail_msg("%s", err.message);
        assert_true(a->bytes > 0);
        adapter_close(a);
        n++;
    }
    closedir(dir);
    assert_true(n >= 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_peft),           cmocka_unit_test(scales_by_rslora_and_patterns),
        cmocka_unit_test(reads_mlx_transposed), cmocka_unit_test(splits_fused_modules),
        cmocka_unit_test(puts_rows_of_heads_in_order),
        cmocka_unit_test(refuses_bad_configs),  cmocka_unit_test(refuses_bad_tensors),
        cmocka_unit_test(refuses_other_paths),  cmocka_unit_test(matches_patterns),
        cmocka_unit_test(opens_reference_adapters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
