/* Inverse frequencies of rotary embedding (Su et al., 2021) and of the ways to stretch them: linear, NTK-aware
 * dynamic, Llama 3's, YaRN (Peng et al., 2023) and LongRoPE (Ding et al., 2024), as Hugging Face's configs mean
 * them. All in double, rounded once. */
#include "model/desc.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

static const double TWO_PI = 6.283185307179586;

static enum rope_scaling scaling_of(struct config *c)
{
    static const struct {
        const char *name;
        enum rope_scaling scaling;
    } known[] = {
        {"default", ROPE_NONE},   {"none", ROPE_NONE}, {"linear", ROPE_LINEAR},     {"dynamic", ROPE_DYNAMIC},
        {"llama3", ROPE_LLAMA3},  {"yarn", ROPE_YARN}, {"longrope", ROPE_LONGROPE}, {"su", ROPE_LONGROPE},
    };
    /* Files of Phi-3 have the two lists of divisors as tensors and their factor of attention, but no word for it. */
    const bool unsaid = config_is_gguf(c) && config_has(c, "rope_scaling.attention_factor");
    const char *name = config_string_or(c, "rope_scaling.rope_type",
                                        config_string_or(c, "rope_scaling.type", unsaid ? "longrope" : "default"));
    if (strcmp(name, "yarn") == 0 && config_size(c, "rope_scaling.short_factor"))
        return ROPE_LONGROPE; /* as the first configs of Phi-3 called it */
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].scaling;
    config_fail(c, PLLM_E_UNSUPPORTED, "rope_scaling.rope_type",
                "is \"%s\", wanted default, linear, dynamic, llama3, yarn or longrope", name);
    return ROPE_NONE;
}

static double context_length(struct config *c, const char *key, double value)
{
    if (value <= UINT32_MAX)
        return describe_positive(c, key, value);
    config_fail(c, PLLM_E_FORMAT, key, "is %g, wanted at most %u", value, UINT32_MAX);
    return 1;
}

static double yarn_mscale(double factor, double m)
{
    return factor <= 1 ? 1 : 0.1 * m * log(factor) + 1;
}

static void describe_scaling(struct rope_desc *r, struct config *c, double context)
{
    const bool needs_factor = r->scaling == ROPE_LINEAR || r->scaling == ROPE_DYNAMIC || r->scaling == ROPE_LLAMA3;
    r->original_context = context_length(c, "rope_scaling.original_max_position_embeddings",
        config_float_or(c, "rope_scaling.original_max_position_embeddings",
                        config_float_or(c, "original_max_position_embeddings", context)));
    double stretched = context / r->original_context;
    r->factor = describe_positive(c, "rope_scaling.factor", needs_factor ? config_float(c, "rope_scaling.factor")
                                                   : config_float_or(c, "rope_scaling.factor", stretched));
    r->attention_factor = config_float_or(c, "rope_scaling.attention_factor", 0);
    if (config_is_gguf(c) && r->scaling == ROPE_YARN)
        r->attention_factor *= yarn_mscale(r->factor, 1); /* there, a factor of what the formula gives */
    r->beta_fast = describe_positive(c, "rope_scaling.beta_fast", config_float_or(c, "rope_scaling.beta_fast", 32));
    r->beta_slow = describe_positive(c, "rope_scaling.beta_slow", config_float_or(c, "rope_scaling.beta_slow", 1));
    r->truncate = config_bool_or(c, "rope_scaling.truncate", true);
    r->mscale = config_float_or(c, "rope_scaling.mscale", 0);
    r->mscale_all_dim = config_float_or(c, "rope_scaling.mscale_all_dim", 0);
    if (r->scaling != ROPE_LLAMA3)
        return;
    r->low_freq_factor = describe_positive(c, "rope_scaling.low_freq_factor", config_float(c, "rope_scaling.low_freq_factor"));
    r->high_freq_factor = config_float(c, "rope_scaling.high_freq_factor");
    if (r->high_freq_factor <= r->low_freq_factor)
        config_fail(c, PLLM_E_FORMAT, "rope_scaling.high_freq_factor", "is %g, wanted more than low_freq_factor, %g",
                    r->high_freq_factor, r->low_freq_factor);
}

