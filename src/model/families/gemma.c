/* Gemma 1: embeddings scaled by the square root of the width, norms that store w - 1, GELU.
 * Models: google/gemma-2b, gemma-7b-it, CodeGemma. */
#include "model/families/families.h"

#include <math.h>

static void describe(struct model_desc *d, struct config *c)
{
    describe_common(d, c);
    d->norm_plus_one = true;
    d->act = ACTIVATE_GELU_TANH; /* whatever hidden_act says: the first configs were wrong */
    d->embed_scale = sqrtf((float)d->hidden);
    d->tied = config_bool_or(c, "tie_word_embeddings", true);
}

static const char *const hf[] = {"GemmaForCausalLM", NULL}, *const gguf[] = {"gemma", NULL};

const struct family family_gemma = {
    .name = "gemma", .hf = hf, .gguf = gguf, .base = &family_llama, .describe = describe,
};
