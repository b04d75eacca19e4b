/* What each family makes of a config.json that has what distinguishes it, and rotary scaling by the formulas that the
 * references document. Whole models are compared in tests/golden and against reference checkpoints. */
#include "base/json.h"
#include "model/desc.h"
#include "model/families/families.h"
#include "model/model.h"
#include "test.h"
#include "weights/config.h"

#include <math.h>

#define COMMON "\"hidden_size\": 64, \"intermediate_size\": 96, \"num_hidden_layers\": 8, \"num_attention_heads\": 4, " \
               "\"num_key_value_heads\": 2, \"vocab_size\": 100, \"rms_norm_eps\": 1e-6, \"max_position_embeddings\": 4096"

/* The description of a model of architecture `hf`; *status and *err say how that went. */
static struct model_desc *describe(const char *hf, const char *type, const char *more, pllm_status want, pllm_error *err)
{
    char text[2048];
    struct json top;
    struct config *c;
    struct model_desc *d = NULL;
    const struct family *family = NULL;
    snprintf(text, sizeof text, "{\"architectures\": [\"%s\"], \"model_type\": \"%s\", " COMMON "%s}", hf, type, more);
    assert_int_equal(json_parse(&top, text, strlen(text), "config.json", NULL), PLLM_OK);
    assert_int_equal(config_from_json(&c, top, NULL), PLLM_OK);
    pllm_status status = desc_open(&d, &family, c, err);
    config_close(c);
    if (status != want)
        fail_msg("%s %s: status %d, wanted %d: %s", hf, more, status, want, status ? err->message : "");
    return d;
}

static struct model_desc *good(const char *hf, const char *type, const char *more)
{
    pllm_error err = {0};
    return describe(hf, type, more, PLLM_OK, &err);
}

static void bad(const char *hf, const char *type, const char *more, pllm_status want, const char *message)
{
    pllm_error err = {0};
    assert_null(describe(hf, type, more, want, &err));
    if (!strstr(err.message, message))
        fail_msg("\"%s\" does not say \"%s\"", err.message, message);
}

/* One letter for each layer: w for a window of 512, . for none. */
static void assert_windows(const struct model_desc *d, const char *want)
{
    for (int l = 0; l < d->n_layers; l++)
        assert_int_equal(d->layer[l].window, want[l] == 'w' ? 512 : 0);
}

static void knows_windows(void **state)
{
    (void)state;
    struct model_desc *d = good("MistralForCausalLM", "mistral", ", \"sliding_window\": 512");
    assert_windows(d, "wwwwwwww");
    desc_close(d);
    d = good("MistralForCausalLM", "mistral", ", \"sliding_window\": null");
    assert_windows(d, "........");
    desc_close(d);
    d = good("Phi3ForCausalLM", "phi3", ", \"sliding_window\": 512, \"partial_rotary_factor\": 0.5");
    assert_windows(d, "wwwwwwww");
    assert_int_equal(d->rope[0].dims, 8);
    desc_close(d);
    d = good("Qwen2ForCausalLM", "qwen2", ", \"sliding_window\": 512, \"use_sliding_window\": true, \"max_window_layers\": 3");
    assert_windows(d, "...wwwww");
    desc_close(d);
    d = good("Qwen2ForCausalLM", "qwen2", ", \"sliding_window\": 512, \"use_sliding_window\": false");
    assert_windows(d, "........");
    desc_close(d);
}

