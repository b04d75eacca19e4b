/* A config.json, read as everything that a family may ask for, whatever its type. */
#include "fuzz.h"

#include "weights/config.h"

static const char *const keys[] = {
    "hidden_size", "num_attention_heads", "rope_theta", "rope_scaling", "rope_scaling.factor", "rope_scaling.rope_type",
    "rope_scaling.long_factor", "rope_local_base_freq", "eos_token_id", "layer_types", "torch_dtype", "num_experts",
    "architectures", "model_type", "tie_word_embeddings",
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct json top;
    struct config *c;
    pllm_error err;
    if (json_parse(&top, (const char *)bytes, n, "config.json", &err) || config_from_json(&c, top, &err))
        return 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *key = keys[i];
        config_int_or(c, key, 0, 1 << 20, 3);
        config_float_or(c, key, 1);
        config_bool_or(c, key, false);
        fuzz_touch((const uint8_t *)config_string_or(c, key, ""), 1);
        for (size_t at = 0; at < 3 && at < config_size(c, key); at++) {
            config_float_at(c, key, at);
            config_int_at(c, key, at, 0, 9);
            config_string_at(c, key, at);
        }
        config_has(c, key);
        config_int(c, key, 0, 9);
    }
    config_status(c, &err);
    config_close(c);
    return 0;
}
