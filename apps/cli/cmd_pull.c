/* parallm pull: a model into the Hugging Face cache. The path where it lies then is the output. */
#include "cli.h"

#include "buffer.h"

#include <stdio.h>
#include <string.h>

static int print_json(const char *name, const char *path, uint64_t bytes, double seconds)
{
    struct buffer b = {0};
    buffer_puts(&b, "{\"name\": ");
    buffer_json_string(&b, name, strlen(name));
    buffer_puts(&b, ", \"path\": ");
    buffer_json_string(&b, path, strlen(path));
    buffer_printf(&b, ", \"downloaded_bytes\": %llu, \"wall_seconds\": %.6f}\n", (unsigned long long)bytes, seconds);
    int code = b.failed ? cli_fail(EXIT_MEMORY, "summary: not enough memory") : EXIT_DONE;
    if (!code)
        fputs(b.at, stdout);
    buffer_fini(&b);
    return code;
}

int cmd_pull(struct options *o)
{
    pllm_pull_options options = pllm_pull_options_default();
    struct loading loading;
    char *path;
    pllm_error err;
    const double begun = cli_seconds();
    if (!o->n_words || !*o->words[0])
        return cli_fail(EXIT_USAGE, "pull: has no NAME, wanted one as org/model; see --help");
    cli_catch_interrupts(); /* what is there of a download is gone on with the next time */
    loading_begin(&loading, o->quiet);
    options.revision = o->revision;
    options.file = o->file;
    options.progress = loading_progress;
    options.progress_user = &loading;
    pllm_status status = pllm_pull(&path, o->words[0], &options, &err);
    loading_end(&loading);
    if (status)
        return cli_fail_error(&err);
    int code = EXIT_DONE;
    if (o->json)
        code = print_json(o->words[0], path, loading.done, cli_seconds() - begun);
    else
        puts(path);
    pllm_free(path);
    return code;
}
