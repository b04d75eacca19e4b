/* Batched operations on device memory: where the model meets a CPU or a GPU.
 *
 * A step works on a `struct batch`: a ragged list of rows, each one token of one sequence at one position.
 * Operations are over all rows of the batch, in the order in which they are called; none of them can
 * fail, since everything is allocated at open. Nobody above looks into an activation.
 *
 *     struct device  for a model: where weights live; immutable after loading, shared by streams
 *     struct stream  for an engine: threads, scratch, the current batch
 *     struct act     activations [rows][cols] of float32, owned by the stream's user
 *     struct kv      the KV cache of an engine, in blocks
 *
 * Row independence: an operation's result for a row has the same bits whatever other rows are there. */
#ifndef PARALLM_BACKEND_BACKEND_H
#define PARALLM_BACKEND_BACKEND_H

#include "base/error.h"
#include "base/pool.h"
#include "kernels/kernels.h"
#include "weights/lora.h"
#include "weights/weight.h"

struct device;
struct stream;
struct act;
struct kv;

enum { KV_GROUPS = 2 }; /* layers that keep all positions, and layers with a window */

/* The rows of one sequence in a step: consecutive rows at consecutive positions. */
struct batch_seq {
    int first_row, n_rows;
    int32_t pos;                     /* of its first row */
    const int32_t *blocks[KV_GROUPS]; /* block tables: entry p / KV_BLOCK holds position p; -1: given up */
    int adapter;                     /* index into batch.adapters, -1: none */
    int rope;                        /* 0, or 1 for the long factors of longrope */
};

struct batch {
    int n_rows, n_seqs, n_out;
    const int32_t *tokens;   /* [n_rows] */
    const struct batch_seq *seqs;
    const int32_t *out_rows; /* [n_out], ascending: rows whose logits are wanted */
    const struct adapter *const *adapters;
};

struct kv_layout {
    enum kv_type type;
    int n_layers, n_kv_heads, head_dim;
    const int *group;         /* [n_layers]: which block table a layer uses */
    int n_blocks[KV_GROUPS];
};

/* A linear layer: out = in * w^T (+ bias), plus the adapters of the rows. */
struct linear {
    const struct weight *w;
    const float *bias;      /* [outputs] or NULL */
    struct act *out;
    bool accumulate;        /* add to what out holds */
    float scale;            /* of the result before adding; 1 */
    int layer, module;      /* for adapters (enum lora_module); module -1: none */
};

enum norm_kind { NORM_RMS, NORM_LAYER };

struct norm {
    enum norm_kind kind;
    float eps;
    const float *weight; /* [cols]; Gemma's 1 + w is folded at load */
    const float *bias;   /* LAYER only, or NULL */
};

/* Angles of rotary embedding, one table for each kind of layer. */
struct rope {
    int dims;              /* rotated dimensions of a head, even; 0: none */
    const float *inv_freq[2]; /* [dims / 2]; [1]: longrope's long factors, else the same */
    float scale[2];        /* of cosine and sine (yarn, longrope); 1 */
};

struct attention {
    int layer;              /* of the cache */
    int n_heads, n_kv_heads, head_dim;
    const struct norm *q_norm, *k_norm; /* per head over head_dim, or NULL */
    bool norm_whole;        /* q_norm and k_norm run over all heads together (OLMo 2) */
    bool norm_rotated;      /* they come behind the rotation (Hunyuan) */
    int rope;               /* index into the stream's tables; -1: no positions */
    int window;             /* 0: all; else each position sees itself and window - 1 before */
    float scale, softcap;   /* of scores; softcap 0: none */
};

/* Routed experts: top_k of n experts for each row, weights[i] the softmax of the router's logits. Gates and ups are all of one
 * cut (weight_same_cut), and so are the downs. */
struct experts {
    const struct weight *router;         /* [n_experts, hidden] */
    int n_experts, top_k;
    bool normalize;                      /* the chosen ones' weights sum to 1 */
    const struct weight *gate, *up, *down; /* [n_experts] each */
    enum activation act;
};

