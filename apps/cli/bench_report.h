/* What `parallm bench` found, beside what the machine could do: a table for people, JSON for machines. */
#ifndef PARALLM_CLI_BENCH_REPORT_H
#define PARALLM_CLI_BENCH_REPORT_H

#include "bench_run.h"
#include "roofline.h"

/* What a second of this machine is worth to this model. */
struct bench_limits {
    struct roofline machine;
    bool known;                 /* else nothing here says anything */
    double gop_s;               /* of the type that the weights are multiplied in */
    double gb_step;             /* of weights, all read once */
    double gop_token, gop_head; /* of a token: without the vocabulary's logits, and these */
};

struct bench_limits bench_limits_of(const struct roofline *machine, const pllm_model_info *info, const struct options *o);

/* On a terminal too narrow for the table, a row is a few lines. */
void bench_print_heading(const struct options *o, const pllm_model_info *info, const struct bench_limits *l);
void bench_print_row(const struct bench_row *r, const struct options *o, const struct bench_limits *l);
void bench_print_json(const struct bench_row *rows, int n, const struct options *o, const struct bench_limits *l);

#endif
