/* OLMo 2: norms behind attention and MLP instead of before, and norms of q and k over all heads together.
 * Models: allenai/OLMo-2-0425-1B-Instruct, OLMo-2-1124-7B. */
#include "model/families/families.h"

static const struct tensor_name names[] = {
    {T_NORM_ATTN_IN, NULL, false},
    {T_NORM_MLP_IN, NULL, false},
    {T_NORM_ATTN_OUT, "model.layers.{l}.post_attention_layernorm.weight", false},
    {T_NORM_MLP_OUT, "model.layers.{l}.post_feedforward_layernorm.weight", false},
    {T_Q_NORM, "model.layers.{l}.self_attn.q_norm.weight", false},
    {T_K_NORM, "model.layers.{l}.self_attn.k_norm.weight", false},
    {T_END, NULL, false},
};

static void describe(struct model_desc *d, struct config *c)
{
    describe_common(d, c);
    d->norm_eps = (float)config_float_or(c, "rms_norm_eps", 1e-5);
    d->qk_norm_whole = true;
}

static const char *const hf[] = {"Olmo2ForCausalLM", NULL}, *const gguf[] = {"olmo2", NULL};

const struct family family_olmo2 = {
    .name = "olmo2", .hf = hf, .gguf = gguf, .base = &family_llama, .names = names, .describe = describe,
};
