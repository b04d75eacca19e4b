/* Low-rank adapters: out += scale * B (A in), for some modules of some layers. */
#ifndef PARALLM_WEIGHTS_LORA_H
#define PARALLM_WEIGHTS_LORA_H

#include "base/error.h"
#include "weights/interleaved.h"

#include <stddef.h>
#include <stdint.h>

enum lora_module { LORA_Q, LORA_K, LORA_V, LORA_O, LORA_GATE, LORA_UP, LORA_DOWN, LORA_MODULES };

enum { LORA_MAX_RANK = 512, LORA_PANEL = 64 };

struct lora_matrix {
    int rank;       /* at most LORA_MAX_RANK; 0: this module is not adapted */
    int in, out;
    float scale;
    float *a;       /* [rank][in] */
    float *b;       /* [panels][rank][LORA_PANEL]: B transposed, in panels of outputs; zeros past the last one */
};

static inline int lora_panels(int out)
{
    return (out + LORA_PANEL - 1) / LORA_PANEL;
}

/* Output `out` of the first of B's columns; the others follow LORA_PANEL floats apart. */
static inline float *lora_b(const struct lora_matrix *m, int out)
{
    return m->b + (size_t)(out / LORA_PANEL) * (size_t)m->rank * LORA_PANEL + out % LORA_PANEL;
}

struct adapter {
    int n_layers;
    struct lora_matrix *at; /* [n_layers][LORA_MODULES] */
    size_t bytes;
};

/* Sizes that an adapter's matrices must have: of the model it is for. */
struct lora_shape {
    int n_layers;
    int in[LORA_MODULES], out[LORA_MODULES]; /* 0: the model has no such module */
    struct interleaved heads;                /* of q and k in the adapter's files; B has one half after the other */
};

/* Reads a folder in PEFT's form (adapter_config.json, adapter_model.safetensors) or mlx_lm's
 * (adapter_config.json, adapters.safetensors). Unknown modules, wrong shapes, non-finite values and
 * features that we lack are refused by name. */
pllm_status adapter_open(struct adapter **out, const char *path, const struct lora_shape *shape, pllm_error *err);
void adapter_close(struct adapter *a);

#endif
