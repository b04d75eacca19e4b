#include "weights/config_keys.h"

#include <stdio.h>
#include <string.h>

/* transformers 5 moved the rope settings into rope_parameters, for models with two kinds of layers one level
 * further down; the global kind ("full_attention") is what older files described at the top. */
static const struct {
    const char *key;
    const char *others[6];
} spellings[] = {
    {"rope_scaling", {"rope_parameters"}},
    {"rope_theta", {"rope_parameters.rope_theta", "rope_parameters.full_attention.rope_theta"}},
    {"rope_local_base_freq", {"rope_parameters.sliding_attention.rope_theta"}},
    {"partial_rotary_factor",
     {"rope_parameters.partial_rotary_factor", "rope_parameters.full_attention.partial_rotary_factor"}},
    {"rope_scaling.rope_type",
     {"rope_scaling.type", "rope_parameters.rope_type", "rope_parameters.type",
      "rope_parameters.full_attention.rope_type"}},
    {"rope_scaling.original_max_position_embeddings",
     {"rope_parameters.original_max_position_embeddings",
      "rope_parameters.full_attention.original_max_position_embeddings", "original_max_position_embeddings"}},
    {"torch_dtype", {"dtype"}},
    {"num_local_experts", {"num_experts"}},
    {"num_experts", {"num_local_experts"}},
};

static bool write_key(char out[CONFIG_KEY_MAX], const char *head, const char *tail)
{
    return snprintf(out, CONFIG_KEY_MAX, "%s%s", head, tail) < CONFIG_KEY_MAX;
}

bool config_spelling(const char *key, size_t i, char out[CONFIG_KEY_MAX])
{
    static const char scaling[] = "rope_scaling.";
    if (i == 0)
        return write_key(out, key, "");
    for (size_t k = 0; k < sizeof spellings / sizeof *spellings; k++)
        if (strcmp(spellings[k].key, key) == 0)
            return i <= 6 && spellings[k].others[i - 1] && write_key(out, spellings[k].others[i - 1], "");
    if (strncmp(key, scaling, sizeof scaling - 1) != 0 || i > 2)
        return false;
    return write_key(out, i == 1 ? "rope_parameters." : "rope_parameters.full_attention.", key + sizeof scaling - 1);
}

/* A leading dot stands for the architecture's name. Where a key has two rows, the first that the file has counts. */
static const struct {
    const char *key, *gguf;
} gguf_keys[] = {
    {"model_type", "general.architecture"},
    {"vocab_size", CONFIG_GGUF_TOKENS},
    {"vocab_size", ".vocab_size"},
    {"bos_token_id", "tokenizer.ggml.bos_token_id"},
    {"eos_token_id", "tokenizer.ggml.eos_token_id"},
    {"pad_token_id", "tokenizer.ggml.padding_token_id"},

    {"num_hidden_layers", ".block_count"},
    {"hidden_size", ".embedding_length"},
    {"intermediate_size", ".feed_forward_length"},
    {"max_position_embeddings", ".context_length"},
    {"num_attention_heads", ".attention.head_count"},
    {"num_key_value_heads", ".attention.head_count_kv"},
    {"head_dim", ".attention.key_length"},
    {"v_head_dim", ".attention.value_length"},
    {"rms_norm_eps", ".attention.layer_norm_rms_epsilon"},
    {"layer_norm_eps", ".attention.layer_norm_epsilon"},
    {"layer_norm_epsilon", ".attention.layer_norm_epsilon"},
    {"norm_epsilon", ".attention.layer_norm_epsilon"},
    {"use_parallel_residual", ".use_parallel_residual"},
    {"clip_qkv", ".attention.clamp_kqv"},

    {"sliding_window", ".attention.sliding_window"},
    {"sliding_window_pattern", ".attention.sliding_window_pattern"},
    {"attn_logit_softcapping", ".attn_logit_softcapping"},
    {"final_logit_softcapping", ".final_logit_softcapping"},
    {"attention_multiplier", ".attention.scale"},
    {"embedding_multiplier", ".embedding_scale"},
    {"residual_multiplier", ".residual_scale"},
    {"logits_scaling", ".logit_scale"}, /* Granite divides by it, */
    {"logit_scale", ".logit_scale"},    /* Cohere multiplies */

    {"num_local_experts", ".expert_count"},
    {"num_experts", ".expert_count"},
    {"num_experts_per_tok", ".expert_used_count"},
    {"moe_intermediate_size", ".expert_feed_forward_length"},
    {"shared_expert_intermediate_size", ".expert_shared_feed_forward_length"},
    {"norm_topk_prob", ".expert_weights_norm"},
    {"expert_layers", "parallm.expert_layers"}, /* our own: which layers have experts, where not all have */

    {"rotary_dim", ".rope.dimension_count"},
    {"rope_theta", ".rope.freq_base"},
    {"rope_local_base_freq", ".rope.freq_base_swa"},
    {"rope_scaling", ".rope.scaling.type"},
    {"rope_scaling.rope_type", ".rope.scaling.type"},
    {"rope_scaling.factor", ".rope.scaling.factor"},
    {"rope_scaling.factor", ".rope.scale_linear"},
    {"rope_scaling.original_max_position_embeddings", ".rope.scaling.original_context_length"},
    {"rope_scaling.attention_factor", ".rope.scaling.attn_factor"},
    {"rope_scaling.beta_fast", ".rope.scaling.yarn_beta_fast"},
    {"rope_scaling.beta_slow", ".rope.scaling.yarn_beta_slow"},
    {"rope_scaling.truncate", "parallm.rope_scaling.truncate"}, /* our own: GGUF has no word for a ramp that is not truncated */
};

bool config_gguf_key(const char *key, const char *arch, size_t i, char out[CONFIG_KEY_MAX])
{
    for (size_t k = 0; k < sizeof gguf_keys / sizeof *gguf_keys; k++) {
        if (strcmp(gguf_keys[k].key, key) != 0 || i-- != 0)
            continue;
        const char *name = gguf_keys[k].gguf;
        return write_key(out, name[0] == '.' ? arch : "", name);
    }
    return false;
}
