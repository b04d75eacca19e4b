/* A tokenizer.json; behind a zero byte a text to encode, behind another a tokenizer_config.json. */
#include "fuzz_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *json = (const char *)bytes;
    size_t at, end;
    size_t n_json = fuzz_part(json, n, &at);
    size_t n_text = fuzz_part(json + at, n - at, &end);
    const char *text = json + at, *config = text + end;
    struct tokenizer_settings settings = {0};
    struct tokenizer *t;
    pllm_error err;
    if (end < n - at && json_parse(&settings.config, config, n - at - end, "tokenizer_config.json", &err))
        return 0;
    if (!tokenizer_from_json(&t, json, n_json, &settings, &err))
        fuzz_tokenizer(t, text, n_text);
    json_free(&settings.config);
    return 0;
}
