/* The KV cache's kernels, with AVX-512. */
#include "kernels/vec_avx512.h"

#define ATTEND(name) name##_avx512
#define ATTEND_INIT kernels_init_attend_avx512
#include "kernels/attend.inc"
