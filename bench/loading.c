/* Loading a model against what cannot be avoided: reading its file from the page cache and writing as many bytes once.
 *
 * usage: loading MODEL.gguf [--threads N] [--quantize T]
 *
 * The measure: N threads copy the mapped file to fresh memory, each a piece of a large page at a time, in a process of its own.
 * (Halves of the file in one memcpy each, which goes round the caches, take a third longer; pread to where it belongs, about as
 * long.) Both run five times by turns. Before each, another process takes as much memory and gives it back: a virtual machine's
 * host may have to find it first, which takes many times as long as either. Peak memory is that of a process that does nothing
 * but load. */
#include "bench.h"

#include <parallm.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNS = 5, MAX_THREADS = 64, PIECE = 2 << 20 };

struct measured {
    double seconds;
    uint64_t peak_bytes, weight_bytes;
};

/* n bytes of large pages, where there are some. */
static char *fresh_memory(size_t n)
{
    char *at = mmap(NULL, n + PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    at += (PIECE - (uintptr_t)at % PIECE) % PIECE;
#ifdef MADV_HUGEPAGE
    madvise(at, n, MADV_HUGEPAGE);
#endif
    return at;
}

struct copying {
    char *to;
    const char *from;
    size_t n;
    atomic_size_t next; /* byte that nobody has taken */
};

static void *copy_pieces(void *argument)
{
    struct copying *c = argument;
    size_t at;
    while ((at = atomic_fetch_add(&c->next, PIECE)) < c->n)
        memcpy(c->to + at, c->from + at, c->n - at < PIECE ? c->n - at : PIECE);
    return NULL;
}

/* The file copied once by all threads; seconds < 0: it cannot be read. */
static struct measured copy_once(const char *path, int threads)
{
    struct measured m = {.seconds = -1};
    struct stat info;
    pthread_t thread[MAX_THREADS];
    const int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &info) != 0)
        return m;
    const double start = bench_now();
    struct copying c = {.n = (size_t)info.st_size};
    c.from = mmap(NULL, c.n, PROT_READ, MAP_PRIVATE, fd, 0);
    c.to = fresh_memory(c.n);
    if (c.from == MAP_FAILED || !c.to)
        return m;
    for (int i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, copy_pieces, &c) != 0)
            return m;
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    m.seconds = bench_now() - start;
    return m;
}

static struct measured load(const char *path, int threads, const char *quantize)
{
    struct measured m = {.seconds = -1};
    struct rusage usage;
    pllm_model_options o = pllm_model_options_default();
    pllm_model *model;
    pllm_error err;
    o.threads = threads;
    o.quantize = quantize;
    const double start = bench_now();
    if (pllm_model_open(&model, path, &o, &err)) {
        fprintf(stderr, "loading: %s\n", err.message);
        return m;
    }
    m.seconds = bench_now() - start;
    m.weight_bytes = pllm_model_describe(model).weight_bytes;
    getrusage(RUSAGE_SELF, &usage);
    m.peak_bytes = (uint64_t)usage.ru_maxrss * 1024; /* Linux counts in KiB */
    pllm_model_close(model);
    return m;
}

/* Lets the host find the memory that a load will take. */
static void take_memory(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return;
    const pid_t child = fork();
    if (child == 0) {
        const size_t n = (size_t)info.st_size + (size_t)info.st_size / 8;
        volatile char *at = fresh_memory(n);
        for (size_t i = 0; at && i < n; i += 4096)
            at[i] = 1;
        _exit(0);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

/* In a child, so that memory is counted from nothing. */
static struct measured apart(const char *path, int threads, const char *quantize, bool loads)
{
    struct measured m = {.seconds = -1};
    int ends[2];
    take_memory(path);
    if (pipe(ends) != 0)
        return m;
    const pid_t child = fork();
    if (child == 0) {
        m = loads ? load(path, threads, quantize) : copy_once(path, threads);
        _exit(write(ends[1], &m, sizeof m) != (ssize_t)sizeof m);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], &m, sizeof m) != (ssize_t)sizeof m)
        m.seconds = -1;
    close(ends[0]);
    waitpid(child, NULL, 0);
    return m;
}

static int by_seconds(const void *a, const void *b)
{
    const double x = ((const struct measured *)a)->seconds, y = ((const struct measured *)b)->seconds;
    return (x > y) - (x < y);
}

/* The median; the least and the greatest are printed. */
static struct measured median(const char *what, struct measured *m)
{
    qsort(m, RUNS, sizeof *m, by_seconds);
    printf("%s %.3f s (%.3f-%.3f); ", what, m[RUNS / 2].seconds, m[0].seconds, m[RUNS - 1].seconds);
    return m[RUNS / 2];
}

int main(int argc, char **argv)
{
    int threads = 2;
    const char *quantize = NULL;
    for (int i = 2; i + 1 < argc; i += 2)
        if (strcmp(argv[i], "--threads") == 0)
            threads = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--quantize") == 0)
            quantize = argv[i + 1];
    if (argc < 2 || threads < 1 || threads > MAX_THREADS) {
        fprintf(stderr, "usage: loading MODEL.gguf [--threads N] [--quantize T]\n");
        return 2;
    }
    struct measured copies[RUNS], loads[RUNS];
    for (int i = 0; i < RUNS; i++) {
        copies[i] = apart(argv[1], threads, quantize, false);
        loads[i] = apart(argv[1], threads, quantize, true);
        if (copies[i].seconds < 0 || loads[i].seconds < 0)
            return 1;
    }
    const struct measured copied = median("copied once", copies), loaded = median("loaded", loads);
    printf("%.2f times; weights %.0f MB, peak %.0f MB (%.3f times)\n", loaded.seconds / copied.seconds,
           1e-6 * (double)loaded.weight_bytes, 1e-6 * (double)loaded.peak_bytes,
           (double)loaded.peak_bytes / (double)loaded.weight_bytes);
    return 0;
}
