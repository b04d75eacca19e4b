/* Cohere 2: Cohere with a window on three of four layers; the others know no positions.
 * Models: CohereLabs/c4ai-command-r7b-12-2024, c4ai-command-r7b-arabic-02-2025, c4ai-command-a-03-2025. */
#include "model/families/families.h"

static void describe(struct model_desc *d, struct config *c)
{
    family_cohere.describe(d, c);
    describe_usual_theta(d, c, 10000);
    describe_window_or(d, c, 4, describe_usual_window(c));
    for (int l = 0; l < d->n_layers; l++)
        d->layer[l].rope = d->layer[l].window ? 0 : -1;
}

static const char *const hf[] = {"Cohere2ForCausalLM", NULL}, *const gguf[] = {"cohere2", NULL};

const struct family family_cohere2 = {
    .name = "cohere2", .hf = hf, .gguf = gguf, .base = &family_cohere, .describe = describe,
};
