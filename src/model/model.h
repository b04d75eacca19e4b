/* A model: description, packed weights and vectors; and a decoder, which runs batches through it. */
#ifndef PARALLM_MODEL_MODEL_H
#define PARALLM_MODEL_MODEL_H

#include "backend/backend.h"
#include "base/aside.h"
#include "model/desc.h"
#include "weights/interleaved.h"
#include "weights/tensor.h"

struct layer {
    struct norm attn_in, attn_out, mlp_in, mlp_out, q_norm, k_norm; /* weight NULL: not there */
    struct weight q, k, v, o, gate, up, down;                       /* rows 0: not there (experts) */
    const float *q_bias, *k_bias, *v_bias, *o_bias, *gate_bias, *up_bias, *down_bias;
    struct weight router, *expert_gate, *expert_up, *expert_down;   /* [n_experts] */
};

/* Immutable after model_open: any number of decoders in any threads. */
struct model {
    struct model_desc *desc;
    const struct family *family;
    const struct backend *backend;
    struct device *device;
    struct checkpoint *checkpoint; /* stays mapped: embeddings are read from it row by row */
    struct matrix_rows embed;
    enum block_type embed_as; /* the type that its rows are rounded to: its own, or what --quantize asks for */
    struct weight head;
    bool head_is_embed;       /* there is one matrix for both */
    struct norm norm_out;
    struct layer *layers;
    struct rope ropes[MODEL_ROPES];
    float *vectors; /* all norms and biases */
    uint64_t n_parameters, weight_bytes;
    bool fine_activations; /* some weights read their activations in two planes */
    bool float_weights;    /* some are not quantized, or read float32 activations */
};

/* What quantized weights meet: int8, in two planes where the model is narrow; int8 alone; float32. */
enum activations { ACTIVATIONS_AUTO, ACTIVATIONS_INT8, ACTIVATIONS_F32 };

struct model_options {
    const char *isa;
    pllm_dtype dtype;
    enum activations activations;
    const char *quantize;
    struct pool *pool; /* for packing */
    pllm_progress progress;
    void *progress_user;
    /* What else is to be read of the checkpoint, by a thread of its own while the pool packs, or NULL. The model fails with
     * it; where it fails itself, it may not have been called. */
    aside_call *meanwhile;
    void *meanwhile_user;
};

/* Takes the checkpoint over, also on failure. */
pllm_status model_open(struct model **out, struct checkpoint *checkpoint, const struct model_options *o, pllm_error *err);
void model_close(struct model *m);

/* The same without reading weights: everything is checked, nothing can be decoded. *weight_bytes: what packed weights
 * will take. Takes the checkpoint over. */
pllm_status model_describe(struct model **out, uint64_t *weight_bytes, struct checkpoint *checkpoint,
                           const struct model_options *o, pllm_error *err);

/* Order of the rows of q and k in the model's files, or in those of adapters, which have Hugging Face's. */
struct interleaved model_interleaved(const struct model_desc *d, bool is_gguf);

/* Widths of the modules that adapters may change. */
void model_lora_shape(const struct model *m, struct lora_shape *out);

/* Block-table group of a layer, and a group's largest window (0: keeps everything). */
int model_kv_group(const struct model_desc *d, int layer);
int model_group_window(const struct model_desc *d, int group);

/* A sequence that has grown longer than so many tokens uses rope table 1 (longrope's long factors) for all its positions;
 * 0: never. */
int model_rope_switch(const struct model_desc *d);

struct decoder;

struct decoder_options {
    struct pool *pool; /* outlives the decoder; decoder_scratch_bytes does not need it */
    int threads;       /* of the pool */
    int max_rows, max_seqs, max_out;
    enum kv_type kv_type;
    int n_blocks[KV_GROUPS];
    pllm_progress progress; /* told of each layer of a step that is computed; NULL: nobody is */
    void *progress_user;
};

pllm_status decoder_open(struct decoder **out, const struct model *m, const struct decoder_options *o, pllm_error *err);
void decoder_close(struct decoder *d);

/* Bytes of a decoder's scratch, and of one block of each group: for the plan. */
size_t decoder_scratch_bytes(const struct model *m, const struct decoder_options *o);
size_t decoder_block_bytes(const struct model *m, enum kv_type type, int group);

/* Runs a batch: fills the cache at its rows' positions and computes the logits of its out_rows.
 * logits[i] (rows `stride` floats apart) is the decoder's memory until the next step. False: the progress function stopped it;
 * the same batch may be run again. */
bool decoder_step(struct decoder *d, const struct batch *batch, const float **logits, size_t *stride);

/* Copies n positions of a KV block (copy-on-write). */
void decoder_copy_block(struct decoder *d, int group, int32_t to, int32_t from, int n_positions);

#endif
