/* Adapters of the invariance test: random ones for any model, of different ranks. */
#ifndef PARALLM_TESTS_INVARIANCE_ADAPTERS_H
#define PARALLM_TESTS_INVARIANCE_ADAPTERS_H

#include <parallm.h>

#include <stdbool.h>

/* Writes the adapters' folders into a new one under /tmp; false: it cannot be written. */
bool adapters_make(const pllm_model_info *info);
/* Loads them, as "first" and "second". */
pllm_status adapters_load(pllm_engine *engine, pllm_error *err);
void adapters_remove(void);

#endif
