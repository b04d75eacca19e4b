#include "model/bind.h"

#include "base/mem.h"
#include "model/mix.h"
#include "model/names.h"

#include <stdio.h>
#include <string.h>

/* What the functions below pass around. `status` is sticky: after the first error all of them do nothing. */
struct binder {
    struct binding *b;
    struct model *m;
    const struct model_options *o;
    pllm_error *err;
    pllm_status status;
    bool *used;                 /* of each of the checkpoint's tensors: a slot took it */
    const struct mix *quantize; /* NULL: no */
    bool fine;                  /* activations of 15 bits */
};

/* Models of fewer hidden dimensions feel int8 activations: all their layers but gate and up read two planes
 * (docs/speed/activations.md has what each layer contributes, and what it costs). */
enum { NARROW = 1024 };

static const struct interleaved in_order = {0};

static bool is_float(enum block_type type)
{
    return type == TYPE_F32 || type == TYPE_F16 || type == TYPE_BF16;
}

/* The tensor of this name, which is not left over then; NULL: there is none. */
static const struct tensor *take(struct binder *b, const char *name)
{
    const struct checkpoint *c = b->m->checkpoint;
    const struct tensor *t = checkpoint_find(c, name);
    if (t)
        b->used[t - c->tensors.at] = true;
    return t;
}

/* The tensor of a slot; NULL where it is optional and absent, or after an error. */
static const struct tensor *find(struct binder *b, enum tensor_slot slot, int layer, int expert, bool required)
{
    char name[TENSOR_NAME_BYTES];
    const struct checkpoint *c = b->m->checkpoint;
    if (b->status || !name_of_tensor(name, sizeof name, b->m->family, c->format == CHECKPOINT_GGUF, slot, layer, expert))
        return NULL;
    const struct tensor *t = take(b, name);
    if (!t && required)
        b->status = error_set(b->err, PLLM_E_FORMAT, "%s: tensor %s is missing", c->path, name);
    return t;
}

/* A slot that the family names must be there unless it is optional; one that it does not name is not looked for. */
static const struct tensor *find_named(struct binder *b, enum tensor_slot slot, int layer)
{
    const struct tensor_name *n = name_in_family(b->m->family, slot);
    return n ? find(b, slot, layer, 0, !n->optional) : NULL;
}

static void wrong_shape(struct binder *b, const struct tensor *t, int64_t rows, int64_t cols)
{
    char shape[96] = "";
    size_t n = 0;
    for (int i = 0; i < t->n_dims && n < sizeof shape - 24; i++)
        n += (size_t)snprintf(shape + n, sizeof shape - n, "%s%lld", i ? ", " : "", (long long)t->shape[i]);
    if (rows)
        b->status = error_set(b->err, PLLM_E_FORMAT, "%s: tensor %s has shape [%s], wanted [%lld, %lld]",
                              b->m->checkpoint->path, t->name, shape, (long long)rows, (long long)cols);
    else
        b->status = error_set(b->err, PLLM_E_FORMAT, "%s: tensor %s has shape [%s], wanted [%lld]",
                              b->m->checkpoint->path, t->name, shape, (long long)cols);
}

static void wrong_type(struct binder *b, const struct tensor *t, const char *wanted)
{
    b->status = error_set(b->err, PLLM_E_UNSUPPORTED, "%s: tensor %s has type %s, wanted %s", b->m->checkpoint->path, t->name,
                          block_info[t->m.type].name, wanted);
}

static bool has_shape(struct binder *b, const struct tensor *t, int64_t rows, int64_t cols)
{
    if (!t || b->status)
        return false;
    if (t->m.rows != rows || t->m.cols != cols || t->n_dims < 2)
        wrong_shape(b, t, rows, cols);
    return !b->status;
}

/* Where a weight stands, for the choice of its type. */
struct place {
    enum tensor_slot slot;
    int layer;
    bool is_head;
};

