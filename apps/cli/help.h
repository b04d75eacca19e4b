/* What --help prints, out of the tables of commands and options. On a terminal lines break between words. */
#ifndef PARALLM_CLI_HELP_H
#define PARALLM_CLI_HELP_H

#include "commands.h"

#include <stdio.h>

void help_commands(FILE *out);
void help_command(FILE *out, const struct command *c);

#endif