static void knows_gemma3(void **state)
{
    (void)state;
    struct model_desc *d = good("Gemma3ForCausalLM", "gemma3_text",
                                ", \"head_dim\": 32, \"query_pre_attn_scalar\": 64, \"sliding_window\": 512, \"rope_theta\": 1e6, "
                                "\"hidden_activation\": \"gelu_pytorch_tanh\"");
    assert_windows(d, "wwwww.ww");
    assert_int_equal(d->n_ropes, 2);
    for (int l = 0; l < d->n_layers; l++)
        assert_int_equal(d->layer[l].rope, l != 5);
    assert_true(d->rope[0].theta == 1e6 && d->rope[1].theta == 1e4);
    assert_true(d->attn_scale == 0.125f && d->embed_scale == 8);
    desc_close(d);
    d = good("Gemma3ForCausalLM", "gemma3_text", ", \"head_dim\": 16, \"sliding_window\": 512, \"sliding_window_pattern\": 2, "
                                                 "\"hidden_activation\": \"gelu_pytorch_tanh\"");
    assert_windows(d, "w.w.w.w.");
    assert_true(d->attn_scale == 0.0625f); /* of 256, whatever head_dim is */
    desc_close(d);
    bad("Gemma3ForCausalLM", "gemma3_text", ", \"use_bidirectional_attention\": true", PLLM_E_UNSUPPORTED,
        "use_bidirectional_attention: is true");
}

/* What transformers takes for a key that a config.json does not have; null is none. */
static void takes_what_is_usual_where_nothing_is_said(void **state)
{
    (void)state;
    struct model_desc *d = good("Gemma2ForCausalLM", "gemma2", "");
    assert_true(d->attn_softcap == 50 && d->final_softcap == 30 && d->act == ACTIVATE_GELU_TANH && d->attn_scale == 0.0625f);
    for (int l = 0; l < d->n_layers; l++)
        assert_int_equal(d->layer[l].window, l % 2 ? 0 : 4096);
    desc_close(d);
    d = good("Gemma2ForCausalLM", "gemma2", ", \"attn_logit_softcapping\": null, \"final_logit_softcapping\": null, "
                                            "\"hidden_act\": \"gelu\", \"hidden_activation\": \"gelu\"");
    assert_true(d->attn_softcap == 0 && d->final_softcap == 0 && d->act == ACTIVATE_GELU);
    desc_close(d);
    d = good("GemmaForCausalLM", "gemma", ", \"hidden_act\": \"gelu\", \"hidden_activation\": null");
    assert_true(d->act == ACTIVATE_GELU_TANH);
    desc_close(d);
    d = good("GemmaForCausalLM", "gemma", ", \"hidden_act\": \"silu\"");
    assert_true(d->act == ACTIVATE_SILU);
    desc_close(d);
    d = good("MistralForCausalLM", "mistral", "");
    assert_true(d->layer[0].window == 4096 && d->rope[0].theta == 1e4);
    desc_close(d);
    d = good("MixtralForCausalLM", "mixtral", ", \"num_local_experts\": 4, \"num_experts_per_tok\": 2");
    assert_true(d->layer[0].window == 0 && d->rope[0].theta == 1e6);
    desc_close(d);
    d = good("Qwen2ForCausalLM", "qwen2", ", \"use_sliding_window\": true");
    assert_int_equal(d->layer[7].window, 0); /* max_window_layers: 28 */
    desc_close(d);
    d = good("SmolLM3ForCausalLM", "smollm3", ", \"use_sliding_window\": true, \"sliding_window\": 512");
    assert_windows(d, "...w...w"); /* those that do not rotate */
    assert_true(d->rope[0].theta == 2e6);
    desc_close(d);
    d = good("GraniteForCausalLM", "granite", "");
    assert_true(d->attn_scale == 1);
    desc_close(d);
}

static void knows_windows_of_mixtures(void **state)
{
    (void)state;
    static const char more[] = ", \"num_experts\": 4, \"num_experts_per_tok\": 2, \"moe_intermediate_size\": 16, "
                               "\"use_sliding_window\": true, \"sliding_window\": 512, \"max_window_layers\": 3";
    struct model_desc *d = good("Qwen3MoeForCausalLM", "qwen3_moe", more);
    assert_windows(d, "wwwwwwww"); /* max_window_layers is not for them */
    desc_close(d);
}

#define TWO_ROPES(local) ", \"sliding_window\": 512, \"rope_parameters\": {\"full_attention\": {\"rope_type\": \"yarn\", " \
    "\"factor\": 8, \"rope_theta\": 5e5, \"original_max_position_embeddings\": 512}, " \
    "\"sliding_attention\": {\"rope_type\": \"" local "\", \"rope_theta\": 1e4}}"

