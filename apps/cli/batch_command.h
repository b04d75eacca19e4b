/* The frame of `generate` and `score`: opens input, output, model and engine, runs the batch, sums up. */
#ifndef PARALLM_CLI_BATCH_COMMAND_H
#define PARALLM_CLI_BATCH_COMMAND_H

#include "batch.h"

int batch_command(const struct options *o, const struct batch_kind *kind);

#endif
