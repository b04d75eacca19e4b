/* The arithmetic of one tile, on one thread: what a processor's instruction set can speed up.
 *
 * Pure functions: no allocation, no errors, no threads, no globals. The table is filled with the scalar
 * code, the specification, and overwritten upwards by each tier that the processor has. Bits of a row never
 * depend on the tile it sat in: every sum runs in an order that its length alone determines. Tiers may
 * differ from each other in the last bits, not in the row.
 *
 * Names: <what>_<type>_<tier>, as gemm_q4_0_avx2. Each entry has a check in tests/kernels/. */
#ifndef PARALLM_KERNELS_KERNELS_H
#define PARALLM_KERNELS_KERNELS_H

#include "kernels/types.h"

/* ---- Linear layers ---------------------------------------------------------------------------- */

/* The form in which products read their activations, and how it is made. Rows stand in tiles of `tile_rows`
 * (the last ones may be of other heights), one tile after another, each contiguous and of its own height, so that one base
 * register serves all rows of a tile. Ranges of rows may be packed and multiplied apart: they begin at multiples of tile_rows,
 * and the last one has least_rows or is all there is, as what is left over may share the tile before. Kernels that read the
 * same form share one act_kernel: an input is packed once for each pointer.
 *
 * A8, the form of the quantized products: int8 with a scale per row and block of 32 (amax / 127, round to nearest), and sums
 * of the integers for offsets and minima. A15 is the same with integers of 15 bits (amax / 16256), each as two int8: the
 * products of both are added as integers, and closed once. A block with a value that is not finite has the scale NaN, and so
 * has every output of its row. */
enum { A8_BLOCK = 32 };

struct act_kernel {
    const char *name; /* "a8", "a15", "f32", "bf16" */
    int tile_rows, least_rows;
    /* Bytes of `rows` packed rows of K values; 0 of none. bytes(first, K) is also where the range begins that begins with row
     * `first`, a multiple of tile_rows, and then a multiple of MEM_ALIGN: threads pack different ranges of one buffer. */
    size_t (*bytes)(int rows, int K);
    /* Packs rows in[0 .. rows-1][0 .. K-1], rows `stride` floats apart, rows and K any. A row's packed values depend
     * on the row alone; values past K count as zero. packed is aligned to MEM_ALIGN. */
    void (*pack)(void *packed, const float *in, size_t stride, int rows, int K);
};

/* Into how many ranges `rows` rows can be cut, where each begins at the next multiple of tile_rows. */
static inline int act_tiles(const struct act_kernel *a, int rows)
{
    int whole = rows / a->tile_rows, rest = rows % a->tile_rows;
    return whole + (rest > 0 && (whole == 0 || rest >= a->least_rows));
}

/* Where the range that begins with row `first` of `rows` ends, if it shall have at most `most` rows (two tiles or more). */
static inline int act_range_end(const struct act_kernel *a, int first, int rows, int most)
{
    int end = first + most / a->tile_rows * a->tile_rows;
    if (rows - first <= most)
        return rows;
    return rows - end < a->least_rows ? end - a->tile_rows : end;
}

/* out[r][j] = sum over k of act[r][k] * weight[j][k], for all `rows` packed rows (1 and up: unpacking the weights pays off
 * over all of them) and the outputs of `panels` consecutive panels; out rows are `out_stride` floats apart and hold
 * panels * panel values each. acts and packed are aligned to MEM_ALIGN; K > 0. */
typedef void gemm_run(float *out, size_t out_stride, const void *acts, int rows, const void *packed, int panels, int K);

/* A layout of weights and everything that reads it: replaced together or not at all. A panel holds
 * `panel` outputs, interleaved along K, block scales beside them. */
struct gemm_kernel {
    const char *name; /* "q4_0", for tables and tests */
    const struct act_kernel *act;
    int panel;
    /* Bytes of a panel of matrices like m (its type, cols, bits, group, scale_type), a multiple of MEM_ALIGN. */
    size_t (*panel_bytes)(const struct matrix_rows *m);
    /* Packs the outputs of source rows index[0 .. panel-1] (-1: zeros), columns 0 .. m->cols-1. */
    void (*pack)(void *packed, const struct matrix_rows *m, const int32_t *index);
    gemm_run *run;
};

/* ---- Attention --------------------------------------------------------------------------------- */

enum { KV_BLOCK = 32 }; /* positions of a block of the cache */
enum kv_type { KV_F32, KV_F16, KV_BF16, KV_INT8, KV_TYPES };

/* A block of one layer and one kv head: K as [head_dim][KV_BLOCK], so that a vector holds one dimension of
 * many positions, V as [KV_BLOCK][head_dim]; KV_INT8 has KV_BLOCK float scales before each of them, one for
 * a position. V follows K at the next multiple of 64 bytes (kv_block.h); blocks are aligned to 64 bytes. */
