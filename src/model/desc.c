/* From a config to a description: finds the family, fills what nearly all configs share, checks that it makes sense. */
#include "model/desc.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_SIZE = 1 << 24, MAX_HEADS = 1 << 14, MAX_EXPERTS = 4096 };

static enum activation activation_of(struct config *c)
{
    static const struct {
        const char *name;
        enum activation act;
    } known[] = {
        {"silu", ACTIVATE_SILU},           {"swish", ACTIVATE_SILU}, {"gelu_pytorch_tanh", ACTIVATE_GELU_TANH},
        {"gelu_new", ACTIVATE_GELU_TANH},  {"gelu", ACTIVATE_GELU},  {"relu", ACTIVATE_RELU},
    };
    const char *key = config_has(c, "hidden_activation") ? "hidden_activation" : "hidden_act";
    const char *name = config_string_or(c, key, "silu");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].act;
    config_fail(c, PLLM_E_UNSUPPORTED, key, "is \"%s\", wanted silu, gelu, gelu_new, gelu_pytorch_tanh or relu", name);
    return ACTIVATE_SILU;
}

static void describe_heads(struct model_desc *d, struct config *c)
{
    d->n_heads = (int)config_int(c, "num_attention_heads", 1, MAX_HEADS);
    d->n_kv_heads = (int)config_int_or(c, "num_key_value_heads", 1, MAX_HEADS, d->n_heads);
    if (d->n_heads < 1 || d->n_kv_heads < 1)
        d->n_heads = d->n_kv_heads = 1; /* the error is kept */
    bool has_head_dim = config_has(c, "head_dim");
    if (!has_head_dim && d->hidden % d->n_heads)
        config_fail(c, PLLM_E_FORMAT, "num_attention_heads", "is %d, wanted a divisor of hidden_size, %d", d->n_heads,
                    d->hidden);
    if (d->n_heads % d->n_kv_heads)
        config_fail(c, PLLM_E_FORMAT, "num_key_value_heads", "is %d, wanted a divisor of num_attention_heads, %d",
                    d->n_kv_heads, d->n_heads);
    d->head_dim = has_head_dim ? (int)config_int(c, "head_dim", 1, 4096) : d->hidden / d->n_heads;
    if (d->head_dim < 1)
        d->head_dim = 1;
}

static void describe_experts(struct model_desc *d, struct config *c)
{
    const char *key = config_has(c, "num_local_experts") ? "num_local_experts" : "num_experts";
    d->n_experts = (int)config_int_or(c, key, 0, MAX_EXPERTS, 0);
    if (!d->n_experts)
        return;
    d->n_experts_used = (int)config_int(c, "num_experts_per_tok", 1, d->n_experts);
    d->expert_intermediate = (int)config_int_or(c, "moe_intermediate_size", 1, MAX_SIZE, d->intermediate);
    d->experts_normalize = true;
    for (int l = 0; l < d->n_layers; l++)
        d->layer[l].experts = true;
}

void describe_common(struct model_desc *d, struct config *c)
{
    d->hidden = (int)config_int(c, "hidden_size", 1, MAX_SIZE);
    d->intermediate = (int)config_int(c, "intermediate_size", 1, MAX_SIZE);
    d->vocab = (int)config_int(c, "vocab_size", 1, MAX_SIZE);
    d->max_context = (int)config_int_or(c, "max_position_embeddings", 1, UINT32_MAX, 2048);
    if (d->max_context < 1)
        d->max_context = INT32_MAX; /* 2^31 and more: whatever memory allows */
    d->norm = NORM_RMS;
    d->norm_eps = (float)config_float_or(c, "rms_norm_eps", 1e-6);
    if (!(d->norm_eps >= 0 && d->norm_eps < 1))
        config_fail(c, PLLM_E_FORMAT, "rms_norm_eps", "is %g, wanted 0 to 1", (double)d->norm_eps);
    d->act = activation_of(c);
    describe_heads(d, c);
    describe_experts(d, c);
    d->embed_scale = d->residual_scale = d->logit_scale = 1;
    d->attn_scale = (float)(1 / sqrt(d->head_dim));
    d->tied = config_bool_or(c, "tie_word_embeddings", false);
    describe_rope(&d->rope[0], c, d->head_dim);
    d->n_ropes = 1;
}