struct stream_options {
    struct pool *pool;                 /* outlives the stream; stream_bytes does not need it */
    int threads;                       /* of the pool */
    int max_rows, max_seqs, max_out;   /* of a batch */
    int max_cols;                      /* widest activation, heads * head_dim and experts' inputs included */
    bool fine;                         /* some weights want their activations in two planes */
    bool only_int8;                    /* all weights are quantized and read int8 activations */
    int vocab;                         /* rows of the head that `logits` is called with; 0: never called */
    const struct rope *ropes;          /* [n_ropes], copied but for inv_freq, which must outlive */
    int n_ropes;
    const struct experts *experts;     /* largest of the model, for scratch; NULL: none */
};

struct backend {
    const char *name;

    pllm_status (*device_open)(struct device **out, const char *isa, pllm_error *err);
    void (*device_close)(struct device *d);
    const struct kernels *(*device_kernels)(const struct device *d); /* the host's, for what is done there */
    /* Brings matrices into the form that `linear` reads: all of a model at once, into memory that stays the device's
     * (weights_pack). */
    pllm_status (*weights_load)(struct device *d, const struct weight_job *jobs, size_t n, struct pool *pool,
                                const struct weight_watch *watch, pllm_error *err);

    pllm_status (*stream_open)(struct stream **out, struct device *d, const struct stream_options *o, pllm_error *err);
    void (*stream_close)(struct stream *s);
    size_t (*stream_bytes)(const struct device *d, const struct stream_options *o); /* that a run touches, for the plan */
    pllm_status (*act_open)(struct act **out, struct stream *s, int max_rows, int cols, pllm_error *err);
    void (*act_close)(struct act *a);
    size_t (*act_bytes)(int max_rows, int cols); /* of such an act */
    pllm_status (*kv_open)(struct kv **out, struct stream *s, const struct kv_layout *layout, pllm_error *err);
    void (*kv_close)(struct kv *kv);
    size_t (*kv_block_bytes)(const struct kv_layout *layout, const struct device *d, int group); /* all its layers */
    size_t (*kv_scratch_bytes)(int head_dim, int n_threads); /* of a cache, besides its blocks */
    /* Copies the first n positions of a block to another, in all layers of a group. */
    void (*kv_copy)(struct kv *kv, int group, int32_t to, int32_t from, int n_positions);

    void (*begin)(struct stream *s, const struct batch *batch); /* the batch must stay until end */
    void (*end)(struct stream *s);
    /* out[r] = scale * table[tokens[r]], rounded to what blocks of type `as` hold if that is not the table's own. */
    void (*embed)(struct stream *s, struct act *out, const struct matrix_rows *table, enum block_type as, float scale);
    void (*norm)(struct stream *s, struct act *out, const struct act *in, const struct norm *norm);
    /* Several layers that read the same input: its packed form is made once. */
    void (*linear)(struct stream *s, const struct linear *layers, int n, const struct act *in);
    /* out = act(gate(in)) * up(in), as one operation. */
    void (*gate_up)(struct stream *s, struct act *out, const struct linear *gate, const struct linear *up,
                    const struct act *in, enum activation act);
    /* Norms and rotates q and k, and stores k and v at the rows' positions. */
    void (*rope_store)(struct stream *s, struct kv *kv, struct act *q, struct act *k, const struct act *v,
                       const struct attention *a);
    /* out[r] = attention of row r over its sequence up to its position. q is consumed. */
    void (*attend)(struct stream *s, struct kv *kv, struct act *out, struct act *q, const struct attention *a);
    /* out += scale * (sum over the chosen experts of weight * down(act(gate(in)) * up(in))). */
    void (*experts)(struct stream *s, struct act *out, const struct act *in, const struct experts *e, float scale);
    void (*add)(struct stream *s, struct act *out, const struct act *in, float scale); /* out += scale * in */
    /* out[i] = in[out_rows[i]]: from here on operations run over n_out rows. */
    void (*gather)(struct stream *s, struct act *out, const struct act *in);
    /* Logits of the gathered rows, in host memory, rows `stride` floats apart, valid until the next begin;
     * scaled, then soft-capped (0: not). */
    const float *(*logits)(struct stream *s, const struct weight *head, const struct act *in, float scale,
                           float softcap, size_t *stride);
};

extern const struct backend backend_cpu;

#endif
