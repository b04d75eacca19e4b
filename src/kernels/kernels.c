/* Which tiers there are, what each needs of the processor, and who fills the table for it. */
#include "kernels/kernels.h"

#include "base/platform.h"
#include "kernels/cpu.h"
#include "kernels/tiers.h"

#include <string.h>

enum { SUBJECTS = 4 };

/* Upwards: a later one overwrites entries of those before it. The list of a tier ends at NULL. */
static const struct tier {
    const char *name;
    unsigned needs;
    tier_init *const init[SUBJECTS + 1];
} tiers[] = {
    {"scalar", 0, {kernels_init_gemm_quant_scalar, kernels_init_gemm_float_scalar, kernels_init_rows_scalar,
                   kernels_init_attend_scalar}},
#if ARCH_X86
    {"avx2", CPU_AVX2, {kernels_init_gemm_quant_avx2, kernels_init_gemm_float_avx2, kernels_init_rows_avx2,
                        kernels_init_attend_avx2}},
    {"avxvnni", CPU_AVX2 | CPU_AVXVNNI, {kernels_init_gemm_quant_avxvnni}},
    {"avx512", CPU_AVX2 | CPU_AVX512, {kernels_init_gemm_quant_avx512, kernels_init_gemm_float_avx512,
                                       kernels_init_rows_avx512, kernels_init_attend_avx512}},
    {"avx512bf16", CPU_AVX2 | CPU_AVX512 | CPU_AVX512_BF16, {kernels_init_gemm_float_avx512bf16}},
#endif
};

enum { N_TIERS = (int)(sizeof(tiers) / sizeof(tiers[0])) };

const char *kernels_tier(int i)
{
    return i >= 0 && i < N_TIERS ? tiers[i].name : NULL;
}

bool kernels_init(struct kernels *k, unsigned features, const char *isa)
{
    int last = N_TIERS - 1;
    if (isa) {
        while (last >= 0 && strcmp(tiers[last].name, isa) != 0)
            last--;
        if (last < 0)
            return false;
    }
    memset(k, 0, sizeof(*k));
    for (int i = 0; i <= last; i++) {
        if ((tiers[i].needs & features) != tiers[i].needs)
            continue;
        for (tier_init *const *init = tiers[i].init; *init; init++)
            (*init)(k);
        k->isa = tiers[i].name;
    }
    return true;
}
