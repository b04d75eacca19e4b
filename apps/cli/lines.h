/* The lines of the input: of a file or pipe, which may still be growing, or texts of the command line. */
#ifndef PARALLM_CLI_LINES_H
#define PARALLM_CLI_LINES_H

#include "options.h"

enum lines_result {
    LINES_ONE,   /* a line, without its end */
    LINES_LATER, /* nothing yet */
    LINES_END,
    LINES_LONG,  /* a line over the limit: it counts, its text is lost */
    LINES_FAILED, /* reading failed; errno says why */
};

struct lines {
    const char *name; /* for messages */
    const struct string_list *given; /* these instead of a file; or NULL */
    int fd;
    char *at; /* bytes read: [begin, end) are not handed out yet */
    size_t begin, end, room;
    size_t number; /* of lines handed out */
    bool ended, skipping;
};

/* `path`: "-" is standard input. Returns an exit code, after a message. */
int lines_open(struct lines *l, const char *path);
void lines_open_given(struct lines *l, const struct string_list *given);
void lines_close(struct lines *l);

/* The next line. *line stays until the next call. `wait`: until there is one, or Ctrl-C (LINES_LATER). */
enum lines_result lines_next(struct lines *l, bool wait, const char **line, size_t *n);

/* Whether a line has nothing but white space: it is no request. */
bool line_is_blank(const char *line, size_t n);

/* How many lines there are in all; 0: not known before they are read. */
size_t lines_count(const struct lines *l);

#endif
