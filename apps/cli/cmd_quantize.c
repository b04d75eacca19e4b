/* parallm quantize: a smaller checkpoint. */
#include "cli.h"
#include "output.h"

/* Minutes have passed, and where there is no terminal nothing was said. */
static void print_summary(const char *out, double seconds)
{
    struct stat info;
    if (stat(out, &info) == 0)
        fprintf(stderr, "%s: %.1f MB, written in %.1f s\n", out, (double)info.st_size / 1e6, seconds);
}

/* What would be lost. A folder or a device is refused by the library. */
static int check_old(const struct options *o, const char *out)
{
    struct stat old, model;
    if (stat(out, &old) != 0 || !S_ISREG(old.st_mode))
        return EXIT_DONE;
    if (!o->force)
        return cli_fail(EXIT_UNWRITABLE, "%s: exists, wanted a new file (--force replaces it)", out);
    if (stat(o->model, &model) == 0 && is_same_file(&model, &old))
        return cli_fail(EXIT_USAGE, "%s: is the model itself, wanted another file", out);
    return EXIT_DONE;
}

int cmd_quantize(struct options *o)
{
    const double begun = cli_seconds();
    struct loading loading;
    pllm_model_options options = cli_model_options(o);
    pllm_error err;
    if (!o->n_words || !*o->words[0])
        return cli_fail(EXIT_USAGE, "quantize: has no OUT, wanted the name of the file to write");
    if (!o->type)
        return cli_fail(EXIT_USAGE, "quantize: has no --type, wanted q8_0, q4_0, q4_k_m or another; see --help");
    const char *out = o->words[0];
    const int code = check_old(o, out);
    if (code)
        return code;
    cli_catch_interrupts();
    cli_end_at_once(false); /* what is there of the file goes */
    cli_loading_begin(&loading, &options, o);
    pllm_status status = pllm_quantize(o->model, out, o->type, &options, &err);
    loading_end(&loading);
    if (status)
        return cli_fail_error(&err);
    if (!o->quiet)
        print_summary(out, cli_seconds() - begun);
    return EXIT_DONE;
}