/* The type that a matrix is packed as: its own, or what --quantize or --dtype ask for. */
static enum block_type packed_type(const struct binder *b, const struct matrix_rows *m, struct place at)
{
    if (b->quantize)
        return mix_type(b->quantize, at.slot, at.layer, b->m->desc, at.is_head, m->cols, m->type);
    enum block_type wanted = b->o->dtype == PLLM_DTYPE_F16    ? TYPE_F16
                             : b->o->dtype == PLLM_DTYPE_BF16 ? TYPE_BF16
                                                              : m->type;
    return is_float(m->type) ? wanted : m->type;
}

static pllm_status copy_rows(struct matrix_rows *out, const void *owner, const void *tensor, int64_t first, int64_t n, uint8_t *to,
                             pllm_error *err)
{
    return checkpoint_copy(out, owner, tensor, first, n, to, err);
}

/* Takes n_rows rows from first_row of a matrix as a linear layer's weight. */
static void add_weight(struct binder *b, struct weight *out, const struct tensor *t, struct place at, int64_t first_row,
                       int64_t n_rows, struct interleaved heads)
{
    if (!t || b->status)
        return;
    enum block_type type = packed_type(b, &t->m, at);
    struct weight_job job = {
        .out = out,
        .source = {.m = t->m,
                   .first_row = first_row,
                   .n_rows = n_rows,
                   .heads = heads,
                   .convert = type == t->m.type ? TYPE_COUNT : type,
                   .f32_activations = is_float(type) ? b->o->dtype == PLLM_DTYPE_F32
                                                       : b->o->activations == ACTIVATIONS_F32,
                   .fine_activations = b->fine,
                   .copy = copy_rows,
                   .owner = b->m->checkpoint,
                   .tensor = t,
                   .name = t->name},
    };
    weight_shape(out, &job.source); /* the plan needs it, which packs nothing */
    b->m->float_weights |= is_float(type) || job.source.f32_activations;
    if (!vec_push(&b->b->weights, job))
        b->status = error_memory(b->err, "list of tensors");
    b->b->n_parameters += (uint64_t)(n_rows * t->m.cols);
}

static void add_vector(struct binder *b, const float **out, const struct tensor *t, int64_t first, int64_t n,
                       int64_t whole, float plus, struct interleaved heads)
{
    if (!t || b->status)
        return;
    if (t->n_dims != 1 || t->m.cols != whole) {
        wrong_shape(b, t, 0, whole);
        return;
    }
    if (!is_float(t->m.type)) {
        wrong_type(b, t, "f32, f16 or bf16");
        return;
    }
    struct vector_job job = {.out = out, .tensor = t, .first = first, .n = n, .plus = plus, .heads = heads};
    if (!vec_push(&b->b->vectors, job))
        b->status = error_memory(b->err, "list of tensors");
    b->b->n_parameters += (uint64_t)n;
}

static void bind_bias(struct binder *b, const float **out, enum tensor_slot slot, int layer, int64_t n, struct interleaved heads)
{
    add_vector(b, out, find_named(b, slot, layer), 0, n, n, 0, heads);
}

/* A layer norm's bias, if it has one, is called like its weight. */
static void bind_norm_bias(struct binder *b, struct norm *out, const struct tensor *weight, int64_t n)
{
    char name[TENSOR_NAME_BYTES];
    if (out->kind == NORM_LAYER && weight && name_of_bias(name, sizeof name, weight->name))
        add_vector(b, &out->bias, take(b, name), 0, n, n, 0, in_order);
}

static void bind_norm(struct binder *b, struct norm *out, enum tensor_slot slot, int layer, int64_t n)
{
    const struct model_desc *d = b->m->desc;
    const struct tensor *weight = find_named(b, slot, layer);
    *out = (struct norm){.kind = d->norm, .eps = d->norm_eps};
    bool plus_one = d->norm_plus_one && b->m->checkpoint->format != CHECKPOINT_GGUF; /* there it is added already */
    add_vector(b, &out->weight, weight, 0, n, n, plus_one ? 1 : 0, in_order);
    bind_norm_bias(b, out, weight, n);
}

