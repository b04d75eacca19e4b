/* Opens a model: description, tensors found and checked, then packed all together. */
#include "model/model.h"

#include "base/mem.h"
#include "model/bind.h"

#include <string.h>

static size_t rope_floats(const struct model_desc *d)
{
    size_t n = 0;
    for (int i = 0; i < d->n_ropes; i++)
        n += (size_t)d->rope[i].dims; /* two tables of half of it */
    return n;
}

static pllm_status load_vector(float *out, const struct vector_job *job, pllm_error *err)
{
    float *all = mem_alloc((size_t)job->tensor->m.cols, sizeof *all);
    if (!all)
        return error_memory(err, job->tensor->name);
    matrix_dequantize(all, &job->tensor->m, 0, 0, job->tensor->m.cols);
    for (int64_t i = 0; i < job->n; i++)
        out[i] = all[job->first + interleaved_row(job->heads, i)] + job->plus;
    mem_free(all);
    return PLLM_OK;
}

/* Norms, biases and frequencies, all in one piece of memory. */
static pllm_status load_vectors(struct model *m, const struct binding *b, pllm_error *err)
{
    size_t n = rope_floats(m->desc);
    for (size_t i = 0; i < b->vectors.n; i++)
        n += (size_t)b->vectors.at[i].n;
    float *at = m->vectors = mem_zalloc(n, sizeof *at);
    if (!at)
        return error_memory(err, "norms");
    for (size_t i = 0; i < b->vectors.n; i++) {
        const struct vector_job *job = &b->vectors.at[i];
        pllm_status status = load_vector(at, job, err);
        if (status)
            return status;
        *job->out = at;
        at += job->n;
    }
    for (int i = 0; i < m->desc->n_ropes; i++) {
        struct rope *r = &m->ropes[i];
        for (int which = 0; which < 2; which++, at += r->dims / 2) {
            r->scale[which] = rope_frequencies(at, &m->desc->rope[i], which);
            r->inv_freq[which] = at;
        }
    }
    return PLLM_OK;
}

/* Bytes that the packed forms of all weights will take. */
static uint64_t packed_bytes(const struct model *m, const struct binding *b)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < b->weights.n; i++)
        bytes += weight_bytes(&b->weights.at[i].source, m->backend->device_kernels(m->device));
    return bytes;
}

/* Who is asked whether loading goes on. */
struct watching {
    const struct aside *aside;
    const struct model_options *options;
};

static bool watch(void *user, uint64_t done, uint64_t total)
{
    const struct watching *w = user;
    const struct model_options *o = w->options;
    return !aside_failed(w->aside) && (!o->progress || o->progress(o->progress_user, "loading", done, total));
}

static pllm_status load_weights(struct model *m, const struct binding *b, const struct model_options *o,
                                const struct aside *aside, pllm_error *err)
{
    struct watching watching = {aside, o};
    const struct weight_watch asked = {watch, &watching};
    pllm_status status = m->backend->weights_load(m->device, b->weights.at, b->weights.n, o->pool, &asked, err);
    for (size_t i = 0; i < b->weights.n && !status; i++)
        m->weight_bytes += b->weights.at[i].out->bytes;
    return status;
}

static pllm_status experts_apart(const struct model *m, int layer, int expert, const char *name, const struct weight *w,
                                 const struct weight *first, pllm_error *err)
{
    return error_set(err, PLLM_E_UNSUPPORTED,
                     "%s: layer %d: the %s of expert %d has type %s, which is not multiplied together with type %s, expert 0's",
                     m->checkpoint->path, layer, name, expert, block_info[w->type].name, block_info[first->type].name);
}

/* The backend packs an expert's rows once, for its gate and its up, and cuts the products of all experts alike. */
static pllm_status check_experts(const struct model *m, int l, pllm_error *err)
{
    const struct layer *layer = &m->layers[l];
    for (int e = 0; e < m->desc->n_experts; e++) {
        if (!weight_same_cut(&layer->expert_gate[e], layer->expert_gate))
            return experts_apart(m, l, e, "gate", &layer->expert_gate[e], layer->expert_gate, err);
        if (!weight_same_cut(&layer->expert_up[e], layer->expert_gate))
            return experts_apart(m, l, e, "up", &layer->expert_up[e], layer->expert_gate, err);
        if (!weight_same_cut(&layer->expert_down[e], layer->expert_down))
            return experts_apart(m, l, e, "down", &layer->expert_down[e], layer->expert_down, err);
    }
    return PLLM_OK;
}

/* Of two errors, that of what was read aside is told: it would have been the first without threads. */
static pllm_status load(struct model *m, const struct binding *b, const struct model_options *o, pllm_error *err)
{
    struct aside aside;
    pllm_error why = {0};
    aside_start(&aside, o->meanwhile, o->meanwhile_user, pool_threads(o->pool) > 1);
    pllm_status status = load_vectors(m, b, &why);
    if (!status)
        status = load_weights(m, b, o, &aside, &why);
    for (int l = 0; l < m->desc->n_layers && !status; l++)
        if (m->desc->layer[l].experts)
            status = check_experts(m, l, &why);
    const pllm_status other = aside_join(&aside, err);
    return other ? other : status ? error_set(err, status, "%s", why.message) : PLLM_OK;
}

