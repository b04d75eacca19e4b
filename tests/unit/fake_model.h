/* A model for tests of the engine: two layers of hashing instead of attention, seen through the block tables, so that
 * a wrong table, position, copy or order gives other logits. What a sequence must get is computed beside it from
 * its tokens alone. */
#ifndef PARALLM_TESTS_UNIT_FAKE_MODEL_H
#define PARALLM_TESTS_UNIT_FAKE_MODEL_H

#include "engine/engine_model.h"

struct fake_model {
    int vocab, max_context, window, rope_switch;
    int nan_token;          /* logits after this token are NaN; -1: none does that */
    /* Figures of all decoders so far. */
    int n_open;
    uint64_t rows, wrong;   /* rows computed; tables or positions that cannot be right */
    int last_rows, last_out;
};

struct fake_model fake_model_default(void);
struct engine_model fake_engine_model(struct fake_model *m);
const struct kernels *fake_kernels(void); /* with which its logits are read */

/* Logits after tokens[0 .. n-1] [vocab], by definition. */
void fake_logits(const struct fake_model *m, const int32_t *tokens, int n, int adapter, float *logits);

#endif
