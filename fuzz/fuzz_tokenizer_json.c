/* A tokenizer.json; behind a zero byte a text to encode, behind another a tokenizer_config.json. */
#include "fuzz_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *json = (const char *)bytes;
    size_t at, end;
    size_t n_json = fuzz_part(json, n, &at);
    size_t n_text = fuzz_part(json + at, n - at, &end);
    const char *text = json + at, *config = text + end;
    struct tokenizer_settings settings = {.config_json = end < n - at ? config : NULL, .n_config_json = n - at - end};
    struct tokenizer *t;
    pllm_error err;
    if (!tokenizer_from_json(&t, json, n_json, &settings, &err))
        fuzz_tokenizer(t, text, n_text);
    return 0;
}