static void knows_olmo3(void **state)
{
    (void)state;
    struct model_desc *d = good("Olmo3ForCausalLM", "olmo3",
                                ", \"sliding_window\": 512, \"rope_theta\": 5e5, \"rope_scaling\": {\"rope_type\": \"yarn\", "
                                "\"factor\": 8, \"original_max_position_embeddings\": 512}");
    assert_windows(d, "www.www.");
    for (int l = 0; l < d->n_layers; l++)
        assert_int_equal(d->layer[l].rope, l % 4 != 3);
    assert_true(d->rope[0].scaling == ROPE_YARN && d->rope[0].factor == 8 && d->rope[1].scaling == ROPE_NONE);
    assert_true(d->rope[0].theta == 5e5 && d->rope[1].theta == 5e5);
    desc_close(d);
    d = good("Olmo3ForCausalLM", "olmo3", TWO_ROPES("default"));
    assert_true(d->rope[0].scaling == ROPE_YARN && d->rope[0].theta == 5e5 && d->rope[1].theta == 1e4);
    desc_close(d);
    bad("Olmo3ForCausalLM", "olmo3", TWO_ROPES("linear"), PLLM_E_UNSUPPORTED, "sliding_attention.rope_type: is \"linear\", wanted default");
    bad("Gemma3ForCausalLM", "gemma3_text", TWO_ROPES("linear"), PLLM_E_UNSUPPORTED, "sliding_attention.rope_type: is \"linear\"");
    d = good("Olmo2ForCausalLM", "olmo2", "");
    assert_windows(d, "........");
    assert_true(d->qk_norm_whole && d->n_ropes == 1);
    desc_close(d);
}

/* One letter for each layer: r for one that rotates, . for one that does not. */
static void assert_rotation(const struct model_desc *d, const char *want)
{
    for (int l = 0; l < d->n_layers; l++)
        assert_int_equal(d->layer[l].rope, want[l] == 'r' ? 0 : -1);
}

static void knows_layers_without_positions(void **state)
{
    (void)state;
    struct model_desc *d = good("Exaone4ForCausalLM", "exaone4", ", \"sliding_window\": null, \"sliding_window_pattern\": 0");
    assert_windows(d, "........");
    assert_rotation(d, "rrrrrrrr");
    desc_close(d);
    d = good("Exaone4ForCausalLM", "exaone4", ", \"sliding_window\": 512");
    assert_windows(d, "www.www.");
    assert_rotation(d, "rrr.rrr.");
    desc_close(d);
    d = good("Exaone4ForCausalLM", "exaone4",
             ", \"sliding_window\": 512, \"sliding_window_pattern\": \"LG\", \"layer_types\": [\"sliding_attention\", "
             "\"full_attention\", \"sliding_attention\", \"full_attention\", \"full_attention\", \"full_attention\", "
             "\"full_attention\", \"full_attention\"]");
    assert_windows(d, "w.w.....");
    assert_rotation(d, "r.r.....");
    desc_close(d);
    bad("Exaone4ForCausalLM", "exaone4", ", \"sliding_window\": 512, \"sliding_window_pattern\": \"LG\"", PLLM_E_FORMAT,
        "sliding_window_pattern: is a string");
    d = good("Cohere2ForCausalLM", "cohere2", ", \"sliding_window\": 512, \"sliding_window_pattern\": 3, \"logit_scale\": 0.25");
    assert_windows(d, "ww.ww.ww");
    assert_rotation(d, "rr.rr.rr");
    assert_true(d->logit_scale == 0.25f && d->parallel && d->tied && d->norm == NORM_LAYER);
    desc_close(d);
}

/* Adapters have the order of Hugging Face's files, whatever the model came from. */
static void assert_order_of_adapters(struct model_desc *d, int head_dim, int rope_dims)
{
    const struct model m = {.desc = d};
    struct lora_shape shape;
    model_lora_shape(&m, &shape);
    assert_int_equal(shape.heads.head_dim, head_dim);
    assert_true(head_dim == 0 || shape.heads.rope_dims == rope_dims);
}

