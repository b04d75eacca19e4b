/* The table of the CPU backend, and its device: the kernels chosen for this processor. */
#include "backend/cpu/stream.h"

#include "base/mem.h"
#include "base/vec.h"
#include "kernels/cpu.h"

#include <assert.h>

static pllm_status unknown_isa(const char *isa, pllm_error *err)
{
    struct buf names = {0};
    bool good = true;
    for (int i = 0; kernels_tier(i); i++)
        good = good && buf_printf(&names, "%s%s", i ? ", " : "", kernels_tier(i));
    pllm_status status = good ? error_set(err, PLLM_E_ARGUMENT, "isa: is \"%s\", wanted one of %.*s", isa, (int)names.n, names.at)
                              : error_memory(err, "isa");
    vec_fini(&names);
    return status;
}

static pllm_status device_open(struct device **out, const char *isa, pllm_error *err)
{
    struct device *d = mem_zalloc(1, sizeof *d);
    if (!d)
        return error_memory(err, "device");
    if (!kernels_init(&d->kernels, cpu_features(), isa)) {
        mem_free(d);
        return unknown_isa(isa, err);
    }
    *out = d;
    return PLLM_OK;
}

static void device_close(struct device *d)
{
    mem_free_aligned(d->room, d->room_bytes);
    mem_free(d);
}

static const struct kernels *device_kernels(const struct device *d)
{
    return &d->kernels;
}

static pllm_status weights_reserve(struct device *d, size_t bytes, pllm_error *err)
{
    assert(!d->room);
    d->room = mem_alloc_aligned(bytes);
    if (!d->room)
        return error_memory(err, "weights");
    d->room_bytes = bytes;
    return PLLM_OK;
}

static pllm_status weight_load(struct device *d, struct weight *out, const struct weight_source *source,
                               struct pool *pool, pllm_error *err)
{
    struct weight_source s = *source;
    const size_t bytes = weight_bytes(source, &d->kernels);
    if (bytes && bytes <= d->room_bytes - d->room_used)
        s.room = d->room + d->room_used;
    pllm_status status = weight_pack(out, &s, &d->kernels, pool, err);
    assert(status != PLLM_OK || out->kernel->panel <= PANEL_MAX);
    if (!status && s.room)
        d->room_used += bytes;
    return status;
}

static void weight_free(struct device *d, struct weight *w)
{
    (void)d;
    weight_fini(w);
}

const struct backend backend_cpu = {
    .name = "cpu",
    .device_open = device_open,
    .device_close = device_close,
    .device_kernels = device_kernels,
    .weights_reserve = weights_reserve,
    .weight_load = weight_load,
    .weight_free = weight_free,
    .stream_open = stream_open,
    .stream_close = stream_close,
    .stream_bytes = stream_bytes,
    .act_open = act_open,
    .act_bytes = act_bytes,
    .act_close = act_close,
    .kv_open = kv_open,
    .kv_close = kv_close,
    .kv_block_bytes = kv_block_bytes,
    .kv_scratch_bytes = kv_scratch_bytes,
    .kv_copy = kv_copy,
    .begin = stream_begin,
    .end = stream_end,
    .embed = op_embed,
    .norm = op_norm,
    .linear = op_linear,
    .gate_up = op_gate_up,
    .rope_store = op_rope_store,
    .attend = op_attend,
    .experts = op_experts,
    .add = op_add,
    .gather = op_gather,
    .logits = op_logits,
};
