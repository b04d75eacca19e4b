#include "bench_plot.h"

#include "cli.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* The plot area, in pixels. Grey that reads on light and dark; no background. */
enum { WIDTH = 640, HEIGHT = 400, LEFT = 70, RIGHT = 20, TOP = 40, BOTTOM = 50 };

struct scale {
    double x_most, y_most; /* log2 of the number of sequences; tokens per second */
};

static double x_of(const struct scale *s, int n_seqs)
{
    double part = s->x_most > 0 ? log2(n_seqs) / s->x_most : 0.5;
    return LEFT + part * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct scale *s, double tokens_s)
{
    return HEIGHT - BOTTOM - tokens_s / s->y_most * (HEIGHT - TOP - BOTTOM);
}

/* 1, 2 or 5 times a power of ten, so that four to ten of them make `most`. */
static double tick_of(double most)
{
    double power = pow(10, floor(log10(most / 4)));
    double parts = most / 4 / power;
    return parts >= 5 ? 5 * power : parts >= 2 ? 2 * power : power;
}

static void text(FILE *f, double x, double y, const char *anchor, const char *words)
{
    fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    for (const char *c = words; *c; c++)
        if (*c == '<' || *c == '&')
            fputs(*c == '<' ? "&lt;" : "&amp;", f);
        else
            fputc(*c, f);
    fputs("</text>\n", f);
}

static void axes(FILE *f, const struct scale *s, const struct bench_row *rows, int n_rows)
{
    char label[32];
    double tick = tick_of(s->y_most);
    for (double y = 0; y <= s->y_most; y += tick) {
        fprintf(f, "<path d=\"M%d %.1fH%d\" stroke=\"#888\" stroke-opacity=\".35\"/>\n", LEFT, y_of(s, y),
                WIDTH - RIGHT);
        snprintf(label, sizeof label, "%g", y);
        text(f, LEFT - 8, y_of(s, y) + 4, "end", label);
    }
    for (int i = 0; i < n_rows; i++) {
        snprintf(label, sizeof label, "%d", rows[i].n_seqs);
        text(f, x_of(s, rows[i].n_seqs), HEIGHT - BOTTOM + 18, "middle", label);
    }
    text(f, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 12, "middle", "sequences decoding at once");
}

/* A curve of the double at `offset` in each row. */
static void curve(FILE *f, const struct scale *s, const struct bench_row *rows, int n_rows, size_t offset,
                  const char *colour)
{
    fprintf(f, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\" d=\"", colour);
    for (int i = 0; i < n_rows; i++) {
        double value = *(const double *)((const char *)&rows[i] + offset);
        fprintf(f, "%c%.1f %.1f", i ? 'L' : 'M', x_of(s, rows[i].n_seqs), y_of(s, value));
    }
    fputs("\"/>\n", f);
}

static void legend(FILE *f, double y, const char *colour, const char *words)
{
    fprintf(f, "<path d=\"M%d %.1fh24\" stroke=\"%s\" stroke-width=\"2\"/>\n", LEFT + 12, y - 4, colour);
    text(f, LEFT + 42, y, "start", words);
}

int bench_plot(const char *path, const struct bench_row *rows, int n_rows, const char *title)
{
    static const char *const decode = "#2a7de1", *const prefill = "#e07b28";
    struct scale s = {0};
    FILE *f = fopen(path, "w");
    if (!f)
        return cli_fail(EXIT_UNWRITABLE, "%s: %s", path, strerror(errno));
    for (int i = 0; i < n_rows; i++) {
        s.x_most = fmax(s.x_most, log2(rows[i].n_seqs));
        s.y_most = fmax(s.y_most, 1.05 * fmax(rows[i].decode_tokens_s, rows[i].prefill_tokens_s));
    }
    fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
               "font-size=\"13\" fill=\"#888\">\n", WIDTH, HEIGHT);
    text(f, LEFT, 22, "start", title);
    axes(f, &s, rows, n_rows);
    curve(f, &s, rows, n_rows, offsetof(struct bench_row, prefill_tokens_s), prefill);
    curve(f, &s, rows, n_rows, offsetof(struct bench_row, decode_tokens_s), decode);
    legend(f, TOP + 14, decode, "decode, tokens/s in all");
    legend(f, TOP + 32, prefill, "prefill, tokens/s in all");
    fputs("</svg>\n", f);
    bool failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed)
        return cli_fail(EXIT_UNWRITABLE, "%s: %s", path, strerror(errno));
    return EXIT_DONE;
}
