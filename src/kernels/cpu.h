/* What this processor can do, in tiers, not bits: a tier is all of its instructions or none. */
#ifndef PARALLM_KERNELS_CPU_H
#define PARALLM_KERNELS_CPU_H

enum cpu_feature {
    CPU_AVX2 = 1 << 0,        /* AVX2, FMA, F16C, BMI2 */
    CPU_AVXVNNI = 1 << 1,     /* vpdpbusd on 256 bits */
    CPU_AVX512 = 1 << 2,      /* F, BW, DQ, VL, VNNI */
    CPU_AVX512_BF16 = 1 << 3, /* vdpbf16ps */
};

/* Features of the processor that the system lets programs use (XCR0 is asked before AVX is believed). */
unsigned cpu_features(void);

#endif
