#include "model/export.h"

#include "base/mem.h"
#include "model/names.h"

#include <string.h>

static bool is_gguf(const struct export *x)
{
    return x->model->checkpoint->format == CHECKPOINT_GGUF;
}

/* Llama 3's scaling: GGUF has its divisors as a tensor. */
static pllm_status find_rope_freqs(struct export *x, pllm_error *err)
{
    const struct rope_desc *r = &x->model->desc->rope[0];
    if (r->scaling != ROPE_LLAMA3 || is_gguf(x))
        return PLLM_OK;
    x->rope_freqs = mem_alloc((size_t)r->dims / 2, sizeof *x->rope_freqs);
    for (int i = 0; x->rope_freqs && i < r->dims / 2; i++)
        x->rope_freqs[i] = rope_llama3_divisor(r, i);
    return x->rope_freqs ? PLLM_OK : error_memory(err, "rope factors");
}

pllm_status export_open(struct export *x, const struct model *m, const struct mix *mix, pllm_error *err)
{
    struct export made = {.model = m, .mix = mix};
    pllm_status status = find_rope_freqs(&made, err);
    if (status)
        export_fini(&made);
    else
        *x = made;
    return status;
}

void export_fini(struct export *x)
{
    vec_fini(&x->parts);
    vec_fini(&x->tensors);
    mem_free(x->rope_freqs);
    arena_fini(&x->arena);
    *x = (struct export){0};
}

/* ---- Which tensors -------------------------------------------------------------------------------- */

/* What the functions below pass around; the first error is kept. */
struct lister {
    struct export *x;
    bool *taken; /* tensors of the checkpoint that have a place; [tensors.n] */
    pllm_error *err;
    pllm_status status;
};

static bool is_norm(enum tensor_slot slot)
{
    return (slot >= T_NORM_OUT && slot <= T_NORM_MLP_OUT) || slot == T_Q_NORM || slot == T_K_NORM;
}

static bool is_rotated(enum tensor_slot slot)
{
    return slot == T_Q || slot == T_K || slot == T_Q_BIAS || slot == T_K_BIAS;
}

static const struct tensor *find(struct lister *s, enum tensor_slot slot, int layer, int expert)
{
    char name[TENSOR_NAME_BYTES];
    const struct model *m = s->x->model;
    if (s->status || !name_of_tensor(name, sizeof name, m->family, is_gguf(s->x), slot, layer, expert))
        return NULL;
    const struct tensor *t = checkpoint_find(m->checkpoint, name);
    if (t)
        s->taken[t - m->checkpoint->tensors.at] = true;
    return t;
}

static void no_memory(struct lister *s)
{
    s->status = error_memory(s->err, "list of tensors");
}

static char *keep_name(struct lister *s, const char *name)
{
    const size_t n = strlen(name) + 1;
    char *copy = arena_alloc(&s->x->arena, n, 1);
    if (!copy) {
        no_memory(s);
        return NULL;
    }
    return memcpy(copy, name, n);
}

/* A tensor of the file to come, from one of the checkpoint. */
static void add(struct lister *s, const struct tensor *t, enum tensor_slot slot, int layer)
{
    const struct model *m = s->x->model;
    const bool is_head = slot == T_HEAD || (slot == T_EMBED && m->head_is_embed);
    char name[TENSOR_NAME_BYTES];
    if (!t || s->status)
        return;
    name_of_tensor(name, sizeof name, m->family, true, slot, layer, 0);
    struct export_tensor e = {.name = keep_name(s, name), .n_dims = t->n_dims, .n_parts = 1,
                              .first_part = s->x->parts.n,
                              .plus = is_norm(slot) && m->desc->norm_plus_one && !is_gguf(s->x) ? 1 : 0,
                              .heads = is_rotated(slot) ? s->x->heads : (struct interleaved){0}};
    memcpy(e.shape, t->shape, sizeof e.shape);
    e.type = t->n_dims < 2 ? TYPE_F32 : mix_type(s->x->mix, slot, layer, m->desc, is_head, t->m.cols, t->m.type);
    if (!vec_push(&s->x->parts, t) || !vec_push(&s->x->tensors, e))
        no_memory(s);
}

/* A layer norm's bias: called like its weight, in every format. */
static void add_norm_bias(struct lister *s, const struct tensor *weight, enum tensor_slot slot, int layer)
{
    const struct model *m = s->x->model;
    char name[TENSOR_NAME_BYTES], made[TENSOR_NAME_BYTES], *kept;
    if (!weight || s->status || !is_norm(slot) || !name_of_bias(name, sizeof name, weight->name))
        return;
    const struct tensor *t = checkpoint_find(m->checkpoint, name);
    if (!t)
        return;
    s->taken[t - m->checkpoint->tensors.at] = true;
    add(s, t, slot, layer);
    name_of_tensor(name, sizeof name, m->family, true, slot, layer, 0);
    name_of_bias(made, sizeof made, name);
    kept = s->status ? NULL : keep_name(s, made);
    if (kept) {
        s->x->tensors.at[s->x->tensors.n - 1].name = kept;
        s->x->tensors.at[s->x->tensors.n - 1].plus = 0;
    }
}

