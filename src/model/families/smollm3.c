/* SmolLM3: Llama without rotation on every fourth layer.
 * Models: HuggingFaceTB/SmolLM3-3B. */
#include "model/families/families.h"

static void describe(struct model_desc *d, struct config *c)
{
    describe_llama(d, c);
    describe_usual_theta(d, c, 2e6);
    d->tied = config_bool_or(c, "tie_word_embeddings", true);
    int64_t interval = config_int_or(c, "no_rope_layer_interval", 1, INT32_MAX, 4);
    size_t listed = config_size(c, "no_rope_layers"); /* 1: the layer rotates */
    if (listed && listed < (size_t)d->n_layers)
        config_fail(c, PLLM_E_FORMAT, "no_rope_layers", "has %zu layers, wanted num_hidden_layers of them, %d", listed, d->n_layers);
    for (int l = 0; l < d->n_layers; l++) {
        bool rotates = listed ? config_float_at(c, "no_rope_layers", (size_t)l) != 0
                              : (l + 1) % interval != 0;
        d->layer[l].rope = rotates ? 0 : -1;
    }
    if (!config_bool_or(c, "use_sliding_window", false))
        return;
    describe_window(d, c, 1);
    for (int l = 0; l < d->n_layers && !config_size(c, "layer_types"); l++)
        if (d->layer[l].rope >= 0)
            d->layer[l].window = 0; /* unless it is said, layers that do not rotate have it */
}

static const char *const hf[] = {"SmolLM3ForCausalLM", NULL}, *const gguf[] = {"smollm3", NULL};

const struct family family_smollm3 = {
    .name = "smollm3", .hf = hf, .gguf = gguf, .base = &family_llama, .describe = describe,
};
