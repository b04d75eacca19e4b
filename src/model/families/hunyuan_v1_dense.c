/* Hunyuan, dense: Llama with norms of q and k behind their rotation, whose base is stretched for ever by an alpha.
 * Models: tencent/Hunyuan-0.5B-Instruct, Hunyuan-1.8B-Instruct, Hunyuan-4B-Instruct, Hunyuan-7B-Instruct. */
#include "model/families/families.h"

#include <math.h>

static const struct tensor_name names[] = {
    {T_Q_NORM, "model.layers.{l}.self_attn.query_layernorm.weight", false},
    {T_K_NORM, "model.layers.{l}.self_attn.key_layernorm.weight", false},
    {T_END, NULL, false},
};

/* The configs call it "dynamic", but it does not depend on the length; GGUF files have the stretched base. */
static void stretch(struct rope_desc *r, struct config *c)
{
    static const char key[] = "rope_scaling.alpha";
    const double alpha = config_float_or(c, key, 0);
    if (r->scaling != ROPE_DYNAMIC || alpha == 0)
        return;
    r->theta *= pow(describe_positive(c, key, alpha), r->dims / (r->dims - 2.0));
    r->scaling = ROPE_NONE;
    if (!(r->theta < INFINITY))
        config_fail(c, PLLM_E_FORMAT, key, "is %g, which makes no finite base of %d rotated dimensions", alpha, r->dims);
}

static void describe(struct model_desc *d, struct config *c)
{
    describe_common(d, c);
    d->norm_eps = (float)config_float_or(c, "rms_norm_eps", 1e-5);
    d->qk_norm_rotated = true;
    stretch(&d->rope[0], c);
}

static const char *const hf[] = {"HunYuanDenseV1ForCausalLM", NULL}, *const gguf[] = {"hunyuan-dense", NULL};

const struct family family_hunyuan_v1_dense = {
    .name = "hunyuan_v1_dense", .hf = hf, .gguf = gguf, .base = &family_llama, .names = names, .describe = describe,
};
