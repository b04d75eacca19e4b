/* The functions that fill the table, one for each subject and tier: what kernels.c calls, and what the files
 * of the tiers export. Subjects: products of quantized weights, products of floats, rows (element-wise,
 * reductions), and attention. A new one is a file, a line here and a name in the list of kernels.c. */
#ifndef PARALLM_KERNELS_TIERS_H
#define PARALLM_KERNELS_TIERS_H

#include "kernels/kernels.h"

typedef void tier_init(struct kernels *k);

tier_init kernels_init_gemm_quant_scalar, kernels_init_gemm_quant_avx2, kernels_init_gemm_quant_avxvnni,
    kernels_init_gemm_quant_avx512;
tier_init kernels_init_gemm_float_scalar, kernels_init_gemm_float_avx2, kernels_init_gemm_float_avx512,
    kernels_init_gemm_float_avx512bf16;
tier_init kernels_init_rows_scalar, kernels_init_rows_avx2, kernels_init_rows_avx512;
tier_init kernels_init_attend_scalar, kernels_init_attend_avx2, kernels_init_attend_avx512;

#endif
