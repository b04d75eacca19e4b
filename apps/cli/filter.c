#include "filter.h"

#include "cli.h"
#include "lines.h"
#include "output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct filter {
    filter_fn convert;
    void *user;
    const char *form;
};

static bool begins_object(const char *text, size_t n)
{
    size_t i = 0;
    while (i < n && (text[i] == ' ' || text[i] == '\t'))
        i++;
    return i < n && text[i] == '{';
}

static int write_line(struct output *output, const struct filter *f, const char *text, size_t n, bool *good)
{
    struct buffer fields = {0}, line = {0};
    pllm_error err;
    *good = f->convert(f->user, text, n, &fields, &err) == PLLM_OK;
    if (!*good && !begins_object(text, n)) {
        const size_t used = strlen(err.message);
        snprintf(err.message + used, sizeof err.message - used, "; a line is %s", f->form);
    }
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

int filter_run(filter_fn convert, void *user, const char *form)
{
    const struct filter filter = {convert, user, form};
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
        fprintf(stderr, "a line is %s; Ctrl-D ends the input\n", form);
    while (!code && (result = lines_next(&lines, true, &line, &n)) != LINES_END) {
        if (result == LINES_FAILED)
            code = cli_fail(EXIT_UNREADABLE, "%s: %s", lines.name, strerror(errno));
        else if (result == LINES_LATER)
            code = EXIT_INTERRUPTED;
        else if (result == LINES_LONG)
            code = cli_fail(EXIT_UNREADABLE, "%s: line %zu is too long, wanted at most 64 MiB", lines.name,
                            lines.number);
        else if (!line_is_blank(line, n)) {
            code = write_line(&output, &filter, line, n, &good);
            all_good &= good;
        }
    }
    lines_close(&lines);
    return code ? code : all_good ? EXIT_DONE : EXIT_SOME_ERRORS;
}
