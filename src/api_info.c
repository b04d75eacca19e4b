/* What a model is: for programs (pllm_model_info) and for people (text). */
#include "api.h"

#include "base/mem.h"
#include "model/model.h"

#include <stdio.h>

static uint64_t cells(const struct weight *w)
{
    return (uint64_t)w->rows * (uint64_t)w->cols;
}

/* Sums over the linear layers: all of them, or those that a token meets (of experts, the chosen ones). */
struct sums {
    uint64_t multiply_adds, bytes_read;
    uint64_t cells_of_type[TYPE_COUNT];
};

static void add_weight(struct sums *s, const struct weight *w, int times)
{
    s->multiply_adds += cells(w) * (uint64_t)times;
    s->bytes_read += w->bytes * (uint64_t)times;
    s->cells_of_type[w->type] += cells(w);
}

static struct sums sum_weights(const struct model *m)
{
    struct sums s = {0};
    for (int l = 0; l < m->desc->n_layers; l++) {
        const struct layer *y = &m->layers[l];
        const struct weight *const dense[] = {&y->q, &y->k, &y->v, &y->o, &y->gate, &y->up, &y->down, &y->router};
        for (size_t i = 0; i < sizeof dense / sizeof *dense; i++)
            add_weight(&s, dense[i], 1);
        if (!m->desc->layer[l].experts)
            continue;
        add_weight(&s, &y->expert_gate[0], m->desc->n_experts_used);
        add_weight(&s, &y->expert_up[0], m->desc->n_experts_used);
        add_weight(&s, &y->expert_down[0], m->desc->n_experts_used);
    }
    add_weight(&s, &m->head, 1);
    return s;
}

static const char *most_used_type(const struct sums *s)
{
    int best = 0;
    for (int t = 0; t < TYPE_COUNT; t++)
        if (s->cells_of_type[t] > s->cells_of_type[best])
            best = t;
    return block_info[best].name;
}

static uint64_t kv_bytes_per_token(const struct model *m)
{
    const struct model_desc *d = m->desc;
    return 2 * sizeof(uint16_t) * (uint64_t)d->n_layers * (uint64_t)d->n_kv_heads * (uint64_t)d->head_dim;
}

static pllm_model_info model_info(const struct model *m)
{
    const struct model_desc *d = m->desc;
    const struct sums s = sum_weights(m);
    return (pllm_model_info){
        .architecture = d->family,
        .quantization = most_used_type(&s),
        .isa = m->backend->device_kernels(m->device)->isa,
        .n_parameters = m->n_parameters,
        .weight_bytes = m->weight_bytes,
        .weight_bytes_read = s.bytes_read,
        .multiply_adds = s.multiply_adds,
        .kv_bytes_per_token = kv_bytes_per_token(m),
        .n_layers = d->n_layers,
        .hidden_size = d->hidden,
        .n_heads = d->n_heads,
        .n_kv_heads = d->n_kv_heads,
        .head_dim = d->head_dim,
        .vocab_size = d->vocab,
        .max_context = d->max_context,
    };
}

pllm_model_info pllm_model_describe(const pllm_model *model)
{
    return model_info(model->model);
}

static int windowed_layers(const struct model_desc *d)
{
    int n = 0;
    for (int l = 0; l < d->n_layers; l++)
        n += d->layer[l].window > 0;
    return n;
}

pllm_status api_model_text(const struct model *m, char **text, pllm_error *err)
{
    static const char *const scalings[] = {"none", "linear", "dynamic", "llama3", "yarn", "longrope"};
    const struct model_desc *d = m->desc;
    const pllm_model_info i = model_info(m);
    const bool billions = i.n_parameters >= 1000000000;
    struct buf b = {0};
    bool ok = buf_printf(&b, "architecture      %s\n", i.architecture) &&
              buf_printf(&b, "parameters        %.2f %s, mostly %s\n", (double)i.n_parameters * (billions ? 1e-9 : 1e-6),
                         billions ? "billion" : "million", i.quantization) &&
              buf_printf(&b, "layers            %d, hidden size %d, intermediate size %d\n", i.n_layers, i.hidden_size,
                         d->intermediate) &&
              buf_printf(&b, "attention         %d heads of %d, %d for keys and values\n", i.n_heads, i.head_dim,
                         i.n_kv_heads) &&
              buf_printf(&b, "vocabulary        %d%s\n", i.vocab_size, d->tied ? ", head tied to the embedding" : "") &&
              buf_printf(&b, "context           %d tokens, rope theta %g, scaling %s\n", i.max_context, d->rope[0].theta,
                         scalings[d->rope[0].scaling]);
    if (ok && windowed_layers(d))
        ok = buf_printf(&b, "sliding window    %d tokens in %d layers\n", model_group_window(d, 1), windowed_layers(d));
    if (ok && d->n_experts)
        ok = buf_printf(&b, "experts           %d, %d for each token\n", d->n_experts, d->n_experts_used);
    ok = ok && buf_printf(&b, "instruction set   %s\n", i.isa);
    if (!ok) {
        vec_fini(&b);
        return error_memory(err, "description");
    }
    *text = b.at;
    return PLLM_OK;
}

pllm_status pllm_model_print(const pllm_model *model, char **text, pllm_error *err)
{
    return api_model_text(model->model, text, err);
}
