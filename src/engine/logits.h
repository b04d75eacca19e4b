/* What changes logits before the temperature: masks, bias and penalties, each touching only the tokens concerned. */
#ifndef PARALLM_ENGINE_LOGITS_H
#define PARALLM_ENGINE_LOGITS_H

#include "engine/sampler.h"

/* Whether any of it applies; if not, the logits can be used as they came. */
bool logits_change(const struct sampler_input *in);

/* out[0 .. vocab-1] = logits after all of it. */
void logits_process(const struct sampler_input *in, float *out, const struct logits_scratch *scratch);

/* DRY: for a token that would continue the repetition of a sequence of n tokens, n >= allowed_length,
 *   logit -= multiplier * base^(n - allowed_length)
 * where n is the longest match between the end of the history and an earlier place in it that this token follows.
 * No match reaches over a breaker, and breakers are not penalized. */
void logits_dry(const struct sampler_input *in, float *out, const struct logits_scratch *scratch);

#endif
