/* What a model is, as GGUF says it: written from the description, then read back and compared, so that what GGUF cannot say
 * is refused and not lost. */
#include "model/export.h"

#include "base/mem.h"
#include "weights/config_keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { QUANTIZATION_VERSION = 2 };

/* What the functions below pass around. */
struct describer {
    struct gguf_out *g;
    const struct model *model;
    const char *arch;
};

/* "llama.block_count": the architecture's own key. */
static const char *own(const struct describer *w, const char *key, char out[CONFIG_KEY_MAX])
{
    snprintf(out, CONFIG_KEY_MAX, "%s.%s", w->arch, key);
    return out;
}

static void put_int(const struct describer *w, const char *key, int64_t value)
{
    char name[CONFIG_KEY_MAX];
    gguf_out_u32(w->g, own(w, key, name), (uint32_t)value);
}

static void put_float(const struct describer *w, const char *key, double value)
{
    char name[CONFIG_KEY_MAX];
    gguf_out_f32(w->g, own(w, key, name), (float)value);
}

static void put_text(const struct describer *w, const char *key, const char *text)
{
    char name[CONFIG_KEY_MAX];
    gguf_out_text(w->g, own(w, key, name), text, strlen(text));
}

static void put_sizes(const struct describer *w)
{
    const struct model_desc *d = w->model->desc;
    put_int(w, "block_count", d->n_layers);
    put_int(w, "context_length", d->max_context);
    put_int(w, "embedding_length", d->hidden);
    put_int(w, "feed_forward_length", d->intermediate);
    put_int(w, "attention.head_count", d->n_heads);
    put_int(w, "attention.head_count_kv", d->n_kv_heads);
    put_int(w, "attention.key_length", d->head_dim);
    put_int(w, "attention.value_length", d->head_dim);
    put_int(w, "vocab_size", d->vocab);
    put_float(w, d->norm == NORM_RMS ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon",
              (double)d->norm_eps);
    if (!d->n_experts)
        return;
    put_int(w, "expert_count", d->n_experts);
    put_int(w, "expert_used_count", d->n_experts_used);
    if (d->expert_intermediate != d->intermediate)
        put_int(w, "expert_feed_forward_length", d->expert_intermediate);
}

/* A family that usually has one takes the usual one where nothing is said. */
static void put_softcap(const struct describer *w, const char *key, float cap)
{
    if (cap != 0 || config_is_null(w->model->checkpoint->config, key))
        put_float(w, key, (double)cap);
}

/* Numbers that the config has and GGUF calls by another name. */
static void put_scales(const struct describer *w)
{
    static const char *const keys[] = {"embedding_multiplier", "residual_multiplier", "attention_multiplier",
                                       "logits_scaling", "logit_scale"};
    const struct model_desc *d = w->model->desc;
    struct config *c = w->model->checkpoint->config;
    char name[CONFIG_KEY_MAX];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (config_has(c, keys[i]) && config_gguf_key(keys[i], w->arch, 0, name))
            gguf_out_f32(w->g, name, (float)config_float(c, keys[i]));
    put_softcap(w, "attn_logit_softcapping", d->attn_softcap);
    put_softcap(w, "final_logit_softcapping", d->final_softcap);
    if (!config_has(c, "attention_multiplier") && d->attn_scale != (float)(1 / sqrt(d->head_dim)))
        put_float(w, "attention.scale", (double)d->attn_scale);
    if (config_has(c, "use_parallel_residual"))
        gguf_out_bool(w->g, own(w, "use_parallel_residual", name), d->parallel);
    if (config_has(c, "norm_topk_prob"))
        gguf_out_bool(w->g, own(w, "expert_weights_norm", name), d->experts_normalize);
}

static void put_windows(const struct describer *w)
{
    int most = 0;
    for (int l = 0; l < w->model->desc->n_layers; l++)
        if (w->model->desc->layer[l].window > most)
            most = w->model->desc->layer[l].window;
    if (most)
        put_int(w, "attention.sliding_window", most);
}

