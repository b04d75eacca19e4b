/* Norms, rotation, activations and reductions over one row, with AVX-512. */
#include "kernels/vec_avx512.h"

#define ROWS(name) name##_avx512
#define ROWS_INIT kernels_init_rows_avx512
#include "kernels/elementwise.inc"
