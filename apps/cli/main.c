/* The command `parallm`: a user of parallm.h, as any other program. */
#include "cli.h"
#include "commands.h"
#include "nearest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void print_commands(FILE *out)
{
    fprintf(out, "usage: parallm COMMAND MODEL [options]\n\n"
                 "Many answers at once from a language model. MODEL is a .gguf file, a folder with config.json,\n"
                 "or a Hugging Face name.\n\n");
    for (int i = 0; i < n_commands; i++)
        fprintf(out, "  %-10s %s\n", command_table[i].name, command_table[i].summary);
    fprintf(out, "\nparallm help COMMAND tells its options, parallm --version which one this is.\n");
}

static void print_command(FILE *out, const struct command *c)
{
    fprintf(out, "usage: parallm %s %s\n\n%s. In parentheses: what holds if an option is not given.\n\n", c->name,
            c->usage, c->summary);
    options_print(out, c->bit);
}

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
            print_command(stdout, c);
            code = EXIT_DONE;
        } else if (c->takes_model && !o.model) {
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
        print_command(stdout, c);
    else
        print_commands(stdout);
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        print_commands(stderr);
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
