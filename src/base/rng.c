#include "base/rng.h"

#include <sys/random.h>
#include <time.h>

/* 53 bits, so that a seed survives a reader that keeps numbers as doubles. */
uint64_t rng_fresh_seed(void)
{
    uint64_t seed;
    if (getentropy(&seed, sizeof seed) != 0) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        seed = (uint64_t)t.tv_sec * 1000000007u ^ (uint64_t)t.tv_nsec;
    }
    return seed >> 11;
}
