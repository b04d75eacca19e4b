/* Where output lines go: a file or standard output, flushed after each line or piece. */
#ifndef PARALLM_CLI_OUTPUT_H
#define PARALLM_CLI_OUTPUT_H

#include "buffer.h"

#include <stdio.h>
#include <sys/stat.h>

struct output {
    FILE *file; /* NULL: a file that is made by output_begin */
    const char *name;
    const char *path; /* NULL: standard output */
    int input;
    bool is_open; /* the last piece did not end its line */
};

/* `path`: NULL or "-" is standard output. Nothing is made, and a file that exists keeps its contents, until output_begin; one that
 * another command is writing, that is the model, or that the input comes from (a file descriptor, or -1), is refused, as is a
 * place where none can be made. They return an exit code, after a message. */
int output_open(struct output *o, const char *path, int input, const char *model);
int output_begin(struct output *o);
int output_piece(struct output *o, const struct buffer *piece);
int output_line(struct output *o, const struct buffer *line); /* adds the line feed */
int output_end_line(struct output *o); /* after pieces that did not, so that what is said next begins a line */
int output_close(struct output *o);

/* Whether a file may be written there that is to be made later: of any name but the model's. An exit code, after a message. */
int output_check(const char *path, const char *model);

bool is_same_file(const struct stat *a, const struct stat *b);

/* Is standard output free for a summary? */
bool output_leaves_stdout(const struct output *o);

#endif
