#include "progress.h"

#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double EVERY = 0.2; /* seconds */

bool progress_wanted(bool quiet)
{
    const char *kind = getenv("TERM");
    return !quiet && isatty(STDERR_FILENO) && !(kind && strcmp(kind, "dumb") == 0);
}

void progress_begin(struct progress *p, bool quiet, size_t total)
{
    double now = cli_seconds();
    *p = (struct progress){.on = progress_wanted(quiet), .total = total, .begun = now, .shown = now};
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

double progress_seconds_left(double elapsed, size_t done, size_t total, uint64_t tokens, int64_t longest)
{
    double each = (double)tokens / (double)done; /* too many, as long as few are done */
    if (longest > 0 && each > (double)longest)
        each = (double)longest;
    double left = each * (double)total - (double)tokens;
    return tokens && left > 0 ? elapsed * left / (double)tokens : 0;
}

void progress_add(char *line, size_t size, int width, const char *part)
{
    const size_t n = strlen(line), more = strlen(part) + (n ? 2 : 0);
    if (n + more <= (size_t)width && n + more < size)
        snprintf(line + n, size - n, "%s%s", n ? "  " : "", part);
}

void progress_update(struct progress *p, size_t done, size_t known, const pllm_stats *stats)
{
    char line[256] = "", part[64], total[32];
    const int width = progress_columns();
    double now = p->on ? cli_seconds() : 0;
    if (!p->on || now - p->shown < EVERY)
        return;
    uint64_t tokens = p->reads ? stats->prefill_tokens_computed : stats->completion_tokens;
    double rate = (double)(tokens - p->tokens_shown) / (now - p->shown);
    p->rate = p->rate > 0 ? 0.8 * p->rate + 0.2 * rate : rate;
    p->shown = now;
    p->tokens_shown = tokens;
    snprintf(total, sizeof total, p->total ? "%zu" : "%zu+", p->total ? p->total : known);
    snprintf(part, sizeof part, "%zu/%s", done, total);
    progress_add(line, sizeof line, width, part);
    snprintf(part, sizeof part, "%.0f tok/s", p->rate);
    progress_add(line, sizeof line, width, part);
    snprintf(part, sizeof part, "%d running, %d waiting", (int)stats->running, (int)stats->waiting);
    progress_add(line, sizeof line, width, part);
    if (p->total && done && done <= p->total) {
        progress_time_left(part, sizeof part, progress_seconds_left(now - p->begun, done, p->total, tokens, p->longest));
        progress_add(line, sizeof line, width, part);
    }
    fprintf(stderr, "\r%s\033[K", line);
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
    if (!progress_wanted(quiet))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "\r%.*s\033[K", progress_columns(), text);
    fflush(stderr);
}

void progress_said(bool quiet)
{
    if (progress_wanted(quiet))
        fprintf(stderr, "\r\033[K");
}
