/* A pattern, a newline, and a module's name. */
#include "fuzz.h"

#include "base/mem.h"
#include "weights/lora_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char *text = mem_strndup((const char *)bytes, n);
    char *newline = text ? strchr(text, '\n') : NULL;
    if (newline) {
        *newline = '\0';
        lora_pattern_match(text, newline + 1, &(int){10000});
    }
    mem_free(text);
    return 0;
}
