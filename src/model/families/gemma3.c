/* Gemma 3 (text): Gemma 2 without soft-capped scores, with norms of q and k, and with five local layers,
 * which have a base frequency of their own, to each global one.
 * Models: google/gemma-3-270m, gemma-3-1b-it; the text part of the larger ones. */
#include "model/families/families.h"

#include <math.h>

static const struct tensor_name names[] = {
    {T_Q_NORM, "model.layers.{l}.self_attn.q_norm.weight", false},
    {T_K_NORM, "model.layers.{l}.self_attn.k_norm.weight", false},
    {T_END, NULL, false},
};

static double query_scalar(const struct model_desc *d, struct config *c)
{
    const bool is_27b = d->n_layers == 62;
    const double unsaid = !config_is_gguf(c) ? 256 : is_27b ? (double)d->hidden / d->n_heads : d->head_dim;
    return config_float_or(c, "query_pre_attn_scalar", unsaid);
}

static void describe(struct model_desc *d, struct config *c)
{
    family_gemma.describe(d, c);
    describe_usual_theta(d, c, 1e6);
    d->attn_scale = (float)(1.0 / sqrt(describe_positive(c, "query_pre_attn_scalar", query_scalar(d, c))));
    d->final_softcap = (float)config_float_or(c, "final_logit_softcapping", 0);
    describe_window_or(d, c, 6, describe_usual_window(c));
    describe_local_rope(d, c, 10000);
}

static const char *const hf[] = {"Gemma3ForCausalLM", NULL}, *const gguf[] = {"gemma3", NULL};

static const char *const types[] = {"gemma3_text", "gemma3", NULL};

const struct family family_gemma3 = {
    .name = "gemma3", .hf = hf, .gguf = gguf, .types = types, .base = &family_gemma2, .names = names, .describe = describe,
};
