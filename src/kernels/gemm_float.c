#include "kernels/gemm_float.h"

#include "base/mem.h"

#include <string.h>

/* ---- Activations -------------------------------------------------------------------------------- */

static size_t act_bytes(int rows, int K)
{
    return (size_t)rows * (size_t)K * sizeof(float);
}

static void pack_tile(float *out, const float *in, size_t stride, int rows, int K)
{
    for (int k = 0; k < K; k += 16) { /* a line of each row at a time */
        int n = K - k < 16 ? K - k : 16;
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < n; i++)
                out[(size_t)(k + i) * (size_t)rows + (size_t)r] = in[(size_t)r * stride + (size_t)(k + i)];
    }
}

static void act_pack(void *packed, const float *in, size_t stride, int rows, int K)
{
    for (int r = 0; r < rows; r += FLOAT_TILE_ROWS)
        pack_tile((float *)packed + (size_t)r * (size_t)K, in + (size_t)r * stride, stride,
                  rows - r < FLOAT_TILE_ROWS ? rows - r : FLOAT_TILE_ROWS, K);
}

static const struct act_kernel act_f32 = {"f32", FLOAT_TILE_ROWS, 1, act_bytes, act_pack};

/* ---- Panels of plain values --------------------------------------------------------------------- */

static size_t plain_bytes(int64_t K, size_t value_bytes)
{
    return mem_round_up((size_t)K * FLOAT_PANEL * value_bytes, MEM_ALIGN);
}

static size_t panel_bytes_4(const struct matrix_rows *m)
{
    return plain_bytes(m->cols, 4);
}

static size_t panel_bytes_2(const struct matrix_rows *m)
{
    return plain_bytes(m->cols, 2);
}

/* Inlined below, where the size is a constant: a value is then one load and one store. */
static inline void pack_values(uint8_t *out, const struct matrix_rows *m, const int32_t *index, size_t value_bytes)
{
    const size_t step = FLOAT_PANEL * value_bytes;
    for (int j = 0; j < FLOAT_PANEL; j++) {
        const uint8_t *in = index[j] < 0 ? NULL : m->data + (size_t)index[j] * m->row_bytes;
        for (size_t k = 0; k < (size_t)m->cols; k++)
            if (in)
                memcpy(out + k * step + (size_t)j * value_bytes, in + k * value_bytes, value_bytes);
            else
                memset(out + k * step + (size_t)j * value_bytes, 0, value_bytes);
    }
}

static void pack_4(void *packed, const struct matrix_rows *m, const int32_t *index)
{
    pack_values(packed, m, index, 4);
}

static void pack_2(void *packed, const struct matrix_rows *m, const int32_t *index)
{
    pack_values(packed, m, index, 2);
}

/* ---- Panels of blocks --------------------------------------------------------------------------- */

enum {
    MLX_BLOCK = 32,
    BLOCK_CHUNK = 256, /* of K: a block of any format */
};

struct panel_head {
    int32_t type, bits;
    uint8_t pad[56]; /* to a cache line */
};

/* Values, and bytes of one output, of a block as the panel has it. */
static void block_size(enum block_type type, int bits, int *n, size_t *bytes)
{
    *n = type == TYPE_MLX ? MLX_BLOCK : block_info[type].values;
    *bytes = type == TYPE_MLX ? (size_t)bits * MLX_BLOCK / 8 + 2 * sizeof(float) : (size_t)block_info[type].bytes;
}

static size_t blocks_bytes(enum block_type type, int bits, int64_t K)
{
    int n;
    size_t bytes;
    block_size(type, bits, &n, &bytes);
    return mem_round_up(sizeof(struct panel_head) + (size_t)(K / n) * bytes * FLOAT_PANEL, MEM_ALIGN);
}

static size_t panel_bytes_blocks(const struct matrix_rows *m)
{
    return blocks_bytes(m->type, m->bits, m->cols);
}

/* The 16 outputs of one block of a panel as a matrix. */
static struct matrix_rows block_matrix(const uint8_t *block, enum block_type type, int bits)
{
    struct matrix_rows m = {.type = type, .rows = FLOAT_PANEL, .data = block};
    if (type != TYPE_MLX) {
        m.cols = block_info[type].values;
        m.row_bytes = (size_t)block_info[type].bytes;
        return m;
    }
    m.cols = m.group = MLX_BLOCK;
    m.bits = bits;
    m.row_bytes = (size_t)bits * MLX_BLOCK / 8;
    m.scales = block + FLOAT_PANEL * m.row_bytes;
    m.biases = m.scales + FLOAT_PANEL * sizeof(float);
    m.scale_type = TYPE_F32;
    return m;
}

