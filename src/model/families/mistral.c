/* Mistral: Llama with a sliding window on every layer (absent in later releases).
 * Models: mistralai/Mistral-7B-Instruct-v0.3, Mistral-Nemo, Mistral-Small. */
#include "model/families/families.h"

static void describe(struct model_desc *d, struct config *c)
{
    describe_llama(d, c);
    describe_window_or(d, c, 1, describe_usual_window(c));
}

static const char *const hf[] = {"MistralForCausalLM", NULL}, *const gguf[] = {"mistral", NULL};

const struct family family_mistral = {
    .name = "mistral", .hf = hf, .gguf = gguf, .writes = "llama", .base = &family_llama, .describe = describe,
};
