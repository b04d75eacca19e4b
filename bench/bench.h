/* What the programs of bench/ share. */
#ifndef PARALLM_BENCH_H
#define PARALLM_BENCH_H

#include <time.h>

/* Seconds of a clock that only moves forward. */
static inline double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#endif
