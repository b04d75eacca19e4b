/* OLMo 2 and 3: norms behind attention and MLP instead of before, and norms of q and k over all heads together; in OLMo 3
 * three of four layers have a window, and only the others' rotation is stretched. (Both are "olmo2" in GGUF.)
 * Models: allenai/OLMo-2-0425-1B-Instruct, OLMo-2-1124-7B, Olmo-3-7B-Instruct, Olmo-3-7B-Think, Olmo-3-32B-Think. */
#include "model/families/families.h"

#include <string.h>

static const struct tensor_name names[] = {
    {T_NORM_ATTN_IN, NULL, false},
    {T_NORM_MLP_IN, NULL, false},
    {T_NORM_ATTN_OUT, "model.layers.{l}.post_attention_layernorm.weight", false},
    {T_NORM_MLP_OUT, "model.layers.{l}.post_feedforward_layernorm.weight", false},
    {T_Q_NORM, "model.layers.{l}.self_attn.q_norm.weight", false},
    {T_K_NORM, "model.layers.{l}.self_attn.k_norm.weight", false},
    {T_END, NULL, false},
};

static bool is_olmo3(struct config *c)
{
    return config_is_gguf(c) ? config_has(c, "sliding_window") : strcmp(config_string(c, "model_type"), "olmo3") == 0;
}

static void describe(struct model_desc *d, struct config *c)
{
    describe_common(d, c);
    d->norm_eps = (float)config_float_or(c, "rms_norm_eps", 1e-5);
    d->qk_norm_whole = true;
    if (!is_olmo3(c))
        return;
    describe_usual_theta(d, c, 5e5);
    describe_window_or(d, c, 4, describe_usual_window(c));
    describe_local_rope(d, c, d->rope[0].theta);
}

static const char *const hf[] = {"Olmo2ForCausalLM", "Olmo3ForCausalLM", NULL}, *const gguf[] = {"olmo2", NULL};

static const char *const types[] = {"olmo2", "olmo3", NULL};

const struct family family_olmo2 = {
    .name = "olmo2", .hf = hf, .gguf = gguf, .types = types, .base = &family_llama, .names = names, .describe = describe,
};
