/* The command `parallm`: a user of parallm.h, as any other program. */
#include "cli.h"
#include "help.h"
#include "nearest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Standard output is looked at once more: a full disk may show only when the buffer goes out. */
static int finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    return code == EXIT_UNWRITABLE ? code : cli_fail(EXIT_UNWRITABLE, "standard output: %s", strerror(errno));
}

static int run_command(const struct command *c, int argc, char **argv)
{
    struct options o;
    int code = EXIT_USAGE;
    if (options_parse(&o, c->bit, c->takes_model, c->n_words, argc, argv)) {
        if (o.help) {
            help_command(stdout, c);
            code = EXIT_DONE;
        } else if (c->takes_model && (!o.model || !*o.model)) {
            cli_fail(EXIT_USAGE, "%s: has no MODEL, wanted a .gguf file, a folder or a name; see --help", c->name);
        } else {
            code = c->run(&o);
        }
    }
    options_fini(&o);
    return code;
}

static int no_such_command(const char *word)
{
    struct nearest best = {0};
    for (int i = 0; i < n_commands; i++)
        nearest_consider(&best, word, strlen(word), command_table[i].name);
    return best.word ? cli_fail(EXIT_USAGE, "%s: is no command, did you mean %s?", word, best.word)
                     : cli_fail(EXIT_USAGE, "%s: is no command; parallm help lists them", word);
}

static int run_help(const char *name)
{
    const struct command *c = name ? command_find(name) : NULL;
    if (name && !c)
        return no_such_command(name);
    if (c)
        help_command(stdout, c);
    else
        help_commands(stdout);
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        help_commands(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0) {
        printf("parallm %s\n", pllm_version());
        return finish(EXIT_DONE);
    }
    if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return finish(run_help(argc > 2 ? argv[2] : NULL));
    const struct command *c = command_find(word);
    if (!c)
        return no_such_command(word);
    return finish(run_command(c, argc - 2, argv + 2));
}