/* Longrope's divisors from config.json; a GGUF file keeps them as tensors (bind.c). */
static void read_factors(struct rope_desc *r, struct config *c)
{
    static const char *const keys[2] = {"rope_scaling.short_factor", "rope_scaling.long_factor"};
    const size_t want = (size_t)r->dims / 2;
    for (int which = 0; which < 2 && !config_is_gguf(c); which++) {
        size_t n = config_size(c, keys[which]);
        r->factors[which] = mem_zalloc(want, sizeof(float));
        if (n != want)
            config_fail(c, PLLM_E_FORMAT, keys[which], "has %zu numbers, wanted %zu", n, want);
        if (!r->factors[which])
            config_fail(c, PLLM_E_MEMORY, keys[which], "has %zu numbers, for which there is not enough memory", n);
        for (size_t i = 0; i < want && n == want && r->factors[which]; i++)
            r->factors[which][i] = (float)describe_positive(c, keys[which], config_float_at(c, keys[which], i));
    }
}

void describe_rope(struct rope_desc *r, struct config *c, int head_dim)
{
    double part = config_float_or(c, "partial_rotary_factor", 1), context = config_float_or(c, "max_position_embeddings", 2048);
    if (!(part > 0 && part <= 1)) {
        config_fail(c, PLLM_E_FORMAT, "partial_rotary_factor", "is %g, wanted more than 0 and at most 1", part);
        part = 1;
    }
    r->dims = (int)config_int_or(c, "rotary_dim", 2, head_dim, (int64_t)(head_dim * part));
    if (r->dims % 2 || r->dims < 2 || r->dims > head_dim) {
        config_fail(c, PLLM_E_FORMAT, config_is_gguf(c) ? "rotary_dim" : "partial_rotary_factor",
                    "makes %d rotated dimensions, wanted an even number from 2 to %d", r->dims, head_dim);
        r->dims = 2;
    }
    r->theta = describe_positive(c, "rope_theta", config_float_or(c, "rope_theta", 10000));
    r->scaling = scaling_of(c);
    if (r->scaling != ROPE_NONE)
        describe_scaling(r, c, context);
    if (r->scaling == ROPE_LONGROPE)
        read_factors(r, c);
}

static double llama3(const struct rope_desc *r, double f)
{
    double turns = r->original_context * f / TWO_PI; /* in the original context */
    if (turns < r->low_freq_factor)
        return f / r->factor;
    if (turns > r->high_freq_factor)
        return f;
    double smooth = (turns - r->low_freq_factor) / (r->high_freq_factor - r->low_freq_factor);
    return (1 - smooth) * f / r->factor + smooth * f;
}

/* The dimension whose wave turns `turns` times in the original context. */
static double yarn_dimension(const struct rope_desc *r, double turns)
{
    return r->dims * log(r->original_context / (turns * TWO_PI)) / (2 * log(r->theta));
}

static double yarn(const struct rope_desc *r, double f, int i)
{
    double low = yarn_dimension(r, r->beta_fast), high = yarn_dimension(r, r->beta_slow);
    low = fmax(r->truncate ? floor(low) : low, 0);
    high = fmin(r->truncate ? ceil(high) : high, r->dims - 1);
    if (low == high)
        high += 0.001;
    double ramp = fmin(fmax((i - low) / (high - low), 0), 1);
    return f / r->factor * ramp + f * (1 - ramp);
}

double rope_attention_scale(const struct rope_desc *r)
{
    if (r->scaling != ROPE_YARN && r->scaling != ROPE_LONGROPE)
        return 1;
    if (r->attention_factor > 0)
        return r->attention_factor;
    if (r->scaling == ROPE_LONGROPE)
        return r->factor <= 1 ? 1 : sqrt(1 + log(r->factor) / log(r->original_context));
    if (r->mscale != 0 && r->mscale_all_dim != 0)
        return yarn_mscale(r->factor, r->mscale) / yarn_mscale(r->factor, r->mscale_all_dim);
    return yarn_mscale(r->factor, 1);
}

static double plain_frequency(const struct rope_desc *r, int i)
{
    return 1 / pow(r->theta, 2.0 * i / r->dims);
}

float rope_llama3_divisor(const struct rope_desc *r, int i)
{
    const double f = plain_frequency(r, i);
    return (float)(f / llama3(r, f));
}

float rope_frequencies(float *out, const struct rope_desc *r, int which)
{
    const float *divisors = r->factors[which] ? r->factors[which] : r->factors[0];
    for (int i = 0; i < r->dims / 2; i++) {
        double f = plain_frequency(r, i);
        if (divisors)
            f /= (double)divisors[i];
        else if (r->scaling == ROPE_LINEAR)
            f /= r->factor;
        else if (r->scaling == ROPE_LLAMA3)
            f /= (double)rope_llama3_divisor(r, i);
        else if (r->scaling == ROPE_YARN)
            f = yarn(r, f, i);
        out[i] = (float)f;
    }
    return (float)rope_attention_scale(r);
}