void describe_llama(struct model_desc *d, struct config *c)
{
    describe_common(d, c);
    d->interleaved = INTERLEAVED_IN_GGUF;
}

double describe_positive(struct config *c, const char *key, double value)
{
    if (!(value > 0)) {
        config_fail(c, PLLM_E_FORMAT, key, "is %g, wanted a positive number", value);
        return 1;
    }
    return value;
}

double describe_unless_null(struct config *c, const char *key, double absent)
{
    return config_float_or(c, key, config_is_null(c, key) ? 0 : absent);
}

void describe_usual_theta(struct model_desc *d, struct config *c, double theta)
{
    if (!config_is_gguf(c) && !config_has(c, "rope_theta"))
        d->rope[0].theta = theta;
}

int describe_usual_window(const struct config *c)
{
    return config_is_gguf(c) ? 0 : 4096;
}

void describe_part_rotated(struct model_desc *d, struct config *c, int parts)
{
    static const char key[] = "partial_rotary_factor";
    if (config_has(c, key) || config_is_gguf(c))
        return;
    d->rope[0].dims = d->head_dim / parts;
    if (d->rope[0].dims < 2 || d->rope[0].dims % 2)
        config_fail(c, PLLM_E_FORMAT, key, "is missing, and 1/%d of a head, %d, is no even number from 2", parts, d->rope[0].dims);
}

/* Whether layer l attends to a window, where a config.json says it of each layer. */
static bool is_sliding(struct config *c, size_t l)
{
    static const char key[] = "layer_types";
    const size_t n = config_size(c, key);
    if (l >= n) {
        config_fail(c, PLLM_E_FORMAT, key, "has %zu layers, wanted num_hidden_layers of them", n);
        return false;
    }
    const char *type = config_string_at(c, key, l);
    const bool sliding = strcmp(type, "sliding_attention") == 0;
    if (!sliding && strcmp(type, "full_attention") != 0)
        config_fail(c, PLLM_E_UNSUPPORTED, key, "has \"%s\", wanted full_attention or sliding_attention", type);
    return sliding;
}

void describe_window_or(struct model_desc *d, struct config *c, int period, int absent)
{
    static const char pattern[] = "sliding_window_pattern";
    const int unsaid = config_is_null(c, "sliding_window") ? 0 : absent;
    int window = (int)config_int_or(c, "sliding_window", 0, INT32_MAX, unsaid);
    const bool listed = config_size(c, "layer_types") > 0;
    const size_t flags = config_is_gguf(c) ? config_size(c, pattern) : 0;
    if (window && !listed && !flags)
        period = (int)config_int_or(c, pattern, 1, MODEL_MAX_LAYERS, period);
    for (int l = 0; l < d->n_layers; l++) {
        const size_t i = (size_t)l;
        bool local = period == 1 || (l + 1) % period != 0;
        if (listed)
            local = is_sliding(c, i);
        else if (flags)
            local = i < flags && config_int_at(c, pattern, i, 0, 1) != 0;
        d->layer[l].window = local ? window : 0;
    }
}

void describe_window(struct model_desc *d, struct config *c, int period)
{
    describe_window_or(d, c, period, 0);
}

void describe_local_rope(struct model_desc *d, struct config *c, double theta)
{
    static const char key[] = "rope_local_base_freq", type_key[] = "rope_parameters.sliding_attention.rope_type";
    const char *type = config_string_or(c, type_key, "default");
    if (strcmp(type, "default") != 0)
        config_fail(c, PLLM_E_UNSUPPORTED, type_key, "is \"%s\", wanted default", type);
    theta = describe_positive(c, key, config_float_or(c, key, theta));
    d->rope[1] = (struct rope_desc){.dims = d->rope[0].dims, .theta = theta};
    d->n_ropes = 2;
    for (int l = 0; l < d->n_layers; l++)
        d->layer[l].rope = d->layer[l].window ? 1 : 0;
}