static void add_slot(struct lister *s, enum tensor_slot slot, int layer)
{
    const struct tensor *t = find(s, slot, layer, 0);
    add(s, t, slot, layer);
    add_norm_bias(s, t, slot, layer);
}

/* The experts' tensors of one kind, which GGUF has as one of three dimensions. */
static void add_experts(struct lister *s, enum tensor_slot each, enum tensor_slot all, int layer)
{
    const struct model_desc *d = s->x->model->desc;
    const struct tensor *whole = find(s, all, layer, 0), *first = whole ? whole : find(s, each, layer, 0);
    add(s, first, all, layer);
    if (whole || !first || s->status)
        return;
    for (int e = 1; e < d->n_experts && !s->status; e++) {
        const struct tensor *t = find(s, each, layer, e);
        if (t && !vec_push(&s->x->parts, t))
            no_memory(s);
    }
    if (s->status)
        return;
    struct export_tensor *made = &s->x->tensors.at[s->x->tensors.n - 1];
    made->n_dims = 3;
    made->n_parts = (size_t)d->n_experts;
    made->shape[0] = d->n_experts;
    made->shape[1] = first->m.rows;
    made->shape[2] = first->m.cols;
}

static void add_layer(struct lister *s, int l)
{
    const struct model *m = s->x->model;
    for (int slot = T_NORM_ATTN_IN; slot <= T_DOWN_BIAS; slot++)
        if (name_in_family(m->family, (enum tensor_slot)slot))
            add_slot(s, (enum tensor_slot)slot, l);
    if (!m->desc->layer[l].experts)
        return;
    add(s, find(s, T_ROUTER, l, 0), T_ROUTER, l);
    add_experts(s, T_EXPERT_GATE, T_EXPERTS_GATE, l);
    add_experts(s, T_EXPERT_UP, T_EXPERTS_UP, l);
    add_experts(s, T_EXPERT_DOWN, T_EXPERTS_DOWN, l);
}

static void add_values(struct lister *s, enum tensor_slot slot, const float *values, int64_t n)
{
    char name[TENSOR_NAME_BYTES];
    if (!values || s->status)
        return;
    name_of_tensor(name, sizeof name, s->x->model->family, true, slot, 0, 0);
    struct export_tensor e = {.name = keep_name(s, name), .n_dims = 1, .shape = {n}, .type = TYPE_F32, .values = values};
    if (!vec_push(&s->x->tensors, e))
        no_memory(s);
}

static void add_rope(struct lister *s)
{
    const struct rope_desc *r = &s->x->model->desc->rope[0];
    if (is_gguf(s->x))
        return; /* they are among the tensors that stay */
    add_values(s, T_ROPE_FREQS, s->x->rope_freqs, r->dims / 2);
    if (r->scaling == ROPE_LONGROPE) {
        add_values(s, T_ROPE_SHORT, r->factors[0], r->dims / 2);
        add_values(s, T_ROPE_LONG, r->factors[1], r->dims / 2);
    }
}

/* What a GGUF file has besides stays as it is. */
static void add_rest(struct lister *s)
{
    const struct checkpoint *c = s->x->model->checkpoint;
    for (size_t i = 0; is_gguf(s->x) && i < c->tensors.n && !s->status; i++) {
        const struct tensor *t = &c->tensors.at[i];
        struct export_tensor e = {.name = t->name, .n_dims = t->n_dims, .type = t->m.type, .n_parts = 1,
                                  .first_part = s->x->parts.n};
        memcpy(e.shape, t->shape, sizeof e.shape);
        if (!s->taken[i] && (!vec_push(&s->x->parts, t) || !vec_push(&s->x->tensors, e)))
            no_memory(s);
    }
}

static void list_all(struct lister *s)
{
    const struct model *m = s->x->model;
    add(s, find(s, T_EMBED, 0, 0), T_EMBED, 0);
    if (!m->head_is_embed)
        add(s, find(s, T_HEAD, 0, 0), T_HEAD, 0);
    add_slot(s, T_NORM_OUT, 0);
    add_rope(s);
    for (int l = 0; l < m->desc->n_layers && !s->status; l++)
        add_layer(s, l);
    add_rest(s);
}

uint64_t export_bytes(const struct export_tensor *e)
{
    const struct block_info *info = &block_info[e->type];
    uint64_t n = 1;
    for (int i = 0; i < e->n_dims; i++)
        n *= (uint64_t)e->shape[i];
    return n / (uint64_t)info->values * (uint64_t)info->bytes;
}

pllm_status export_tensors(struct export *x, struct gguf_out *g, pllm_error *err)
{
    struct lister s = {.x = x, .err = err};
    s.taken = mem_zalloc(x->model->checkpoint->tensors.n, sizeof *s.taken);
    if (!s.taken)
        no_memory(&s);
    else
        list_all(&s);
    mem_free(s.taken);
    for (size_t i = 0; i < x->tensors.n && !s.status; i++) {
        const struct export_tensor *e = &x->tensors.at[i];
        gguf_out_tensor(g, e->name, e->n_dims, e->shape, e->type, export_bytes(e));
    }
    return s.status;
}
