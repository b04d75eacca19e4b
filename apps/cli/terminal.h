/* Output that fits a terminal: how wide it is, and words in lines. */
#ifndef PARALLM_CLI_TERMINAL_H
#define PARALLM_CLI_TERMINAL_H

#include <stdio.h>

/* Columns of the terminal that `out` is, or what COLUMNS says of it; 0: it is none, and lines stay whole for programs that read
 * them. */
int terminal_columns(FILE *out);

/* The words of `text` from column `at` on, and a line feed; lines that follow begin at `indent`. Width 0: one line. */
void terminal_words(FILE *out, const char *text, int at, int indent, int width);

#endif
