/* The only list of families. Adding one: a file here, a line here and in families.h, a checkpoint in tests/golden. */
#include "model/families/families.h"

const struct family *const families[] = {
    &family_llama, &family_mistral, &family_mixtral,   &family_gemma,   &family_gemma2, &family_gemma3,  &family_phi3,
    &family_qwen2, &family_qwen3,   &family_qwen3_moe, &family_smollm3, &family_olmo2,  &family_granite, NULL,
};
