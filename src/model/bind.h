/* Which tensor of a checkpoint fills which place of a model, and in what form: found and checked here, before
 * anything large is read; loaded by model.c. */
#ifndef PARALLM_MODEL_BIND_H
#define PARALLM_MODEL_BIND_H

#include "model/model.h"

struct vector_job {
    const float **out;
    const struct tensor *tensor;
    int64_t first, n;            /* values of the tensor that are taken */
    float plus;                  /* added to each: Gemma's norms store w - 1 */
    struct interleaved heads;    /* of biases of q and k: put them back */
};

struct binding {
    VEC(struct weight_job) weights;
    VEC(struct vector_job) vectors;
    uint64_t n_parameters;
};

/* Finds all tensors of m (desc, family, checkpoint and layers are set) and checks their shapes. Errors name the file's
 * tensor. Fills m->embed and the description's rope divisors; the rest by the jobs, which point into m. */
pllm_status bind_model(struct binding *b, struct model *m, const struct model_options *o, pllm_error *err);
void bind_fini(struct binding *b);

#endif
