/* The KV cache's kernels, with AVX2. */
#include "kernels/vec_avx2.h"

#define TIER(name) name##_avx2
#include "kernels/attend.inc"
