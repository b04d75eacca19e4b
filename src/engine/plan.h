/* What a run will need in memory, before anything large is allocated; and the sizes that the options leave open. */
#ifndef PARALLM_ENGINE_PLAN_H
#define PARALLM_ENGINE_PLAN_H

#include "engine/engine_model.h"

struct engine_sizes {
    int threads, max_seqs, max_rows, max_out, max_scores, max_len;
    bool auto_seqs; /* max_seqs was left open: how many run is found while running */
    enum kv_type kv_type;
    int n_blocks[KV_GROUPS];
    /* Of the cache; of decoder and sampler where no prompts are scored, whose logits may take 64 MiB more; of max_len
     * tokens. */
    uint64_t kv_bytes, scratch_bytes, sequence_bytes;
    int sequences_that_fit;
};

/* `held_bytes`: memory that the process will hold besides (the weights, if they are not loaded yet), which is not at
 * hand for the cache. PLLM_E_ARGUMENT or PLLM_E_MEMORY with the numbers if the options do not fit. */
pllm_status engine_size(struct engine_sizes *out, const struct engine_model *model, const pllm_engine_options *o,
                        uint64_t held_bytes, pllm_error *err);

/* The public form; weight_bytes and other_bytes are the caller's to fill and to add to peak_bytes. */
pllm_plan plan_of(const struct engine_sizes *sizes);

#endif
