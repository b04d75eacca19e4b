#include "engine/engine_model.h"

static size_t block_bytes(const void *ctx, enum kv_type type, int group)
{
    return decoder_block_bytes(ctx, type, group);
}

static size_t scratch_bytes(const void *ctx, const struct decoder_options *o)
{
    return decoder_scratch_bytes(ctx, o);
}

static pllm_status open_decoder(void **decoder, const void *ctx, const struct decoder_options *o, pllm_error *err)
{
    struct decoder *d;
    pllm_status status = decoder_open(&d, ctx, o, err);
    if (!status)
        *decoder = d;
    return status;
}

static void close_decoder(void *decoder)
{
    decoder_close(decoder);
}

static bool step(void *decoder, const struct batch *batch, const float **logits, size_t *stride)
{
    return decoder_step(decoder, batch, logits, stride);
}

static void copy_block(void *decoder, int group, int32_t to, int32_t from, int n_positions)
{
    decoder_copy_block(decoder, group, to, from, n_positions);
}

struct engine_model engine_model_of(const struct model *m)
{
    const struct model_desc *d = m->desc;
    bool all_windowed = true;
    for (int l = 0; l < d->n_layers; l++)
        all_windowed = all_windowed && model_kv_group(d, l) == 1;
    return (struct engine_model){
        .ctx = m,
        .kernels = m->backend->device_kernels(m->device),
        .vocab = d->vocab,
        .max_context = d->max_context,
        .window = model_group_window(d, 1),
        .all_windowed = all_windowed,
        .rope_switch = model_rope_switch(d),
        .block_bytes = block_bytes,
        .scratch_bytes = scratch_bytes,
        .open = open_decoder,
        .close = close_decoder,
        .step = step,
        .copy_block = copy_block,
        .adapter_close = adapter_close,
    };
}