static void put_rope(const struct describer *w)
{
    const struct model_desc *d = w->model->desc;
    const struct rope_desc *r = &d->rope[0];
    const char *const names[] = {[ROPE_LINEAR] = "linear", [ROPE_YARN] = "yarn", [ROPE_LONGROPE] = "longrope"};
    put_int(w, "rope.dimension_count", r->dims);
    put_float(w, "rope.freq_base", r->theta);
    if (d->n_ropes > 1)
        put_float(w, "rope.freq_base_swa", d->rope[1].theta);
    /* Llama 3's scaling is a tensor; dynamic scaling changes nothing within the context. */
    if (r->scaling != ROPE_LINEAR && r->scaling != ROPE_YARN && r->scaling != ROPE_LONGROPE)
        return;
    put_text(w, "rope.scaling.type", names[r->scaling]);
    put_float(w, "rope.scaling.factor", r->factor);
    put_int(w, "rope.scaling.original_context_length", (int64_t)r->original_context);
    if (r->scaling == ROPE_LONGROPE)
        put_float(w, "rope.scaling.attn_factor", rope_attention_scale(r));
    if (r->scaling != ROPE_YARN)
        return;
    put_float(w, "rope.scaling.yarn_beta_fast", r->beta_fast);
    put_float(w, "rope.scaling.yarn_beta_slow", r->beta_slow);
    if (!r->truncate)
        gguf_out_bool(w->g, "parallm.rope_scaling.truncate", false);
    const double usual = 0.1 * log(r->factor) + 1, scale = rope_attention_scale(r);
    if (fabs(scale / usual - 1) > 1e-6)
        put_float(w, "rope.scaling.attn_factor", scale / usual);
}

static void put_description(struct describer *w)
{
    const struct family *f = w->model->family;
    w->arch = f->writes ? f->writes : f->gguf ? f->gguf[0] : f->name;
    gguf_out_text(w->g, "general.architecture", w->arch, strlen(w->arch));
    put_sizes(w);
    put_scales(w);
    put_windows(w);
    put_rope(w);
}

/* ---- Of a GGUF ---------------------------------------------------------------------------------------- */

/* What quantizing and joining a split file change. */
static bool changes(const char *key)
{
    static const char *const keys[] = {"general.file_type", "general.quantization_version", "general.alignment"};
    bool is = strncmp(key, "split.", 6) == 0 || strncmp(key, "quantize.", 9) == 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        is = is || strcmp(key, keys[i]) == 0;
    return is;
}

void export_metadata(struct export *x, struct gguf_out *g, const char *name)
{
    const struct gguf *from = x->model->checkpoint->gguf;
    if (from) {
        for (size_t i = 0; i < from->values.n; i++)
            if (!changes(from->values.at[i].key))
                gguf_out_copy(g, &from->values.at[i]);
    } else {
        put_description(&(struct describer){.g = g, .model = x->model});
        gguf_out_text(g, "general.name", name, strlen(name));
    }
    gguf_out_u32(g, "general.file_type", x->mix->file_type);
    gguf_out_u32(g, "general.quantization_version", QUANTIZATION_VERSION);
}

/* ---- Reading back --------------------------------------------------------------------------------------- */

struct read_back {
    struct buf head;
    struct gguf *gguf;
    struct config *config;
    struct model_desc *desc;
    const struct family *family;
};

static void close_read_back(struct read_back *r)
{
    desc_close(r->desc);
    config_close(r->config);
    gguf_close(r->gguf);
    vec_fini(&r->head);
}

static pllm_status read_back(struct read_back *r, const struct gguf_out *g, pllm_error *err)
{
    pllm_status status = gguf_out_head(g, &r->head, err);
    if (!status)
        status = gguf_open(&r->gguf, (const uint8_t *)r->head.at, r->head.n, "the GGUF to be written", err);
    if (!status)
        status = config_from_gguf(&r->config, r->gguf, err);
    if (!status)
        status = desc_open(&r->desc, &r->family, r->config, err);
    return status;
}

static bool same_windows(const struct model_desc *a, const struct model_desc *b)
{
    bool same = true;
    for (int l = 0; l < a->n_layers; l++)
        same = same && a->layer[l].window == b->layer[l].window;
    return same;
}

/* Frequencies of the same angles, up to rounding; the divisors, which GGUF has as tensors, are lent. */
static bool same_frequencies(const struct rope_desc *a, const struct rope_desc *b, float *const factors[2])
{
    struct rope_desc lent = *b;
    bool same = a->dims == b->dims && (a->scaling != ROPE_LONGROPE || a->original_context == b->original_context);
    const size_t n = (size_t)a->dims / 2;
    float *x = same ? mem_alloc(2 * n, sizeof *x) : NULL;
    lent.factors[0] = factors[0];
    lent.factors[1] = factors[1];
    for (int which = 0; which < 2 && x; which++) {
        const float scale = rope_frequencies(x, a, which) - rope_frequencies(x + n, &lent, which);
        same = same && fabsf(scale) < 1e-5f;
        for (size_t i = 0; i < n; i++)
            same = same && fabsf(x[i] - x[n + i]) <= 1e-5f * fabsf(x[i]);
    }
    mem_free(x);
    return same && x;
}