static void bind_matrix(struct binder *b, struct weight *out, enum tensor_slot slot, int layer, int64_t rows, int64_t cols,
                        struct interleaved heads)
{
    const struct tensor *t = find_named(b, slot, layer);
    if (has_shape(b, t, rows, cols))
        add_weight(b, out, t, (struct place){slot, layer, false}, 0, rows, heads);
}

static void bind_fused_qkv(struct binder *b, struct layer *layer, int l)
{
    const struct model_desc *d = b->m->desc;
    const int64_t q = (int64_t)d->n_heads * d->head_dim, kv = (int64_t)d->n_kv_heads * d->head_dim, all = q + 2 * kv;
    const struct tensor *t = find_named(b, T_QKV, l), *bias = find_named(b, T_QKV_BIAS, l);
    if (!has_shape(b, t, all, d->hidden))
        return;
    const struct place at = {T_QKV, l, false};
    add_weight(b, &layer->q, t, at, 0, q, in_order);
    add_weight(b, &layer->k, t, at, q, kv, in_order);
    add_weight(b, &layer->v, t, at, q + kv, kv, in_order);
    add_vector(b, &layer->q_bias, bias, 0, q, all, 0, in_order);
    add_vector(b, &layer->k_bias, bias, q, kv, all, 0, in_order);
    add_vector(b, &layer->v_bias, bias, q + kv, kv, all, 0, in_order);
}

static void bind_attention(struct binder *b, struct layer *layer, int l)
{
    const struct model_desc *d = b->m->desc;
    const int64_t q = (int64_t)d->n_heads * d->head_dim, kv = (int64_t)d->n_kv_heads * d->head_dim;
    const struct interleaved turned = model_interleaved(b->m->desc, b->m->checkpoint->format == CHECKPOINT_GGUF);
    if (name_in_family(b->m->family, T_QKV)) {
        bind_fused_qkv(b, layer, l);
    } else {
        bind_matrix(b, &layer->q, T_Q, l, q, d->hidden, turned);
        bind_matrix(b, &layer->k, T_K, l, kv, d->hidden, turned);
        bind_matrix(b, &layer->v, T_V, l, kv, d->hidden, in_order);
        bind_bias(b, &layer->q_bias, T_Q_BIAS, l, q, turned);
        bind_bias(b, &layer->k_bias, T_K_BIAS, l, kv, turned);
        bind_bias(b, &layer->v_bias, T_V_BIAS, l, kv, in_order);
    }
    bind_matrix(b, &layer->o, T_O, l, d->hidden, q, in_order);
    bind_bias(b, &layer->o_bias, T_O_BIAS, l, d->hidden, in_order);
    bind_norm(b, &layer->q_norm, T_Q_NORM, l, d->qk_norm_whole ? q : d->head_dim);
    bind_norm(b, &layer->k_norm, T_K_NORM, l, d->qk_norm_whole ? kv : d->head_dim);
}

static void bind_gate_up(struct binder *b, struct layer *layer, int l)
{
    const struct model_desc *d = b->m->desc;
    const bool fine = b->fine;
    b->fine = false; /* two thirds of the MLP's arithmetic, and the least part of the error */
    if (name_in_family(b->m->family, T_GATE_UP)) {
        const struct tensor *t = find_named(b, T_GATE_UP, l);
        if (has_shape(b, t, 2 * (int64_t)d->intermediate, d->hidden)) {
            const struct place at = {T_GATE_UP, l, false};
            add_weight(b, &layer->gate, t, at, 0, d->intermediate, in_order);
            add_weight(b, &layer->up, t, at, d->intermediate, d->intermediate, in_order);
        }
    } else {
        bind_matrix(b, &layer->gate, T_GATE, l, d->intermediate, d->hidden, in_order);
        bind_matrix(b, &layer->up, T_UP, l, d->intermediate, d->hidden, in_order);
        bind_bias(b, &layer->gate_bias, T_GATE_BIAS, l, d->intermediate, in_order);
        bind_bias(b, &layer->up_bias, T_UP_BIAS, l, d->intermediate, in_order);
    }
    b->fine = fine;
}

