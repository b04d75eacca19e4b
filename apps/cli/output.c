#include "output.h"

#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Why there can be no new file; 0: nothing speaks against it. */
static int folder_refuses(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const int n = slash ? (int)(slash - path) + 1 : 0;
    if (strlen(path) >= sizeof folder - 2)
        return ENAMETOOLONG;
    if (!*path || (slash && !slash[1])) /* "folder/" */
        return *path ? EISDIR : ENOENT;
    snprintf(folder, sizeof folder, "%.*s.", n, path);
    return access(folder, W_OK | X_OK) == 0 ? 0 : errno;
}

int output_check(const char *path, const char *model)
{
    struct stat info, other;
    const bool exists = stat(path, &info) == 0;
    if (exists && model && stat(model, &other) == 0 && S_ISREG(info.st_mode) && is_same_file(&other, &info))
        return cli_fail(EXIT_USAGE, "%s: is the model, wanted another file for the output", path);
    const int reason = !exists ? folder_refuses(path) : S_ISDIR(info.st_mode) ? EISDIR : access(path, W_OK) == 0 ? 0 : errno;
    return reason ? cli_fail(EXIT_UNWRITABLE, "%s: %s", path, strerror(reason)) : EXIT_DONE;
}

/* Takes an ordinary file for this command alone, as far as its file system has locks. */
static int take_file(int fd, const char *path, int input)
{
    struct stat info, read;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return EXIT_DONE;
    if (input >= 0 && fstat(input, &read) == 0 && is_same_file(&read, &info))
        return cli_fail(EXIT_USAGE, "%s: is the input, wanted another file for the output", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return cli_fail(EXIT_UNWRITABLE, "%s: is being written by another parallm", path);
    return EXIT_DONE;
}

/* What was written of a line may stand on the terminal that the message goes to, through whatever pipe. */
static int failed(const struct output *o)
{
    const int reason = errno;
    if (o->is_open && isatty(STDERR_FILENO))
        fputc('\n', stderr);
    return cli_fail(EXIT_UNWRITABLE, "%s: %s", o->name, strerror(reason));
}

/* Opens the file, which with `flags` O_CREAT is made if need be. */
static int open_file(struct output *o, int flags)
{
    int fd = open(o->path, O_WRONLY | O_CLOEXEC | flags, 0666);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file)
        return failed(o);
    int code = take_file(fd, o->path, o->input);
    if (code)
        fclose(file);
    else
        o->file = file;
    return code;
}

int output_open(struct output *o, const char *path, int input, const char *model)
{
    struct stat info;
    *o = (struct output){.file = stdout, .name = "standard output", .input = input};
    if (!path || strcmp(path, "-") == 0)
        return EXIT_DONE;
    *o = (struct output){.name = path, .path = path, .input = input};
    int code = output_check(path, model);
    return code || stat(path, &info) != 0 ? code : open_file(o, 0);
}

int output_begin(struct output *o)
{
    struct stat info;
    int code = o->file ? EXIT_DONE : open_file(o, O_CREAT);
    if (code)
        return code;
    int fd = fileno(o->file);
    bool is_file = o->file != stdout && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    return is_file && ftruncate(fd, 0) != 0 ? failed(o) : EXIT_DONE;
}

static int write_out(struct output *o, const struct buffer *text, const char *end)
{
    if (text->failed)
        return cli_fail(EXIT_MEMORY, "output: not enough memory for a line");
    if (text->n)
        fwrite(text->at, 1, text->n, o->file);
    fputs(end, o->file);
    if (fflush(o->file) != 0)
        return failed(o);
    if (*end || text->n)
        o->is_open = !*end && text->at[text->n - 1] != '\n';
    return EXIT_DONE;
}

int output_piece(struct output *o, const struct buffer *piece)
{
    return write_out(o, piece, "");
}

int output_line(struct output *o, const struct buffer *line)
{
    return write_out(o, line, "\n");
}

int output_end_line(struct output *o)
{
    const struct buffer nothing = {0};
    return o->is_open ? output_line(o, &nothing) : EXIT_DONE;
}

int output_close(struct output *o)
{
    int result = !o->file ? 0 : o->file == stdout ? fflush(stdout) : fclose(o->file);
    o->file = NULL;
    return result != 0 ? failed(o) : EXIT_DONE;
}

bool output_leaves_stdout(const struct output *o)
{
    return o->path != NULL;
}
