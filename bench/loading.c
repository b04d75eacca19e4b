/* Loading a model against what cannot be avoided: reading its file from the page cache and writing as many bytes once.
 *
 * usage: loading MODEL.gguf [--threads N] [--quantize T]
 *
 * The measure: N threads copy the mapped file to fresh memory, in a process of its own. Both run three times, one after the
 * other; the best of each counts. Peak memory is that of a process that does nothing but load. */
#include "bench.h"

#include <parallm.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNS = 3, MAX_THREADS = 64 };

struct measured {
    double seconds;
    uint64_t peak_bytes, weight_bytes;
};

struct part {
    char *to;
    const char *from;
    size_t n;
};

static void *copy_part(void *argument)
{
    const struct part *p = argument;
    memcpy(p->to, p->from, p->n);
    return NULL;
}

/* The file copied once by all threads; seconds < 0: it cannot be read. */
static struct measured copy_once(const char *path, int threads)
{
    struct measured m = {.seconds = -1};
    struct stat info;
    pthread_t thread[MAX_THREADS];
    struct part part[MAX_THREADS];
    const int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &info) != 0)
        return m;
    const double start = bench_now();
    const size_t n = (size_t)info.st_size, each = (n / (size_t)threads + 63) & ~(size_t)63;
    char *from = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
    char *to = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (from == MAP_FAILED || to == MAP_FAILED)
        return m;
#ifdef MADV_HUGEPAGE
    madvise(to, n, MADV_HUGEPAGE);
#endif
    for (int i = 0; i < threads; i++) {
        const size_t begin = (size_t)i * each < n ? (size_t)i * each : n;
        part[i] = (struct part){to + begin, from + begin, begin + each < n ? each : n - begin};
        if (pthread_create(&thread[i], NULL, copy_part, &part[i]) != 0)
            return m;
    }
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

/* In a child, so that memory is counted from nothing. */
static struct measured apart(const char *path, int threads, const char *quantize, bool loads)
{
    struct measured m = {.seconds = -1};
    int ends[2];
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

static bool better(struct measured *best, struct measured m)
{
    if (m.seconds >= 0 && (best->seconds < 0 || m.seconds < best->seconds))
        *best = m;
    return m.seconds >= 0;
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
    struct measured copied = {.seconds = -1}, loaded = {.seconds = -1};
    for (int i = 0; i < RUNS; i++)
        if (!better(&copied, apart(argv[1], threads, quantize, false)) ||
            !better(&loaded, apart(argv[1], threads, quantize, true)))
            return 1;
    printf("copied once %.2f s; loaded %.2f s (%.2f times); weights %.0f MB, peak %.0f MB (%.3f times)\n", copied.seconds,
           loaded.seconds, loaded.seconds / copied.seconds, 1e-6 * (double)loaded.weight_bytes,
           1e-6 * (double)loaded.peak_bytes, (double)loaded.peak_bytes / (double)loaded.weight_bytes);
    return 0;
}
