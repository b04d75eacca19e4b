/* Qwen 3 with a mixture of experts on all layers but those that the config takes out.
 * Models: Qwen/Qwen3-30B-A3B, Qwen3-235B-A22B. */
#include "model/families/families.h"

static const struct tensor_name names[] = {
    {T_ROUTER, "model.layers.{l}.mlp.gate.weight", false},
    {T_EXPERT_GATE, "model.layers.{l}.mlp.experts.{e}.gate_proj.weight", false},
    {T_EXPERT_UP, "model.layers.{l}.mlp.experts.{e}.up_proj.weight", false},
    {T_EXPERT_DOWN, "model.layers.{l}.mlp.experts.{e}.down_proj.weight", false},
    {T_EXPERTS_GATE, "model.layers.{l}.mlp.switch_mlp.gate_proj.weight", true}, /* as mlx-lm stacks them */
    {T_EXPERTS_UP, "model.layers.{l}.mlp.switch_mlp.up_proj.weight", true},
    {T_EXPERTS_DOWN, "model.layers.{l}.mlp.switch_mlp.down_proj.weight", true},
    {T_END, NULL, false},
};

static void describe(struct model_desc *d, struct config *c)
{
    family_qwen3.describe(d, c);
    if (config_bool_or(c, "use_sliding_window", false)) /* on all layers, whatever max_window_layers says */
        describe_window_or(d, c, 1, describe_usual_window(c));
    d->experts_normalize = config_bool_or(c, "norm_topk_prob", config_is_gguf(c)); /* GGUF: always */
    int64_t step = config_int_or(c, "decoder_sparse_step", 1, INT32_MAX, 1);
    for (int l = 0; l < d->n_layers; l++)
        d->layer[l].experts = d->n_experts > 0 && (l + 1) % step == 0;
    for (size_t i = 0; i < config_size(c, "mlp_only_layers"); i++) {
        double l = config_float_at(c, "mlp_only_layers", i);
        if (l >= 0 && l < d->n_layers)
            d->layer[(int)l].experts = false;
    }
}

static const char *const hf[] = {"Qwen3MoeForCausalLM", NULL}, *const gguf[] = {"qwen3moe", NULL};

const struct family family_qwen3_moe = {
    .name = "qwen3_moe", .hf = hf, .gguf = gguf, .base = &family_qwen3, .names = names, .describe = describe,
};
