/* Memory with guard pages, random numbers, comparisons and the clock of checkkernels. */
#include "check.h"

#include "bench.h"

#include <fnmatch.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool check_wants(struct check *c, const char *name, ptrdiff_t at, size_t bytes)
{
    snprintf(c->entry, sizeof(c->entry), "%s", name);
    c->under_test = (struct range){(size_t)at, bytes};
    const bool wanted = !c->pattern || fnmatch(c->pattern, name, 0) == 0;
    c->found |= wanted;
    return wanted;
}

void check_as_below(struct check *c)
{
    memset(c->checked + c->under_test.first, true, c->under_test.n);
}

void check_case(struct check *c)
{
    c->n_cases++;
    check_as_below(c);
}

/* Pointer by pointer, as all that is not a pointer stands in a struct gemm_kernel, which is checked as a whole. */
void check_table(struct check *c)
{
    for (size_t at = sizeof c->k->isa; at < sizeof *c->k; at += sizeof(void *)) {
        void *here, *below, *ref;
        memcpy(&here, (const char *)c->k + at, sizeof here);
        memcpy(&below, (const char *)c->below + at, sizeof below);
        memcpy(&ref, (const char *)c->ref + at, sizeof ref);
        snprintf(c->entry, sizeof c->entry, "byte %zu of struct kernels", at);
        if (!c->checked[at] && here && here != below)
            check_fail(c, "is filled, and no check knows of it");
        if (here && !ref)
            check_fail(c, "is filled, and the scalar code lacks it");
    }
}

void check_fail(struct check *c, const char *format, ...)
{
    if (c->n_failed++ >= 20) /* the rest says nothing new */
        return;
    va_list arguments;
    va_start(arguments, format);
    printf("FAIL %s %s: ", c->tier, c->entry);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

bool check_close(struct check *c, double got, double want, double bound, int row, int col)
{
    if (isnan(want) ? isnan(got) : fabs(got - want) <= bound || got == want)
        return true;
    check_fail(c, "[%d][%d] is %.9g, wanted %.9g within %.3g", row, col, got, want, bound);
    return false;
}

/* splitmix64 */
static uint64_t next(struct check *c)
{
    uint64_t z = c->seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t check_random(struct check *c, uint32_t n)
{
    return (uint32_t)((next(c) >> 32) * n >> 32);
}

float check_normal(struct check *c)
{
    int32_t sum = 0;
    uint64_t bits = next(c);
    for (int i = 0; i < 4; i++)
        sum += (int32_t)(bits >> (16 * i) & 0xffff);
    return (float)(sum - 2 * 65535) / 37837.0f; /* sqrt(4 / 12) * 65536 */
}

/* ---- Guarded memory: canary bytes, then the bytes, then a page that nobody may touch ---------------- */

enum { CANARY = 0xa5, CANARIES = 256 };

static size_t mapped_bytes(size_t bytes, size_t page)
{
    return (bytes + CANARIES + page - 1) / page * page;
}

void *guard_alloc(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), mapped = mapped_bytes(bytes, page);
    char *base = mmap(NULL, mapped + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED || mprotect(base + mapped, page, PROT_NONE) != 0) {
        perror("checkkernels: mmap");
        exit(2);
    }
    memset(base, CANARY, mapped);
    return base + mapped - bytes;
}

void guard_free(struct check *c, void *memory, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), mapped = mapped_bytes(bytes, page);
    unsigned char *base = (unsigned char *)memory + bytes - mapped;
    for (size_t i = 0; i < mapped - bytes; i++)
        if (base[i] != CANARY) {
            check_fail(c, "wrote %zu bytes before its memory", mapped - bytes - i);
            break;
        }
    munmap(base, mapped + page);
}

/* ---- Timing --------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double check_time(void (*run)(void *), void *argument)
{
    enum { SAMPLES = 5 };
    const double shortest = 0.02;
    double seconds[SAMPLES], start = bench_now();
    run(argument);
    double once = bench_now() - start;
    int calls = once < shortest ? (int)(shortest / (once + 1e-9)) + 1 : 1;
    for (int s = 0; s < SAMPLES; s++) {
        start = bench_now();
        for (int i = 0; i < calls; i++)
            run(argument);
        seconds[s] = (bench_now() - start) / calls;
    }
    qsort(seconds, SAMPLES, sizeof(seconds[0]), ascending);
    return seconds[SAMPLES / 2];
}

void check_bench(struct check *c, const char *shape, int rows, double seconds, double operations, double bytes,
                 enum check_limit arithmetic)
{
    const struct roofline *l = &c->limits;
    const double peak[] = {[LIMIT_READ] = 0, [LIMIT_F32] = l->f32_gop_s, [LIMIT_BF16] = l->bf16_gop_s,
                           [LIMIT_INT8] = l->int8_gop_s};
    double gop = operations / seconds / 1e9, gb = bytes / seconds / 1e9;
    double arithmetic_part = peak[arithmetic] > 0 ? 100 * gop / peak[arithmetic] : 0, read_part = 100 * gb / l->read_gb_s;
    const char *format = c->csv ? "%s,%s,%s,%d,%.3f,%.2f,%.3f,%.1f,%.1f\n"
                                : "%-10s %-14s %-18s %4d rows %10.1f us %8.1f GOP/s %7.2f GB/s  %5.1f %% of arithmetic %5.1f %% of reading\n";
    printf(format, c->tier, c->entry, shape, rows, seconds * 1e6, gop, gb, arithmetic_part, read_part);
    fflush(stdout);
}
