/* Completion for fish: a line for each row of the table, whatever the number of commands that it belongs to. */
#include "pages.h"

/* A word in single quotes. */
static void put_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    put_escaped(out, text, "'\\", "\\");
    fputc('\'', out);
}

static void put_option(FILE *out, const struct option_def *d)
{
    static const char *const values[] = {[VALUE_NONE] = "", [VALUE_FILE] = " -rF", [VALUE_OTHER] = " -x"};
    enum value_kind kind = value_kind(d);
    fputs("complete -c parallm -n '__parallm_is", out);
    for (int i = 0; i < n_commands; i++)
        if (d->commands & command_table[i].bit)
            fprintf(out, " %s", command_table[i].name);
    fputc('\'', out);
    if (d->letter)
        fprintf(out, " -s %c", d->letter);
    fprintf(out, " -l %s", d->name);
    if (kind == VALUE_CHOICE)
        fprintf(out, " -xa '%s'", option_values(d));
    else
        fputs(values[kind], out);
    fputs(" -d ", out);
    put_quoted(out, d->help);
    fputc('\n', out);
}

void fish_completion(FILE *out)
{
    fputs("# Completion of parallm for fish. Written by parallm_pages out of the tables of apps/cli.\n"
          "function __parallm_is # the command is one of these\n"
          "    set -l words (commandline -opc)\n"
          "    test (count $words) -ge 2; and contains -- $words[2] $argv\n"
          "end\n"
          "function __parallm_begins\n"
          "    test (count (commandline -opc)) -eq 1\n"
          "end\n"
          "complete -c parallm -n __parallm_begins -f\n"
          "complete -c parallm -n __parallm_begins -l version -d 'The version'\n"
          "complete -c parallm -n __parallm_begins -a help -d 'The options of a command'\n",
          out);
    for (int i = 0; i < n_commands; i++) {
        fprintf(out, "complete -c parallm -n __parallm_begins -a %s -d ", command_table[i].name);
        put_quoted(out, command_table[i].summary);
        fprintf(out, "\ncomplete -c parallm -n '__parallm_is help' -fa %s\n", command_table[i].name);
    }
    for (struct option_walk w = {.command = FOR_ALL}; option_next(&w);)
        put_option(out, w.option);
}
