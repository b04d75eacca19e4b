/* Granite 3: Llama with multipliers on embeddings, attention scores, residuals and logits.
 * Models: ibm-granite/granite-3.3-2b-instruct, granite-3.1-8b. */
#include "model/families/families.h"

static void describe(struct model_desc *d, struct config *c)
{
    describe_llama(d, c);
    d->embed_scale = (float)config_float_or(c, "embedding_multiplier", 1);
    d->residual_scale = (float)config_float_or(c, "residual_multiplier", 1);
    d->attn_scale = (float)config_float_or(c, "attention_multiplier", config_is_gguf(c) ? (double)d->attn_scale : 1);
    double divisor = config_float_or(c, "logits_scaling", 1);
    if (divisor == 0)
        config_fail(c, PLLM_E_FORMAT, "logits_scaling", "is 0, wanted another number");
    else
        d->logit_scale = (float)(1 / divisor);
}

static const char *const hf[] = {"GraniteForCausalLM", NULL}, *const gguf[] = {"granite", NULL};

const struct family family_granite = {
    .name = "granite", .hf = hf, .gguf = gguf, .base = &family_llama, .describe = describe,
};
