/* Low-rank adapters: out += scale * B (A in), for some modules of some layers. */
#ifndef PARALLM_WEIGHTS_LORA_H
#define PARALLM_WEIGHTS_LORA_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum lora_module { LORA_Q, LORA_K, LORA_V, LORA_O, LORA_GATE, LORA_UP, LORA_DOWN, LORA_MODULES };

enum { LORA_MAX_RANK = 512 };

struct lora_matrix {
    int rank;       /* at most LORA_MAX_RANK; 0: this module is not adapted */
    int in, out;
    float scale;
    float *a;       /* [rank][in] */
    float *b;       /* [rank][out]: B transposed */
};

struct adapter {
    int n_layers;
    struct lora_matrix *at; /* [n_layers][LORA_MODULES] */
    size_t bytes;
};

/* Sizes that an adapter's matrices must have: of the model it is for. */
struct lora_shape {
    int n_layers;
    int in[LORA_MODULES], out[LORA_MODULES]; /* 0: the model has no such module */
};

/* Reads a folder in PEFT's form (adapter_config.json, adapter_model.safetensors) or mlx_lm's
 * (adapter_config.json, adapters.safetensors). Unknown modules, wrong shapes, non-finite values and
 * features that we lack are refused by name. */
pllm_status adapter_open(struct adapter **out, const char *path, const struct lora_shape *shape, pllm_error *err);
void adapter_close(struct adapter *a);

#endif
