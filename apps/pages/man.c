/* The manual, in man(7): parallm(1) and a page for each command, as git has them. */
#include "pages.h"

#include <string.h>

/* Dashes that are typed, not hyphens; no line of ours begins with a dot or an apostrophe. */
static void put(FILE *out, const char *text)
{
    put_escaped(out, text, "-", "\\");
}

static void put_heading(FILE *out, const struct command *c)
{
    fprintf(out, ".\\\" Written by parallm_pages out of the tables of apps/cli.\n.TH PARALLM");
    for (const char *a = c ? c->name : ""; *a; a++)
        fprintf(out, "%s%c", a == c->name ? "-" : "", *a - 'a' + 'A');
    fprintf(out, " 1 \"\" \"parallm %s\" \"ParaLLM\"\n.SH NAME\nparallm%s%s \\- ", pllm_version(), c ? "\\-" : "",
            c ? c->name : "");
    put(out, c ? c->summary : "many answers at once from a language model");
    fprintf(out, "\n.SH SYNOPSIS\n.B parallm%s%s\n", c ? " " : "", c ? c->name : "");
    put(out, c ? c->usage : "COMMAND MODEL [options]");
    fputc('\n', out);
}

static void put_alias(FILE *out, const char *dashes, const char *name, int n)
{
    char word[64];
    snprintf(word, sizeof word, "%s%.*s", dashes, n, name);
    fputs(" \\fB", out);
    put(out, word);
    fprintf(out, "\\fR%s", name[n] ? "," : ""); /* another follows */
}

static void put_option(FILE *out, const struct option_def *d)
{
    fputs(".TP\n", out);
    if (d->letter)
        fprintf(out, "\\fB\\-%c\\fR, ", d->letter);
    fputs("\\fB\\-\\-", out);
    put(out, d->name);
    fputs("\\fR", out);
    if (d->argument) {
        fputs(" \\fI", out);
        put(out, d->argument);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    put(out, d->help);
    fputc('\n', out);
    if (d->aliases) {
        fputs(".br\nAlso spelled", out);
        each_alias(d, put_alias, out);
        fputc('\n', out);
    }
}

static void put_options(FILE *out, const struct command *c)
{
    fputs(".SH OPTIONS\nAn option and its value are two words, or one with = between them. In parentheses: what holds "
          "if an option is not given.\n", out);
    struct option_walk w = {.command = c->bit};
    while (option_next(&w)) {
        if (w.heading)
            fprintf(out, ".SS %s\n", w.heading);
        put_option(out, w.option);
    }
}

static void put_commands(FILE *out)
{
    fputs(".SH COMMANDS\n", out);
    for (int i = 0; i < n_commands; i++) {
        fprintf(out, ".TP\n\\fBparallm\\-%s\\fR(1)\n", command_table[i].name);
        put(out, command_table[i].summary);
        fputc('\n', out);
    }
    fputs(".TP\n\\fBparallm help\\fR \\fICOMMAND\\fR\nThe options of a command\n"
          ".TP\n\\fBparallm \\-\\-version\\fR\nThe version\n", out);
}

static void put_see_also(FILE *out, const struct command *c)
{
    fputs(".SH SEE ALSO\n", out);
    if (c) {
        fputs("\\fBparallm\\fR(1) about models, variables of the environment and exit codes.\n", out);
        return;
    }
    for (int i = 0; i < n_commands; i++)
        fprintf(out, "\\fBparallm\\-%s\\fR(1)%s\n", command_table[i].name, i + 1 < n_commands ? "," : "");
}

void man_page(FILE *out, const struct command *c, const char *text)
{
    const char *sections = text ? strstr(text, "\n.SH ") : NULL; /* what comes before is the description */
    int n = !text ? 0 : sections ? (int)(sections + 1 - text) : (int)strlen(text);
    put_heading(out, c);
    fputs(".SH DESCRIPTION\n", out);
    if (n)
        fprintf(out, "%.*s", n, text);
    else
        fprintf(out, "%s.\n", c ? c->summary : "");
    if (c)
        put_options(out, c);
    else
        put_commands(out);
    fputs(sections ? sections + 1 : "", out);
    put_see_also(out, c);
}
