/* Checks every kernel of every tier that this processor has against the scalar code, or times them.
 *
 *     checkkernels [--isa TIER] [--kernel PATTERN] [--native | --portable] [--seed N]
 *     checkkernels --bench [--isa TIER] [--kernel PATTERN] [--shapes FILE] [--rows 1,8,64] [--threads N] [--csv]
 */
#include "check.h"

#include "kernels/cpu.h"
#include "kernels/tiers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The list ------------------------------------------------------------------------------------- */

static void (*const checks[])(struct check *c) = {
    check_gemm,
    check_rows,
    check_logits,
    check_attend,
};

/* Tiers that are compiled once more in portable C (SIMDe), on top of the scalar one: proved on any processor.
 * A file is added here and in CMakeLists.txt. */
#ifdef PORTABLE_TIERS
tier_init portable_gemm_quant_avxvnni;
tier_init portable_gemm_quant_avx512, portable_gemm_float_avx512, portable_rows_avx512, portable_attend_avx512;
tier_init portable_gemm_float_avx512bf16;
#endif
static const struct {
    const char *name;
    tier_init *init[8]; /* NULL at the end */
} portable[] = {
#ifdef PORTABLE_TIERS
    {"avxvnni-portable", {portable_gemm_quant_avxvnni}},
    {"avx512-portable", {portable_gemm_quant_avx512, portable_gemm_float_avx512, portable_rows_avx512, portable_attend_avx512}},
    {"avx512bf16-portable", {portable_gemm_float_avx512bf16}},
#endif
    {NULL, {NULL}},
};

/* ---- Options -------------------------------------------------------------------------------------- */

enum { MAX_SHAPES = 64, MAX_ROWS = 64 };

struct options {
    const char *isa, *pattern, *shapes_file, *rows;
    int threads;
    uint64_t seed;
    bool bench, csv;
    bool native, portable; /* only the tiers of this processor, only those in portable C */
};

static const char usage[] =
    "usage: checkkernels [--isa TIER] [--kernel PATTERN] [--native | --portable] [--seed N]\n"
    "       checkkernels --bench [--isa TIER] [--kernel PATTERN] [--shapes FILE] [--rows 1,8,64] [--threads N] [--csv]\n";

static bool parse(struct options *o, int argc, char **argv)
{
    *o = (struct options){.rows = "1,4,8,16,32,64,128", .threads = platform_cores(), .seed = 20261124};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--bench") == 0) {
            o->bench = true;
            continue;
        }
        if (strcmp(argv[i], "--csv") == 0) {
            o->csv = true;
            continue;
        }
        if (strcmp(argv[i], "--native") == 0 || strcmp(argv[i], "--portable") == 0) {
            *(argv[i][2] == 'n' ? &o->native : &o->portable) = true;
            continue;
        }
        if (!value)
            return false;
        if (strcmp(argv[i], "--isa") == 0)
            o->isa = value;
        else if (strcmp(argv[i], "--kernel") == 0)
            o->pattern = value;
        else if (strcmp(argv[i], "--shapes") == 0)
            o->shapes_file = value;
        else if (strcmp(argv[i], "--rows") == 0)
            o->rows = value;
        else if (strcmp(argv[i], "--threads") == 0)
            o->threads = atoi(value);
        else if (strcmp(argv[i], "--seed") == 0)
            o->seed = strtoull(value, NULL, 10);
        else
            return false;
        i++;
    }
    return o->threads > 0;
}

/* Lines "NAME N K TYPE"; # begins a comment. */
static int read_shapes(struct check_shape *shapes, const char *path)
{
    char line[256];
    int n = 0;
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        exit(2);
    }
    while (n < MAX_SHAPES && fgets(line, sizeof(line), f)) {
        struct check_shape *s = &shapes[n];
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (sscanf(line, "%31s %d %d %15s", s->name, &s->N, &s->K, s->type) != 4) {
            fprintf(stderr, "checkkernels: %s: wanted lines \"NAME N K TYPE\", got \"%.*s\"\n", path, (int)strcspn(line, "\n"), line);
            exit(2);
        }
        n++;
    }
    fclose(f);
    return n;
}

