/* The KV cache's kernels, with AVX-512. */
#include "kernels/vec_avx512.h"

#define TIER(name) name##_avx512
#include "kernels/attend.inc"
