#include "help.h"

#include "terminal.h"

#include <string.h>

enum {
    HELP_COLUMN = 37, /* where the words about an option begin */
    LEAST_BESIDE = 28, /* columns for them; with fewer they stand below the option */
};

void help_commands(FILE *out)
{
    enum { SUMMARY_COLUMN = 13 };
    const int width = terminal_columns(out);
    terminal_words(out, "usage: parallm COMMAND MODEL [options]", 0, 7, width);
    fputc('\n', out);
    terminal_words(out, "Many answers at once from a language model. MODEL is a .gguf file, a folder with config.json, or a "
                   "Hugging Face name.", 0, 0, width ? width : 100);
    fputc('\n', out);
    for (int i = 0; i < n_commands; i++) {
        fprintf(out, "  %-10s ", command_table[i].name);
        terminal_words(out, command_table[i].summary, SUMMARY_COLUMN, SUMMARY_COLUMN, width);
    }
    fputc('\n', out);
    terminal_words(out, "parallm help COMMAND tells its options, parallm --version which one this is.", 0, 0, width);
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
    terminal_words(out, d->help, narrow ? 8 : HELP_COLUMN, narrow ? 8 : HELP_COLUMN, width);
}

void help_command(FILE *out, const struct command *c)
{
    char text[256];
    const int width = terminal_columns(out);
    snprintf(text, sizeof text, "usage: parallm %s %s", c->name, c->usage);
    terminal_words(out, text, 0, 7, width);
    fputc('\n', out);
    snprintf(text, sizeof text, "%s. In parentheses: what holds if an option is not given.", c->summary);
    terminal_words(out, text, 0, 0, width);
    if (c->lines)
        terminal_words(out, c->lines, 0, 0, width ? width : 100);
    fputc('\n', out);
    struct option_walk w = {.command = c->bit};
    while (option_next(&w)) {
        if (w.heading)
            fprintf(out, "\n%s:\n", w.heading);
        put_option(out, w.option, width);
    }
}
