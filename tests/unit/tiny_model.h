/* A tiny model of random weights, opened by the public header: `start` and `stop` are a group's setup and teardown. */
#ifndef PARALLM_TINY_MODEL_H
#define PARALLM_TINY_MODEL_H

#include "parallm.h"
#include "test.h"

#define TINY_MODEL "tests/data/tiny.gguf"

static pllm_model *model;

static int start(void **state)
{
    pllm_error err;
    (void)state;
    if (pllm_model_open(&model, TINY_MODEL, NULL, &err))
        fail_msg("%s", err.message);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pllm_model_close(model);
    return 0;
}

#endif