static int read_rows(int *rows, const char *text)
{
    int n = 0;
    for (char *end; n < MAX_ROWS && *text; text = *end ? end + 1 : end) {
        rows[n++] = (int)strtol(text, &end, 10);
        if (end == text || rows[n - 1] < 1) {
            fprintf(stderr, "checkkernels: --rows wants numbers, got \"%s\"\n", text);
            exit(2);
        }
    }
    return n;
}

/* ---- Runs ----------------------------------------------------------------------------------------- */

static bool is_tier(const char *name)
{
    for (int i = 0; kernels_tier(i); i++)
        if (strcmp(kernels_tier(i), name) == 0)
            return true;
    for (int i = 0; portable[i].name; i++)
        if (strcmp(portable[i].name, name) == 0)
            return true;
    return false;
}

static int run_tier(struct check *c, const char *tier, uint64_t seed)
{
    c->tier = tier;
    c->n_cases = c->n_failed = 0;
    c->seed = seed;
    c->n_tiers++;
    memset(c->checked, false, sizeof c->checked);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        checks[i](c);
    if (!c->bench && !c->pattern)
        check_table(c);
    if (!c->bench)
        printf("%s: %d cases, %d failures\n", tier, c->n_cases, c->n_failed);
    fflush(stdout);
    return c->n_failed;
}

static int run_tiers(struct check *c, const struct options *o)
{
    static struct kernels ref, k, below;
    int failed = 0;
    const char *tier;
    kernels_init(&ref, cpu_features(), "scalar");
    c->ref = &ref;
    c->k = &k;
    c->below = &below;
    for (int i = 0; (tier = kernels_tier(i)) != NULL && !o->portable; i++) {
        if (o->isa && strcmp(o->isa, tier) != 0)
            continue;
        kernels_init(&k, cpu_features(), tier);
        if (strcmp(k.isa, tier) == 0)
            failed += run_tier(c, tier, o->seed);
        else if (!c->bench)
            printf("%s: not on this processor\n", tier);
        below = k;
    }
    for (int i = 0; portable[i].name && !c->bench && !o->native; i++) {
        if (o->isa && strcmp(o->isa, portable[i].name) != 0)
            continue;
        kernels_init(&k, 0, "scalar");
        below = k;
        for (tier_init *const *init = portable[i].init; *init; init++)
            (*init)(&k);
        failed += run_tier(c, portable[i].name, o->seed);
    }
    return failed;
}

/* Threads, and what this machine can do at most. */
static bool start_bench(struct check *c, const struct options *o)
{
    if (pool_open(&c->pool, o->threads, NULL) != PLLM_OK) {
        fprintf(stderr, "checkkernels: cannot start %d threads\n", o->threads);
        return false;
    }
    if (!roofline_measure(&c->limits, o->threads, o->isa)) {
        fprintf(stderr, "checkkernels: the machine's limits are unknown: no memory, or bench/roofline.c has no loops for %s here\n",
                o->isa ? o->isa : "this processor");
        return false;
    }
    if (!c->csv)
        printf("%d threads; limits: read %.1f GB/s, f32 %.0f, bf16 %.0f, int8 %.0f GOP/s\n", o->threads, c->limits.read_gb_s,
               c->limits.f32_gop_s, c->limits.bf16_gop_s, c->limits.int8_gop_s);
    return true;
}

int main(int argc, char **argv)
{
    static struct check_shape shapes[MAX_SHAPES] = {{"gemma-2b-up", 16384, 2048, "*"}};
    static int rows[MAX_ROWS];
    struct options o;
    if (!parse(&o, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    if (o.isa && !is_tier(o.isa)) {
        fprintf(stderr, "checkkernels: --isa is \"%s\", wanted the name of a tier, as scalar\n", o.isa);
        return 2;
    }
    struct check c = {.pattern = o.pattern, .bench = o.bench, .csv = o.csv, .shapes = shapes, .n_shapes = 1, .rows = rows};
    if (o.shapes_file)
        c.n_shapes = read_shapes(shapes, o.shapes_file);
    c.n_rows = read_rows(rows, o.rows);
    if (c.bench && !start_bench(&c, &o))
        return 2;
    int failed = run_tiers(&c, &o);
    pool_close(c.pool);
    if (c.n_tiers && !c.found) {
        fprintf(stderr, "checkkernels: --kernel is \"%s\", which is nobody's name\n", c.pattern);
        return 2;
    }
    return failed ? 1 : 0;
}
