/* parallm bench: throughput against the number of parallel sequences, beside what the machine could do. */
#include "bench_plot.h"
#include "bench_report.h"
#include "cli.h"
#include "output.h"
#include "progress.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_ROWS = 64, MOST_SEQUENCES = 16384 };

struct counts {
    int at[MOST_ROWS], n; /* numbers of sequences */
};

static int read_counts(struct counts *out, const char *text)
{
    const char *const given = text;
    out->n = 0;
    while (*text) {
        char *end;
        long count = strtol(text, &end, 10);
        if (end == text || count < 1 || count > MOST_SEQUENCES || (*end && *end != ',') || out->n == MOST_ROWS)
            return cli_fail(EXIT_USAGE, "--parallel: is \"%s\", wanted up to %d numbers from 1 to %d, as 1,8,64", given,
                            MOST_ROWS, MOST_SEQUENCES);
        out->at[out->n++] = (int)count;
        text = end + (*end == ',');
    }
    return out->n ? EXIT_DONE : cli_fail(EXIT_USAGE, "--parallel: is empty, wanted numbers, as 1,8,64");
}

/* ---- The machine ------------------------------------------------------------------------------------- */

static int machine_threads(const struct options *o)
{
    const long wanted = o->threads ? (long)o->threads : sysconf(_SC_NPROCESSORS_ONLN);
    return wanted < ROOFLINE_MOST_THREADS ? (int)wanted : ROOFLINE_MOST_THREADS;
}

/* The child's part. Ctrl-C ends it: it has nothing to tidy up. */
static void measure_and_send(int fd, const struct options *o)
{
    struct roofline r;
    signal(SIGINT, SIG_DFL);
    bool measured = roofline_measure(&r, machine_threads(o), o->isa ? o->isa : getenv("PLLM_ISA"));
    _exit(measured && write(fd, &r, sizeof r) == (ssize_t)sizeof r ? 0 : 1);
}

/* Waits until there is something to read or the child is gone; false: Ctrl-C came first. */
static bool await_child(int fd)
{
    enum { LOOK_MS = 50 }; /* a signal may come between the question and the wait */
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = 0;
    while (n <= 0 && !cli_interrupted)
        n = poll(&p, 1, LOOK_MS);
    return n > 0;
}

/* In a process of its own: its memory is not to count as the model's. What cannot be measured is 0. */
static int measure_machine(struct roofline *out, const struct options *o)
{
    int ends[2];
    *out = (struct roofline){0};
    cli_end_at_once(false); /* the child goes first, and then what was measured is reported */
    if (pipe(ends) != 0)
        return EXIT_DONE;
    progress_say(o->quiet, "measuring what this machine can do");
    const pid_t child = fork();
    if (child == 0)
        measure_and_send(ends[1], o);
    close(ends[1]);
    const bool stopped = child > 0 && !await_child(ends[0]);
    if (child > 0 && !stopped && read(ends[0], out, sizeof *out) != (ssize_t)sizeof *out)
        *out = (struct roofline){0};
    close(ends[0]);
    if (stopped)
        kill(child, SIGKILL);
    if (child > 0)
        waitpid(child, NULL, 0);
    progress_said(o->quiet);
    return cli_interrupted ? cli_fail(EXIT_INTERRUPTED, "interrupted while the machine was measured") : EXIT_DONE;
}

/* ---- The model --------------------------------------------------------------------------------------- */

/* What would fail only after the machine was measured, or after minutes. */
static int check(const pllm_model *model, const struct options *o, int n_seqs)
{
    const pllm_model_info info = pllm_model_describe(model);
    const int64_t most = o->max_model_len ? o->max_model_len : info.max_context, wanted = o->prompt_tokens + o->gen_tokens;
    if (most > 0 && wanted > most)
        return cli_fail(EXIT_USAGE, "--prompt-tokens: is %lld, with --gen-tokens %lld, wanted at most %lld in all",
                        (long long)o->prompt_tokens, (long long)o->gen_tokens, (long long)most);
    return bench_try(model, o, n_seqs);
}

static int run(const pllm_model *model, const struct options *o, const struct counts *counts, const struct roofline *machine)
{
    struct bench_row rows[MOST_ROWS];
    const pllm_model_info info = pllm_model_describe(model);
    const struct bench_limits limits = bench_limits_of(machine, &info, o);
    int n = 0, code = EXIT_DONE;
    if (!o->json)
        bench_print_heading(o, &info, &limits);
    while (n < counts->n && !code) {
        code = bench_measure(&rows[n], model, o, counts->at[n]);
        if (!code && !o->json)
            bench_print_row(&rows[n], o, &limits);
        n += !code;
    }
    if (o->json && n) /* interrupted or failed: what had finished is reported */
        bench_print_json(rows, n, o, &limits);
    const int plotted = o->plot && n ? bench_plot(o->plot, rows, n, o->model) : EXIT_DONE;
    return code ? code : plotted;
}

int cmd_bench(struct options *o)
{
    struct counts counts;
    struct roofline machine;
    pllm_model *model;
    cli_catch_interrupts();
    int code = read_counts(&counts, o->parallel);
    if (!code && o->plot)
        code = output_check(o->plot, o->model);
    if (!code)
        code = cli_open_model(&model, o);
    if (code)
        return code;
    code = check(model, o, counts.at[0]);
    if (!code)
        code = measure_machine(&machine, o);
    if (!code)
        code = run(model, o, &counts, &machine);
    pllm_model_close(model);
    return code;
}
