/* Measures one number of parallel sequences, for `parallm bench`. */
#ifndef PARALLM_CLI_BENCH_RUN_H
#define PARALLM_CLI_BENCH_RUN_H

#include "options.h"

/* Prefill and decoding are timed apart, as llama-batched-bench does: prefill is over when every sequence has
 * its first token; what the others generate until then belongs to it. */
struct bench_times {
    double prefill_seconds, decode_seconds;
    uint64_t decode_tokens, decode_steps; /* of the second part */
};

struct bench_row {
    int n_seqs;
    struct bench_times median; /* of the run whose total is the median */
    double prefill_tokens_s, decode_tokens_s, total_tokens_s;
    uint64_t peak_rss_bytes; /* of the process so far */
};

/* They return an exit code, after a message. bench_try opens an engine as bench_measure does, and closes it. */
int bench_try(const pllm_model *model, const struct options *o, int n_seqs);
int bench_measure(struct bench_row *row, const pllm_model *model, const struct options *o, int n_seqs);

#endif
