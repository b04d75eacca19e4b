/* The engine: requests in, steps, events out. Stepped by its caller, in one thread at a time; its own threads only run
 * the tiles of one operation. What the public header says of pllm_submit, pllm_step and the others holds here. */
#ifndef PARALLM_ENGINE_ENGINE_H
#define PARALLM_ENGINE_ENGINE_H

#include "engine/engine_model.h"
#include "engine/plan.h"
#include "text/tokenizer.h"

struct engine;

/* How tokens become text and end; read during the engine's life, except for the list, which is copied. */
struct engine_text {
    const struct tokenizer *tokenizer; /* NULL: events have no text, requests no stop strings */
    const int32_t *end_tokens;         /* all end tokens of the model */
    size_t n_end_tokens;
};

/* `model` is copied; what it points to outlives the engine. */
pllm_status engine_open(struct engine **out, const struct engine_model *model, const struct engine_text *text,
                        const pllm_engine_options *options, pllm_error *err);
void engine_close(struct engine *e);

pllm_engine_options engine_default_options(void);
pllm_request engine_default_request(void);

pllm_status engine_check(const struct engine *e, const pllm_request *request, pllm_error *err);
pllm_status engine_submit(struct engine *e, const pllm_request *request, uint64_t *id, pllm_error *err);
pllm_status engine_fork(struct engine *e, uint64_t id, int32_t sample, size_t n_tokens, const pllm_request *request,
                        uint64_t *new_id, pllm_error *err);
void engine_cancel(struct engine *e, uint64_t id);
void engine_release(struct engine *e, uint64_t id);
pllm_status engine_step(struct engine *e, const pllm_event **events, size_t *n, pllm_error *err);

pllm_stats engine_stats(const struct engine *e);
bool engine_idle(const struct engine *e);
pllm_plan engine_plan(const struct engine *e);

/* Takes the adapter over on success. A removed one is closed once no request uses it. */
pllm_status engine_adapter_add(struct engine *e, const char *name, struct adapter *adapter, pllm_error *err);
pllm_status engine_adapter_remove(struct engine *e, const char *name, pllm_error *err);

#endif