static void knows_neighbours_that_rotate(void **state)
{
    (void)state;
    struct model_desc *d = good("CohereForCausalLM", "cohere", "");
    assert_int_equal(d->interleaved, INTERLEAVED_ALWAYS);
    assert_true(d->logit_scale == 0.0625f);
    desc_close(d);
    bad("CohereForCausalLM", "cohere", ", \"use_qk_norm\": true", PLLM_E_UNSUPPORTED, "use_qk_norm: is true, wanted false");
    d = good("Glm4ForCausalLM", "glm4", "");
    assert_int_equal(d->interleaved, INTERLEAVED_ALWAYS);
    assert_int_equal(d->rope[0].dims, 8);
    assert_order_of_adapters(d, 16, 8);
    desc_close(d);
    d = good("Ernie4_5ForCausalLM", "ernie4_5", "");
    assert_int_equal(d->interleaved, INTERLEAVED_ALWAYS);
    assert_true(d->tied && d->rope[0].theta == 500000);
    desc_close(d);
    d = good("LlamaForCausalLM", "llama", "");
    assert_int_equal(d->interleaved, INTERLEAVED_IN_GGUF);
    assert_order_of_adapters(d, 0, 0);
    desc_close(d);
    d = good("Qwen2ForCausalLM", "qwen2", "");
    assert_int_equal(d->interleaved, INTERLEAVED_NEVER);
    desc_close(d);
}

static void knows_hunyuan(void **state)
{
    (void)state;
    struct model_desc *d = good("HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense",
                                ", \"rope_scaling\": {\"type\": \"dynamic\", \"alpha\": 1000, \"factor\": 1}");
    assert_true(d->qk_norm_rotated && d->rope[0].scaling == ROPE_NONE);
    assert_float_equal(d->rope[0].theta / (10000 * pow(1000, 16.0 / 14)), 1, 1e-9);
    desc_close(d);
    d = good("HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense", ", \"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 4}");
    assert_true(d->rope[0].scaling == ROPE_DYNAMIC && d->rope[0].theta == 10000);
    desc_close(d);
    bad("HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense",
        ", \"rope_scaling\": {\"type\": \"dynamic\", \"alpha\": -1, \"factor\": 1}", PLLM_E_FORMAT, "alpha: is -1, wanted a positive number");
    bad("HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense",
        ", \"rope_scaling\": {\"type\": \"dynamic\", \"alpha\": 1e300, \"factor\": 1}", PLLM_E_FORMAT, "makes no finite base");
}

static void knows_the_others(void **state)
{
    (void)state;
    struct model_desc *d = good("GraniteForCausalLM", "granite",
                                ", \"embedding_multiplier\": 12, \"residual_multiplier\": 0.25, \"attention_multiplier\": 0.0625, "
                                "\"logits_scaling\": 8");
    assert_true(d->embed_scale == 12 && d->residual_scale == 0.25f && d->attn_scale == 0.0625f && d->logit_scale == 0.125f);
    desc_close(d);
    bad("GraniteForCausalLM", "granite", ", \"logits_scaling\": 0", PLLM_E_FORMAT, "logits_scaling");
    d = good("SmolLM3ForCausalLM", "smollm3", "");
    for (int l = 0; l < d->n_layers; l++)
        assert_int_equal(d->layer[l].rope, l % 4 == 3 ? -1 : 0);
    assert_true(d->tied);
    desc_close(d);
    d = good("SmolLM3ForCausalLM", "smollm3", ", \"no_rope_layers\": [0, 1, 1, 1, 1, 1, 1, 0], \"tie_word_embeddings\": false");
    for (int l = 0; l < d->n_layers; l++)
        assert_int_equal(d->layer[l].rope, l == 0 || l == 7 ? -1 : 0);
    assert_false(d->tied);
    desc_close(d);
    d = good("StableLmForCausalLM", "stablelm", ", \"layer_norm_eps\": 1e-3, \"use_parallel_residual\": true");
    assert_true(d->norm == NORM_LAYER && d->norm_eps == 1e-3f && d->parallel);
    assert_int_equal(d->rope[0].dims, 4);
    desc_close(d);
    bad("StableLmForCausalLM", "stablelm", ", \"qk_layernorm\": true", PLLM_E_UNSUPPORTED, "qk_layernorm");
    bad("NobodysForCausalLM", "nobodys", "", PLLM_E_UNSUPPORTED, "NobodysForCausalLM");
}

