/* Loops that do nothing but read, or nothing but multiply. Needs libc and threads, none of the library, and is
 * compiled without flags: each loop carries its own target. */
#include "roofline.h"

#include "bench.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 5, CHAINS_PER_STEP = 10, STEPS = 20000000 };

struct job {
    void (*loop)(struct job *job);
    char *buffer; /* to read; far larger than the caches */
    size_t bytes;
    double work; /* done, in bytes or operations */
    volatile float sink;
};

static void read_plain(struct job *j)
{
    uint64_t sum[8] = {0};
    for (size_t i = 0; i + 64 <= j->bytes; i += 64)
        for (size_t k = 0; k < 8; k++)
            sum[k] ^= ((const uint64_t *)(void *)(j->buffer + i))[k];
    j->sink = (float)(sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ sum[4] ^ sum[5] ^ sum[6] ^ sum[7]);
    j->work = (double)j->bytes;
}

static void f32_plain(struct job *j)
{
    float a = 0.0f, b = 0.0f, c = 0.0f, d = 0.0f;
    for (long n = 0; n < STEPS; n++) { /* a dependence on n, so that the loop stays a loop */
        float x = (float)n;
        a += x * 0.25f;
        b += x * 0.5f;
        c += x * 0.75f;
        d += x * 1.25f;
    }
    j->sink = a + b + c + d;
    j->work = (double)STEPS * 4 * 2;
}

#if defined(__x86_64__)
#include <immintrin.h>

/* A loop of ten independent chains, enough to hide the latency of two multiply units. STEP(i) makes one link of
 * chain i; the empty assembly keeps the compiler from merging links or taking anything out of the loop. */
#define CHAINS(STEP) STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7) STEP(8) STEP(9)
#define RUN_CHAINS(operations_of_a_link)         \
    CHAINS(START)                                \
    for (long n = 0; n < STEPS; n++) {           \
        CHAINS(STEP)                             \
    }                                            \
    CHAINS(END)                                  \
    j->work = (double)STEPS * CHAINS_PER_STEP * (operations_of_a_link);
#define KEEP(v) __asm__("" : "+x"(v))
#define KEEP_512(v) __asm__("" : "+v"(v))
#define TARGET(t) __attribute__((target(t)))

TARGET("avx2") static void read_avx2(struct job *j)
{
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (size_t i = 0; i + 128 <= j->bytes; i += 128) {
        const __m256i *p = (const __m256i *)(void *)(j->buffer + i);
        a = _mm256_xor_si256(a, p[0]);
        b = _mm256_xor_si256(b, p[1]);
        c = _mm256_xor_si256(c, p[2]);
        d = _mm256_xor_si256(d, p[3]);
    }
    j->sink = (float)_mm256_extract_epi32(_mm256_xor_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(c, d)), 0);
    j->work = (double)j->bytes;
}

TARGET("avx2,fma") static void f32_avx2(struct job *j)
{
    __m256 x = _mm256_set1_ps(1e-9f), y = _mm256_set1_ps(1.0f);
#define START(i) __m256 s##i = _mm256_setzero_ps();
#define STEP(i) s##i = _mm256_fmadd_ps(x, y, s##i); KEEP(s##i);
#define END(i) j->sink += _mm256_cvtss_f32(s##i);
    RUN_CHAINS(16)
#undef START
#undef STEP
#undef END
}

TARGET("avx2") static void int8_avx2(struct job *j)
{
    __m256i p = _mm256_set1_epi8(3), q = _mm256_set1_epi8(1);
#define START(i) __m256i s##i = _mm256_setzero_si256();
#define STEP(i) s##i = _mm256_add_epi16(s##i, _mm256_maddubs_epi16(p, q)); KEEP(s##i); KEEP(q);
#define END(i) j->sink += (float)_mm256_extract_epi32(s##i, 0);
    RUN_CHAINS(64)
#undef START
#undef STEP
#undef END
}

/* The VEX form of vpdpbusd, in assembly: compilers older than the intrinsic need no more. */
TARGET("avx2") static void int8_avxvnni(struct job *j)
{
    __m256i p = _mm256_set1_epi8(3), q = _mm256_set1_epi8(1);
#define START(i) __m256i s##i = _mm256_setzero_si256();
#define STEP(i) __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(s##i) : "x"(p), "x"(q));
#define END(i) j->sink += (float)_mm256_extract_epi32(s##i, 0);
    RUN_CHAINS(64)
#undef START
#undef STEP
#undef END
}

TARGET("avx512f") static void f32_avx512(struct job *j)
{
    __m512 x = _mm512_set1_ps(1e-9f), y = _mm512_set1_ps(1.0f);
#define START(i) __m512 s##i = _mm512_setzero_ps();
#define STEP(i) s##i = _mm512_fmadd_ps(x, y, s##i); KEEP_512(s##i);
#define END(i) j->sink += _mm512_cvtss_f32(s##i);
    RUN_CHAINS(32)
#undef START
#undef STEP
#undef END
}

