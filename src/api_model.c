/* pllm_model: a checkpoint opened, its tokenizer beside it, its weights packed. */
#include "api.h"

#include "backend/backend.h"
#include "base/mem.h"
#include "base/platform.h"
#include "model/model.h"
#include "weights/config.h"
#include "weights/tensor.h"

#include <stdlib.h>
#include <string.h>

pllm_model_options pllm_model_options_default(void)
{
    return (pllm_model_options){.threads = 0};
}

struct model_options api_model_options(const pllm_model_options *o, struct pool *pool)
{
    const char *isa = o->isa ? o->isa : getenv("PLLM_ISA");
    return (struct model_options){.isa = isa && *isa ? isa : NULL,
                                  .dtype = o->dtype,
                                  .activations = o->activations == PLLM_DTYPE_F32    ? ACTIVATIONS_F32
                                                 : o->activations == PLLM_DTYPE_INT8 ? ACTIVATIONS_INT8
                                                                                     : ACTIVATIONS_AUTO,
                                  .quantize = o->quantize,
                                  .pool = pool,
                                  .progress = o->progress,
                                  .progress_user = o->progress_user};
}

pllm_status api_check_model_options(const pllm_model_options *o, pllm_error *err)
{
    if (o->threads < 0)
        return error_set(err, PLLM_E_ARGUMENT, "threads: is %d, wanted 1 or more (0: the cores at hand)", o->threads);
    if (o->dtype == PLLM_DTYPE_INT8)
        return error_set(err, PLLM_E_ARGUMENT, "dtype: is int8, wanted auto, f32, f16 or bf16");
    if ((unsigned)o->dtype > PLLM_DTYPE_INT8)
        return error_set(err, PLLM_E_ARGUMENT, "dtype: is %d, wanted auto, f32, f16 or bf16", (int)o->dtype);
    if ((unsigned)o->activations > PLLM_DTYPE_INT8)
        return error_set(err, PLLM_E_ARGUMENT, "activations: is %d, wanted auto, int8 or f32", (int)o->activations);
    if (o->activations == PLLM_DTYPE_F16 || o->activations == PLLM_DTYPE_BF16)
        return error_set(err, PLLM_E_ARGUMENT, "activations: is a half float, wanted auto, int8 or f32");
    return PLLM_OK;
}

pllm_status api_checkpoint(struct checkpoint **out, char **path_of, const char *path, const pllm_model_options *o,
                           pllm_error *err)
{
    char *resolved = NULL;
    pllm_status status = api_resolve(&resolved, path, o, API_MODEL, err);
    if (!status)
        status = checkpoint_open(out, resolved, err);
    if (status)
        mem_free(resolved);
    else
        *path_of = resolved;
    return status;
}

/* The model's own template is replaced by the caller's. */
static pllm_status use_template(pllm_tokenizer *t, const char *source, pllm_error *err)
{
    pllm_template *own;
    if (!source)
        return PLLM_OK;
    if (!t)
        return error_set(err, PLLM_E_ARGUMENT, "chat_template: this model has no tokenizer to use it with");
    pllm_status status = pllm_template_open(&own, source, strlen(source), "chat_template", err);
    if (status)
        return status;
    while (t->templates.n) {
        struct named_template old = vec_pop(&t->templates);
        mem_free(old.name);
        pllm_template_close(old.chat_template);
    }
    if (!vec_push(&t->templates, (struct named_template){.chat_template = own})) {
        pllm_template_close(own);
        return error_memory(err, "chat template");
    }
    return PLLM_OK;
}

/* End tokens that the config and the vocabulary agree exist; the tokenizer's own end token besides. */
static pllm_status read_end_tokens(pllm_model *m, const struct checkpoint *c, pllm_error *err)
{
    token_vec ids = {0};
    pllm_status status = checkpoint_end_tokens(c, &ids, err);
    const int32_t eos = m->tokenizer ? tokenizer_eos(m->tokenizer->tokenizer) : -1;
    bool listed = eos < 0;
    for (size_t i = 0; i < ids.n; i++)
        listed = listed || ids.at[i] == eos;
    if (!status && !listed && !vec_push(&ids, eos))
        status = error_memory(err, "end tokens");
    m->end_tokens = ids.at;
    m->n_end_tokens = ids.n;
    return status;
}

/* What is read beside the weights. */
struct text_job {
    pllm_model *model;
    const struct checkpoint *checkpoint;
    const char *chat_template;
};

static pllm_status open_text(void *user, pllm_error *err)
{
    const struct text_job *job = user;
    pllm_model *m = job->model;
    pllm_status status = api_tokenizer_of(&m->tokenizer, job->checkpoint, err);
    if (!status)
        status = use_template(m->tokenizer, job->chat_template, err);
    if (!status)
        status = read_end_tokens(m, job->checkpoint, err);
    return status;
}

pllm_status pllm_model_open(pllm_model **out, const char *path, const pllm_model_options *options, pllm_error *err)
{
    const pllm_model_options o = options ? *options : pllm_model_options_default();
    struct checkpoint *c = NULL;
    struct pool *pool = NULL;
    pllm_model *m = mem_zalloc(1, sizeof *m);
    pllm_status status = m ? api_check_model_options(&o, err) : error_memory(err, "model");
    if (!status)
        status = api_checkpoint(&c, &m->path, path, &o, err);
    if (!status)
        status = pool_open(&pool, pool_choose_threads(o.threads, platform_cores()), err);
    if (!status) {
        struct text_job text = {m, c, o.chat_template};
        struct model_options mo = api_model_options(&o, pool);
        mo.meanwhile = open_text;
        mo.meanwhile_user = &text;
        status = model_open(&m->model, c, &mo, err);
        c = NULL; /* taken over, also on failure */
    }
    pool_close(pool);
    checkpoint_close(c);
    if (status)
        pllm_model_close(m);
    else
        *out = m;
    return status;
}

void pllm_model_close(pllm_model *m)
{
    if (!m)
        return;
    model_close(m->model);
    pllm_tokenizer_close(m->tokenizer);
    mem_free(m->end_tokens);
    mem_free(m->path);
    mem_free(m);
}

const pllm_tokenizer *pllm_model_tokenizer(const pllm_model *m)
{
    return m->tokenizer;
}