static void bind_mlp(struct binder *b, struct layer *layer, int l)
{
    const struct model_desc *d = b->m->desc;
    bind_gate_up(b, layer, l);
    bind_matrix(b, &layer->down, T_DOWN, l, d->hidden, d->intermediate, in_order);
    bind_bias(b, &layer->down_bias, T_DOWN_BIAS, l, d->hidden, in_order);
}

/* The experts' matrices of one kind: one tensor [experts, rows, cols] for all, or a tensor for each. */
static void bind_expert_matrices(struct binder *b, struct weight *out, enum tensor_slot each, enum tensor_slot all, int l,
                                 int64_t rows, int64_t cols)
{
    const int n = b->m->desc->n_experts;
    const struct tensor *t = find(b, all, l, 0, false);
    const bool fine = b->fine;
    b->fine = false; /* experts' inputs are packed in one plane */
    for (int e = 0; e < n && !b->status; e++) {
        const struct tensor *one = t ? t : find(b, each, l, e, true);
        if (has_shape(b, one, t ? rows * n : rows, cols))
            add_weight(b, &out[e], one, (struct place){all, l, false}, t ? e * rows : 0, rows, in_order);
    }
    b->fine = fine;
}

static void bind_experts(struct binder *b, struct layer *layer, int l)
{
    const struct model_desc *d = b->m->desc;
    const size_t n = (size_t)d->n_experts;
    layer->expert_gate = mem_zalloc(n, sizeof(struct weight));
    layer->expert_up = mem_zalloc(n, sizeof(struct weight));
    layer->expert_down = mem_zalloc(n, sizeof(struct weight));
    if (!layer->expert_gate || !layer->expert_up || !layer->expert_down) {
        b->status = error_memory(b->err, "experts");
        return;
    }
    const struct tensor *router = find(b, T_ROUTER, l, 0, true);
    if (has_shape(b, router, d->n_experts, d->hidden))
        add_weight(b, &layer->router, router, (struct place){T_ROUTER, l, false}, 0, d->n_experts, in_order);
    bind_expert_matrices(b, layer->expert_gate, T_EXPERT_GATE, T_EXPERTS_GATE, l, d->expert_intermediate, d->hidden);
    bind_expert_matrices(b, layer->expert_up, T_EXPERT_UP, T_EXPERTS_UP, l, d->expert_intermediate, d->hidden);
    bind_expert_matrices(b, layer->expert_down, T_EXPERT_DOWN, T_EXPERTS_DOWN, l, d->hidden, d->expert_intermediate);
}

static void bind_layer(struct binder *b, int l)
{
    struct layer *layer = &b->m->layers[l];
    const int64_t hidden = b->m->desc->hidden;
    bind_norm(b, &layer->attn_in, T_NORM_ATTN_IN, l, hidden);
    bind_norm(b, &layer->attn_out, T_NORM_ATTN_OUT, l, hidden);
    if (!b->m->desc->parallel) /* else it reads what attention reads */
        bind_norm(b, &layer->mlp_in, T_NORM_MLP_IN, l, hidden);
    bind_norm(b, &layer->mlp_out, T_NORM_MLP_OUT, l, hidden);
    bind_attention(b, layer, l);
    if (b->m->desc->layer[l].experts)
        bind_experts(b, layer, l);
    else
        bind_mlp(b, layer, l);
}

/* Embedding and head. A GGUF file says that they are one by leaving the head out. */
static void bind_ends(struct binder *b)
{
    const struct model_desc *d = b->m->desc;
    const bool is_gguf = b->m->checkpoint->format == CHECKPOINT_GGUF;
    const struct tensor *embed = find(b, T_EMBED, 0, 0, true);
    if (!has_shape(b, embed, d->vocab, d->hidden))
        return;
    b->m->embed = embed->m;
    const struct tensor *head = d->tied && !is_gguf ? embed : find(b, T_HEAD, 0, 0, !is_gguf);
    if (!head)
        head = embed;
    else if (head != embed)
        b->b->n_parameters += (uint64_t)(embed->m.rows * embed->m.cols);
    /* Rows of the embedding are read from the file when they are needed: quantizing is for them, too. */
    b->m->head_is_embed = head == embed;
    const struct place first = {T_EMBED, 0, head == embed};
    b->m->embed_as = b->quantize ? packed_type(b, &embed->m, first) : embed->m.type;
    if (has_shape(b, head, d->vocab, d->hidden))
        add_weight(b, &b->m->head, head, (struct place){T_HEAD, 0, true}, 0, d->vocab, in_order);
    bind_norm(b, &b->m->norm_out, T_NORM_OUT, 0, d->hidden);
}

