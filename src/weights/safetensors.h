/* One safetensors file: an 8-byte length, a JSON header that says type, shape and place of every tensor, and
 * the bytes. Used for weights (folder.c) and for adapters (lora.c). */
#ifndef PARALLM_WEIGHTS_SAFETENSORS_H
#define PARALLM_WEIGHTS_SAFETENSORS_H

#include "base/error.h"
#include "base/mem.h"
#include "base/vec.h"
#include "kernels/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STORED_DIMS = 8, STORED_NAME = 256 /* bytes of the longest name, NUL included */ };

struct dtype {
    const char *name; /* as headers spell it: "BF16" */
    unsigned bytes;
    enum block_type type; /* TYPE_COUNT: nothing that we compute with */
};

/* A tensor as its file has it, whatever its type. */
struct stored {
    const char *name; /* printable ASCII, in the arena */
    const struct dtype *dtype;
    int n_dims;
    int64_t shape[STORED_DIMS];
    const uint8_t *data; /* aligned to nothing */
    size_t bytes;        /* = product of the shape * dtype->bytes */
    int file;            /* the caller's number for the file */
};

struct stored_list {
    VEC(struct stored) at;
};

/* Appends the tensors of a file's n bytes. The header is checked as the format demands: known types, shapes that
 * take up just the bytes given, every byte in exactly one tensor. `source` names the file in messages. */
pllm_status safetensors_read(struct stored_list *list, struct arena *arena, const uint8_t *bytes, size_t n,
                             const char *source, int file, pllm_error *err);

/* Sorts by name; false: two have the same, *twice. Needed by stored_find. */
bool stored_sort(struct stored_list *list, const char **twice);
const struct stored *stored_find(const struct stored_list *list, const char *name); /* or NULL */

/* "[640, 128]" for messages. */
const char *stored_shape(const struct stored *s, char *out, size_t size);

#endif
