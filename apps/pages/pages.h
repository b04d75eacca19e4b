/* Manual pages and shell completions out of the tables of the command: command_table.c and option_table.c. Each
 * function writes one file; whether that went well shows in the stream's error flag. */
#ifndef PARALLM_PAGES_PAGES_H
#define PARALLM_PAGES_PAGES_H

#include "commands.h"

#include <stdio.h>

/* parallm(1), or with `c` the page of one command. `text` is what stands in it besides: the description, then
 * sections of their own, in man(7); NULL: the summary will do. */
void man_page(FILE *out, const struct command *c, const char *text);

void bash_completion(FILE *out);
void zsh_completion(FILE *out);
void fish_completion(FILE *out);

/* What may follow an option. */
enum value_kind {
    VALUE_NONE,   /* nothing: a flag */
    VALUE_FILE,   /* the name of a file or folder */
    VALUE_CHOICE, /* one of option_values() */
    VALUE_OTHER,
};

enum value_kind value_kind(const struct option_def *d);

/* Calls `each` with every alias of an option, n characters of `name`, and the dashes that are typed before it. */
void each_alias(const struct option_def *d, void (*each)(FILE *out, const char *dashes, const char *name, int n),
                FILE *out);

/* `text`, with `escape` before every character that `special` has. */
void put_escaped(FILE *out, const char *text, const char *special, const char *escape);

#endif