/* Everything but the weights' values: description, device, places of all tensors. */
static pllm_status open_description(struct model *m, struct binding *b, const struct model_options *o, pllm_error *err)
{
    m->backend = &backend_cpu;
    pllm_status status = desc_open(&m->desc, &m->family, m->checkpoint->config, err);
    if (!status)
        status = m->backend->device_open(&m->device, o->isa, err);
    if (status)
        return status;
    m->layers = mem_zalloc((size_t)m->desc->n_layers, sizeof *m->layers);
    if (!m->layers)
        return error_memory(err, "layers");
    for (int i = 0; i < m->desc->n_ropes; i++) /* the plan counts the tables of angles by them */
        m->ropes[i].dims = m->desc->rope[i].dims;
    status = bind_model(b, m, o, err);
    m->n_parameters = b->n_parameters;
    return status;
}

/* Takes the checkpoint over, and closes it where there is no memory: NULL. */
static struct model *model_of(struct checkpoint *checkpoint)
{
    struct model *m = mem_zalloc(1, sizeof *m);
    if (m)
        m->checkpoint = checkpoint;
    else
        checkpoint_close(checkpoint);
    return m;
}

pllm_status model_open(struct model **out, struct checkpoint *checkpoint, const struct model_options *o, pllm_error *err)
{
    struct binding b = {0};
    struct model *m = model_of(checkpoint);
    if (!m)
        return error_memory(err, "model");
    pllm_status status = open_description(m, &b, o, err);
    if (!status)
        status = load(m, &b, o, err);
    bind_fini(&b);
    if (status)
        model_close(m);
    else
        *out = m;
    return status;
}

pllm_status model_describe(struct model **out, uint64_t *weight_bytes_needed, struct checkpoint *checkpoint,
                           const struct model_options *o, pllm_error *err)
{
    struct binding b = {0};
    uint64_t bytes = 0;
    struct model *m = model_of(checkpoint);
    if (!m)
        return error_memory(err, "model");
    pllm_status status = open_description(m, &b, o, err);
    if (!status)
        bytes = packed_bytes(m, &b);
    bind_fini(&b);
    if (status) {
        model_close(m);
        return status;
    }
    *out = m;
    *weight_bytes_needed = bytes;
    return PLLM_OK;
}

static void close_layer(struct layer *layer)
{
    mem_free(layer->expert_gate);
    mem_free(layer->expert_up);
    mem_free(layer->expert_down);
}

void model_close(struct model *m)
{
    if (!m)
        return;
    for (int l = 0; m->layers && l < m->desc->n_layers; l++)
        close_layer(&m->layers[l]);
    if (m->device)
        m->backend->device_close(m->device);
    mem_free(m->layers);
    mem_free(m->vectors);
    desc_close(m->desc);
    checkpoint_close(m->checkpoint);
    mem_free(m);
}

struct interleaved model_interleaved(const struct model_desc *d, bool is_gguf)
{
    const bool is = d->interleaved == INTERLEAVED_ALWAYS || (is_gguf && d->interleaved == INTERLEAVED_IN_GGUF);
    return (struct interleaved){is ? d->head_dim : 0, d->rope[0].dims};
}

void model_lora_shape(const struct model *m, struct lora_shape *out)
{
    const struct model_desc *d = m->desc;
    const int q = d->n_heads * d->head_dim, kv = d->n_kv_heads * d->head_dim, mlp = d->n_experts ? 0 : d->intermediate;
    *out = (struct lora_shape){
        .n_layers = d->n_layers,
        .heads = model_interleaved(d, false),
        .in = {[LORA_Q] = d->hidden, [LORA_K] = d->hidden, [LORA_V] = d->hidden, [LORA_O] = q,
               [LORA_GATE] = mlp ? d->hidden : 0, [LORA_UP] = mlp ? d->hidden : 0, [LORA_DOWN] = mlp},
        .out = {[LORA_Q] = q, [LORA_K] = kv, [LORA_V] = kv, [LORA_O] = d->hidden,
                [LORA_GATE] = mlp, [LORA_UP] = mlp, [LORA_DOWN] = mlp ? d->hidden : 0},
    };
}

int model_kv_group(const struct model_desc *d, int layer)
{
    return d->layer[layer].window > 0;
}

int model_group_window(const struct model_desc *d, int group)
{
    int window = 0;
    for (int l = 0; l < d->n_layers; l++)
        if (model_kv_group(d, l) == group && d->layer[l].window > window)
            window = d->layer[l].window;
    return window;
}

int model_rope_switch(const struct model_desc *d)
{
    const double length = d->rope[0].original_context;
    return !d->rope[0].factors[1] ? 0 : length < INT32_MAX ? (int)length : INT32_MAX;
}
