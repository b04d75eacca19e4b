/* score --perplexity: of a text cut into windows of --max-model-len tokens, each scored from its second token. */
#ifndef PARALLM_CLI_PERPLEXITY_H
#define PARALLM_CLI_PERPLEXITY_H

#include "options.h"

int perplexity_run(struct options *o); /* the exit code */

#endif
