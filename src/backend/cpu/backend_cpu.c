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
    for (size_t i = 0; i < d->rooms.n; i++)
        weight_room_fini(&d->rooms.at[i]);
    vec_fini(&d->rooms);
    mem_free(d);
}

static const struct kernels *device_kernels(const struct device *d)
{
    return &d->kernels;
}

static pllm_status weights_load(struct device *d, const struct weight_job *jobs, size_t n, struct pool *pool,
                                const struct weight_watch *watch, pllm_error *err)
{
    struct weight_room room;
    if (!vec_reserve(&d->rooms, 1))
        return error_memory(err, "weights");
    pllm_status status = weights_pack(&room, jobs, n, &d->kernels, pool, watch, err);
    if (status)
        return status;
    d->rooms.at[d->rooms.n++] = room;
    for (size_t i = 0; i < n; i++)
        assert(jobs[i].out->kernel->panel <= PANEL_MAX);
    return PLLM_OK;
}

const struct backend backend_cpu = {
    .name = "cpu",
    .device_open = device_open,
    .device_close = device_close,
    .device_kernels = device_kernels,
    .weights_load = weights_load,
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
