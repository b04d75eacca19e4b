/* A checkpoint: named tensors in mapped files, and its description, whatever the format.
 *
 * Three readers fill it: gguf.c, safetensors.c (with config.json beside), mlx.c (the same with quantized
 * matrices). Above them nobody knows which it was, but for names (model/bind.c). */
#ifndef PARALLM_WEIGHTS_TENSOR_H
#define PARALLM_WEIGHTS_TENSOR_H

#include "base/error.h"
#include "base/file.h"
#include "base/vec.h"
#include "kernels/types.h"

struct config; /* weights/config.h */

enum { TENSOR_DIMS = 4 };

/* One tensor. Shapes are as in Hugging Face files, slowest first: a linear layer is [outputs, inputs]. */
struct tensor {
    const char *name;
    int n_dims;
    int64_t shape[TENSOR_DIMS];
    struct matrix_rows m; /* rows = product of all dimensions but the last, cols = the last; data in a mapping */
    int file;             /* index into checkpoint.files */
};

enum checkpoint_format { CHECKPOINT_GGUF, CHECKPOINT_HF };

struct checkpoint {
    enum checkpoint_format format;
    VEC(struct file_map) files;
    VEC(struct tensor) tensors; /* names unique; sorted by name */
    struct config *config;
    struct gguf *gguf;     /* metadata, of the first file; NULL for a folder */
    const char *path;
    void *owned;           /* names and whatever else the readers keep */
};

/* Opens a .gguf file (with its splits) or a folder with config.json. Everything is checked but the values of
 * weights: shapes, types, offsets, that no tensor overlaps the end. `weights` false: description only,
 * tensors may be missing from a GGUF file that is only a vocabulary. */
pllm_status checkpoint_open(struct checkpoint **out, const char *path, pllm_error *err);
void checkpoint_close(struct checkpoint *c);

const struct tensor *checkpoint_find(const struct checkpoint *c, const char *name); /* or NULL */

/* The bytes of a tensor were read and will not be again (file_forget). */
void checkpoint_forget(const struct checkpoint *c, const struct tensor *t);

#endif
