/* checkkernels: every entry of the kernel table, in every tier, against the scalar one.
 *
 * To add a check: write check_<entry>.c with one function `void check_<entry>(struct check *c)`, declare it
 * below, and add it to the list in checkkernels.c and to CMakeLists.txt. The function is called once for each
 * tier; it asks check_wanted(c, name, entry) for each entry it knows, runs its cases, each with check_case, and reports what
 * is wrong with check_fail. With c->bench it times instead, and prints lines with check_bench.
 *
 * At the end of a tier the table is gone through: an entry that the tier has filled, and that no case was about, is a failure
 * like any other. */
#ifndef PARALLM_TESTS_KERNELS_CHECK_H
#define PARALLM_TESTS_KERNELS_CHECK_H

#include "base/platform.h"
#include "base/pool.h"
#include "kernels/kernels.h"
#include "roofline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line of a shapes file: a linear layer of a real model. */
struct check_shape {
    char name[32];
    int N, K; /* outputs, inputs */
    char type[16];
};

/* Bytes first .. first + n - 1 of a struct kernels. */
struct range {
    size_t first, n;
};

struct check {
    const struct kernels *ref, *k; /* scalar, and the tier in question */
    const struct kernels *below;   /* the tier before: what it has in common need not be checked again; zeros: none */
    const char *tier;
    const char *pattern; /* --kernel: a shell pattern, or NULL */
    bool bench, csv;
    struct pool *pool;   /* with bench: the threads */
    struct roofline limits;
    const struct check_shape *shapes;
    int n_shapes;
    const int *rows; /* with bench: numbers of rows */
    int n_rows;
    uint64_t seed; /* of check_random */
    int n_cases, n_failed;
    int n_tiers;    /* that were run so far */
    bool found;     /* something has a name that `pattern` wants, in any tier so far */
    char entry[64]; /* the one under test, for messages */
    struct range under_test;
    bool checked[sizeof(struct kernels)]; /* bytes of *k that a case was about */
};

void check_gemm(struct check *c);
void check_rows(struct check *c);
void check_logits(struct check *c);
void check_attend(struct check *c);

/* Times one product of matrices like m (type, bits, group, scale_type) over the user's shapes; used by check_gemm. */
void bench_gemm(struct check *c, const char *prefix, const struct gemm_kernel *g, struct matrix_rows m);

/* True if the user wants entry `name`, which is member `entry` of struct kernels, as gemm[3]; messages name it from now on. */
#define check_wanted(c, name, entry) \
    check_wants(c, name, (const char *)&(c)->k->entry - (const char *)(c)->k, sizeof (c)->k->entry)
/* The same by its place in the table; with bench there is none. */
bool check_wants(struct check *c, const char *name, ptrdiff_t at, size_t bytes);
/* A case is under way: counts it, and what it is about as checked. */
void check_case(struct check *c);
/* What is under test is the same as in the tier before, and was checked there. */
void check_as_below(struct check *c);
/* Complains of what the tier has filled in and nothing has checked, and of what the scalar code lacks. */
void check_table(struct check *c);
void check_fail(struct check *c, const char *format, ...) PRINTF_LIKE(2, 3);
/* |got - want| <= bound, or both NaN, or the same infinity; else a failure at [row][col]. Returns whether. */
bool check_close(struct check *c, double got, double want, double bound, int row, int col);

/* Uniform in [0, n), and roughly normal around 0 with deviation 1; the same in each run. */
uint32_t check_random(struct check *c, uint32_t n);
float check_normal(struct check *c);

/* `bytes` that end where an unmapped page begins (so their start is aligned as `bytes` is, up to a page),
 * filled with a pattern of canaries before them. guard_free complains if a canary is gone. */
void *guard_alloc(size_t bytes);
void guard_free(struct check *c, void *memory, size_t bytes);

/* ---- Timing --------------------------------------------------------------------------------------- */

enum check_limit { LIMIT_READ, LIMIT_F32, LIMIT_BF16, LIMIT_INT8 };

/* Seconds of one call: the median of five, each long enough for the clock. */
double check_time(void (*run)(void *), void *argument);
/* Prints seconds, operations/s and bytes/s, and what part of the machine's limits they are. */
void check_bench(struct check *c, const char *shape, int rows, double seconds, double operations, double bytes,
                 enum check_limit arithmetic);

#endif
