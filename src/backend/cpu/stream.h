/* The CPU backend's own structs, shared by its files.
 *
 * Every operation cuts its rows or columns into tasks for the pool. A task writes numbers that no other task
 * touches, and what it computes for a row depends on that row alone, so neither the cut nor the number of
 * threads shows in the bits. Nothing is allocated between stream_open and stream_close. */
#ifndef PARALLM_BACKEND_CPU_STREAM_H
#define PARALLM_BACKEND_CPU_STREAM_H

#include "backend/backend.h"
#include "base/vec.h"

enum {
    PANEL_MAX = 64,      /* outputs of the widest panel: products may write that far past a row's end */
    PIECE_COLUMNS = 128, /* most outputs of a task's piece of a linear layer */
    PIECE_ROWS = 128,    /* most rows that a piece is computed for at a time: so few that their sums stay in the cache */
    PACKED_FORMS = 4,    /* packed inputs that are kept at a time */
    LAYERS_MAX = 8,      /* linear layers in one call */
    LORA_LAYERS_MAX = 3, /* of them with adapters: q, k and v */
};

struct device {
    struct kernels kernels;
    VEC(struct weight_room) rooms; /* of all weights */
};

/* Rows of float32, `stride` floats apart. Columns past `cols` exist up to the next multiple of PANEL_MAX,
 * and are nobody's. */
struct act {
    float *data;
    size_t stride, bytes;
    int cols, max_rows;
    uint64_t version; /* changes with every write, unique in the stream: says whether a packed copy is stale */
};

/* What products read: rows [0 .. n_rows-1] of an act in one form. */
struct packed {
    const struct act_kernel *form; /* NULL: empty */
    char *memory;
    uint64_t version; /* of the act that it holds */
    uint64_t used;    /* when it was read last */
    int n_rows, cols;
};

struct row {
    int seq;
    int32_t pos;
};

struct stream {
    const struct kernels *k;
    struct pool *pool;
    int n_threads;
    struct stream_options options;
    struct rope *ropes;

    const struct batch *batch; /* between begin and end */
    int n_rows;                /* batch->n_rows; batch->n_out from gather on */
    struct row *row;           /* [max_rows] */
    float *angles;             /* [n_ropes][max_rows][angle_stride]: dims / 2 cosines, then as many sines */
    size_t angle_stride;
    int *seq_order[KV_GROUPS]; /* [max_seqs]: sequences sorted by block table, so that sharers are neighbours */
    int *seq_temp;             /* [max_seqs] */
    int *row_order[KV_GROUPS]; /* [max_rows]: their rows, in that order */

    uint64_t version;
    struct packed packed[PACKED_FORMS];
    char *packed_memory; /* for all of them */
    size_t packed_bytes; /* of each */
    struct act spare; /* max_cols wide, for products whose layouts do not fit together */
    float *scratch; /* [n_threads][scratch_floats]: a task's own */
    size_t scratch_floats;
    float *logits; /* [max_out][logits_stride] */
    size_t logits_stride;

    int *lora_rows; /* [max_rows]: rows with an adapter, those with the same one together */
    int n_lora_rows;
    float *lora_low; /* [LORA_LAYERS_MAX][max_rows][LORA_MAX_RANK]: A x */

    struct routing *routing; /* experts.c; NULL: no experts */
};

/* ---- stream.c ---- */

static inline float *act_row(const struct act *a, int row)
{
    return a->data + (size_t)row * a->stride;
}

static inline float *thread_scratch(const struct stream *s, int thread)
{
    return s->scratch + (size_t)thread * s->scratch_floats;
}

static inline const struct adapter *row_adapter(const struct stream *s, int row)
{
    int i = s->batch->seqs[s->row[row].seq].adapter;
    return i < 0 ? NULL : s->batch->adapters[i];
}

void act_written(struct stream *s, struct act *a);
/* Floats from row to row, for `cols` columns: room for whole panels, and no two rows in the same cache set. */
size_t row_stride(int cols);

/* A buffer of a struct with many: where its pointer stands. */
struct buffer {
    void **at;
    size_t bytes;
};

/* Sets all pointers; false: memory ran out, and buffers_close frees those that are set, as the others are NULL. */
bool buffers_open(const struct buffer *buffer, int n);
void buffers_close(const struct buffer *buffer, int n);

/* Over all forms that the table's products read: the highest tile, and the most bytes of packed rows in those that `o` allows. */
int tallest_tile(const struct kernels *k);
size_t most_packed_bytes(const struct kernels *k, int rows, int cols, const struct stream_options *o);

/* Cuts n_rows rows of `cols` values into tasks worth a thread's while: rows of a task. */
int rows_per_task(const struct stream *s, int n_rows, int cols);

