/* Norms, rotation, activations and reductions over one row, with AVX2. */
#include "kernels/vec_avx2.h"

#define TIER(name) name##_avx2
#include "kernels/rows.inc"
