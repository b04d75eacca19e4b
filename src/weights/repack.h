/* Packing of one weight, some of its panels at a time: what pack.c does for all of a model's. */
#ifndef PARALLM_WEIGHTS_REPACK_H
#define PARALLM_WEIGHTS_REPACK_H

#include "weights/weight.h"

struct repack {
    const struct weight_source *source; /* must outlive */
    struct weight weight;               /* `panels` is the caller's to set */
    struct matrix_rows converted;       /* a panel of converted rows, of the type that the kernel reads */
    bool converts;
    int64_t copy_rows; /* to be copied at once, more where a panel needs them; 0: rows are read in place */
    /* Of a thread: copied rows, converted rows, and some floats. */
    size_t scratch_bytes, converted_at, floats_at;
};

/* Chooses the kernel, checks that it can read what the source will give, and measures. */
pllm_status repack_init(struct repack *out, const struct weight_source *source, const struct kernels *k, pllm_error *err);

/* Packs panels begin .. end - 1. `scratch`: scratch_bytes, aligned to MEM_ALIGN, that nobody else uses meanwhile. Fails only
 * where rows cannot be copied. */
pllm_status repack_panels(const struct repack *p, int begin, int end, uint8_t *scratch, pllm_error *err);

#endif
