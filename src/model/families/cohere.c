/* Cohere: one layer norm, before attention and MLP side by side; neighbouring values rotate together; logits are scaled.
 * Models: CohereLabs/c4ai-command-r-v01, c4ai-command-r-08-2024, aya-23-8B, aya-23-35B, aya-expanse-8b, aya-expanse-32b. */
#include "model/families/families.h"

static const struct tensor_name names[] = {
    {T_NORM_MLP_IN, NULL, false},
    {T_END, NULL, false},
};

static void describe(struct model_desc *d, struct config *c)
{
    describe_common(d, c);
    describe_usual_theta(d, c, 5e5);
    d->norm = NORM_LAYER;
    d->norm_eps = (float)config_float_or(c, "layer_norm_eps", 1e-5);
    d->parallel = true;
    d->interleaved = INTERLEAVED_ALWAYS;
    d->logit_scale = (float)config_float_or(c, "logit_scale", config_is_gguf(c) ? 1 : 0.0625);
    d->tied = config_bool_or(c, "tie_word_embeddings", true);
    if (config_bool_or(c, "use_qk_norm", false)) /* Command R+: a norm of its own for each head */
        config_fail(c, PLLM_E_UNSUPPORTED, "use_qk_norm", "is true, wanted false");
}

static const char *const hf[] = {"CohereForCausalLM", NULL}, *const gguf[] = {"command-r", NULL};

const struct family family_cohere = {
    .name = "cohere", .hf = hf, .gguf = gguf, .base = &family_llama, .names = names, .describe = describe,
};
