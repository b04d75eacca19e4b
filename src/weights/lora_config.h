/* adapter_config.json, PEFT's or mlx_lm's: the rank and the scale of every module. */
#ifndef PARALLM_WEIGHTS_LORA_CONFIG_H
#define PARALLM_WEIGHTS_LORA_CONFIG_H

#include "base/error.h"
#include "base/json.h"
#include "weights/lora.h"

#include <stdbool.h>

struct lora_config {
    struct json top;
    bool mlx;
    int rank;
    double alpha;  /* mlx: the scale itself */
    int steps;     /* left for patterns */
    bool rslora;   /* alpha / sqrt(rank) in place of alpha / rank */
};

/* Reads and checks; what changes the arithmetic and is not known here is refused. `path` must outlive *out. */
pllm_status lora_config_open(struct lora_config *out, const char *path, bool mlx, pllm_error *err);
void lora_config_close(struct lora_config *config);

/* Of a module by its full name, "model.layers.0.self_attn.q_proj". */
pllm_status lora_config_module(struct lora_config *config, const char *module, int *rank, float *scale,
                               pllm_error *err);

#endif
