/* Names of tensors in files. */
#ifndef PARALLM_MODEL_NAMES_H
#define PARALLM_MODEL_NAMES_H

#include "model/desc.h"

enum { TENSOR_NAME_BYTES = 128 };

/* The family's own entry for a slot, or its base's; NULL: it has no such tensor. */
const struct tensor_name *name_in_family(const struct family *f, enum tensor_slot slot);

/* The bias's name, where the weight's ends in ".weight". */
bool name_of_bias(char *out, size_t size, const char *weight);

/* The name in a file of that format; false: the format has none for this slot. */
bool name_of_tensor(char *out, size_t size, const struct family *f, bool is_gguf, enum tensor_slot slot, int layer,
                    int expert);

/* Whether a file's tensor is a weight or bias of a layer. Buffers that people's tools leave behind, as rotary_emb.inv_freq,
 * are none. */
bool name_is_of_layer(const char *name, bool is_gguf);

#endif
