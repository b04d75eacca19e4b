/* The decoder: one forward pass for every family. What differs between families is in the description and in
 * which tensors are there. */
#include "base/mem.h"
#include "model/model.h"

struct decoder {
    const struct model *m;
    const struct backend *be;
    struct stream *stream;
    struct kv *kv;
    struct act *x, *normed, *q, *k, *v, *att, *gated, *branch, *last; /* [max_rows][...]; last: [max_out][hidden] */
    pllm_progress progress; /* or NULL */
    void *progress_user;
};

static struct linear linear_of(const struct weight *w, const float *bias, struct act *out, int layer, int module)
{
    return (struct linear){.w = w, .bias = bias, .out = out, .scale = 1, .layer = layer, .module = module};
}

/* The branch's input: normed, or the residual stream itself where this family has no norm here. */
static const struct act *branch_input(struct decoder *d, const struct norm *norm)
{
    if (!norm->weight)
        return d->x;
    d->be->norm(d->stream, d->normed, d->x, norm);
    return d->normed;
}

/* x += scale * norm(w * in): directly where there is no norm behind the branch. */
static void add_branch(struct decoder *d, struct linear out, const struct act *in, const struct norm *norm)
{
    const float scale = d->m->desc->residual_scale;
    if (!norm->weight) {
        out.out = d->x;
        out.accumulate = true;
        out.scale = scale;
        d->be->linear(d->stream, &out, 1, in);
        return;
    }
    out.out = d->branch;
    d->be->linear(d->stream, &out, 1, in);
    d->be->norm(d->stream, d->branch, d->branch, norm);
    d->be->add(d->stream, d->x, d->branch, scale);
}

static void attention(struct decoder *d, int l, const struct act *in)
{
    const struct model_desc *desc = d->m->desc;
    const struct layer *layer = &d->m->layers[l];
    const struct linear qkv[3] = {linear_of(&layer->q, layer->q_bias, d->q, l, LORA_Q),
                                  linear_of(&layer->k, layer->k_bias, d->k, l, LORA_K),
                                  linear_of(&layer->v, layer->v_bias, d->v, l, LORA_V)};
    const struct attention a = {
        .layer = l,
        .n_heads = desc->n_heads,
        .n_kv_heads = desc->n_kv_heads,
        .head_dim = desc->head_dim,
        .q_norm = layer->q_norm.weight ? &layer->q_norm : NULL,
        .k_norm = layer->k_norm.weight ? &layer->k_norm : NULL,
        .norm_whole = desc->qk_norm_whole,
        .norm_rotated = desc->qk_norm_rotated,
        .rope = desc->layer[l].rope,
        .window = desc->layer[l].window,
        .scale = desc->attn_scale,
        .softcap = desc->attn_softcap,
    };
    d->be->linear(d->stream, qkv, 3, in);
    d->be->rope_store(d->stream, d->kv, d->q, d->k, d->v, &a);
    d->be->attend(d->stream, d->kv, d->att, d->q, &a);
    add_branch(d, linear_of(&layer->o, layer->o_bias, NULL, l, LORA_O), d->att, &layer->attn_out);
}

static void mlp(struct decoder *d, int l, const struct act *in)
{
    const struct model_desc *desc = d->m->desc;
    const struct layer *layer = &d->m->layers[l];
    if (desc->layer[l].experts) {
        const struct experts e = {.router = &layer->router,
                                  .n_experts = desc->n_experts,
                                  .top_k = desc->n_experts_used,
                                  .normalize = desc->experts_normalize,
                                  .gate = layer->expert_gate,
                                  .up = layer->expert_up,
                                  .down = layer->expert_down,
                                  .act = desc->act};
        d->be->experts(d->stream, d->x, in, &e, desc->residual_scale);
        return;
    }
    const struct linear gate = linear_of(&layer->gate, layer->gate_bias, NULL, l, LORA_GATE);
    const struct linear up = linear_of(&layer->up, layer->up_bias, NULL, l, LORA_UP);
    d->be->gate_up(d->stream, d->gated, &gate, &up, in, desc->act);
    add_branch(d, linear_of(&layer->down, layer->down_bias, NULL, l, LORA_DOWN), d->gated, &layer->mlp_out);
}

static bool goes_on(const struct decoder *d, int layer)
{
    return !d->progress || d->progress(d->progress_user, "step", (uint64_t)layer, (uint64_t)d->m->desc->n_layers);
}

bool decoder_step(struct decoder *d, const struct batch *batch, const float **logits, size_t *stride)
{
    const struct model *m = d->m;
    d->be->begin(d->stream, batch);
    d->be->embed(d->stream, d->x, &m->embed, m->embed_as, m->desc->embed_scale);
    for (int l = 0; l < m->desc->n_layers; l++) {
        if (!goes_on(d, l)) {
            d->be->end(d->stream);
            return false;
        }
        const struct act *in = branch_input(d, &m->layers[l].attn_in);
        attention(d, l, in);
        mlp(d, l, m->desc->parallel ? in : branch_input(d, &m->layers[l].mlp_in));
    }
    if (batch->n_out) {
        d->be->gather(d->stream, d->last, d->x);
        d->be->norm(d->stream, d->last, d->last, &m->norm_out);
        *logits = d->be->logits(d->stream, &m->head, d->last, m->desc->logit_scale, m->desc->final_softcap, stride);
    }
    d->be->end(d->stream);
    return true;
}

void decoder_copy_block(struct decoder *d, int group, int32_t to, int32_t from, int n_positions)
{
    d->be->kv_copy(d->kv, group, to, from, n_positions);
}

