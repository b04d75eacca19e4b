/* Gemma 2: Gemma with norms on both sides of attention and MLP, soft-capped scores and logits, and a
 * window on every other layer.
 * Models: google/gemma-2-2b-it, gemma-2-9b, gemma-2-27b. */
#include "model/families/families.h"

#include <math.h>

static const struct tensor_name names[] = {
    {T_NORM_ATTN_OUT, "model.layers.{l}.post_attention_layernorm.weight", false},
    {T_NORM_MLP_IN, "model.layers.{l}.pre_feedforward_layernorm.weight", false},
    {T_NORM_MLP_OUT, "model.layers.{l}.post_feedforward_layernorm.weight", false},
    {T_END, NULL, false},
};

/* GGUF files do not say it: the 27B model alone scales by the width per head, the others by head_dim. */
static double query_scalar(const struct model_desc *d, struct config *c)
{
    const bool is_27b = d->n_layers == 46;
    const double unsaid = !config_is_gguf(c) ? 256 : is_27b ? (double)d->hidden / d->n_heads : d->head_dim;
    return config_float_or(c, "query_pre_attn_scalar", unsaid);
}

static void describe(struct model_desc *d, struct config *c)
{
    family_gemma.describe(d, c);
    d->attn_scale = (float)(1.0 / sqrt(describe_positive(c, "query_pre_attn_scalar", query_scalar(d, c))));
    d->attn_softcap = (float)describe_unless_null(c, "attn_logit_softcapping", 50);
    d->final_softcap = (float)describe_unless_null(c, "final_logit_softcapping", 30);
    describe_window_or(d, c, 2, 4096); /* the first GGUF files of it have neither */
}

static const char *const hf[] = {"Gemma2ForCausalLM", NULL}, *const gguf[] = {"gemma2", NULL};

const struct family family_gemma2 = {
    .name = "gemma2", .hf = hf, .gguf = gguf, .base = &family_llama, .names = names, .describe = describe,
};
