/* Mixtral: Mistral whose MLP is a mixture of experts. (Its GGUF files call themselves "llama".)
 * Models: mistralai/Mixtral-8x7B-Instruct-v0.1, Mixtral-8x22B. */
#include "model/families/families.h"

static const struct tensor_name names[] = {
    {T_ROUTER, "model.layers.{l}.block_sparse_moe.gate.weight", false},
    {T_EXPERT_GATE, "model.layers.{l}.block_sparse_moe.experts.{e}.w1.weight", false},
    {T_EXPERT_DOWN, "model.layers.{l}.block_sparse_moe.experts.{e}.w2.weight", false},
    {T_EXPERT_UP, "model.layers.{l}.block_sparse_moe.experts.{e}.w3.weight", false},
    {T_EXPERTS_GATE, "model.layers.{l}.block_sparse_moe.switch_mlp.gate_proj.weight", true}, /* as mlx-lm stacks them */
    {T_EXPERTS_DOWN, "model.layers.{l}.block_sparse_moe.switch_mlp.down_proj.weight", true},
    {T_EXPERTS_UP, "model.layers.{l}.block_sparse_moe.switch_mlp.up_proj.weight", true},
    {T_END, NULL, false},
};

static void describe(struct model_desc *d, struct config *c)
{
    describe_llama(d, c);
    d->norm_eps = (float)config_float_or(c, "rms_norm_eps", 1e-5);
    describe_usual_theta(d, c, 1e6);
    describe_window(d, c, 1);
}

static const char *const hf[] = {"MixtralForCausalLM", NULL};

const struct family family_mixtral = {
    .name = "mixtral", .hf = hf, .writes = "llama", .base = &family_llama, .names = names, .describe = describe,
};