static bool is_listed(const char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static const struct family *find_family(struct config *c)
{
    bool is_gguf = config_is_gguf(c);
    const char *key = is_gguf ? "model_type" : "architectures";
    const char *name = is_gguf ? config_string(c, key) : config_size(c, key) ? config_string_at(c, key, 0) : "";
    if (!is_gguf && !config_size(c, key))
        config_fail(c, PLLM_E_FORMAT, key, "is missing, wanted a list with the model's class");
    for (int i = 0; families[i]; i++)
        if (is_listed(is_gguf ? families[i]->gguf : families[i]->hf, name))
            return families[i];
    config_fail(c, PLLM_E_UNSUPPORTED, key, "is \"%s\", which is no family that we know (docs/models.md)", name);
    return NULL;
}

/* A config.json names its family twice: the second name must be one of the family's, too. */
static void check_model_type(const struct family *f, struct config *c)
{
    if (config_is_gguf(c))
        return;
    const char *type = config_string(c, "model_type");
    if (f->types ? !is_listed(f->types, type) : strcmp(f->name, type) != 0)
        config_fail(c, PLLM_E_UNSUPPORTED, "model_type", "is \"%s\", wanted %s", type, f->types ? f->types[0] : f->name);
}

/* Sizes whose product something will be allocated for, and which no accessor has seen together. */
static void check_sizes(const struct model_desc *d, struct config *c)
{
    if ((int64_t)d->n_heads * d->head_dim > MAX_SIZE)
        config_fail(c, PLLM_E_FORMAT, "num_attention_heads", "is %d with heads of %d, wanted at most %d in all",
                    d->n_heads, d->head_dim, (int)MAX_SIZE);
}

/* What any GGUF file may say, whatever its family is used to say: our own do where it is needed. */
static void describe_gguf(struct model_desc *d, struct config *c)
{
    if (!config_is_gguf(c))
        return;
    const double scale = config_float_or(c, "attention_multiplier", 0);
    if (scale > 0)
        d->attn_scale = (float)scale;
    if (config_size(c, "sliding_window_pattern"))
        describe_window(d, c, 1);
    for (size_t l = 0; l < (size_t)d->n_layers && l < config_size(c, "expert_layers"); l++)
        d->layer[l].experts = d->n_experts > 0 && config_int_at(c, "expert_layers", l, 0, 1);
}

pllm_status desc_open(struct model_desc **out, const struct family **family, struct config *c, pllm_error *err)
{
    const struct family *f = find_family(c);
    if (f)
        check_model_type(f, c);
    int n_layers = (int)config_int(c, "num_hidden_layers", 1, MODEL_MAX_LAYERS);
    pllm_status status = config_status(c, err);
    if (status)
        return status;
    struct model_desc *d = mem_zalloc(1, sizeof *d);
    if (d) {
        d->n_layers = n_layers;
        d->layer = mem_zalloc((size_t)n_layers, sizeof *d->layer);
    }
    if (!d || !d->layer) {
        desc_close(d);
        return error_memory(err, "model description");
    }
    snprintf(d->family, sizeof d->family, "%s", f->name);
    f->describe(d, c);
    describe_gguf(d, c);
    check_sizes(d, c);
    status = config_status(c, err);
    if (status) {
        desc_close(d);
        return status;
    }
    *out = d;
    *family = f;
    return PLLM_OK;
}

void desc_close(struct model_desc *d)
{
    if (!d)
        return;
    for (int i = 0; i < MODEL_ROPES; i++) {
        mem_free(d->rope[i].factors[0]);
        mem_free(d->rope[i].factors[1]);
    }
    mem_free(d->layer);
    mem_free(d);
}
