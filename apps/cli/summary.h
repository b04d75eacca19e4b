/* What a run did, at its end: text for people on standard error, or one JSON object. */
#ifndef PARALLM_CLI_SUMMARY_H
#define PARALLM_CLI_SUMMARY_H

#include "batch.h"

struct summary {
    size_t prompts, samples, errors;
    uint64_t prompt_tokens;
    double load_seconds, wall_seconds; /* opening the model; from then on */
    pllm_stats stats;
};

/* As the options say: --json, on standard output where `stdout_free`; nothing with --quiet alone. Returns an
 * exit code. */
int summary_print(const struct summary *s, const struct options *o, bool stdout_free);

#endif
