/* Norms, rotation, activations and reductions over one row, with AVX2. */
#include "kernels/vec_avx2.h"

#define ROWS(name) name##_avx2
#define ROWS_INIT kernels_init_rows_avx2
#include "kernels/elementwise.inc"
