/* What a model is: sizes, scalars and per-layer settings. A family fills it from the checkpoint's config
 * (families/), bind.c finds the tensors that it speaks of, forward.c computes it. */
#ifndef PARALLM_MODEL_DESC_H
#define PARALLM_MODEL_DESC_H

#include "backend/backend.h"
#include "weights/config.h"

enum { MODEL_MAX_LAYERS = 512, MODEL_ROPES = 4 };

/* Slots for tensors. The forward pass skips a slot that has no tensor (norms, biases, q/k norms); a tensor that
 * the family names must be there, unless it is marked optional. */
enum tensor_slot {
    T_END, /* ends a family's table */
    T_EMBED, T_HEAD, T_NORM_OUT,
    T_NORM_ATTN_IN, T_NORM_ATTN_OUT, T_NORM_MLP_IN, T_NORM_MLP_OUT,
    T_Q, T_K, T_V, T_QKV, T_O,
    T_Q_BIAS, T_K_BIAS, T_V_BIAS, T_O_BIAS, T_QKV_BIAS,
    T_Q_NORM, T_K_NORM,
    T_GATE, T_UP, T_GATE_UP, T_DOWN,
    T_GATE_BIAS, T_UP_BIAS, T_DOWN_BIAS,
    T_ROUTER, T_EXPERT_GATE, T_EXPERT_UP, T_EXPERT_DOWN,  /* a tensor for each expert */
    T_EXPERTS_GATE, T_EXPERTS_UP, T_EXPERTS_DOWN,         /* one for all experts of a layer */
    T_ROPE_FREQS, T_ROPE_SHORT, T_ROPE_LONG, /* GGUF keeps llama3's and longrope's factors as tensors */
    T_SLOTS
};

/* A name in files: {l} is the layer and {e} the expert, where there is one. */
struct tensor_name {
    enum tensor_slot slot;
    const char *name; /* NULL: this family has no such tensor, though its base has */
    bool optional;    /* else a checkpoint without it is refused */
};

struct layer_desc {
    int window;      /* 0: attends to all positions */
    int rope;        /* index into desc.rope; -1: no rotation (SmolLM3's every fourth layer) */
    bool experts;    /* the MLP is a mixture of experts */
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
    bool truncate;                                                /* yarn: its ramp begins and ends at whole dimensions */
    double attention_factor;                                      /* yarn, longrope; 0: by formula */
    float *factors[2]; /* divisors [dims / 2], owned: longrope's short and long; [0]: rope_freqs of a GGUF */
};

/* Files whose q and k have values that rotate together side by side (weights/interleaved.h). */
enum interleaving { INTERLEAVED_NEVER, INTERLEAVED_IN_GGUF, INTERLEAVED_ALWAYS };

struct model_desc {
    char family[32];
    int n_layers, hidden, n_heads, n_kv_heads, head_dim, intermediate, vocab, max_context;
    enum norm_kind norm;
    bool norm_plus_one;     /* Gemma: weights are stored as w - 1 (Hugging Face files only) */
    float norm_eps;
    enum activation act;
    bool parallel;          /* attention and MLP read the same input and are added together (StableLM 2 12B) */
    bool qk_norm_whole;     /* q and k norms over all heads (OLMo 2) */
    bool qk_norm_rotated;   /* q and k norms behind the rotation instead of before (Hunyuan) */
    enum interleaving interleaved; /* of q and k rows in files */
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
    const char *writes;           /* the architecture of GGUF files that we write; NULL: the first of gguf */
    const char *const *types;     /* config.json's model_type likewise; NULL: it is `name` */
    const struct family *base;    /* whose tensor names hold where `names` has none */
    const struct tensor_name *names;      /* Hugging Face's */
    const struct tensor_name *gguf_names; /* what its GGUF files call otherwise than those of all others (names.c) */
    void (*describe)(struct model_desc *d, struct config *c);
};

/* All families, NULL at the end: the list in families/families.h. */
extern const struct family *const families[];

/* The description of a checkpoint's config: finds the family, lets it describe, checks that sizes make sense. */
pllm_status desc_open(struct model_desc **out, const struct family **family, struct config *c, pllm_error *err);
void desc_close(struct model_desc *d);

/* Building blocks for families (describe_common reads what nearly all configs share). */
void describe_common(struct model_desc *d, struct config *c);  /* sizes, activation, norm, experts, rope[0] */
void describe_llama(struct model_desc *d, struct config *c);   /* the same, and GGUF's interleaved q and k */
/* Where a config.json does not say which part of a head rotates (partial_rotary_factor): 1 / parts of it. */
void describe_part_rotated(struct model_desc *d, struct config *c, int parts);
double describe_positive(struct config *c, const char *key, double value); /* value; else 1 and an error about key */
/* Of a key at whose absence transformers takes a number, but null is none: its value, `absent`, or 0. */
double describe_unless_null(struct config *c, const char *key, double absent);
void describe_usual_theta(struct model_desc *d, struct config *c, double theta); /* rope[0]'s where a config.json has none */
/* Window of the layers that config.json's layer_types calls "sliding_attention", or for which GGUF's list
 * attention.sliding_window_pattern is true; where there is none, of every layer but each `period`-th (period 1: of all),
 * or as many as a number sliding_window_pattern says. Without sliding_window in the config: of none. */
void describe_window(struct model_desc *d, struct config *c, int period);
/* The same, but without sliding_window: `absent`; none only where it is null. */
void describe_window_or(struct model_desc *d, struct config *c, int period, int absent);
int describe_usual_window(const struct config *c); /* what many families have for `absent`: 4096, none in a GGUF file */
/* After describe_window: its layers rotate by rope[1], which is not stretched and whose base is rope_local_base_freq, or `theta`. */
void describe_local_rope(struct model_desc *d, struct config *c, double theta);

/* rope.c: inverse frequencies for short (which = 0) or long contexts into out[dims / 2]; returns the scale of cosines
 * and sines. Dynamic scaling changes nothing within the length that the model was made for, which is our limit. */
float rope_frequencies(float *out, const struct rope_desc *r, int which);
/* What llama3's scaling divides frequency i by: in single precision, as GGUF files keep it, so that both give the same. */
float rope_llama3_divisor(const struct rope_desc *r, int i);
double rope_attention_scale(const struct rope_desc *r); /* the same, unrounded */
void describe_rope(struct rope_desc *r, struct config *c, int head_dim); /* from rope_theta, rope_scaling and friends */

#endif
