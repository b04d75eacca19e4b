/* What the engine needs of a model: a table of functions, so that tests can put a small one of their own
 * behind it. engine_model.c fills it for src/model/. */
#ifndef PARALLM_ENGINE_ENGINE_MODEL_H
#define PARALLM_ENGINE_ENGINE_MODEL_H

#include "model/model.h"

struct engine_model {
    const void *ctx; /* first argument of the functions; outlives the engine */
    const struct kernels *kernels; /* the host's, with which rows of logits are read; outlives the engine */
    int vocab, max_context;
    int window;      /* of the layers in KV group 1; 0: there are none */
    bool all_windowed; /* no layer is in group 0 */
    int rope_switch; /* longer sequences are rotated with the long factors, from their first position on; 0: never */

    size_t (*block_bytes)(const void *ctx, enum kv_type type, int group);
    size_t (*scratch_bytes)(const void *ctx, const struct decoder_options *o);
    pllm_status (*open)(void **decoder, const void *ctx, const struct decoder_options *o, pllm_error *err);
    void (*close)(void *decoder);
    bool (*step)(void *decoder, const struct batch *batch, const float **logits, size_t *stride);
    void (*copy_block)(void *decoder, int group, int32_t to, int32_t from, int n_positions);
    void (*adapter_close)(struct adapter *a);
};

/* `m` outlives the result. */
struct engine_model engine_model_of(const struct model *m);

#endif