/* Scale or bias of the group that holds column `col`, as f32. */
static void copy_scale(uint8_t *out, const struct matrix_rows *m, const uint8_t *scales, int64_t row, int64_t col)
{
    const size_t at = (size_t)(col / m->group) * (size_t)block_info[m->scale_type].bytes;
    const float value = load_float(scales + (size_t)row * matrix_scale_bytes(m) + at, m->scale_type);
    memcpy(out, &value, sizeof value);
}

static void pack_blocks(void *packed, const struct matrix_rows *m, const int32_t *index)
{
    const struct panel_head head = {.type = m->type, .bits = m->bits};
    int n;
    size_t bytes;
    block_size(m->type, m->bits, &n, &bytes);
    size_t codes = m->type == TYPE_MLX ? bytes - 2 * sizeof(float) : bytes;
    uint8_t *out = packed;
    memcpy(out, &head, sizeof head);
    out += sizeof head;
    for (int64_t block = 0; block < m->cols / n; block++, out += bytes * FLOAT_PANEL) {
        uint8_t *scales = out + codes * FLOAT_PANEL, *biases = scales + FLOAT_PANEL * sizeof(float);
        for (int j = 0; j < FLOAT_PANEL; j++) {
            if (index[j] < 0) /* zero bytes are zeros in every format */
                memset(out + codes * (size_t)j, 0, codes);
            else
                memcpy(out + codes * (size_t)j, m->data + (size_t)index[j] * m->row_bytes + codes * (size_t)block, codes);
            if (m->type != TYPE_MLX)
                continue;
            memset(scales + 4 * j, 0, 4);
            memset(biases + 4 * j, 0, 4);
            if (index[j] >= 0) {
                copy_scale(scales + 4 * j, m, m->scales, index[j], block * n);
                copy_scale(biases + 4 * j, m, m->biases, index[j], block * n);
            }
        }
    }
}

/* Columns k .. k+n-1 of a panel as [n][16] floats; k and n are multiples of the block. */
static void unpack(float *out, const uint8_t *panel, int k, int n)
{
    struct panel_head head;
    memcpy(&head, panel, sizeof head);
    const enum block_type type = (enum block_type)head.type;
    int values;
    size_t bytes;
    block_size(type, head.bits, &values, &bytes);
    const uint8_t *block = panel + sizeof head + (size_t)(k / values) * bytes * FLOAT_PANEL;
    for (; n > 0; n -= values, block += bytes * FLOAT_PANEL, out += values * FLOAT_PANEL) {
        struct matrix_rows m = block_matrix(block, type, head.bits);
        float row[BLOCK_CHUNK];
        for (int j = 0; j < FLOAT_PANEL; j++) {
            matrix_dequantize(row, &m, j, 0, values);
            for (int i = 0; i < values; i++)
                out[FLOAT_PANEL * i + j] = row[i];
        }
    }
}

/* ---- The loops ---------------------------------------------------------------------------------- */

enum {
    GROUP = 2,         /* panels at a time: a tile of few rows has registers left for both */
    PLAIN_BYTES = 512, /* of an output at a time: of GROUP panels 16 KiB at work and 16 KiB to come */
};

/* A chunk of K of some panels, and where its sums go. */
struct chunk {
    float *out;
    size_t out_stride;
    const float *acts; /* all tiles */
    int rows, K;
    int k, n; /* columns k .. k+n-1 */
    const char *weights;
    size_t panel_stride, ahead_bytes; /* of a panel, that the next chunk will read */
    int panels;
};

/* A chunk for all rows, each tile of the activations in parts of nearly equal height: 13 rows are 5 + 4 + 4,
 * not 6 + 6 + 1, which would waste the last one's registers. While it is in the cache, each part asks for its
 * share of the next one: memory and arithmetic work at the same time. */
