/* The families, for the list and for families that build on another. */
#ifndef PARALLM_MODEL_FAMILIES_H
#define PARALLM_MODEL_FAMILIES_H

#include "model/desc.h"

extern const struct family family_llama, family_mistral, family_mixtral, family_gemma, family_gemma2, family_gemma3,
    family_phi3, family_qwen2, family_qwen3, family_qwen3_moe, family_smollm3, family_olmo2, family_granite;

#endif
