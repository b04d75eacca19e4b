/* ERNIE 4.5, dense: Llama whose files have values that rotate together side by side, Hugging Face's too.
 * Models: baidu/ERNIE-4.5-0.3B-PT, ERNIE-4.5-0.3B-Base-PT. */
#include "model/families/families.h"

static void describe(struct model_desc *d, struct config *c)
{
    describe_common(d, c);
    describe_usual_theta(d, c, 5e5);
    d->norm_eps = (float)config_float_or(c, "rms_norm_eps", 1e-5);
    d->interleaved = INTERLEAVED_ALWAYS;
    d->tied = config_bool_or(c, "tie_word_embeddings", true);
}

static const char *const hf[] = {"Ernie4_5ForCausalLM", NULL}, *const gguf[] = {"ernie4_5", NULL};

const struct family family_ernie4_5 = {
    .name = "ernie4_5", .hf = hf, .gguf = gguf, .base = &family_llama, .describe = describe,
};
