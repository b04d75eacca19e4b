/* Loading a model against what cannot be avoided: reading its file from the page cache and writing as many bytes once.
 *
 * usage: loading MODEL.gguf [--threads N] [--quantize T]
 *
 * Two measures, each in a process of its own, by as many threads as load, a large page at a time of fresh memory:
 * - copied: the file is mapped and copied from there by memcpy. Nothing that reads a file and writes its bytes was faster here:
 *   halves of the file in one memcpy each, which goes round the caches, take a third longer;
 * - read and written: pieces are read (pread) into a buffer that stays in a processor's cache, and copied from there.
 * Both take the whole file; a load leaves the embedding in it, whose rows are read when they are wanted.
 *
 * All three run five times by turns. Before each, another process takes as much memory and gives it back: a virtual machine's
 * host may have to find it first, which takes many times as long as any. Peak memory is that of a process that does nothing
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

enum { RUNS = 5, MAX_THREADS = 64, PIECE = 2 << 20, READ_BYTES = 64 << 10 };
enum what { COPIED, READ, LOADED, WHATS };

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
    const char *from; /* the mapped file; NULL: it is read */
    int fd;
    size_t n;
    atomic_size_t next; /* byte that nobody has taken */
    atomic_bool failed;
};

/* The page's last byte first: Linux clears large pages faster then. (memcpy does so by itself.) */
static bool read_piece(const struct copying *c, size_t at, size_t n, char buffer[READ_BYTES])
{
    ((volatile char *)c->to)[at + n - 1] = 0;
    for (size_t i = 0; i < n; i += READ_BYTES) {
        const size_t some = n - i < READ_BYTES ? n - i : READ_BYTES;
        if (pread(c->fd, buffer, some, (off_t)(at + i)) != (ssize_t)some)
            return false;
        memcpy(c->to + at + i, buffer, some);
    }
    return true;
}

static void *copy_pieces(void *argument)
{
    struct copying *c = argument;
    char buffer[READ_BYTES];
    size_t at;
    while ((at = atomic_fetch_add(&c->next, PIECE)) < c->n) {
        const size_t n = c->n - at < PIECE ? c->n - at : PIECE;
        if (c->from)
            memcpy(c->to + at, c->from + at, n);
        else if (!read_piece(c, at, n, buffer))
            atomic_store(&c->failed, true);
    }
    return NULL;
}

/* The file copied once by all threads; seconds < 0: it cannot be read. */
static struct measured copy_once(const char *path, int threads, bool maps)
{
    struct measured m = {.seconds = -1};
    struct stat info;
    pthread_t thread[MAX_THREADS];
    const int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &info) != 0)
        return m;
    const double start = bench_now();
    struct copying c = {.fd = fd, .n = (size_t)info.st_size};
    void *map = maps ? mmap(NULL, c.n, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    c.from = map;
    c.to = fresh_memory(c.n);
    if (map == MAP_FAILED || !c.to)
        return m;
    for (int i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, copy_pieces, &c) != 0)
            return m;
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    if (!atomic_load(&c.failed))
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
static struct measured apart(const char *path, int threads, const char *quantize, enum what what)
{
    struct measured m = {.seconds = -1};
    int ends[2];
    take_memory(path);
    if (pipe(ends) != 0)
        return m;
    const pid_t child = fork();
    if (child == 0) {
        m = what == LOADED ? load(path, threads, quantize) : copy_once(path, threads, what == COPIED);
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

/* Sorted; the median, the least and the greatest are printed. */
static void tell(const char *name, struct measured m[RUNS])
{
    qsort(m, RUNS, sizeof *m, by_seconds);
    printf("%-16s %.3f s (%.3f-%.3f)\n", name, m[RUNS / 2].seconds, m[0].seconds, m[RUNS - 1].seconds);
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
    struct measured m[WHATS][RUNS];
    for (int i = 0; i < RUNS; i++)
        for (int what = 0; what < WHATS; what++) {
            m[what][i] = apart(argv[1], threads, quantize, (enum what)what);
            if (m[what][i].seconds < 0)
                return 1;
        }
    tell("copied", m[COPIED]);
    tell("read and written", m[READ]);
    tell("loaded", m[LOADED]);
    const struct measured *least = m[LOADED], *median = &m[LOADED][RUNS / 2];
    printf("loaded in %.2f times a copy and %.2f times reading and writing (least times; medians %.2f and %.2f)\n",
           least->seconds / m[COPIED]->seconds, least->seconds / m[READ]->seconds,
           median->seconds / m[COPIED][RUNS / 2].seconds, median->seconds / m[READ][RUNS / 2].seconds);
    printf("weights %.0f MB, peak %.0f MB (%.3f times)\n", 1e-6 * (double)median->weight_bytes, 1e-6 * (double)median->peak_bytes,
           (double)median->peak_bytes / (double)median->weight_bytes);
    return 0;
}