static bool same_ropes(const struct export *x, const struct model_desc *a, const struct model_desc *b)
{
    bool same = a->n_ropes == b->n_ropes;
    for (int l = 0; l < a->n_layers; l++)
        same = same && a->layer[l].rope == b->layer[l].rope;
    for (int i = 0; i < a->n_ropes && same; i++) {
        float *const factors[2] = {i == 0 && x->rope_freqs ? x->rope_freqs : a->rope[i].factors[0], a->rope[i].factors[1]};
        same = same_frequencies(&a->rope[i], &b->rope[i], factors);
    }
    return same;
}

static bool same_expert_layers(const struct model_desc *a, const struct model_desc *b)
{
    bool same = true;
    for (int l = 0; l < a->n_layers; l++)
        same = same && a->layer[l].experts == b->layer[l].experts;
    return same;
}

static bool same_experts(const struct model_desc *a, const struct model_desc *b)
{
    return a->n_experts == b->n_experts && a->n_experts_used == b->n_experts_used && same_expert_layers(a, b) &&
           a->expert_intermediate == b->expert_intermediate && a->experts_normalize == b->experts_normalize;
}

/* What GGUF cannot say of a model; NULL: it says all. */
static const char *difference(const struct export *x, const struct model_desc *a, const struct model_desc *b)
{
    const struct {
        bool same;
        const char *what;
    } parts[] = {
        {a->n_layers == b->n_layers && a->hidden == b->hidden && a->vocab == b->vocab, "sizes"},
        {a->n_heads == b->n_heads && a->n_kv_heads == b->n_kv_heads && a->head_dim == b->head_dim, "heads"},
        {a->intermediate == b->intermediate && a->max_context == b->max_context, "widths"},
        {a->norm == b->norm && a->norm_eps == b->norm_eps, "norms"},
        {a->qk_norm_whole == b->qk_norm_whole && a->qk_norm_rotated == b->qk_norm_rotated, "norms of q and k"},
        {a->act == b->act, "activation"},
        {a->parallel == b->parallel, "parallel blocks"},
        {a->embed_scale == b->embed_scale && a->residual_scale == b->residual_scale, "scales"},
        {a->logit_scale == b->logit_scale && a->attn_scale == b->attn_scale, "scales of scores"},
        {a->attn_softcap == b->attn_softcap && a->final_softcap == b->final_softcap, "soft caps"},
        {same_experts(a, b), "experts"},
        {same_windows(a, b), "windows"},
        {same_ropes(x, a, b) && a->interleaved == b->interleaved, "rotation"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!parts[i].same)
            return parts[i].what;
    return NULL;
}

/* Which layers have windows or experts, where the family's usual pattern does not tell. */
static pllm_status put_patterns(const struct export *x, struct gguf_out *g, const struct read_back *r, pllm_error *err)
{
    const struct model_desc *d = x->model->desc;
    char key[CONFIG_KEY_MAX];
    bool *local = mem_alloc((size_t)d->n_layers, sizeof *local), *experts = mem_alloc((size_t)d->n_layers, sizeof *experts);
    if (local && experts) {
        for (int l = 0; l < d->n_layers; l++) {
            local[l] = d->layer[l].window > 0;
            experts[l] = d->layer[l].experts;
        }
        config_gguf_key("sliding_window_pattern", config_string(r->config, "model_type"), 0, key);
        if (!same_windows(d, r->desc))
            gguf_out_bools(g, key, local, (size_t)d->n_layers);
        config_gguf_key("expert_layers", "", 0, key);
        if (!same_expert_layers(d, r->desc))
            gguf_out_bools(g, key, experts, (size_t)d->n_layers);
    }
    pllm_status status = local && experts ? PLLM_OK : error_memory(err, "layers");
    mem_free(local);
    mem_free(experts);
    return status;
}

pllm_status export_prove(struct export *x, struct gguf_out *g, pllm_error *err)
{
    const struct model_desc *d = x->model->desc;
    struct read_back r = {0};
    pllm_status status = PLLM_OK;
    if (x->model->checkpoint->gguf)
        return PLLM_OK; /* its own metadata, which described the model to us */
    status = read_back(&r, g, err);
    if (!status && !(same_windows(d, r.desc) && same_expert_layers(d, r.desc))) {
        status = put_patterns(x, g, &r, err);
        close_read_back(&r);
        r = (struct read_back){0};
        if (!status)
            status = read_back(&r, g, err);
    }
    const char *what = status ? NULL : difference(x, d, r.desc);
    if (what)
        status = error_set(err, PLLM_E_UNSUPPORTED, "%s: this model's %s are none that GGUF's \"%s\" can say",
                           x->model->checkpoint->path, what, config_string(r.config, "model_type"));
    if (!status && r.desc->interleaved == INTERLEAVED_IN_GGUF)
        x->heads = model_interleaved(r.desc, true);
    close_read_back(&r);
    return status;
}
