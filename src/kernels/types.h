/* Number formats of model files: how many values a block holds, in how many bytes, and what they are.
 *
 * The scalar code here is the specification: matrix_dequantize gives the file's values exactly (bit for bit
 * what gguf-py and mlx give), and every packed layout is checked against it. */
#ifndef PARALLM_KERNELS_TYPES_H
#define PARALLM_KERNELS_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Formats whose blocks stand one after another in a row. MLX's affine format is described by
 * struct matrix_rows below: its scales stand in matrices of their own. */
enum block_type {
    TYPE_F32, TYPE_F16, TYPE_BF16,
    TYPE_Q4_0, TYPE_Q4_1, TYPE_Q5_0, TYPE_Q5_1, TYPE_Q8_0,
    TYPE_Q2_K, TYPE_Q3_K, TYPE_Q4_K, TYPE_Q5_K, TYPE_Q6_K,
    TYPE_IQ4_NL, TYPE_IQ4_XS,
    TYPE_MLX, /* unsigned integers of `bits` bits, with a scale and a bias per `group` */
    TYPE_COUNT
};

struct block_info {
    const char *name; /* "q4_0", as options and messages spell it */
    int values, bytes; /* of a block; MLX: 0, 0 */
};
extern const struct block_info block_info[TYPE_COUNT];

/* MLX's formats by their bits: "mlx4"; NULL: there is none of so many. */
enum { MLX_WIDTHS = 9 };
extern const char *const mlx_name[MLX_WIDTHS];

/* What the 16 codes of IQ4_NL and IQ4_XS mean. */
extern const int8_t iq4_level[16];

/* A matrix as its file stores it. Row r is values [r][0 .. cols-1]. */
struct matrix_rows {
    enum block_type type;
    int64_t rows, cols;
    const uint8_t *data;
    size_t row_bytes;
    int bits, group;             /* MLX */
    const uint8_t *scales, *biases; /* MLX: [rows][cols / group] of scale_type */
    enum block_type scale_type;  /* MLX: TYPE_F32, TYPE_F16 or TYPE_BF16 */
};

/* Bytes of a row's scales, and again of its biases; 0 where blocks hold them. */
static inline size_t matrix_scale_bytes(const struct matrix_rows *m)
{
    return m->type == TYPE_MLX ? (size_t)(m->cols / m->group) * (size_t)block_info[m->scale_type].bytes : 0;
}

/* out[0 .. n-1] = values [row][first .. first+n-1]; first and n are multiples of the block (or group). */
void matrix_dequantize(float *out, const struct matrix_rows *m, int64_t row, int64_t first, int64_t n);

/* n values, a multiple of the block, into blocks of `type`, as llama.cpp's reference quantizer does it
 * (round to nearest; no importance matrix). Types it cannot write: see block_can_quantize. */
void block_quantize(uint8_t *out, enum block_type type, const float *in, int64_t n);
bool block_can_quantize(enum block_type type);

/* As files have it, the lower byte first. */
static inline uint16_t load_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

/* Half and bfloat16, exactly as IEEE 754 says: round to nearest even, subnormals, infinities, NaN. */
float f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f);
static inline float bf16_to_f32(uint16_t b)
{
    union { uint32_t u; float f; } v = {.u = (uint32_t)b << 16};
    return v.f;
}
uint16_t f32_to_bf16(float f);

/* The value at p of TYPE_F32, TYPE_F16 or TYPE_BF16. */
float load_float(const uint8_t *p, enum block_type type);

#endif