static void all_rows(const struct chunk *c, float_tile_fn *tile, int max_rows)
{
    struct float_tile t = {.out = c->out, .out_stride = c->out_stride, .weights = c->weights,
                           .panel_stride = c->panel_stride, .panels = c->panels, .k = c->n, .first = c->k == 0,
                           .ahead = c->weights + c->ahead_bytes};
    t.ahead_step = c->ahead_bytes / (size_t)((c->rows + max_rows - 1) / max_rows) / (size_t)c->n;
    for (int first = 0; first < c->rows; first += FLOAT_TILE_ROWS) {
        int height = c->rows - first < FLOAT_TILE_ROWS ? c->rows - first : FLOAT_TILE_ROWS;
        int parts = (height + max_rows - 1) / max_rows;
        t.act = c->acts + (size_t)first * (size_t)c->K + (size_t)c->k * (size_t)height;
        t.act_stride = (size_t)height;
        for (int part = 0; part < parts; part++) {
            t.rows = height / parts + (part < height % parts);
            tile(&t);
            t.out += (size_t)t.rows * t.out_stride;
            t.act += t.rows;
            t.ahead += t.ahead_step * (size_t)c->n;
        }
    }
}

void gemm_float_plain(float *out, size_t out_stride, const void *acts, int rows, const void *packed, int panels, int K,
                      float_tile_fn *tile, int max_rows, size_t value_bytes)
{
    struct chunk c = {.out_stride = out_stride, .acts = acts, .rows = rows, .K = K,
                      .panel_stride = plain_bytes(K, value_bytes)};
    const int chunk = PLAIN_BYTES / (int)value_bytes;
    for (int p = 0; p < panels; p += GROUP) {
        c.out = out + FLOAT_PANEL * p;
        c.panels = panels - p < GROUP ? panels - p : GROUP;
        for (c.k = 0; c.k < K; c.k += chunk) {
            c.n = K - c.k < chunk ? K - c.k : chunk;
            c.weights = (const char *)packed + (size_t)p * c.panel_stride + (size_t)c.k * FLOAT_PANEL * value_bytes;
            c.ahead_bytes = (size_t)c.n * FLOAT_PANEL * value_bytes;
            all_rows(&c, tile, max_rows);
        }
    }
}

void gemm_float_blocks(float *out, size_t out_stride, const void *acts, int rows, const void *packed, int panels,
                       int K, float_tile_fn *tile, int max_rows)
{
    _Alignas(MEM_ALIGN) float values[BLOCK_CHUNK * FLOAT_PANEL];
    struct panel_head head;
    memcpy(&head, packed, sizeof head);
    const size_t panel_bytes = blocks_bytes((enum block_type)head.type, head.bits, K);
    struct chunk c = {.out_stride = out_stride, .acts = acts, .rows = rows, .K = K, .weights = (const char *)values,
                      .panels = 1};
    for (int p = 0; p < panels; p++) {
        c.out = out + FLOAT_PANEL * p;
        for (c.k = 0; c.k < K; c.k += BLOCK_CHUNK) {
            c.n = K - c.k < BLOCK_CHUNK ? K - c.k : BLOCK_CHUNK;
            unpack(values, (const uint8_t *)packed + (size_t)p * panel_bytes, c.k, c.n);
            all_rows(&c, tile, max_rows);
        }
    }
}

/* ---- The entries -------------------------------------------------------------------------------- */

void gemm_float_install(struct kernels *k, const struct float_runs *runs)
{
    k->gemm[TYPE_F32] = (struct gemm_kernel){"f32", &act_f32, FLOAT_PANEL, panel_bytes_4, pack_4, runs->f32};
    k->gemm[TYPE_F16] = (struct gemm_kernel){"f16", &act_f32, FLOAT_PANEL, panel_bytes_2, pack_2, runs->f16};
    k->gemm[TYPE_BF16] = (struct gemm_kernel){"bf16", &act_f32, FLOAT_PANEL, panel_bytes_2, pack_2, runs->bf16};
    struct gemm_kernel blocks = {NULL, &act_f32, FLOAT_PANEL, panel_bytes_blocks, pack_blocks, runs->blocks};
    for (int type = 0; type < TYPE_MLX; type++) {
        blocks.name = block_info[type].name;
        k->gemm_f32[type] = type <= TYPE_BF16 ? k->gemm[type] : blocks;
    }
    for (int bits = 0; bits < MLX_WIDTHS; bits++)
        if ((blocks.name = mlx_name[bits]))
            k->gemm_mlx_f32[bits] = blocks;
}
