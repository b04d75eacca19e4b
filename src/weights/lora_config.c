#include "weights/lora_config.h"

#include "base/file.h"
#include "weights/lora_pattern.h"

#include <math.h>
#include <string.h>

enum { MAX_CONFIG = 4 << 20 };

/* ---- PEFT --------------------------------------------------------------------------------------- */

/* Settings with which an adapter computes something else. Absent, null, false or empty: not used. */
static const char *const refused[] = {
    "use_dora", "use_qalora", "use_bdlora", "lora_bias", "fan_in_fan_out", "layer_replication", "modules_to_save",
    "target_parameters", "trainable_token_indices", "alora_invocation_tokens", "arrow_config", "monteclora_config",
    "velora_config",
};

static bool is_used(const struct json *at)
{
    bool value = true;
    switch (json_kind(at)) {
    case J_ABSENT:
    case J_NULL: return false;
    case J_BOOL: json_as_bool(at, &value, NULL); return value;
    case J_ARRAY:
    case J_OBJECT: return json_size(at) > 0;
    default: return true;
    }
}

/* A string that must be `wanted`; absent: all right where `optional`. */
static pllm_status want_string(const struct json *at, const char *wanted, bool optional, pllm_error *err)
{
    const char *text;
    size_t n;
    if (optional && json_kind(at) <= J_NULL)
        return PLLM_OK;
    pllm_status status = json_as_string(at, &text, &n, err);
    if (!status && strcmp(text, wanted) != 0)
        status = json_unsupported(at, err, "is \"%s\", wanted \"%s\"", text, wanted);
    return status;
}

static pllm_status want_optional(const struct json *at, enum json_kind kind, pllm_error *err)
{
    return json_kind(at) <= J_NULL ? PLLM_OK : json_want(at, kind, err);
}

static pllm_status check_features(const struct json *top, pllm_error *err)
{
    const struct json type = json_get(top, "peft_type"), bias = json_get(top, "bias");
    pllm_status status = want_string(&type, "LORA", false, err);
    if (!status)
        status = want_string(&bias, "none", true, err);
    for (size_t i = 0; !status && i < sizeof refused / sizeof *refused; i++) {
        const struct json at = json_get(top, refused[i]);
        if (is_used(&at))
            status = json_unsupported(&at, err, "is not supported");
    }
    const struct json targets = json_get(top, "target_modules");
    if (!status && json_kind(&targets) != J_STRING)
        status = want_optional(&targets, J_ARRAY, err);
    return status;
}

static pllm_status read_rank(const struct json *at, int *out, pllm_error *err)
{
    int64_t rank;
    pllm_status status = json_as_int(at, 1, LORA_MAX_RANK, &rank, err);
    if (!status)
        *out = (int)rank;
    return status;
}

static pllm_status read_peft(struct lora_config *config, pllm_error *err)
{
    const struct json *top = &config->top;
    const struct json r = json_get(top, "r"), alpha = json_get(top, "lora_alpha"), rslora = json_get(top, "use_rslora");
    const struct json ranks = json_get(top, "rank_pattern"), alphas = json_get(top, "alpha_pattern");
    pllm_status status = check_features(top, err);
    if (!status)
        status = read_rank(&r, &config->rank, err);
    if (!status)
        status = json_as_number(&alpha, &config->alpha, err);
    if (!status && json_kind(&rslora) > J_NULL)
        status = json_as_bool(&rslora, &config->rslora, err);
    if (!status)
        status = want_optional(&ranks, J_OBJECT, err);
    return status ? status : want_optional(&alphas, J_OBJECT, err);
}

/* ---- mlx_lm ------------------------------------------------------------------------------------- */

static pllm_status read_mlx(struct lora_config *config, pllm_error *err)
{
    const struct json type = json_get(&config->top, "fine_tune_type");
    const struct json parameters = json_get(&config->top, "lora_parameters");
    const struct json rank = json_get(&parameters, "rank"), scale = json_get(&parameters, "scale");
    pllm_status status = want_string(&type, "lora", true, err);
    if (!status)
        status = json_want(&parameters, J_OBJECT, err);
    if (!status)
        status = read_rank(&rank, &config->rank, err);
    return status ? status : json_as_number(&scale, &config->alpha, err);
}

/* ---- Both --------------------------------------------------------------------------------------- */

pllm_status lora_config_open(struct lora_config *out, const char *path, bool mlx, pllm_error *err)
{
    struct buf text = {0};
    struct lora_config config = {.mlx = mlx, .steps = PATTERN_STEPS};
    pllm_status status = file_read(&text, path, MAX_CONFIG, err);
    if (!status)
        status = json_parse(&config.top, text.at, text.n, path, err);
    vec_fini(&text);
    if (status)
        return status;
    status = json_want(&config.top, J_OBJECT, err);
    if (!status)
        status = mlx ? read_mlx(&config, err) : read_peft(&config, err);
    if (!status)
        *out = config;
    else
        lora_config_close(&config);
    return status;
}

void lora_config_close(struct lora_config *config)
{
    if (config->top.node)
        json_free(&config->top);
}

/* The value of the first pattern that the module's name matches, as PEFT looks it up; none: node NULL. */
static pllm_status find_pattern(struct lora_config *config, const struct json *patterns, const char *module,
                                struct json *out, pllm_error *err)
{
    void *cursor = NULL;
    struct json member;
    out->node = NULL;
    while (json_next(patterns, &cursor, &member)) {
        enum pattern_result result = lora_pattern_match(member.key, module, &config->steps);
        if (result == PATTERN_BAD)
            return json_unsupported(&member, err, "is no pattern that is understood, or takes too long");
        if (result == PATTERN_YES) {
            *out = member;
            break;
        }
    }
    return PLLM_OK;
}

pllm_status lora_config_module(struct lora_config *config, const char *module, int *rank, float *scale,
                               pllm_error *err)
{
    const struct json ranks = json_get(&config->top, "rank_pattern"), alphas = json_get(&config->top, "alpha_pattern");
    struct json at;
    double alpha = config->alpha;
    *rank = config->rank;
    pllm_status status = PLLM_OK;
    if (!config->mlx) {
        status = find_pattern(config, &ranks, module, &at, err);
        if (!status && at.node)
            status = read_rank(&at, rank, err);
        if (!status)
            status = find_pattern(config, &alphas, module, &at, err);
        if (!status && at.node)
            status = json_as_number(&at, &alpha, err);
        alpha /= config->rslora ? sqrt(*rank) : *rank;
    }
    if (!status && !isfinite((float)alpha))
        status = json_error(&config->top, err, "the scale of %s is %g, wanted a finite number", module, alpha);
    *scale = (float)alpha;
    return status;
}
