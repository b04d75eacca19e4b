/* StableLM: Llama with layer norms, a quarter of each head rotated and, in its larger size, attention and MLP side by side.
 * Models: stabilityai/stablelm-3b-4e1t, stablelm-2-1_6b-chat, stablelm-zephyr-3b. */
#include "model/families/families.h"

static void describe(struct model_desc *d, struct config *c)
{
    describe_common(d, c);
    d->norm = NORM_LAYER;
    d->norm_eps = (float)config_float_or(c, "layer_norm_eps", 1e-5);
    d->parallel = config_bool_or(c, "use_parallel_residual", false);
    describe_part_rotated(d, c, 4);
    if (config_bool_or(c, "qk_layernorm", false))
        config_fail(c, PLLM_E_UNSUPPORTED, "qk_layernorm", "is true, wanted false");
}

static const char *const hf[] = {"StableLmForCausalLM", NULL}, *const gguf[] = {"stablelm", NULL};

const struct family family_stablelm = {
    .name = "stablelm", .hf = hf, .gguf = gguf, .base = &family_llama, .describe = describe,
};
