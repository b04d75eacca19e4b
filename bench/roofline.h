/* The limits of this machine for batched inference: how fast it reads memory, and how fast it multiplies. */
#ifndef PARALLM_BENCH_ROOFLINE_H
#define PARALLM_BENCH_ROOFLINE_H

#include <stdbool.h>

enum { ROOFLINE_MOST_THREADS = 1024 };

/* All threads together; a multiply-add counts as two operations. 0: no such instructions. int8 is the best
 * that 4-bit weights can use: vpdpbusd, or with AVX2 alone vpmaddubsw whose results are added in 16 bits. */
struct roofline {
    double read_gb_s, f32_gop_s, bf16_gop_s, int8_gop_s;
};

/* Best of five. `tier` limits the instructions ("scalar", "avx2", "avxvnni", "avx512", "avx512bf16"; NULL:
 * all that the processor has). False: no memory, no threads, or the processor lacks the tier. Takes seconds. */
bool roofline_measure(struct roofline *out, int threads, const char *tier);

#endif
