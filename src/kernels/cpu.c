/* Asks the processor, and the system whether it saves the registers of what the processor has. */
#include "kernels/cpu.h"

#include "base/platform.h"

#if ARCH_X86

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>

enum { XCR0_AVX = 0x6, XCR0_AVX512 = 0xe6 }; /* xmm, ymm; and k0-7, zmm0-15 upper halves, zmm16-31 */

/* The register states that the system saves. Assembly, as the intrinsic needs a flag for the whole file. */
static uint64_t saved_states(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool has(uint64_t value, uint64_t bits)
{
    return (value & bits) == bits;
}

unsigned cpu_features(void)
{
    unsigned a, b, c, d, features = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has(c, bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C))
        return 0;
    uint64_t saved = saved_states();
    if (!has(saved, XCR0_AVX) || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has(b, bit_AVX2 | bit_BMI2))
        return 0;
    features |= CPU_AVX2;
    bool avx512 = has(saved, XCR0_AVX512) && has(b, bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL) &&
                  has(c, bit_AVX512VNNI);
    if (avx512)
        features |= CPU_AVX512;
    if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) {
        if (has(a, 1u << 4)) /* AVX-VNNI */
            features |= CPU_AVXVNNI;
        if (avx512 && has(a, 1u << 5)) /* AVX512-BF16 */
            features |= CPU_AVX512_BF16;
    }
    return features;
}

#else

unsigned cpu_features(void)
{
    return 0; /* no tier is written for other processors yet */
}

#endif
