/* Random numbers as a pure function of (seed, sample, position): no state to carry, so a sequence
 * draws the same numbers in any batch, after a preemption, and in a resumed run.
 *
 * Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). */
#ifndef PARALLM_BASE_RNG_H
#define PARALLM_BASE_RNG_H

#include <stdint.h>

/* Four independent 32-bit words for the draw number `draw` of output token `position`. */
static inline void rng_words(uint32_t out[4], uint64_t seed, uint32_t sample, uint32_t position,
                             uint32_t draw)
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint32_t c0 = position, c1 = sample, c2 = draw, c3 = 0x50614C4Du;
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* Uniform in [0, 1), with 53 bits. */
static inline double rng_uniform(uint64_t seed, uint32_t sample, uint32_t position, uint32_t draw)
{
    uint32_t w[4];
    rng_words(w, seed, sample, position, draw);
    uint64_t bits = ((uint64_t)w[0] << 32 | w[1]) >> 11;
    return (double)bits * 0x1p-53;
}

/* A seed nobody has used, from the system's generator. */
uint64_t rng_fresh_seed(void);

#endif
