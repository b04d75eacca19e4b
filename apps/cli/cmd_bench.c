/* parallm bench: throughput against the number of parallel sequences, beside what the machine could do. */
#include "bench_plot.h"
#include "bench_run.h"
#include "cli.h"
#include "progress.h"
#include "roofline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_ROWS = 64 };

/* What a second of this machine is worth to this model. */
struct limits {
    struct roofline machine;
    double gop_s; /* of the type that the weights are multiplied in */
    double gb_step;            /* of weights, all read once */
    double gop_token, gop_head; /* of a token: without the vocabulary's logits, and these */
};

static int read_counts(int *counts, int *n, const char *text)
{
    const char *const given = text;
    *n = 0;
    while (*text) {
        char *end;
        long count = strtol(text, &end, 10);
        if (end == text || count < 1 || count > 65536 || (*end && *end != ',') || *n == MOST_ROWS)
            return cli_fail(EXIT_USAGE, "--parallel: is \"%s\", wanted up to %d numbers from 1 to 65536, as 1,8,64", given,
                            MOST_ROWS);
        counts[(*n)++] = (int)count;
        text = end + (*end == ',');
    }
    return *n ? EXIT_DONE : cli_fail(EXIT_USAGE, "--parallel: is empty, wanted numbers, as 1,8,64");
}

static bool is_float(const char *quantization)
{
    return strcmp(quantization, "f32") == 0 || strcmp(quantization, "f16") == 0 || strcmp(quantization, "bf16") == 0;
}

