/* Gemma 1: embeddings scaled by the square root of the width, norms that store w - 1, GELU.
 * Models: google/gemma-2b, gemma-7b-it, CodeGemma. */
#include "model/families/families.h"

#include <math.h>

/* Without a hidden_activation, "gelu" means its approximation: the first configs were wrong. */
static enum activation activation(const struct model_desc *d, struct config *c)
{
    const bool said = config_has(c, "hidden_activation") || (config_has(c, "hidden_act") && d->act != ACTIVATE_GELU);
    return said ? d->act : ACTIVATE_GELU_TANH;
}

static void describe(struct model_desc *d, struct config *c)
{
    describe_common(d, c);
    d->norm_plus_one = true;
    d->act = activation(d, c);
    d->embed_scale = sqrtf((float)d->hidden);
    d->tied = config_bool_or(c, "tie_word_embeddings", true);
    if (config_bool_or(c, "use_bidirectional_attention", false))
        config_fail(c, PLLM_E_UNSUPPORTED, "use_bidirectional_attention", "is true, wanted false");
}

static const char *const hf[] = {"GemmaForCausalLM", NULL}, *const gguf[] = {"gemma", NULL};

const struct family family_gemma = {
    .name = "gemma", .hf = hf, .gguf = gguf, .base = &family_llama, .describe = describe,
};