/* Divisors of frequencies that a GGUF file keeps as a tensor. */
static void bind_rope_factors(struct binder *b, enum tensor_slot slot, float **out, bool required)
{
    const struct rope_desc *r = &b->m->desc->rope[0];
    const struct tensor *t = find(b, slot, 0, 0, required);
    if (!t || b->status)
        return;
    if (t->n_dims != 1 || t->m.cols != r->dims / 2) {
        wrong_shape(b, t, 0, r->dims / 2);
        return;
    }
    if (t->m.type != TYPE_F32) {
        wrong_type(b, t, "f32");
        return;
    }
    *out = mem_zalloc((size_t)t->m.cols, sizeof(float));
    if (!*out) {
        b->status = error_memory(b->err, "rope factors");
        return;
    }
    matrix_dequantize(*out, &t->m, 0, 0, t->m.cols);
    for (int64_t i = 0; i < t->m.cols && !b->status; i++)
        if (!((*out)[i] > 0))
            b->status = error_set(b->err, PLLM_E_FORMAT, "%s: tensor %s has the value %g, wanted positive numbers",
                                  b->m->checkpoint->path, t->name, (double)(*out)[i]);
}

static void bind_rope(struct binder *b)
{
    struct rope_desc *r = &b->m->desc->rope[0];
    if (b->m->checkpoint->format != CHECKPOINT_GGUF)
        return;
    if (r->scaling == ROPE_LONGROPE || find(b, T_ROPE_LONG, 0, 0, false)) {
        bind_rope_factors(b, T_ROPE_SHORT, &r->factors[0], true);
        bind_rope_factors(b, T_ROPE_LONG, &r->factors[1], true);
    } else {
        bind_rope_factors(b, T_ROPE_FREQS, &r->factors[0], false);
    }
}

/* A weight of a layer that no slot took would be left out of the computation, without a word: the checkpoint is of
 * another family than it says, or of a form of it that we do not know. */
static void refuse_leftovers(struct binder *b)
{
    const struct checkpoint *c = b->m->checkpoint;
    for (size_t i = 0; i < c->tensors.n && !b->status; i++)
        if (!b->used[i] && name_is_of_layer(c->tensors.at[i].name, c->format == CHECKPOINT_GGUF))
            b->status = error_set(b->err, PLLM_E_UNSUPPORTED,
                                  "%s: tensor %s has no place in a model of %d layers of the family %s", c->path,
                                  c->tensors.at[i].name, b->m->desc->n_layers, b->m->desc->family);
}

pllm_status bind_model(struct binding *out, struct model *m, const struct model_options *o, pllm_error *err)
{
    struct binder b = {.b = out, .m = m, .o = o, .err = err,
                       .fine = o->activations == ACTIVATIONS_AUTO && m->desc->hidden < NARROW};
    m->fine_activations = b.fine;
    if (o->quantize && !(b.quantize = mix_find(o->quantize)))
        return error_set(err, PLLM_E_ARGUMENT, "quantize: is \"%s\", wanted %s", o->quantize, mix_names);
    b.used = mem_zalloc(m->checkpoint->tensors.n, sizeof *b.used);
    if (!b.used)
        return error_memory(err, "list of tensors");
    bind_ends(&b);
    bind_rope(&b);
    for (int l = 0; l < m->desc->n_layers && !b.status; l++)
        bind_layer(&b, l);
    refuse_leftovers(&b);
    mem_free(b.used);
    return b.status;
}

void bind_fini(struct binding *b)
{
    vec_fini(&b->weights);
    vec_fini(&b->vectors);
}
