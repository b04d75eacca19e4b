/* Completion for zsh, by its function _arguments. */
#include "pages.h"

#include <string.h>

/* In single quotes, within the brackets of _arguments. */
static void put_help(FILE *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '[' || *c == ']' || *c == '\\')
            fputc('\\', out);
        fputs(*c == '\'' ? "'\\''" : (char[]){*c, 0}, out);
    }
}

/* What follows the brackets: ":FILE:_files". */
static void put_value(FILE *out, const struct option_def *d)
{
    enum value_kind kind = value_kind(d);
    if (kind == VALUE_NONE)
        return;
    fputc(':', out);
    put_escaped(out, d->argument, ":", "\\");
    if (kind == VALUE_CHOICE)
        fprintf(out, ":(%s)", option_values(d));
    else
        fputs(kind == VALUE_FILE ? ":_files" : ": ", out);
}

/* A line of _arguments for one spelling. One that may be given again and again has a star, any other excludes itself
 * and its other spelling. */
static void put_spelling(FILE *out, const struct option_def *d, const char *dashes, const char *name, int n)
{
    fputs("            '", out);
    if (d->kind == OPTION_LIST)
        fputc('*', out);
    else if (d->letter)
        fprintf(out, "(-%c --%s)", d->letter, d->name);
    fprintf(out, "%s%.*s%s[", dashes, n, name, d->argument && dashes[1] ? "=" : "");
    put_help(out, d->help);
    fputc(']', out);
    put_value(out, d);
    fputs("' \\\n", out);
}

static void put_command(FILE *out, const struct command *c)
{
    fprintf(out, "    %s)\n        _arguments \\\n", c->name);
    for (struct option_walk w = {.command = c->bit}; option_next(&w);) {
        if (w.option->letter)
            put_spelling(out, w.option, "-", &w.option->letter, 1);
        put_spelling(out, w.option, "--", w.option->name, (int)strlen(w.option->name));
    }
    fprintf(out, "            '*:%s:_files'\n        ;;\n", c->takes_model ? "MODEL" : "NAME");
}

void zsh_completion(FILE *out)
{
    fputs("#compdef parallm\n"
          "# Completion of parallm for zsh. Written by parallm_pages out of the tables of apps/cli.\n"
          "local -a commands=(\n",
          out);
    for (int i = 0; i < n_commands; i++) {
        fprintf(out, "    '%s:", command_table[i].name);
        put_help(out, command_table[i].summary);
        fputs("'\n", out);
    }
    fputs(")\n"
          "if ((CURRENT == 2)); then\n"
          "    _describe command commands -- '(help:The\\ options\\ of\\ a\\ command --version:The\\ version)'\n"
          "    return\n"
          "fi\n"
          "shift words\n"
          "((CURRENT--))\n"
          "case $words[1] in\n"
          "    help)\n"
          "        _describe command commands\n"
          "        ;;\n",
          out);
    for (int i = 0; i < n_commands; i++)
        put_command(out, &command_table[i]);
    fputs("esac\n", out);
}
