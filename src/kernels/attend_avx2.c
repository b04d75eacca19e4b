/* The KV cache's kernels, with AVX2. */
#include "kernels/vec_avx2.h"

#define ATTEND(name) name##_avx2
#define ATTEND_INIT kernels_init_attend_avx2
#include "kernels/attend.inc"