/* Frequencies of a head of 16 with theta 10000: 10000^(-i/8), divided by want[i]; the scale of cosines is *scale. */
static void assert_rope(const char *scaling, int which, const double want[8], double scale)
{
    char more[512];
    float got[8];
    snprintf(more, sizeof more, ", \"rope_scaling\": {%s}", scaling);
    struct model_desc *d = good("LlamaForCausalLM", "llama", more);
    assert_int_equal(d->rope[0].dims, 16);
    assert_float_equal(rope_frequencies(got, &d->rope[0], which), scale, 1e-6);
    for (int i = 0; i < 8; i++)
        assert_float_equal(got[i] * pow(10000, i / 8.0) * want[i], 1, 1e-5);
    desc_close(d);
}

static void scales_rotation(void **state)
{
    (void)state;
    const double none[8] = {1, 1, 1, 1, 1, 1, 1, 1}, four[8] = {4, 4, 4, 4, 4, 4, 4, 4};
    assert_rope("\"rope_type\": \"linear\", \"factor\": 4", 0, four, 1);
    assert_rope("\"type\": \"dynamic\", \"factor\": 4", 0, none, 1); /* nothing within the length it was made for */
    assert_rope("\"rope_type\": \"default\"", 0, none, 1);

    /* Llama 3: 1024 * f / 2 pi turns in the original context; above 4 unchanged, below 1 divided, between them blended. */
    double llama3[8];
    for (int i = 0; i < 8; i++) {
        double turns = 1024 * pow(10000, -i / 8.0) / (2 * acos(-1)), blend = fmin(fmax((turns - 1) / 3, 0), 1);
        llama3[i] = 1 / (blend + (1 - blend) / 8);
    }
    assert_true(llama3[0] == 1 && llama3[7] == 8 && llama3[4] > 1 && llama3[4] < 8);
    assert_rope("\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 4, "
                "\"original_max_position_embeddings\": 1024", 0, llama3, 1);

    /* YaRN: dimensions up to 1 turn 32 times or more in 1024, those from 5 on less than once; between them a ramp of 4. */
    double yarn[8];
    for (int i = 0; i < 8; i++) {
        double ramp = fmin(fmax((i - 1) / 4.0, 0), 1);
        yarn[i] = 1 / (ramp / 4 + (1 - ramp));
    }
    assert_rope("\"rope_type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 1024", 0, yarn, 0.1 * log(4) + 1);
    assert_rope("\"rope_type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 1024, \"mscale\": 2, "
                "\"mscale_all_dim\": 1", 0, yarn, (0.2 * log(4) + 1) / (0.1 * log(4) + 1));
    assert_rope("\"rope_type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 1024, \"attention_factor\": 1.5",
                0, yarn, 1.5);
    const double low = 8 * log(1024 / (32 * 2 * acos(-1))) / log(10000), high = 8 * log(1024 / (2 * acos(-1))) / log(10000);
    for (int i = 0; i < 8; i++) {
        double ramp = fmin(fmax((i - low) / (high - low), 0), 1);
        yarn[i] = 1 / (ramp / 4 + (1 - ramp));
    }
    assert_rope("\"rope_type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 1024, \"truncate\": false",
                0, yarn, 0.1 * log(4) + 1);

    const double shorts[8] = {1, 1, 1, 1, 2, 2, 2, 2}, longs[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const char *both = "\"type\": \"longrope\", \"short_factor\": [1,1,1,1,2,2,2,2], \"long_factor\": [1,2,3,4,5,6,7,8], "
                       "\"original_max_position_embeddings\": 1024";
    assert_rope(both, 0, shorts, sqrt(1 + log(4) / log(1024)));
    assert_rope(both, 1, longs, sqrt(1 + log(4) / log(1024)));
    assert_rope("\"type\": \"yarn\", \"factor\": 16, \"short_factor\": [1,1,1,1,2,2,2,2], \"long_factor\": [1,2,3,4,5,6,7,8], "
                "\"original_max_position_embeddings\": 1024", 1, longs, sqrt(1 + log(16) / log(1024))); /* Phi-3's first name of it */
}

static void refuses_what_it_cannot_rotate(void **state)
{
    (void)state;
    static const struct {
        const char *more, *says;
        pllm_status status;
    } cases[] = {
        {"\"rope_type\": \"spiral\"", "is \"spiral\", wanted default", PLLM_E_UNSUPPORTED},
        {"\"rope_type\": \"linear\"", "rope_scaling.factor", PLLM_E_FORMAT},
        {"\"rope_type\": \"linear\", \"factor\": 0", "is 0, wanted a positive number", PLLM_E_FORMAT},
        {"\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, \"high_freq_factor\": 1", "wanted more than low_freq_factor",
         PLLM_E_FORMAT},
        {"\"rope_type\": \"yarn\", \"factor\": 4, \"beta_fast\": -1", "beta_fast: is -1, wanted a positive number", PLLM_E_FORMAT},
        {"\"rope_type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 1e300", "is 1e+300, wanted at most 4294967295",
         PLLM_E_FORMAT},
        {"\"type\": \"longrope\", \"short_factor\": [1, 1], \"long_factor\": [1]", "has 2 numbers, wanted 8", PLLM_E_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char more[512];
        snprintf(more, sizeof more, ", \"rope_scaling\": {%s}", cases[i].more);
        bad("LlamaForCausalLM", "llama", more, cases[i].status, cases[i].says);
    }
    bad("LlamaForCausalLM", "llama", ", \"partial_rotary_factor\": 0.01", PLLM_E_FORMAT, "rotated dimensions");
    bad("LlamaForCausalLM", "llama", ", \"partial_rotary_factor\": 1e300", PLLM_E_FORMAT, "is 1e+300, wanted more than 0 and at most 1");
    bad("StableLmForCausalLM", "stablelm", ", \"head_dim\": 12", PLLM_E_FORMAT, "1/4 of a head, 3");
}

/* COMMON has 8 layers. */
static void refuses_lists_of_other_layers(void **state)
{
    (void)state;
    bad("MistralForCausalLM", "mistral", ", \"sliding_window\": 512, \"layer_types\": [\"sliding_attention\"]", PLLM_E_FORMAT,
        "layer_types: has 1 layers");
    bad("MistralForCausalLM", "mistral", ", \"sliding_window\": 512, \"layer_types\": [\"chunked_attention\"]", PLLM_E_UNSUPPORTED,
        "has \"chunked_attention\", wanted full_attention or sliding_attention");
    bad("SmolLM3ForCausalLM", "smollm3", ", \"no_rope_layers\": [1, 0]", PLLM_E_FORMAT, "no_rope_layers: has 2 layers");
    bad("Gemma2ForCausalLM", "gemma2", ", \"query_pre_attn_scalar\": 0", PLLM_E_FORMAT, "query_pre_attn_scalar: is 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_windows),                cmocka_unit_test(knows_gemma3),
        cmocka_unit_test(knows_olmo3),                  cmocka_unit_test(knows_layers_without_positions),
        cmocka_unit_test(knows_neighbours_that_rotate), cmocka_unit_test(knows_hunyuan),
        cmocka_unit_test(knows_the_others),             cmocka_unit_test(scales_rotation),
        cmocka_unit_test(takes_what_is_usual_where_nothing_is_said), cmocka_unit_test(knows_windows_of_mixtures),
        cmocka_unit_test(refuses_what_it_cannot_rotate), cmocka_unit_test(refuses_lists_of_other_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