struct kv_kernel {
    size_t (*block_bytes)(int head_dim);
    /* Stores position `at` (0 .. KV_BLOCK-1) of a block. KV_F16: values beyond its range become its largest. KV_INT8: a
     * vector with a value that is not finite gets such a scale, and whoever sees the position sees NaN. */
    void (*store)(void *block, int at, const float *k, const float *v, int head_dim);
    /* One block of online softmax for `rows` query rows that read it.
     *   s[r][t] = cap(scale * q[r] . K[t]) for first[r] <= t < last[r], else not seen (scale is already in q);
     *   m[r], l[r], acc[r][0 .. head_dim-1]: running maximum, sum of exponentials, weighted sum of V.
     * softcap 0: none; else s = softcap * tanh(s / softcap). A row with first[r] >= last[r] stays as it is.
     * A row's result depends on its own arguments and the positions that it sees; others may hold anything. */
    void (*attend)(float *m, float *l, float *acc, size_t acc_stride, const float *q, size_t q_stride, int rows,
                   const int *first, const int *last, const void *block, int head_dim, float softcap);
};

/* ---- Element-wise and reductions ---------------------------------------------------------------- */

/* Logits are looked at in blocks of so many values; what `collect` may write too much. */
enum { ROW_BLOCK = 128, ROW_SLACK = 16 };

enum activation { ACTIVATE_SILU, ACTIVATE_GELU_TANH, ACTIVATE_GELU, ACTIVATE_RELU, ACTIVATIONS };

struct kernels {
    const char *isa; /* the highest tier that was put in: "scalar", "avx2" ... */
    /* For matrices of a block type: the layout to pack them into, for quantized ones the one that meets activations of form A15,
     * and for `--activations f32` the one that meets float32. MLX matrices: gemm_mlx, by bits. run NULL: there is none. */
    struct gemm_kernel gemm[TYPE_COUNT], gemm_a15[TYPE_COUNT], gemm_f32[TYPE_COUNT];
    struct gemm_kernel gemm_mlx[MLX_WIDTHS], gemm_mlx_a15[MLX_WIDTHS], gemm_mlx_f32[MLX_WIDTHS];
    struct kv_kernel kv[KV_TYPES];
    /* A row's sums over one part of its context are merged into those over the parts before; n = head_dim.
     *   m' = max(m, part_m); a = exp(m - m'), b = exp(part_m - m'); l' = l a + part_l b; acc'[d] = acc[d] a + part[d] b
     * Before the first part m is -infinity, the others 0. */
    void (*attend_merge)(float *m, float *l, float *acc, float part_m, float part_l, const float *part, int n);

    /* What follows runs over n > 0 values unless it says otherwise. */

    /* out[i] = in[i] / sqrt(mean(in^2) + eps) * weight[i]. out may be in. The squares' sum must fit a float. */
    void (*rms_norm)(float *out, const float *in, const float *weight, int n, float eps);
    /* out[i] = (in[i] - mean) / sqrt(var + eps) * weight[i] + bias[i] (bias NULL: 0). Likewise. */
    void (*layer_norm)(float *out, const float *in, const float *weight, const float *bias, int n, float eps);
    /* Rotates pairs (x[i], x[i + n/2]) by the angles whose cosines and sines stand in cs[0 .. n/2-1] and
     * sn[0 .. n/2-1]; n is even. */
    void (*rope)(float *x, const float *cs, const float *sn, int n);
    /* out[i] = activation(gate[i]) * up[i]. out may be gate. NaN stays NaN; what minus infinity gives is not promised. */
    void (*gate_mul[ACTIVATIONS])(float *out, const float *gate, const float *up, int n);
    void (*add_scaled)(float *out, const float *in, float scale, int n); /* out[i] += scale * in[i] */
    /* out[i] = sum over k of m[i][k] * x[k], rows of m `stride` floats apart; for i < n. Low-rank adapters. */
    void (*dots)(float *out, const float *m, size_t stride, int n, const float *x, int K);
    /* out[i] += scale * (sum over k of c[k] * m[k][i]), rows of m `stride` floats apart; k < K, i < n. Likewise. */
    void (*add_rows)(float *out, const float *m, size_t stride, int K, const float *c, float scale, int n);
    void (*softcap)(float *x, float cap, int n);                         /* x = cap * tanh(x / cap) */

    /* Rows of logits, in blocks of ROW_BLOCK values (the last one may be shorter), without NaN but where said. */

    /* largest[b] = the largest value of block b. Returns the largest of all; NaN if there is a NaN. */
    float (*block_max)(float *largest, const float *x, int n);
    /* sum[b] = sum over the values x[i] >= bound of block b of exp((x[i] - base) * scale); x <= base, scale > 0.
     * Blocks with largest[b] < bound are not looked at. Returns the sum of all. */
    double (*block_exp)(float *sum, const float *largest, const float *x, int n, float base, float scale, float bound);
    /* out[i] = exp((x[i] - base) * scale), x <= base; the same bits that block_exp adds up. out may be x. */
    void (*exp_scaled)(float *out, const float *x, int n, float base, float scale);
    /* Appends the x[i] >= bound and their numbers first + i, in order; returns how many. Values and numbers have
     * room for n + ROW_SLACK: vectors are written whole. */
    int (*collect)(int32_t *number, float *value, const float *x, int n, int first, float bound);
};

/* Fills the table for the best tier that is both in `features` (cpu.h) and not above `isa` (NULL: no cap).
 * False: there is no tier of that name. */
bool kernels_init(struct kernels *k, unsigned features, const char *isa);

/* The tiers' names, upwards; NULL past the last one. */
const char *kernels_tier(int i);

#endif
