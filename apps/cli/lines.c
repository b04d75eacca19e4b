#include "lines.h"

#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_BYTES = 64 << 20 }; /* of a line */

int lines_open(struct lines *l, const char *path)
{
    struct stat info;
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cli_fail(EXIT_UNREADABLE, "%s: %s", path, strerror(errno));
    if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        if (!is_stdin)
            close(fd);
        return cli_fail(EXIT_UNREADABLE, "%s: is a directory, wanted a file of input lines", path);
    }
    *l = (struct lines){.fd = fd, .name = is_stdin ? "standard input" : path};
    return EXIT_DONE;
}

void lines_open_given(struct lines *l, const struct string_list *given)
{
    *l = (struct lines){.fd = -1, .given = given, .name = "--prompt"};
}

void lines_close(struct lines *l)
{
    if (l->fd > STDIN_FILENO)
        close(l->fd);
    free(l->at);
}

/* Are there bytes, or with `wait`, also for a descriptor that does not block, will there be some unless a signal comes? */
static bool is_ready(int fd, bool wait)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    const int n = poll(&p, 1, wait ? -1 : 0);
    return n > 0 || (n < 0 && errno != EINTR); /* an error shows when reading */
}

/* Reads more bytes behind those there are. LINES_ONE: some came. */
static enum lines_result read_more(struct lines *l, bool wait)
{
    if (!is_ready(l->fd, wait))
        return LINES_LATER;
    if (l->begin) {
        memmove(l->at, l->at + l->begin, l->end - l->begin);
        l->end -= l->begin;
        l->begin = 0;
    }
    if (l->end == l->room) {
        size_t room = l->room ? 2 * l->room : 65536;
        char *grown = realloc(l->at, room);
        if (!grown)
            return LINES_FAILED;
        l->at = grown;
        l->room = room;
    }
    ssize_t n = read(l->fd, l->at + l->end, l->room - l->end);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? LINES_LATER : LINES_FAILED;
    l->end += (size_t)n;
    l->ended = n == 0;
    return LINES_ONE;
}

/* Takes the line that ends before `end` (the place of its line feed, or of the input's end). */
static enum lines_result take(struct lines *l, size_t end, const char **line, size_t *n)
{
    bool skipped = l->skipping;
    *line = l->at + l->begin;
    *n = end - l->begin;
    if (*n && (*line)[*n - 1] == '\r')
        --*n;
    if (l->number == 0 && *n >= 3 && memcmp(*line, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        *line += 3;
        *n -= 3;
    }
    l->begin = end < l->end ? end + 1 : end;
    l->number++;
    l->skipping = false;
    return skipped ? LINES_LONG : LINES_ONE;
}

static enum lines_result next_given(struct lines *l, const char **line, size_t *n)
{
    if (l->number == l->given->n)
        return LINES_END;
    *line = l->given->at[l->number++];
    *n = strlen(*line);
    return LINES_ONE;
}

enum lines_result lines_next(struct lines *l, bool wait, const char **line, size_t *n)
{
    size_t searched = 0;
    if (l->given)
        return next_given(l, line, n);
    for (;;) {
        size_t left = l->end - l->begin;
        const char *end = left > searched ? memchr(l->at + l->begin + searched, '\n', left - searched) : NULL;
        if (end)
            return take(l, (size_t)(end - l->at), line, n);
        if (l->ended)
            return left || l->skipping ? take(l, l->end, line, n) : LINES_END;
        if (left > MOST_BYTES) {
            l->skipping = true;
            l->begin = l->end;
            left = 0;
        }
        searched = left;
        enum lines_result result = read_more(l, wait);
        if (result == LINES_FAILED || (result == LINES_LATER && (!wait || cli_interrupted)))
            return result;
    }
}

bool line_is_blank(const char *line, size_t n)
{
    while (n && isspace((unsigned char)line[n - 1]))
        n--;
    return n == 0;
}

size_t lines_count(const struct lines *l)
{
    struct stat info;
    char bytes[65536], last = '\n';
    size_t count = 0;
    off_t at = 0;
    ssize_t n;
    if (l->given)
        return l->given->n;
    if (fstat(l->fd, &info) != 0 || !S_ISREG(info.st_mode))
        return 0;
    while ((n = pread(l->fd, bytes, sizeof bytes, at)) > 0) {
        for (const char *c = bytes; (c = memchr(c, '\n', (size_t)(bytes + n - c))); c++)
            count++;
        last = bytes[n - 1];
        at += n;
    }
    return count + (last != '\n');
}
