/* Completion for bash: a function that needs nothing but bash itself. Aliases are understood, not offered. */
#include "pages.h"

static void put_other(FILE *out, const char *dashes, const char *name, int n)
{
    fprintf(out, "|%s%.*s", dashes, n, name);
}

/* The branch of `case $before` for an option that wants a value of a kind. */
static void put_value(FILE *out, const struct option_def *d)
{
    enum value_kind kind = value_kind(d);
    if (kind == VALUE_NONE)
        return;
    fprintf(out, "        --%s", d->name);
    if (d->letter)
        put_other(out, "-", &d->letter, 1);
    each_alias(d, put_other, out);
    if (kind == VALUE_CHOICE)
        fprintf(out, ") kind=words words='%s';;\n", option_values(d));
    else
        fprintf(out, ") kind=%s;;\n", kind == VALUE_FILE ? "files" : "none");
}

static void put_command(FILE *out, const struct command *c)
{
    fprintf(out, "    %s)\n        words='", c->name);
    for (struct option_walk w = {.command = c->bit}; option_next(&w);)
        fprintf(out, "--%s ", w.option->name);
    fputs("'\n        case $before in\n", out);
    for (struct option_walk w = {.command = c->bit}; option_next(&w);)
        put_value(out, w.option);
    fputs("        esac;;\n", out);
}

static void put_names(FILE *out)
{
    for (int i = 0; i < n_commands; i++)
        fprintf(out, "%s ", command_table[i].name);
}

void bash_completion(FILE *out)
{
    fputs("# Completion of parallm for bash. Written by parallm_pages out of the tables of apps/cli.\n"
          "_parallm() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words= kind=\n"
          "    COMPREPLY=()\n"
          "    if [[ $word == = ]]; then # bash takes --option=value for three words\n"
          "        word=\n"
          "    elif [[ $before == = ]]; then\n"
          "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        COMPREPLY=($(compgen -W '",
          out);
    put_names(out);
    fputs("help --help --version' -- \"$word\"))\n"
          "        return\n"
          "    fi\n"
          "    case ${COMP_WORDS[1]} in\n"
          "    help) kind=words words='",
          out);
    put_names(out);
    fputs("';;\n", out);
    for (int i = 0; i < n_commands; i++)
        put_command(out, &command_table[i]);
    fputs("    esac\n"
          "    [[ $kind || $word != -* ]] || kind=words\n"
          "    case ${kind:-files} in\n"
          "    words) COMPREPLY=($(compgen -W \"$words\" -- \"$word\"));;\n"
          "    files)\n"
          "        compopt -o filenames 2> /dev/null\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\");;\n"
          "    esac\n"
          "}\n"
          "complete -F _parallm parallm\n",
          out);
}