static int widest(const struct model_desc *d)
{
    const int sizes[] = {d->hidden, d->n_heads * d->head_dim, d->intermediate, d->expert_intermediate};
    int most = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        most = sizes[i] > most ? sizes[i] : most;
    return most;
}

/* The largest mixture of the model, for the stream's scratch: all layers have the same sizes. */
static bool experts_of(const struct model *m, struct experts *out)
{
    for (int l = 0; l < m->desc->n_layers; l++)
        if (m->desc->layer[l].experts) {
            const struct layer *layer = &m->layers[l];
            *out = (struct experts){.router = &layer->router, .n_experts = m->desc->n_experts,
                                    .top_k = m->desc->n_experts_used, .gate = layer->expert_gate, .up = layer->expert_up,
                                    .down = layer->expert_down};
            return true;
        }
    return false;
}

static struct stream_options stream_options_of(const struct model *m, const struct decoder_options *o,
                                               struct experts *experts)
{
    return (struct stream_options){.pool = o->pool, .threads = o->threads, .max_rows = o->max_rows,
                                   .max_seqs = o->max_seqs, .max_out = o->max_out,
                                   .max_cols = widest(m->desc), .ropes = m->ropes, .n_ropes = m->desc->n_ropes,
                                   .experts = experts_of(m, experts) ? experts : NULL,
                                   .fine = m->fine_activations, .only_int8 = !m->float_weights, .vocab = m->desc->vocab};
}

/* The activations and their widths, for opening and for the plan. */
enum { N_ACTS = 9 };

static void act_widths(const struct model_desc *d, int widths[N_ACTS])
{
    const int q = d->n_heads * d->head_dim, kv = d->n_kv_heads * d->head_dim;
    const int all[N_ACTS] = {d->hidden, d->hidden, q, kv, kv, q, d->intermediate, d->hidden, d->hidden};
    for (int i = 0; i < N_ACTS; i++)
        widths[i] = all[i];
}

static pllm_status open_acts(struct decoder *d, const struct decoder_options *o, pllm_error *err)
{
    struct act **const acts[N_ACTS] = {&d->x, &d->normed, &d->q, &d->k, &d->v, &d->att, &d->gated, &d->branch, &d->last};
    int widths[N_ACTS];
    act_widths(d->m->desc, widths);
    for (int i = 0; i < N_ACTS; i++) {
        pllm_status status = d->be->act_open(acts[i], d->stream, i == N_ACTS - 1 ? o->max_out : o->max_rows, widths[i], err);
        if (status)
            return status;
    }
    return PLLM_OK;
}

/* Of a cache without blocks; `group` has room for a number for each layer, and stays. */
static struct kv_layout layout_of(const struct model_desc *desc, enum kv_type type, int group[MODEL_MAX_LAYERS])
{
    for (int l = 0; l < desc->n_layers; l++)
        group[l] = model_kv_group(desc, l);
    return (struct kv_layout){.type = type, .n_layers = desc->n_layers, .n_kv_heads = desc->n_kv_heads,
                              .head_dim = desc->head_dim, .group = group};
}

static pllm_status open_kv(struct decoder *d, const struct decoder_options *o, pllm_error *err)
{
    int group[MODEL_MAX_LAYERS];
    struct kv_layout layout = layout_of(d->m->desc, o->kv_type, group);
    for (int g = 0; g < KV_GROUPS; g++)
        layout.n_blocks[g] = o->n_blocks[g];
    return d->be->kv_open(&d->kv, d->stream, &layout, err);
}

pllm_status decoder_open(struct decoder **out, const struct model *m, const struct decoder_options *o, pllm_error *err)
{
    struct experts experts;
    const struct stream_options so = stream_options_of(m, o, &experts);
    struct decoder *d = mem_zalloc(1, sizeof *d);
    if (!d)
        return error_memory(err, "decoder");
    d->m = m;
    d->be = m->backend;
    d->progress = o->progress;
    d->progress_user = o->progress_user;
    pllm_status status = d->be->stream_open(&d->stream, m->device, &so, err);
    if (!status)
        status = open_acts(d, o, err);
    if (!status)
        status = open_kv(d, o, err);
    if (status)
        decoder_close(d);
    else
        *out = d;
    return status;
}

void decoder_close(struct decoder *d)
{
    if (!d)
        return;
    struct act *const acts[N_ACTS] = {d->x, d->normed, d->q, d->k, d->v, d->att, d->gated, d->branch, d->last};
    for (int i = 0; i < N_ACTS; i++)
        d->be->act_close(acts[i]);
    d->be->kv_close(d->kv);
    d->be->stream_close(d->stream);
    mem_free(d);
}

size_t decoder_scratch_bytes(const struct model *m, const struct decoder_options *o)
{
    struct experts experts;
    const struct stream_options so = stream_options_of(m, o, &experts);
    int widths[N_ACTS];
    act_widths(m->desc, widths);
    size_t bytes = m->backend->stream_bytes(m->device, &so) + m->backend->kv_scratch_bytes(m->desc->head_dim, o->threads);
    for (int i = 0; i < N_ACTS; i++)
        bytes += m->backend->act_bytes(i == N_ACTS - 1 ? o->max_out : o->max_rows, widths[i]);
    return bytes;
}

size_t decoder_block_bytes(const struct model *m, enum kv_type type, int group)
{
    int groups[MODEL_MAX_LAYERS];
    const struct kv_layout layout = layout_of(m->desc, type, groups);
    return m->backend->kv_block_bytes(&layout, m->device, group);
}
