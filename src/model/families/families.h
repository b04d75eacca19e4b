/* The only list of families: a name here is a file NAME.c beside, which defines family_NAME. The build and the table in
 * families.c go by it. */
#ifndef PARALLM_MODEL_FAMILIES_H
#define PARALLM_MODEL_FAMILIES_H

#include "model/desc.h"

#define FAMILIES(X)     \
    X(llama)            \
    X(mistral)          \
    X(mixtral)          \
    X(gemma)            \
    X(gemma2)           \
    X(gemma3)           \
    X(phi3)             \
    X(qwen2)            \
    X(qwen3)            \
    X(qwen3_moe)        \
    X(smollm3)          \
    X(olmo2)            \
    X(seed_oss)         \
    X(exaone4)          \
    X(hunyuan_v1_dense) \
    X(ernie4_5)         \
    X(glm4)             \
    X(cohere)           \
    X(cohere2)          \
    X(granite)          \
    X(stablelm)

#define DECLARE_FAMILY(name) extern const struct family family_##name;
FAMILIES(DECLARE_FAMILY)
#undef DECLARE_FAMILY

#endif
