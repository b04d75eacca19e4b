/* parallm_pages TEXTS OUT: writes the manual and the completions into OUT, laid out as below share/. TEXTS has
 * COMMAND.man, and parallm.man: what a page says besides the tables. Run by the build, not installed. */
#include "pages.h"

#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_LIMIT = 1 << 20 };

enum value_kind value_kind(const struct option_def *d)
{
    if (!d->argument)
        return VALUE_NONE;
    if (option_values(d))
        return VALUE_CHOICE;
    bool is_file = strncmp(d->argument, "FILE", 4) == 0 || strcmp(d->argument, "MODEL") == 0;
    return is_file ? VALUE_FILE : VALUE_OTHER;
}

void each_alias(const struct option_def *d, void (*each)(FILE *out, const char *dashes, const char *name, int n),
                FILE *out)
{
    for (const char *a = d->aliases; a && *a;) {
        int n = (int)strcspn(a, ",");
        each(out, n == 2 ? "-" : "--", a, n);
        a += n + (a[n] == ',');
    }
}

void put_escaped(FILE *out, const char *text, const char *special, const char *escape)
{
    for (const char *c = text; *c; c++) {
        if (strchr(special, *c))
            fputs(escape, out);
        fputc(*c, out);
    }
}

/* Opens OUT/path, whose folders are made as they are needed; NULL: the reason is on standard error. */
static FILE *open_page(char *full, size_t room, const char *out, const char *path)
{
    if (snprintf(full, room, "%s/%s", out, path) >= (int)room) {
        cli_fail(EXIT_UNWRITABLE, "%s: the name is too long", out);
        return NULL;
    }
    for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(full, 0777) != 0 && errno != EEXIST)
            cli_fail(EXIT_UNWRITABLE, "%s: %s", full, strerror(errno));
        *slash = '/';
    }
    FILE *f = fopen(full, "w");
    if (!f)
        cli_fail(EXIT_UNWRITABLE, "%s: %s", full, strerror(errno));
    return f;
}

static int close_page(FILE *f, const char *full)
{
    bool failed = ferror(f);
    if (fclose(f) != 0 || failed)
        return cli_fail(EXIT_UNWRITABLE, "%s: cannot be written", full);
    return EXIT_DONE;
}

static int write_man(const char *texts, const char *out, const struct command *c)
{
    char path[64], full[4096], from[4096];
    char *text = NULL;
    size_t n;
    snprintf(from, sizeof from, "%s/%s.man", texts, c ? c->name : "parallm");
    if (access(from, F_OK) == 0 && cli_read_file(from, TEXT_LIMIT, &text, &n))
        return EXIT_UNREADABLE;
    snprintf(path, sizeof path, "man/man1/parallm%s%s.1", c ? "-" : "", c ? c->name : "");
    FILE *f = open_page(full, sizeof full, out, path);
    if (f)
        man_page(f, c, text);
    free(text);
    return f ? close_page(f, full) : EXIT_UNWRITABLE;
}

static int write_completion(const char *out, const char *path, void (*write)(FILE *out))
{
    char full[4096];
    FILE *f = open_page(full, sizeof full, out, path);
    if (!f)
        return EXIT_UNWRITABLE;
    write(f);
    return close_page(f, full);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return cli_fail(EXIT_USAGE, "usage: parallm_pages TEXTS OUT");
    int code = write_man(argv[1], argv[2], NULL);
    for (int i = 0; i < n_commands && !code; i++)
        code = write_man(argv[1], argv[2], &command_table[i]);
    if (!code)
        code = write_completion(argv[2], "bash-completion/completions/parallm", bash_completion);
    if (!code)
        code = write_completion(argv[2], "zsh/site-functions/_parallm", zsh_completion);
    if (!code)
        code = write_completion(argv[2], "fish/vendor_completions.d/parallm.fish", fish_completion);
    return code;
}
