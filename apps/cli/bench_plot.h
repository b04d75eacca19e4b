/* Draws throughput against the number of sequences, as SVG. */
#ifndef PARALLM_CLI_BENCH_PLOT_H
#define PARALLM_CLI_BENCH_PLOT_H

#include "bench_run.h"

/* Returns an exit code, after a message. */
int bench_plot(const char *path, const struct bench_row *rows, int n_rows, const char *title);

#endif
