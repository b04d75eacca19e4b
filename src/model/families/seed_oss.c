/* Seed-OSS: Llama with biases on q, k and v, and heads that together are wider than the model.
 * Models: ByteDance-Seed/Seed-OSS-36B-Instruct, Seed-OSS-36B-Base. */
#include "model/families/families.h"

static const struct tensor_name gguf_names[] = {
    {T_NORM_MLP_IN, "blk.{l}.post_attention_norm.weight", false}, /* where others have a norm behind attention */
    {T_END, NULL, false},
};

static const char *const hf[] = {"SeedOssForCausalLM", NULL}, *const gguf[] = {"seed_oss", NULL};

const struct family family_seed_oss = {
    .name = "seed_oss", .hf = hf, .gguf = gguf, .base = &family_llama, .gguf_names = gguf_names, .describe = describe_common,
};
