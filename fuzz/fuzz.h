/* What every fuzz target includes. */
#ifndef PARALLM_FUZZ_FUZZ_H
#define PARALLM_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Reads the first and the last of n bytes: a sanitizer tells if they are not ours. */
static inline void fuzz_touch(const uint8_t *bytes, size_t n)
{
    static volatile uint8_t sink;
    if (n)
        sink = (uint8_t)(bytes[0] ^ bytes[n - 1]);
    (void)sink;
}

#endif
