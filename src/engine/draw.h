/* Temperature and what follows it: which tokens may be drawn, and the draw. The exact set of candidates can be listed
 * (draw_set); most draws need no list. */
#ifndef PARALLM_ENGINE_DRAW_H
#define PARALLM_ENGINE_DRAW_H

#include "engine/sampler.h"

/* What differences of logits are multiplied by: 1 / temperature, finite, so that a difference of 0 stays 0. */
float draw_scale(const pllm_sampling *p);

/* Leaves in s->set what may be drawn from s->row. */
void draw_set(const struct sampler_input *in, struct sampler_scratch *s);

/* A number of s->set, drawn. */
int draw_from_set(const struct sampler_input *in, const struct sampler_scratch *s);

/* A token drawn from s->row without a list of candidates, from the same distribution; -1: use the list. */
int32_t draw_from_row(const struct sampler_input *in, struct sampler_scratch *s);

#endif