pllm_status stream_open(struct stream **out, struct device *d, const struct stream_options *o, pllm_error *err);
void stream_close(struct stream *s);
size_t stream_bytes(const struct device *d, const struct stream_options *o);
size_t act_bytes(int max_rows, int cols);
pllm_status act_open(struct act **out, struct stream *s, int max_rows, int cols, pllm_error *err);
void act_close(struct act *a);
void stream_begin(struct stream *s, const struct batch *batch);
void stream_end(struct stream *s);

/* ---- linear.c ---- */

/* Columns of a task's piece of a linear layer: whole panels of w and of `other` (NULL: none), and so few that at
 * least `split` tasks come of it where that is possible. */
int piece_columns(const struct weight *w, const struct weight *other, int split);

void op_linear(struct stream *s, const struct linear *layers, int n, const struct act *in);
void op_gate_up(struct stream *s, struct act *out, const struct linear *gate, const struct linear *up,
                const struct act *in, enum activation act);
const float *op_logits(struct stream *s, const struct weight *head, const struct act *in, float scale,
                       float softcap, size_t *stride);

/* ---- lora.c ---- */

void lora_begin(struct stream *s); /* sorts the batch's rows by adapter */
/* lora_low[i] = A x for the adapted rows of in and each of the layers. */
void lora_project(struct stream *s, const struct linear *const *layers, int n, const struct act *in);
/* out[j] += scale * (B low)[first + j] for j < n, where the row has an adapter for the layer; `index` is the
 * layer's place in the call of lora_project. */
void lora_add(const struct stream *s, float *out, const struct linear *layer, int index, int row, int first, int n);

/* ---- kv.c, attention.c ---- */

struct kv {
    const struct kv_kernel *kernel;
    struct kv_layout layout;
    int *group, *index; /* [n_layers]: block table of a layer, and its place among that group's layers */
    size_t head_bytes, block_bytes; /* of one kv head's block; of all heads */
    char *memory[KV_GROUPS]; /* [layers of the group][n_blocks][n_kv_heads] blocks */
    size_t bytes[KV_GROUPS];
    int n_layers[KV_GROUPS];
    char *scratch; /* [threads][scratch_bytes], for attend */
    size_t scratch_bytes, all_scratch_bytes;
    char *slots; /* [n_slots][attend_slot_bytes]: a query vector's results of one part of its context */
    size_t all_slot_bytes;
    int n_slots;
};

static inline void *kv_block(const struct kv *kv, int layer, int32_t block, int head)
{
    int g = kv->group[layer];
    size_t at = (size_t)kv->index[layer] * (size_t)kv->layout.n_blocks[g] + (size_t)block;
    return kv->memory[g] + at * kv->block_bytes + (size_t)head * kv->head_bytes;
}

pllm_status kv_open(struct kv **out, struct stream *s, const struct kv_layout *layout, pllm_error *err);
void kv_close(struct kv *kv);
size_t kv_block_bytes(const struct kv_layout *layout, const struct device *d, int group);
size_t kv_scratch_bytes(int head_dim, int n_threads);
void kv_copy(struct kv *kv, int group, int32_t to, int32_t from, int n_positions);
void op_rope_store(struct stream *s, struct kv *kv, struct act *q, struct act *k, const struct act *v,
                   const struct attention *a);

enum {
    ATTEND_ROWS = 64,  /* query vectors that a task of attend holds */
    ATTEND_PART = 256, /* positions whose sums are formed by themselves: changes bits */
};
size_t attend_scratch_bytes(int head_dim);
size_t attend_slot_bytes(int head_dim);
int attend_slots(int n_threads); /* most that a step uses; 0: none is ever needed */
void attend_begin(struct stream *s); /* sorts the batch's sequences by block table */
void op_attend(struct stream *s, struct kv *kv, struct act *out, struct act *q, const struct attention *a);

/* ---- elementwise.c ---- */

void norm_row(const struct kernels *k, float *out, const float *in, const struct norm *norm, int n);
void op_embed(struct stream *s, struct act *out, const struct matrix_rows *table, enum block_type as,
              float scale);
void op_norm(struct stream *s, struct act *out, const struct act *in, const struct norm *norm);
void op_add(struct stream *s, struct act *out, const struct act *in, float scale);
void op_gather(struct stream *s, struct act *out, const struct act *in);

/* ---- experts.c ---- */

pllm_status routing_open(struct routing **out, const struct stream *s, pllm_error *err);
void routing_close(struct routing *r);
size_t routing_bytes(const struct kernels *k, const struct stream_options *o);
void op_experts(struct stream *s, struct act *out, const struct act *in, const struct experts *e, float scale);

#endif
