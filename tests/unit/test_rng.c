#include "base/rng.h"

#include "test.h"

/* Known answers of Philox 4x32-10, from the paper's own distribution (Random123, kat_vectors). */
static uint32_t mulhi(uint32_t a, uint32_t b)
{
    return (uint32_t)(((uint64_t)a * b) >> 32);
}

static void philox(uint32_t c[4], uint32_t k0, uint32_t k1)
{
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        uint32_t n[4] = {mulhi(0xCD9E8D57u, c[2]) ^ c[1] ^ k0, 0xCD9E8D57u * c[2],
                         mulhi(0xD2511F53u, c[0]) ^ c[3] ^ k1, 0xD2511F53u * c[0]};
        memcpy(c, n, sizeof n);
    }
}

static void the_reference_gives_the_known_answers(void **state)
{
    (void)state;
    uint32_t zeros[4] = {0}, ones[4] = {~0u, ~0u, ~0u, ~0u};
    uint32_t pi[4] = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344};
    philox(zeros, 0, 0);
    philox(ones, ~0u, ~0u);
    philox(pi, 0xa4093822, 0x299f31d0);
    const uint32_t want_zeros[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    const uint32_t want_ones[4] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    const uint32_t want_pi[4] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
    assert_memory_equal(zeros, want_zeros, 16);
    assert_memory_equal(ones, want_ones, 16);
    assert_memory_equal(pi, want_pi, 16);
}

static void words_are_philox_of_the_key(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        uint64_t seed = 0x123456789ABCDEFull * i;
        uint32_t got[4], want[4] = {i * 3, i, i % 5, 0x50614C4Du};
        rng_words(got, seed, i, i * 3, i % 5);
        philox(want, (uint32_t)seed, (uint32_t)(seed >> 32));
        assert_memory_equal(got, want, 16);
    }
}

static void uniform_numbers_are_uniform(void **state)
{
    (void)state;
    int bins[16] = {0};
    for (uint32_t i = 0; i < 160000; i++) {
        double u = rng_uniform(7, 0, i, 0);
        assert_true(u >= 0 && u < 1);
        bins[(int)(u * 16)]++;
    }
    double chi = 0;
    for (int i = 0; i < 16; i++)
        chi += (bins[i] - 10000.0) * (bins[i] - 10000.0) / 10000.0;
    assert_true(chi < 37.7); /* 15 degrees of freedom, p = 0.001 */
    assert_true(rng_fresh_seed() != rng_fresh_seed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_reference_gives_the_known_answers),
                                       cmocka_unit_test(words_are_philox_of_the_key),
                                       cmocka_unit_test(uniform_numbers_are_uniform)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
