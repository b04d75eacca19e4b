/* parallm quantize: a smaller checkpoint. */
#include "cli.h"

#include <unistd.h>

int cmd_quantize(struct options *o)
{
    struct loading loading;
    pllm_model_options options = cli_model_options(o);
    pllm_error err;
    if (o->n_words < 1)
        return cli_fail(EXIT_USAGE, "quantize: has no OUT, wanted the name of the file to write");
    if (!o->type)
        return cli_fail(EXIT_USAGE, "quantize: has no --type, wanted q8_0, q4_0, q4_k_m or another; see --help");
    const char *out = o->words[0];
    if (!o->force && access(out, F_OK) == 0)
        return cli_fail(EXIT_UNWRITABLE, "%s: exists, wanted a new file (--force replaces it)", out);
    cli_catch_interrupts();
    cli_loading_begin(&loading, &options, o);
    pllm_status status = pllm_quantize(o->model, out, o->type, &options, &err);
    loading_end(&loading);
    return status ? cli_fail_error(&err) : EXIT_DONE;
}
