#include "loading.h"

#include "cli.h"
#include "progress.h"

#include <stdio.h>
#include <string.h>

static const double EVERY = 0.2, QUIET_SECONDS = 1;

void loading_begin(struct loading *l, bool quiet)
{
    *l = (struct loading){.on = progress_wanted(quiet), .begun = cli_seconds()};
}

static void bar(char *out, int cells, double part)
{
    const int full = (int)(part * cells);
    out[0] = '[';
    for (int i = 0; i < cells; i++)
        out[i + 1] = i < full ? '#' : '.';
    out[cells + 1] = ']';
    out[cells + 2] = '\0';
}

/* "1.2/3.5 GB", in the unit of the larger one */
static int amount(char *out, int size, uint64_t done, uint64_t total)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    const uint64_t larger = total > done ? total : done;
    double unit = 1e3;
    int u = 0;
    while (u < 3 && (double)larger >= 1000 * unit) {
        unit *= 1000;
        u++;
    }
    if (!total)
        return snprintf(out, (size_t)size, "%.1f %s", (double)done / unit, units[u]);
    return snprintf(out, (size_t)size, "%.1f/%.1f %s", (double)done / unit, (double)total / unit, units[u]);
}

/* The line as text of at most `width` columns: "downloading org/model [###...] 34 %  1.2/3.5 GB  45.0 MB/s  0:51 left", of
 * which a narrow terminal gets less. `seconds`: since `first` bytes were done. */
static void put_line(char *out, int size, int width, const char *what, uint64_t first, uint64_t done, uint64_t total,
                     double seconds)
{
    enum { CELLS = 20 };
    char cells[CELLS + 3], text[64], percent[16] = "";
    const double part = total ? (double)(done < total ? done : total) / (double)total : 0;
    const double rate = seconds > 0 && done > first ? (double)(done - first) / seconds : 0;
    if (total)
        snprintf(percent, sizeof percent, "%d %%", (int)(100 * part));
    const int room = width - (int)strlen(percent) - (total ? 2 : 0); /* the name gives way to the percentage */
    snprintf(out, (size_t)size, "%.*s", room < 0 ? 0 : room < size ? room : size - 1, what);
    if (total) {
        bar(cells, CELLS, part);
        if ((int)strlen(out) + (int)strlen(percent) + CELLS + 6 <= width)
            progress_add(out, (size_t)size, width, cells);
        progress_add(out, (size_t)size, width, percent);
    }
    amount(text, sizeof text, done, total);
    progress_add(out, (size_t)size, width, text);
    if (rate <= 0)
        return;
    snprintf(text, sizeof text, "%.1f MB/s", 1e-6 * rate);
    progress_add(out, (size_t)size, width, text);
    progress_time_left(text, sizeof text, total > done ? (double)(total - done) / rate : 0);
    if (total > done)
        progress_add(out, (size_t)size, width, text);
}

bool loading_progress(void *user, const char *what, uint64_t done, uint64_t total)
{
    struct loading *l = user;
    char line[256];
    const double now = cli_seconds();
    if (what != l->what) {
        l->what = what;
        l->first = done;
        l->begun = now;
    }
    l->done = done;
    if (l->on && (l->shown || now - l->begun > QUIET_SECONDS) && now - l->updated > EVERY) {
        l->shown = true;
        l->updated = now;
        put_line(line, sizeof line, progress_columns(), what, l->first, done, total, now - l->begun);
        fprintf(stderr, "\r%s\033[K", line);
        fflush(stderr);
    }
    return !cli_interrupted;
}

void loading_end(struct loading *l)
{
    if (l->shown)
        fprintf(stderr, "\r\033[K");
    l->shown = false;
}
