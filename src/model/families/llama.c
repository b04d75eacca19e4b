/* Llama 2 and 3, SmolLM2, TinyLlama, Yi and many that share their form: the plain decoder, from which
 * the others differ. Its tensor names are the base of theirs.
 * Models: meta-llama/Llama-2-7b, Meta-Llama-3-8B-Instruct, Llama-3.1 to 3.3, HuggingFaceTB/SmolLM2-135M-Instruct,
 * TinyLlama, 01-ai/Yi. */
#include "model/families/families.h"

static const struct tensor_name names[] = {
    {T_EMBED, "model.embed_tokens.weight", false},
    {T_HEAD, "lm_head.weight", false},
    {T_NORM_OUT, "model.norm.weight", false},
    {T_NORM_ATTN_IN, "model.layers.{l}.input_layernorm.weight", false},
    {T_NORM_MLP_IN, "model.layers.{l}.post_attention_layernorm.weight", false},
    {T_Q, "model.layers.{l}.self_attn.q_proj.weight", false},
    {T_K, "model.layers.{l}.self_attn.k_proj.weight", false},
    {T_V, "model.layers.{l}.self_attn.v_proj.weight", false},
    {T_O, "model.layers.{l}.self_attn.o_proj.weight", false},
    {T_Q_BIAS, "model.layers.{l}.self_attn.q_proj.bias", true},
    {T_K_BIAS, "model.layers.{l}.self_attn.k_proj.bias", true},
    {T_V_BIAS, "model.layers.{l}.self_attn.v_proj.bias", true},
    {T_O_BIAS, "model.layers.{l}.self_attn.o_proj.bias", true},
    {T_GATE, "model.layers.{l}.mlp.gate_proj.weight", false},
    {T_UP, "model.layers.{l}.mlp.up_proj.weight", false},
    {T_DOWN, "model.layers.{l}.mlp.down_proj.weight", false},
    {T_GATE_BIAS, "model.layers.{l}.mlp.gate_proj.bias", true},
    {T_UP_BIAS, "model.layers.{l}.mlp.up_proj.bias", true},
    {T_DOWN_BIAS, "model.layers.{l}.mlp.down_proj.bias", true},
    {T_END, NULL, false},
};

static const char *const hf[] = {"LlamaForCausalLM", NULL}, *const gguf[] = {"llama", NULL};

const struct family family_llama = {
    .name = "llama", .hf = hf, .gguf = gguf, .names = names, .describe = describe_llama,
};
