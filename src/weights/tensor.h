/* A checkpoint: named tensors in mapped files, and its description, whatever the format.
 *
 * Three readers fill it: gguf.c, safetensors.c (with config.json beside), mlx.c (the same with quantized
 * matrices). Above them nobody knows which it was, but for names (model/bind.c). */
#ifndef PARALLM_WEIGHTS_TENSOR_H
#define PARALLM_WEIGHTS_TENSOR_H

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/vec.h"
#include "kernels/types.h"

#include <stdbool.h>

struct config; /* weights/config.h */

enum { TENSOR_DIMS = 4 };

/* One tensor of a type that can be computed with. Shapes are as in Hugging Face files, slowest first: a linear
 * layer is [outputs, inputs]; of an MLX matrix these are the matrix's, not those of its packed words. */
struct tensor {
    const char *name;
    int n_dims;
    int64_t shape[TENSOR_DIMS];
    struct matrix_rows m; /* rows = product of all dimensions but the last, cols = the last; data in a mapping,
                           * aligned to nothing */
    int file;             /* index into checkpoint.files */
};

enum checkpoint_format { CHECKPOINT_GGUF, CHECKPOINT_HF };

struct checkpoint {
    enum checkpoint_format format;
    VEC(struct file_map) files;
    VEC(struct tensor) tensors; /* names unique; sorted by name */
    struct config *config;
    struct gguf *gguf;     /* metadata, of the first file; NULL for a folder */
    struct json generation; /* generation_config.json; node NULL: none */
    const char *path;
    struct arena arena;    /* names and whatever else the readers keep */
};

/* Opens a .gguf file (the first of its splits) or a folder with config.json. Everything is checked but the
 * values of weights, which are not touched: shapes, types, offsets, that tensors lie inside their files and
 * apart. Which tensors a model needs is for model/bind.c: a GGUF file that is only a vocabulary has none. */
pllm_status checkpoint_open(struct checkpoint **out, const char *path, pllm_error *err);
void checkpoint_close(struct checkpoint *c);

const struct tensor *checkpoint_find(const struct checkpoint *c, const char *name); /* or NULL */

/* Ids of the tokens that end an answer, at the end of *ids, each once: of config.json and generation_config.json,
 * or of GGUF's metadata. They may lie outside the vocabulary. */
typedef VEC(int32_t) token_vec;
pllm_status checkpoint_end_tokens(const struct checkpoint *c, token_vec *ids, pllm_error *err);

/* For readers: fills t->m's type, rows, cols and row_bytes from the shape and tells the bytes of all rows. False:
 * a dimension below 1, rows that are no whole blocks, or a size that does not fit; `why` says which. */
enum { TENSOR_WHY = 96 };
bool tensor_layout(struct tensor *t, enum block_type type, size_t *bytes, char why[TENSOR_WHY]);

/* Copies n rows of a tensor, from `first` on, into `to`, with their scales and biases: n * (row_bytes + 2 *
 * matrix_scale_bytes) bytes. *out is a matrix of these rows alone. By any number of threads at once. */
pllm_status checkpoint_copy(struct matrix_rows *out, const struct checkpoint *c, const struct tensor *t, int64_t first, int64_t n,
                            uint8_t *to, pllm_error *err);

/* n rows of a tensor were read and will not be again (file_forget). */
void checkpoint_forget(const struct checkpoint *c, const struct tensor *t, int64_t first, int64_t n);

#endif
