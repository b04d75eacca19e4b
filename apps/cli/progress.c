#include "progress.h"

#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double EVERY = 0.2; /* seconds */

void progress_begin(struct progress *p, bool quiet, size_t total)
{
    double now = cli_seconds();
    *p = (struct progress){.on = !quiet && isatty(STDERR_FILENO), .total = total, .begun = now, .shown = now};
}

int progress_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

void progress_time_left(char *out, size_t n, double seconds)
{
    long left = seconds < 360000 ? (long)(seconds + 0.5) : 359999;
    if (left >= 3600)
        snprintf(out, n, "%ld:%02ld:%02ld left", left / 3600, left / 60 % 60, left % 60);
    else
        snprintf(out, n, "%ld:%02ld left", left / 60, left % 60);
}

void progress_update(struct progress *p, size_t done, size_t known, const pllm_stats *stats)
{
    char line[256], left[64] = "", total[32];
    double now = p->on ? cli_seconds() : 0;
    if (!p->on || now - p->shown < EVERY)
        return;
    uint64_t tokens = p->reads ? stats->prefill_tokens_computed : stats->completion_tokens;
    double rate = (double)(tokens - p->tokens_shown) / (now - p->shown);
    p->rate = p->rate > 0 ? 0.8 * p->rate + 0.2 * rate : rate;
    p->shown = now;
    p->tokens_shown = tokens;
    if (p->total && done && done <= p->total)
        progress_time_left(left, sizeof left, (now - p->begun) / (double)done * (double)(p->total - done));
    snprintf(total, sizeof total, p->total ? "%zu" : "%zu+", p->total ? p->total : known);
    int n = snprintf(line, sizeof line, "%zu/%s  %.0f tok/s  %d running, %d waiting%s%s", done, total, p->rate,
                     (int)stats->running, (int)stats->waiting, left[0] ? ", " : "", left);
    int width = progress_columns();
    fprintf(stderr, "\r%.*s\033[K", n < width ? n : width, line);
    fflush(stderr);
    p->drawn = true;
}

void progress_give_way(struct progress *p)
{
    if (p->shares && p->drawn)
        fprintf(stderr, "\r\033[K");
    p->drawn = p->drawn && !p->shares;
}

void progress_end(struct progress *p)
{
    if (p->on)
        fprintf(stderr, "\r\033[K");
    p->on = false;
}

void progress_say(bool quiet, const char *format, ...)
{
    char text[256];
    va_list args;
    if (quiet || !isatty(STDERR_FILENO))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "\r%.*s\033[K", progress_columns(), text);
    fflush(stderr);
}

void progress_said(bool quiet)
{
    if (!quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
}
