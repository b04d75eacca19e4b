#include "batch_command.h"

#include "cli.h"
#include "summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_input(struct lines *l, const struct options *o, const struct batch_kind *kind)
{
    if (o->input && o->prompts.n)
        return cli_fail(EXIT_USAGE, "--input: stands beside --prompt, wanted one of them");
    if (o->prompts.n) {
        lines_open_given(l, &o->prompts);
        return EXIT_DONE;
    }
    if (!o->input && isatty(STDIN_FILENO))
        return cli_fail(EXIT_USAGE, "--input: is missing, wanted FILE, or - for standard input%s",
                        kind->takes_prompts ? "; or --prompt TEXT" : "");
    return lines_open(l, o->input ? o->input : "-");
}

/* What the command line says of all lines, tried once on a prompt of one token: a mistake there is one error, not one for each
 * line. What is wrong with the prompt itself is for the lines to say. */
static int check_sampling(pllm_engine *engine, const struct request_context *c)
{
    static const char line[] = "{\"prompt_token_ids\": [0]}";
    struct request_context any = *c;
    struct request r;
    pllm_error err;
    uint64_t id;
    char message[sizeof err.message + 8];
    any.plain = false;
    pllm_status status = request_read(&r, &any, line, sizeof line - 1, &err);
    if (!status)
        status = pllm_submit(engine, &r.request, &id, &err);
    if (!status)
        pllm_cancel(engine, id);
    request_fini(&r);
    const struct option_def *option = status == PLLM_E_ARGUMENT ? option_of_lines(err.message) : NULL;
    if (!option)
        return EXIT_DONE;
    option_retell(message, sizeof message, option, err.message);
    return cli_fail(EXIT_USAGE, "%s", message);
}

/* Of the prompts that the engine took over, what it had read when it was interrupted; one that was put back is read twice. */
static uint64_t prompt_tokens_read(const struct batch *b, const pllm_stats *stats)
{
    const uint64_t n = stats->prefill_tokens_computed + stats->cached_tokens;
    return n < b->prompt_tokens ? n : b->prompt_tokens;
}

/* The run itself, all being open. */
static int run(struct batch *b, const struct options *o, double load_seconds)
{
    struct progress progress;
    double begun = cli_seconds();
    cli_end_at_once(false);
    int code = output_begin(b->output);
    if (code)
        return code;
    size_t n_samples = o->prompts.n || !o->quiet ? lines_count(b->lines) * (size_t)o->sampling.n : 0;
    progress_begin(&progress, o->quiet || (o->stream && !output_leaves_stdout(b->output)), n_samples);
    progress.shares = isatty(fileno(b->output->file));
    b->progress = &progress;
    code = batch_run(b);
    const pllm_stats stats = pllm_engine_stats(b->engine);
    struct summary summary = {
        .prompts = b->n_lines,
        .samples = b->n_samples,
        .errors = b->n_errors,
        .prompt_tokens = code == EXIT_INTERRUPTED ? prompt_tokens_read(b, &stats) : b->prompt_tokens,
        .load_seconds = load_seconds,
        .wall_seconds = cli_seconds() - begun,
        .stats = stats,
    };
    bool is_over = code == EXIT_DONE || code == EXIT_SOME_ERRORS || code == EXIT_INTERRUPTED;
    int printed = is_over ? summary_print(&summary, o, output_leaves_stdout(b->output)) : EXIT_DONE;
    return printed ? printed : code;
}

static int with_model(struct lines *lines, struct output *output, const struct options *o,
                      const struct batch_kind *kind)
{
    pllm_model *model = NULL;
    pllm_engine *engine = NULL;
    struct request_context context = {0};
    struct batch *batch = NULL;
    double begun = cli_seconds();
    int code = cli_open_model(&model, o);
    if (!code)
        code = request_context_init(&context, model, o);
    if (code)
        goto done;
    code = cli_open_engine(&engine, model, o);
    if (!code)
        code = check_sampling(engine, &context);
    if (code)
        goto done_context;
    batch = calloc(1, sizeof *batch);
    if (batch) {
        *batch = (struct batch){.kind = kind, .engine = engine, .context = &context, .lines = lines,
                                .output = output, .ordered = o->ordered};
        code = run(batch, o, cli_seconds() - begun);
    } else {
        code = cli_fail(EXIT_MEMORY, "not enough memory");
    }
    free(batch);
done_context:
    pllm_engine_close(engine);
    request_context_fini(&context);
done:
    pllm_model_close(model);
    return code;
}

int batch_command(const struct options *o, const struct batch_kind *kind)
{
    struct lines lines;
    struct output output;
    int code = open_input(&lines, o, kind);
    if (code)
        return code;
    code = output_open(&output, o->output, lines.fd, o->model);
    if (!code) {
        code = with_model(&lines, &output, o, kind);
        int closed = output_close(&output);
        code = code == EXIT_UNWRITABLE || !closed ? code : closed;
    }
    lines_close(&lines);
    return code;
}
