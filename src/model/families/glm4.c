/* GLM-4 (0414): norms on both sides of attention and MLP, gate|up fused, half of each head rotated, and neighbouring values
 * together.
 * Models: zai-org/GLM-4-9B-0414, GLM-4-32B-0414, GLM-Z1-9B-0414, GLM-Z1-32B-0414. */
#include "model/families/families.h"

static const struct tensor_name names[] = {
    {T_NORM_ATTN_OUT, "model.layers.{l}.post_self_attn_layernorm.weight", false},
    {T_NORM_MLP_OUT, "model.layers.{l}.post_mlp_layernorm.weight", false},
    {T_GATE, NULL, false},
    {T_UP, NULL, false},
    {T_GATE_UP, "model.layers.{l}.mlp.gate_up_proj.weight", false},
    {T_END, NULL, false},
};

static void describe(struct model_desc *d, struct config *c)
{
    describe_common(d, c);
    describe_part_rotated(d, c, 2);
    d->norm_eps = (float)config_float_or(c, "rms_norm_eps", 1.5625e-7);
    d->interleaved = INTERLEAVED_ALWAYS;
}

static const char *const hf[] = {"Glm4ForCausalLM", NULL}, *const gguf[] = {"glm4", NULL};

const struct family family_glm4 = {
    .name = "glm4", .hf = hf, .gguf = gguf, .base = &family_llama, .names = names, .describe = describe,
};
