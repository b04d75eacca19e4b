/* What a model is: sizes, scalars and per-layer settings. A family fills it from the checkpoint's config
 * (families/), bind.c finds the tensors that it speaks of, forward.c computes it. */
#ifndef PARALLM_MODEL_DESC_H
#define PARALLM_MODEL_DESC_H

#include "backend/backend.h"
#include "weights/config.h"

enum { MODEL_MAX_LAYERS = 512, MODEL_ROPES = 4 };

/* Slots for tensors. A slot whose tensor the checkpoint lacks is skipped (norms, biases, q/k norms), unless
 * the forward pass cannot do without it (bind.c knows which). */
enum tensor_slot {
    T_END, /* ends a family's table */
    T_EMBED, T_HEAD, T_NORM_OUT,
    T_NORM_ATTN_IN, T_NORM_ATTN_OUT, T_NORM_MLP_IN, T_NORM_MLP_OUT,
    T_Q, T_K, T_V, T_QKV, T_O,
    T_Q_BIAS, T_K_BIAS, T_V_BIAS, T_O_BIAS, T_QKV_BIAS,
    T_Q_NORM, T_K_NORM,
    T_GATE, T_UP, T_GATE_UP, T_DOWN,
    T_GATE_BIAS, T_UP_BIAS, T_DOWN_BIAS,
    T_ROUTER, T_EXPERT_GATE, T_EXPERT_UP, T_EXPERT_DOWN,
    T_SLOTS
};

/* A Hugging Face name: %d is the layer (%e the expert) where there is one. */
struct tensor_name {
    enum tensor_slot slot;
    const char *name;
};

struct layer_desc {
    int window;      /* 0: attends to all positions */
    int rope;        /* index into desc.rope; -1: no rotation (SmolLM3's every fourth layer) */
};

enum rope_scaling { ROPE_NONE, ROPE_LINEAR, ROPE_DYNAMIC, ROPE_LLAMA3, ROPE_YARN, ROPE_LONGROPE };

/* How the angles of one kind of layer come about; rope.c turns it into inverse frequencies. */
struct rope_desc {
    int dims; /* rotated dimensions of a head */
    double theta;
    enum rope_scaling scaling;
    double factor, original_context;
    double low_freq_factor, high_freq_factor;                     /* llama3 */
    double beta_fast, beta_slow, mscale, mscale_all_dim;          /* yarn */
    double attention_factor;                                      /* yarn, longrope; 0: by formula */
    float *factors[2];                                            /* longrope: short, long [dims / 2]; llama3 in GGUF:
                                                                   * rope_freqs; owned by the desc */
};

struct model_desc {
    char family[32];
    int n_layers, hidden, n_heads, n_kv_heads, head_dim, intermediate, vocab, max_context;
    enum norm_kind norm;
    bool norm_plus_one;     /* Gemma: weights are stored as w - 1 (Hugging Face files only) */
    float norm_eps;
    enum activation act;
    bool parallel;          /* attention and MLP read the same input and are added together (Cohere) */
    bool qk_norm_whole;     /* q and k norms over all heads (OLMo 2) */
    bool interleaved;       /* GGUF: q and k rows of this family are permuted in the file */
    float embed_scale, residual_scale, logit_scale, attn_scale; /* 1, 1, 1, 1/sqrt(head_dim) */
    float attn_softcap, final_softcap;                          /* 0: none */
    bool tied;              /* the head is the embedding; else T_HEAD, if the file has it */
    int n_experts, n_experts_used, expert_intermediate; /* 0: dense */
    bool experts_normalize;
    struct rope_desc rope[MODEL_ROPES];
    int n_ropes;
    struct layer_desc *layer; /* [n_layers], owned; zeroed before describe */
};

struct family {
    const char *name;             /* as users call it: "llama" */
    const char *const *hf;        /* config.json's architectures that it describes, NULL at the end */
    const char *const *gguf;      /* general.architecture likewise */
    const struct family *base;    /* whose tensor names hold where `names` has none */
    const struct tensor_name *names;
    void (*describe)(struct model_desc *d, struct config *c);
};

/* All families, NULL at the end; the only list (families/families.c). */
extern const struct family *const families[];

/* The description of a checkpoint's config: finds the family, lets it describe, checks that sizes make sense. */
pllm_status desc_open(struct model_desc **out, const struct family **family, struct config *c, pllm_error *err);
void desc_close(struct model_desc *d);

/* Building blocks for families (describe_common reads what nearly all configs share). */
void describe_common(struct model_desc *d, struct config *c);
void describe_rope(struct model_desc *d, struct config *c); /* rope[0] for all layers, from rope_theta and rope_scaling */
/* Sets `window` on the layers for which is_local[l % period] is true. */
void describe_window(struct model_desc *d, struct config *c, int window, const bool *is_local, int period);

#endif
