/* Qwen 3: Qwen 2 without biases, with norms of q and k.
 * Models: Qwen/Qwen3-0.6B to 32B. */
#include "model/families/families.h"

static const struct tensor_name names[] = {
    {T_Q_NORM, "model.layers.{l}.self_attn.q_norm.weight", false},
    {T_K_NORM, "model.layers.{l}.self_attn.k_norm.weight", false},
    {T_END, NULL, false},
};

static void describe(struct model_desc *d, struct config *c)
{
    family_qwen2.describe(d, c);
}

static const char *const hf[] = {"Qwen3ForCausalLM", NULL}, *const gguf[] = {"qwen3", NULL};

const struct family family_qwen3 = {
    .name = "qwen3", .hf = hf, .gguf = gguf, .base = &family_llama, .names = names, .describe = describe,
};
