#include "filter.h"

#include "cli.h"
#include "lines.h"
#include "output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int write_line(struct output *output, filter_fn convert, void *user, const char *text, size_t n, bool *good)
{
    struct buffer fields = {0}, line = {0};
    pllm_error err;
    *good = convert(user, text, n, &fields, &err) == PLLM_OK;
    buffer_puts(&line, "{");
    if (*good) {
        buffer_join(&line, &fields);
        buffer_puts(&line, "}");
    } else {
        buffer_puts(&line, "\"error\": {\"message\": ");
        buffer_json_string(&line, err.message, strlen(err.message));
        buffer_puts(&line, "}}");
    }
    cli_end_at_once(false); /* no half of a line */
    int code = output_line(output, &line);
    cli_end_at_once(true);
    buffer_fini(&fields);
    buffer_fini(&line);
    return code;
}

int filter_run(filter_fn convert, void *user)
{
    struct lines lines;
    struct output output;
    const char *line;
    size_t n;
    enum lines_result result;
    bool all_good = true, good;
    int code = lines_open(&lines, "-");
    if (!code)
        code = output_open(&output, "-", -1, NULL);
    if (code)
        return code;
    if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
        fputs("a JSON object a line; Ctrl-D ends the input\n", stderr);
    while (!code && (result = lines_next(&lines, true, &line, &n)) != LINES_END) {
        if (result == LINES_FAILED)
            code = cli_fail(EXIT_UNREADABLE, "%s: %s", lines.name, strerror(errno));
        else if (result == LINES_LATER)
            code = EXIT_INTERRUPTED;
        else if (result == LINES_LONG)
            code = cli_fail(EXIT_UNREADABLE, "%s: line %zu is too long, wanted at most 64 MiB", lines.name,
                            lines.number);
        else if (!line_is_blank(line, n)) {
            code = write_line(&output, convert, user, line, n, &good);
            all_good &= good;
        }
    }
    lines_close(&lines);
    return code ? code : all_good ? EXIT_DONE : EXIT_SOME_ERRORS;
}
