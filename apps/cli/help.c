#include "help.h"

#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    HELP_COLUMN = 37, /* where the words about an option begin */
    LEAST_BESIDE = 28, /* columns for them; with fewer they stand below the option */
};

/* Columns of the terminal; 0: it is none, and lines stay whole for programs that read them. */
static int columns(FILE *out)
{
    struct winsize size;
    const char *set = getenv("COLUMNS");
    const int wanted = set ? atoi(set) : 0;
    if (!isatty(fileno(out)))
        return 0;
    if (wanted > 0)
        return wanted;
    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* The words of `text` from column `at` on; lines that follow begin at `indent`. */
static void put_words(FILE *out, const char *text, int at, int indent, int width)
{
    for (int first = 1; *text; first = 0) {
        const int n = (int)strcspn(text, " "), blank = !first;
        if (width && !first && at + blank + n > width) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
        } else if (blank) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", n, text);
        at += n;
        text += n + (text[n] == ' ');
    }
    fputc('\n', out);
}

void help_commands(FILE *out)
{
    enum { SUMMARY_COLUMN = 13 };
    const int width = columns(out);
    put_words(out, "usage: parallm COMMAND MODEL [options]", 0, 7, width);
    fputc('\n', out);
    put_words(out, "Many answers at once from a language model. MODEL is a .gguf file, a folder with config.json, or a "
                   "Hugging Face name.", 0, 0, width ? width : 100);
    fputc('\n', out);
    for (int i = 0; i < n_commands; i++) {
        fprintf(out, "  %-10s ", command_table[i].name);
        put_words(out, command_table[i].summary, SUMMARY_COLUMN, SUMMARY_COLUMN, width);
    }
    fputc('\n', out);
    put_words(out, "parallm help COMMAND tells its options, parallm --version which one this is.", 0, 0, width);
}

static void put_option(FILE *out, const struct option_def *d, int width)
{
    char left[64], letter[8] = "    ";
    const int narrow = width && width < HELP_COLUMN + LEAST_BESIDE;
    if (d->letter)
        snprintf(letter, sizeof letter, "-%c, ", d->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, d->name, d->argument ? " " : "", d->argument ? d->argument : "");
    if (narrow)
        fprintf(out, "  %s\n%*s", left, 8, "");
    else
        fprintf(out, "  %-34s ", left);
    put_words(out, d->help, narrow ? 8 : HELP_COLUMN, narrow ? 8 : HELP_COLUMN, width);
}

void help_command(FILE *out, const struct command *c)
{
    char text[256];
    const int width = columns(out);
    snprintf(text, sizeof text, "usage: parallm %s %s", c->name, c->usage);
    put_words(out, text, 0, 7, width);
    fputc('\n', out);
    snprintf(text, sizeof text, "%s. In parentheses: what holds if an option is not given.", c->summary);
    put_words(out, text, 0, 0, width);
    fputc('\n', out);
    struct option_walk w = {.command = c->bit};
    while (option_next(&w)) {
        if (w.heading)
            fprintf(out, "\n%s:\n", w.heading);
        put_option(out, w.option, width);
    }
}
