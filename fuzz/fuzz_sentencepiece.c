/* A tokenizer.model. Some of its bytes serve as a text to encode as well. */
#include "fuzz_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct tokenizer *t;
    pllm_error err;
    if (!tokenizer_from_sentencepiece(&t, bytes, n, NULL, &err))
        fuzz_tokenizer(t, (const char *)bytes, n < 400 ? n : 400);
    return 0;
}
