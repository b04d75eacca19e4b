/* pllm_engine: the engine behind the public handle, and the plan of one. */
#include "api.h"

#include "base/mem.h"
#include "base/platform.h"
#include "engine/engine.h"
#include "model/model.h"
#include "weights/lora.h"
#include "weights/tensor.h"

pllm_engine_options pllm_engine_options_default(void)
{
    return engine_default_options();
}

pllm_request pllm_request_default(void)
{
    return engine_default_request();
}

pllm_status pllm_engine_open(pllm_engine **out, const pllm_model *model, const pllm_engine_options *options, pllm_error *err)
{
    const pllm_engine_options o = options ? *options : pllm_engine_options_default();
    const struct engine_model em = engine_model_of(model->model);
    const struct engine_text text = {.tokenizer = model->tokenizer ? model->tokenizer->tokenizer : NULL,
                                     .end_tokens = model->end_tokens,
                                     .n_end_tokens = model->n_end_tokens};
    pllm_engine *e = mem_zalloc(1, sizeof *e);
    if (!e)
        return error_memory(err, "engine");
    e->model = model;
    pllm_status status = engine_open(&e->engine, &em, &text, &o, err);
    if (status)
        mem_free(e);
    else
        *out = e;
    return status;
}

void pllm_engine_close(pllm_engine *e)
{
    if (!e)
        return;
    engine_close(e->engine);
    mem_free(e);
}

pllm_status pllm_request_check(const pllm_engine *e, const pllm_request *request, pllm_error *err)
{
    return engine_check(e->engine, request, err);
}

pllm_status pllm_submit(pllm_engine *e, const pllm_request *request, uint64_t *id, pllm_error *err)
{
    return engine_submit(e->engine, request, id, err);
}

pllm_status pllm_fork(pllm_engine *e, uint64_t id, int32_t sample, size_t n_tokens, const pllm_request *request,
                      uint64_t *new_id, pllm_error *err)
{
    return engine_fork(e->engine, id, sample, n_tokens, request, new_id, err);
}

void pllm_cancel(pllm_engine *e, uint64_t id)
{
    engine_cancel(e->engine, id);
}

void pllm_release(pllm_engine *e, uint64_t id)
{
    engine_release(e->engine, id);
}

pllm_status pllm_step(pllm_engine *e, const pllm_event **events, size_t *n, pllm_error *err)
{
    return engine_step(e->engine, events, n, err);
}

pllm_stats pllm_engine_stats(const pllm_engine *e)
{
    return engine_stats(e->engine);
}

bool pllm_engine_idle(const pllm_engine *e)
{
    return engine_idle(e->engine);
}

pllm_status pllm_adapter_add(pllm_engine *e, const char *name, const char *path, pllm_error *err)
{
    struct lora_shape shape;
    struct adapter *adapter;
    model_lora_shape(e->model->model, &shape);
    pllm_status status = adapter_open(&adapter, path, &shape, err);
    if (status)
        return status;
    status = engine_adapter_add(e->engine, name, adapter, err);
    if (status)
        adapter_close(adapter);
    return status;
}

pllm_status pllm_adapter_remove(pllm_engine *e, const char *name, pllm_error *err)
{
    return engine_adapter_remove(e->engine, name, err);
}

/* What the process holds besides weights, cache and scratch: the program and its libraries, and the tokenizer, whose tables
 * take some twelve times a token's text. docs/speed/engine.md has plans beside what was measured. */
static uint64_t other_bytes(const pllm_tokenizer *t)
{
    const uint64_t program = 12u << 20, per_token = 160;
    return program + (t ? tokenizer_size(t->tokenizer) * per_token : 0);
}

static void complete(pllm_plan *p, uint64_t weight_bytes, const pllm_tokenizer *tokenizer)
{
    p->weight_bytes = weight_bytes;
    p->other_bytes = other_bytes(tokenizer);
    p->peak_bytes = p->weight_bytes + p->kv_cache_bytes + p->scratch_bytes + p->other_bytes;
    p->available_bytes = platform_available_bytes();
}

pllm_plan pllm_engine_plan(const pllm_engine *e)
{
    pllm_plan p = engine_plan(e->engine);
    complete(&p, e->model->model->weight_bytes, e->model->tokenizer);
    return p;
}

static pllm_status plan_model(const struct model *m, uint64_t weight_bytes, const pllm_tokenizer *tokenizer,
                              const pllm_engine_options *o, pllm_plan *out, pllm_error *err)
{
    const struct engine_model em = engine_model_of(m);
    struct engine_sizes sizes;
    pllm_status status = engine_size(&sizes, &em, o, weight_bytes, err);
    if (status)
        return status;
    *out = plan_of(&sizes);
    complete(out, weight_bytes, tokenizer);
    return PLLM_OK;
}

pllm_status pllm_plan_run(const char *path, const pllm_model_options *model_options,
                          const pllm_engine_options *engine_options, pllm_plan *out, char **description, pllm_error *err)
{
    const pllm_model_options mo = model_options ? *model_options : pllm_model_options_default();
    const pllm_engine_options eo = engine_options ? *engine_options : pllm_engine_options_default();
    const struct model_options o = api_model_options(&mo, NULL);
    struct checkpoint *c = NULL;
    struct model *m = NULL;
    pllm_tokenizer *tokenizer = NULL;
    token_vec end_tokens = {0};
    char *resolved = NULL;
    uint64_t weight_bytes = 0;
    pllm_plan plan;
    pllm_status status = api_check_model_options(&mo, err);
    if (!status)
        status = api_checkpoint(&c, &resolved, path, &mo, err);
    if (!status)
        status = api_tokenizer_of(&tokenizer, c, err);
    if (!status)
        status = checkpoint_end_tokens(c, &end_tokens, err);
    if (!status) {
        status = model_describe(&m, &weight_bytes, c, &o, err);
        c = NULL;
    }
    if (!status)
        status = plan_model(m, weight_bytes, tokenizer, &eo, &plan, err);
    if (!status && description)
        status = api_model_text(m, description, err);
    if (!status)
        *out = plan;
    vec_fini(&end_tokens);
    model_close(m);
    checkpoint_close(c);
    pllm_tokenizer_close(tokenizer);
    mem_free(resolved);
    return status;
}
