/* The commands: one table (command_table.c), from which main.c, the manual and the completions (apps/pages) come. */
#ifndef PARALLM_CLI_COMMANDS_H
#define PARALLM_CLI_COMMANDS_H

#include "options.h"

struct command {
    const char *name;
    unsigned bit;
    bool takes_model;
    int n_words; /* besides the model */
    const char *usage, *summary;
    const char *lines; /* for --help: what a line of the input holds; NULL: there are none */
    int (*run)(struct options *o);
};

extern const struct command command_table[];
extern const int n_commands;

const struct command *command_find(const char *name); /* NULL: there is none */

#endif
