/* Qwen 2 and 2.5: Llama with biases on q, k and v; a window, where it is switched on, on the upper layers.
 * Models: Qwen/Qwen2-7B, Qwen2.5-0.5B-Instruct to 72B, Qwen2.5-Coder. */
#include "model/families/families.h"

static const struct tensor_name names[] = {
    {T_Q_BIAS, "model.layers.{l}.self_attn.q_proj.bias", false},
    {T_K_BIAS, "model.layers.{l}.self_attn.k_proj.bias", false},
    {T_V_BIAS, "model.layers.{l}.self_attn.v_proj.bias", false},
    {T_END, NULL, false},
};

static void describe(struct model_desc *d, struct config *c)
{
    describe_common(d, c);
    if (!config_bool_or(c, "use_sliding_window", false))
        return;
    describe_window_or(d, c, 1, describe_usual_window(c));
    int64_t first = config_int_or(c, "max_window_layers", 0, INT32_MAX, 28);
    for (int l = 0; l < d->n_layers && l < first && !config_size(c, "layer_types"); l++)
        d->layer[l].window = 0;
}

static const char *const hf[] = {"Qwen2ForCausalLM", NULL}, *const gguf[] = {"qwen2", NULL};

const struct family family_qwen2 = {
    .name = "qwen2", .hf = hf, .gguf = gguf, .base = &family_llama, .names = names, .describe = describe,
};
