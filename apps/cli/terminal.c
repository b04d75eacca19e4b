#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int terminal_columns(FILE *out)
{
    struct winsize size;
    const char *set = getenv("COLUMNS");
    const int wanted = set ? atoi(set) : 0;
    if (!isatty(fileno(out)))
        return 0;
    if (wanted > 0)
        return wanted;
    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void terminal_words(FILE *out, const char *text, int at, int indent, int width)
{
    for (int first = 1; *text; first = 0) {
        const int n = (int)strcspn(text, " "), blank = !first;
        if (width && !first && at + blank + n > width) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
        } else if (blank) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", n, text);
        at += n;
        text += n + (text[n] == ' ');
    }
    fputc('\n', out);
}