/* In a process of its own, before there are threads here: its memory is not to count as the model's. */
static bool measure_apart(struct roofline *out, const struct options *o)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        int threads = o->threads ? (int)o->threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
        bool measured = roofline_measure(out, threads, o->isa ? o->isa : getenv("PLLM_ISA"));
        bool sent = measured && write(ends[1], out, sizeof *out) == (ssize_t)sizeof *out;
        _exit(sent ? 0 : 1);
    }
    close(ends[1]);
    bool received = child > 0 && read(ends[0], out, sizeof *out) == (ssize_t)sizeof *out;
    close(ends[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    return received;
}

/* Completes the machine's limits by what this model needs of them; false where something is not known. */
static bool limits_for(struct limits *l, const pllm_model_info *info, const struct options *o)
{
    bool unquantized = is_float(info->quantization) || o->activations == PLLM_DTYPE_F32;
    bool bf16 = strcmp(info->quantization, "bf16") == 0 && l->machine.bf16_gop_s > 0;
    l->gop_s = !unquantized ? l->machine.int8_gop_s : bf16 ? l->machine.bf16_gop_s : l->machine.f32_gop_s;
    l->gb_step = 1e-9 * (double)info->weight_bytes_read;
    l->gop_head = 2e-9 * (double)info->hidden_size * (double)info->vocab_size;
    l->gop_token = 2e-9 * (double)info->multiply_adds - l->gop_head;
    return l->gop_s > 0 && l->machine.read_gb_s > 0;
}

/* The least time for reading all weights `steps` times and multiplying `tokens` rows, `logits` of them by the head too, over
 * the time it took. */
static double fraction(const struct limits *l, double steps, double tokens, double logits, double seconds)
{
    double reading = steps * l->gb_step / l->machine.read_gb_s;
    double multiplying = (tokens * l->gop_token + logits * l->gop_head) / l->gop_s;
    return (reading > multiplying ? reading : multiplying) / seconds;
}

static double prefill_fraction(const struct limits *l, const struct bench_row *r, const struct options *o)
{
    double seqs = (double)r->n_seqs; /* only a prompt's last token needs logits */
    return fraction(l, 1, seqs * (double)o->prompt_tokens, seqs, r->median.prefill_seconds);
}

static double decode_fraction(const struct limits *l, const struct bench_row *r)
{
    const struct bench_times *t = &r->median;
    double tokens = (double)t->decode_tokens;
    return fraction(l, (double)t->decode_steps, tokens, tokens, t->decode_seconds);
}

static void print_heading(const struct options *o, const pllm_model_info *info, const struct limits *l, bool known)
{
    printf("%s, %s, %s: %d prompt and %d generated tokens, median of %d\n", o->model, info->quantization, info->isa,
           (int)o->prompt_tokens, (int)o->gen_tokens, (int)o->repeat);
    if (known)
        printf("this machine reads %.1f GB/s and multiplies at %.0f Gop/s\n", l->machine.read_gb_s, l->gop_s);
    printf("\n%10s %12s %9s %12s %9s %12s %10s\n", "sequences", "prefill t/s", "of limit", "decode t/s", "of limit",
           "total t/s", "peak MiB");
}

static void print_row(const struct bench_row *r, const struct options *o, const struct limits *l, bool known)
{
    char prefill[16] = "-", decode[16] = "-";
    if (known) {
        snprintf(prefill, sizeof prefill, "%.0f %%", 100 * prefill_fraction(l, r, o));
        snprintf(decode, sizeof decode, "%.0f %%", 100 * decode_fraction(l, r));
    }
    printf("%10d %12.1f %9s %12.1f %9s %12.1f %10.1f\n", r->n_seqs, r->prefill_tokens_s, prefill, r->decode_tokens_s,
           decode, r->total_tokens_s, (double)r->peak_rss_bytes / 1048576);
    fflush(stdout);
}

static void print_json(const struct bench_row *rows, int n, const struct options *o, const struct limits *l,
                       bool known)
{
    printf("{\"prompt_tokens\": %d, \"gen_tokens\": %d, \"repeat\": %d, \"read_gb_s\": %.3f, \"gop_s\": %.3f",
           (int)o->prompt_tokens, (int)o->gen_tokens, (int)o->repeat, l->machine.read_gb_s, l->gop_s);
    printf(", \"results\": [");
    for (int i = 0; i < n; i++) {
        const struct bench_row *r = &rows[i];
        printf("%s{\"parallel\": %d, \"prefill_tokens_per_second\": %.3f, \"decode_tokens_per_second\": %.3f",
               i ? ", " : "", r->n_seqs, r->prefill_tokens_s, r->decode_tokens_s);
        printf(", \"total_tokens_per_second\": %.3f, \"prefill_seconds\": %.6f, \"decode_seconds\": %.6f",
               r->total_tokens_s, r->median.prefill_seconds, r->median.decode_seconds);
        if (known)
            printf(", \"prefill_fraction\": %.4f, \"decode_fraction\": %.4f", prefill_fraction(l, r, o),
                   decode_fraction(l, r));
        printf(", \"peak_rss_bytes\": %llu}", (unsigned long long)r->peak_rss_bytes);
    }
    printf("]}\n");
}

/* What would fail only after minutes. */
static int check(const pllm_model_info *info, const struct options *o)
{
    const int64_t most = o->max_model_len ? o->max_model_len : info->max_context, wanted = o->prompt_tokens + o->gen_tokens;
    if (most > 0 && wanted > most)
        return cli_fail(EXIT_USAGE, "--prompt-tokens: is %lld, with --gen-tokens %lld, wanted at most %lld in all",
                        (long long)o->prompt_tokens, (long long)o->gen_tokens, (long long)most);
    FILE *plot = o->plot ? fopen(o->plot, "a") : NULL;
    if (o->plot && !plot)
        return cli_fail(EXIT_UNWRITABLE, "%s: %s", o->plot, strerror(errno));
    if (plot)
        fclose(plot);
    return EXIT_DONE;
}

static int run(const pllm_model *model, const struct options *o, const int *counts, int n, struct limits limits)
{
    struct bench_row rows[MOST_ROWS];
    pllm_model_info info = pllm_model_describe(model);
    bool known = limits_for(&limits, &info, o);
    int code = check(&info, o);
    if (code)
        return code;
    if (!o->json)
        print_heading(o, &info, &limits, known);
    for (int i = 0; i < n; i++) {
        code = bench_measure(&rows[i], model, o, counts[i]);
        if (code)
            return code;
        if (!o->json)
            print_row(&rows[i], o, &limits, known);
    }
    if (o->json)
        print_json(rows, n, o, &limits, known);
    return o->plot ? bench_plot(o->plot, rows, n, o->model) : EXIT_DONE;
}

int cmd_bench(struct options *o)
{
    int counts[MOST_ROWS], n;
    pllm_model *model;
    cli_catch_interrupts();
    struct limits limits = {0};
    int code = read_counts(counts, &n, o->parallel);
    if (code)
        return code;
    progress_say(o->quiet, "measuring what this machine can do");
    if (!measure_apart(&limits.machine, o))
        limits.machine = (struct roofline){0};
    progress_said(o->quiet);
    code = cli_open_model(&model, o);
    if (code)
        return code;
    code = run(model, o, counts, n, limits);
    pllm_model_close(model);
    return code;
}
