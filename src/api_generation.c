/* How a model's makers want it to draw: generation_config.json of a Hugging Face folder, general.sampling.* of a GGUF file. */
#include "api.h"

#include "base/json.h"
#include "weights/gguf.h"
#include "weights/tensor.h"

#include <stddef.h>

/* A number of either form, where it goes, and within what. Hugging Face's max_new_tokens has no name in GGUF. */
struct setting {
    const char *json, *gguf;
    size_t offset; /* in pllm_request */
    bool whole;    /* int32_t, not float */
    double least, most;
};

static const struct setting settings[] = {
    {"temperature", "general.sampling.temp", offsetof(pllm_request, sampling.temperature), false, 0, 1e6},
    {"top_k", "general.sampling.top_k", offsetof(pllm_request, sampling.top_k), true, -1, INT32_MAX},
    {"top_p", "general.sampling.top_p", offsetof(pllm_request, sampling.top_p), false, 0, 1},
    {"min_p", "general.sampling.min_p", offsetof(pllm_request, sampling.min_p), false, 0, 1},
    {"typical_p", NULL, offsetof(pllm_request, sampling.typical_p), false, 0, 1},
    {"repetition_penalty", "general.sampling.penalty_repeat", offsetof(pllm_request, sampling.repetition_penalty), false, 1e-6, 1e6},
    {NULL, "general.sampling.penalty_last_n", offsetof(pllm_request, sampling.repetition_context_size), true, 0, INT32_MAX},
    {NULL, "general.sampling.xtc_probability", offsetof(pllm_request, sampling.xtc_probability), false, 0, 1},
    {NULL, "general.sampling.xtc_threshold", offsetof(pllm_request, sampling.xtc_threshold), false, 0, 1},
    {"max_new_tokens", NULL, offsetof(pllm_request, max_tokens), true, 1, INT32_MAX},
};

static void put(pllm_request *r, const struct setting *s, double x)
{
    char *at = (char *)r + s->offset;
    if (s->whole)
        *(int32_t *)at = (int32_t)x;
    else
        *(float *)at = (float)x;
}

/* Sets *has where the number is there, and within its limits. */
static pllm_status read_json(const struct json *top, const struct setting *s, double *x, bool *has, pllm_error *err)
{
    const struct json at = json_get(top, s->json);
    int64_t whole = 0;
    *has = json_kind(&at) > J_NULL;
    if (!*has)
        return PLLM_OK;
    pllm_status status = s->whole ? json_as_int(&at, (int64_t)s->least, (int64_t)s->most, &whole, err) : json_as_number(&at, x, err);
    if (s->whole)
        *x = (double)whole;
    if (!status && !(*x >= s->least && *x <= s->most))
        return json_error(&at, err, "is %g, wanted a number from %g to %g", *x, s->least, s->most);
    return status;
}

/* Greedy where drawing is off; where it is on, and no temperature is told, at the temperature that transformers takes then. */
static pllm_status read_drawing(pllm_request *r, const struct json *top, pllm_error *err)
{
    const struct json at = json_get(top, "do_sample"), temperature = json_get(top, "temperature");
    bool draws = false;
    pllm_status status = json_kind(&at) > J_NULL ? json_as_bool(&at, &draws, err) : PLLM_OK;
    if (!status && json_kind(&at) > J_NULL && !draws)
        r->sampling.temperature = 0;
    if (!status && draws && json_kind(&temperature) <= J_NULL)
        r->sampling.temperature = 1;
    return status;
}

static pllm_status from_folder(pllm_request *r, const struct json *top, pllm_error *err)
{
    pllm_status status = PLLM_OK;
    for (size_t i = 0; !status && i < sizeof settings / sizeof *settings; i++) {
        double x = 0;
        bool has = false;
        if (settings[i].json)
            status = read_json(top, &settings[i], &x, &has, err);
        if (!status && has)
            put(r, &settings[i], x);
    }
    return status ? status : read_drawing(r, top, err);
}

static pllm_status from_gguf(pllm_request *r, const struct gguf *g, pllm_error *err)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const struct setting *s = &settings[i];
        const struct gguf_value *v = s->gguf ? gguf_find(g, s->gguf) : NULL;
        double x;
        char what[64];
        if (!v)
            continue;
        if (v->is_array || !gguf_float_at(v, 0, &x))
            return error_set(err, PLLM_E_FORMAT, "%s: %s: is %s, wanted a number", g->source, s->gguf,
                             gguf_describe(v, what, sizeof what));
        if (!(x >= s->least && x <= s->most) || (s->whole && x != (double)(int64_t)x))
            return error_set(err, PLLM_E_FORMAT, "%s: %s: is %g, wanted a %snumber from %g to %g", g->source, s->gguf, x,
                             s->whole ? "whole " : "", s->least, s->most);
        put(r, s, x);
    }
    return PLLM_OK;
}

pllm_status pllm_model_generation(const pllm_model *model, pllm_request *request, pllm_error *err)
{
    const struct checkpoint *c = model->model->checkpoint;
    pllm_request r = *request;
    pllm_status status = c->gguf ? from_gguf(&r, c->gguf, err) : from_folder(&r, &c->generation, err);
    if (!status)
        *request = r;
    return status;
}
