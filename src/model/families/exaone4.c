/* EXAONE 4: norms where OLMo 2 has them, those of q and k for each head; in the larger size three of four layers have a window,
 * and the others know no positions.
 * Models: LGAI-EXAONE/EXAONE-4.0-1.2B, EXAONE-4.0-32B, EXAONE-4.0.1-32B. */
#include "model/families/families.h"

static void describe(struct model_desc *d, struct config *c)
{
    describe_common(d, c);
    d->norm_eps = (float)config_float_or(c, "rms_norm_eps", 1e-5);
    if (config_is_gguf(c) ? !config_has(c, "sliding_window") : config_is_null(c, "sliding_window"))
        return;
    describe_window_or(d, c, 4, describe_usual_window(c));
    for (int l = 0; l < d->n_layers; l++)
        d->layer[l].rope = d->layer[l].window ? 0 : -1;
}

static const char *const hf[] = {"Exaone4ForCausalLM", NULL}, *const gguf[] = {"exaone4", NULL};

const struct family family_exaone4 = {
    .name = "exaone4", .hf = hf, .gguf = gguf, .base = &family_olmo2, .describe = describe,
};
