/* Phi-3, Phi-3.5 and Phi-4-mini: q|k|v and gate|up fused, longrope, partial rotation in Phi-4-mini.
 * Models: microsoft/Phi-3-mini-4k-instruct, Phi-3-mini-128k-instruct, Phi-3.5-mini, Phi-4-mini-instruct. */
#include "model/families/families.h"

static const struct tensor_name names[] = {
    {T_Q, NULL, false},
    {T_K, NULL, false},
    {T_V, NULL, false},
    {T_GATE, NULL, false},
    {T_UP, NULL, false},
    {T_QKV, "model.layers.{l}.self_attn.qkv_proj.weight", false},
    {T_GATE_UP, "model.layers.{l}.mlp.gate_up_proj.weight", false},
    {T_END, NULL, false},
};

static void describe(struct model_desc *d, struct config *c)
{
    describe_common(d, c);
    d->norm_eps = (float)config_float_or(c, "rms_norm_eps", 1e-5);
    describe_window(d, c, 1);
}

static const char *const hf[] = {"Phi3ForCausalLM", NULL}, *const gguf[] = {"phi3", NULL};

const struct family family_phi3 = {
    .name = "phi3", .hf = hf, .gguf = gguf, .base = &family_llama, .names = names, .describe = describe,
};
