/* Products with float32 activations: the layout and the outer loops, which all tiers share. A tier adds what
 * runs in registers (float_tile_fn).
 *
 * Activations: a tile of R rows is [K][R], so that one base register serves all rows.
 * Panels of f32, f16 and bf16: [K][16] values as the file has them.
 * Panels of blocks: a head that names the format, then for every block along K the blocks of the 16 outputs
 * as the file has them; for MLX, in blocks of 32 whatever the group, codes [16], scales f32 [16], biases
 * f32 [16]. They are unpacked chunk by chunk into the cache, and go on as f32 panels.
 *
 * out[r][j] is summed in the order of k from 0 on, in one float32 accumulator; at the end of a chunk it rests
 * in `out`, which changes no bit. */
#ifndef PARALLM_KERNELS_GEMM_FLOAT_H
#define PARALLM_KERNELS_GEMM_FLOAT_H

#include "kernels/kernels.h"

enum { FLOAT_PANEL = 16, FLOAT_TILE_ROWS = 48 };

/* Work for the registers:
 * out[r][16 p + j] (+)= sum over i < k of act[i * act_stride + r] * weight[p][i][j], for r < rows, p < panels. */
struct float_tile {
    float *out;
    size_t out_stride;
    const float *act;
    size_t act_stride;
    const char *weights; /* of panel 0, aligned to MEM_ALIGN as those of the others */
    size_t panel_stride; /* bytes from a panel to the next */
    int rows, panels, k;
    bool first; /* the sums begin at 0, else at what `out` holds */
    /* What a tile shall ask the memory for meanwhile: at step i, bytes ahead + i * ahead_step of each panel. */
    const char *ahead;
    size_t ahead_step;
};
typedef void float_tile_fn(const struct float_tile *t);

/* gemm_kernel.run with the tier's tiles of at most max_rows rows. `value_bytes`: of a weight that `tile` reads;
 * blocks are unpacked to float32 first. */
void gemm_float_plain(float *out, size_t out_stride, const void *acts, int rows, const void *packed, int panels, int K,
                      float_tile_fn *tile, int max_rows, size_t value_bytes);
void gemm_float_blocks(float *out, size_t out_stride, const void *acts, int rows, const void *packed, int panels,
                       int K, float_tile_fn *tile, int max_rows);

/* Puts in the tier's products: gemm of f32, f16 and bf16, and all of gemm_f32 and gemm_mlx_f32. */
typedef void float_run_fn(float *out, size_t out_stride, const void *acts, int rows, const void *packed, int panels,
                          int K);
struct float_runs {
    float_run_fn *f32, *f16, *bf16, *blocks;
};
void gemm_float_install(struct kernels *k, const struct float_runs *runs);

#endif
