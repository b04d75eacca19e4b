/* What the readers of formats share: gguf.c, safetensors.c and mlx.c fill a struct checkpoint through this. */
#ifndef PARALLM_WEIGHTS_READER_H
#define PARALLM_WEIGHTS_READER_H

#include "weights/safetensors.h"
#include "weights/tensor.h"

/* Maps a file, which the checkpoint owns from then on; *index: of its place in c->files. */
pllm_status checkpoint_map(struct checkpoint *c, const char *path, int *index, pllm_error *err);

/* Each reads all that `c->path` stands for: files, tensors, config. On failure the caller closes c. */
pllm_status checkpoint_read_gguf(struct checkpoint *c, pllm_error *err);
pllm_status checkpoint_read_folder(struct checkpoint *c, pllm_error *err);

/* Adds the tensors of safetensors files, sorted by name, to c->tensors: c->config says which are quantized. What
 * is not computed with (integers that are no weights, more than TENSOR_DIMS dimensions) is left out. */
pllm_status checkpoint_take_stored(struct checkpoint *c, const struct stored_list *list, pllm_error *err);

#endif