TARGET("avx512f,avx512vnni") static void int8_avx512(struct job *j)
{
    __m512i p = _mm512_set1_epi8(3), q = _mm512_set1_epi8(1);
#define START(i) __m512i s##i = _mm512_setzero_si512();
#define STEP(i) s##i = _mm512_dpbusd_epi32(s##i, p, q); KEEP_512(s##i);
#define END(i) j->sink += (float)_mm_cvtsi128_si32(_mm512_castsi512_si128(s##i));
    RUN_CHAINS(128)
#undef START
#undef STEP
#undef END
}

TARGET("avx512f,avx512bf16") static void bf16_avx512(struct job *j)
{
    __m512bh h = (__m512bh)_mm512_set1_epi16(0x3c00);
#define START(i) __m512 s##i = _mm512_setzero_ps();
#define STEP(i) s##i = _mm512_dpbf16_ps(s##i, h, h); KEEP_512(s##i);
#define END(i) j->sink += _mm512_cvtss_f32(s##i);
    RUN_CHAINS(64)
#undef START
#undef STEP
#undef END
}

#endif

/* The loops of each tier, upwards. */
struct loops {
    const char *tier;
    void (*read)(struct job *), (*f32)(struct job *), (*bf16)(struct job *), (*int8)(struct job *);
};

static const struct loops tiers[] = {
    {"scalar", read_plain, f32_plain, NULL, NULL},
#if defined(__x86_64__)
    {"avx2", read_avx2, f32_avx2, NULL, int8_avx2},
    {"avxvnni", read_avx2, f32_avx2, NULL, int8_avxvnni},
    {"avx512", read_avx2, f32_avx512, NULL, int8_avx512},
    {"avx512bf16", read_avx2, f32_avx512, bf16_avx512, int8_avx512},
#endif
};

static bool has_tier(const char *tier)
{
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni");
    if (strcmp(tier, "avx2") == 0)
        return avx2;
    if (strcmp(tier, "avx512") == 0)
        return avx512;
    if (strcmp(tier, "avx512bf16") == 0)
        return avx512 && __builtin_cpu_supports("avx512bf16");
    if (strcmp(tier, "avxvnni") == 0) {
        unsigned a = 7, b, c = 1, d;
        __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
        return avx2 && (a >> 4 & 1);
    }
#endif
    return strcmp(tier, "scalar") == 0;
}

static void *run(void *argument)
{
    struct job *j = argument;
    j->loop(j);
    return NULL;
}

/* Work per second of all threads together, in units of 1e9; 0 where a thread does not start. */
static double rate(struct job *jobs, int threads, void (*loop)(struct job *))
{
    double best = 0;
    for (int r = 0; loop && r < REPEATS; r++) {
        pthread_t id[ROOFLINE_MOST_THREADS];
        double work = 0, start = bench_now();
        int started = 0;
        for (int t = 0; t < threads; t++)
            jobs[t].loop = loop;
        while (started < threads && pthread_create(&id[started], NULL, run, &jobs[started]) == 0)
            started++;
        for (int t = 0; t < started; t++) {
            pthread_join(id[t], NULL);
            work += jobs[t].work;
        }
        if (started < threads)
            return 0;
        double per_second = work / (bench_now() - start) / 1e9;
        best = per_second > best ? per_second : best;
    }
    return best;
}

/* A gigabyte in all, but no less than 64 MB each. */
static bool open_jobs(struct job *jobs, int threads)
{
    size_t bytes = ((size_t)1 << 30) / (size_t)threads, least = (size_t)64 << 20;
    bytes = bytes < least ? least : bytes / 4096 * 4096;
    for (int t = 0; t < threads; t++) {
        jobs[t].bytes = bytes;
        if (!(jobs[t].buffer = aligned_alloc(4096, bytes)))
            return false;
        memset(jobs[t].buffer, t + 1, bytes);
    }
    return true;
}

bool roofline_measure(struct roofline *out, int threads, const char *tier)
{
    const struct loops *loops = NULL;
    if (threads < 1 || threads > ROOFLINE_MOST_THREADS)
        return false;
    for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++)
        if ((!tier || strcmp(tier, tiers[i].tier) == 0) && has_tier(tiers[i].tier))
            loops = &tiers[i];
    struct job *jobs = loops ? calloc((size_t)threads, sizeof(*jobs)) : NULL;
    if (!jobs)
        return false;
    bool ok = open_jobs(jobs, threads);
    if (ok) {
        out->read_gb_s = rate(jobs, threads, loops->read);
        out->f32_gop_s = rate(jobs, threads, loops->f32);
        out->bf16_gop_s = rate(jobs, threads, loops->bf16);
        out->int8_gop_s = rate(jobs, threads, loops->int8);
        ok = out->read_gb_s > 0;
    }
    for (int t = 0; t < threads; t++)
        free(jobs[t].buffer);
    free(jobs);
    return ok;
}
