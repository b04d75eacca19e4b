/* The KV cache's kernels, as simple as possible: the specification of store and attend. */
#include "kernels/kv_block.h"
#include "kernels/quant.h"
#include "kernels/tiers.h"

#include <math.h>
#include <string.h>

static const float f16_largest = 65504.0f;

static inline float load(enum kv_type type, const void *values, size_t i)
{
    switch (type) {
    case KV_F32: return ((const float *)values)[i];
    case KV_F16: return f16_to_f32(((const uint16_t *)values)[i]);
    case KV_BF16: return bf16_to_f32(((const uint16_t *)values)[i]);
    default: return ((const int8_t *)values)[i];
    }
}

/* Stores one vector's values, `step` values apart; KV_INT8: as multiples of *scale. */
static inline void store_values(enum kv_type type, void *values, size_t first, size_t step, float *scale,
                                const float *in, int n)
{
    float largest = 0.0f;
    for (int i = 0; i < n; i++)
        largest = fabsf(in[i]) > largest || isnan(in[i]) ? fabsf(in[i]) : largest;
    /* A value that is not finite makes the scale so, and every score with it: the error is seen, not hidden. */
    float inverse = isfinite(largest) ? a8_inverse(largest) : 0.0f;
    if (type == KV_INT8)
        *scale = largest / 127.0f;
    for (int i = 0; i < n; i++) {
        size_t at = first + (size_t)i * step;
        switch (type) {
        case KV_F32: ((float *)values)[at] = in[i]; break;
        case KV_F16:
            ((uint16_t *)values)[at] = f32_to_f16(in[i] > f16_largest    ? f16_largest
                                                  : in[i] < -f16_largest ? -f16_largest
                                                                         : in[i]);
            break;
        case KV_BF16: ((uint16_t *)values)[at] = f32_to_bf16(in[i]); break;
        default: ((int8_t *)values)[at] = inverse > 0.0f ? (int8_t)rintf(in[i] * inverse) : 0; /* NaN * 0 is not 0 */
        }
    }
}

static inline void store(enum kv_type type, void *block, int at, const float *k, const float *v, int head_dim)
{
    char *k_half = block, *v_half = k_half + kv_half_bytes(type, head_dim);
    size_t skip = kv_scale_bytes(type);
    store_values(type, k_half + skip, (size_t)at, KV_BLOCK, (float *)k_half + at, k, head_dim);
    store_values(type, v_half + skip, (size_t)at * (size_t)head_dim, 1, (float *)v_half + at, v, head_dim);
}

/* Scores of one row over the positions it sees; their maximum. */
static inline float row_scores(enum kv_type type, float *s, const float *q, int first, int last, const char *k_half,
                               int head_dim, float softcap)
{
    const float *scales = (const float *)k_half;
    const void *k = k_half + kv_scale_bytes(type);
    float largest = -INFINITY;
    for (int t = first; t < last; t++) {
        float sum = 0.0f;
        for (int d = 0; d < head_dim; d++)
            sum += q[d] * load(type, k, (size_t)d * KV_BLOCK + (size_t)t);
        if (type == KV_INT8)
            sum *= scales[t];
        if (softcap != 0.0f)
            sum = softcap * tanhf(sum / softcap);
        s[t] = sum;
        largest = sum > largest ? sum : largest;
    }
    return largest;
}

/* m' = max(m, max s); p[t] = exp(s[t] - m'); l' = l exp(m - m') + sum p; acc' = acc exp(m - m') + sum p[t] V[t]. */
static inline void attend(enum kv_type type, float *m, float *l, float *acc, size_t acc_stride, const float *q,
                          size_t q_stride, int rows, const int *first, const int *last, const void *block,
                          int head_dim, float softcap)
{
    const char *k_half = block, *v_half = k_half + kv_half_bytes(type, head_dim);
    const float *scales = (const float *)v_half;
    const void *v = v_half + kv_scale_bytes(type);
    for (int r = 0; r < rows; r++) {
        if (first[r] >= last[r])
            continue;
        float s[KV_BLOCK], *out = acc + (size_t)r * acc_stride;
        float largest = row_scores(type, s, q + (size_t)r * q_stride, first[r], last[r], k_half, head_dim, softcap);
        largest = m[r] > largest ? m[r] : largest;
        float shrink = expf(m[r] - largest);
        m[r] = largest;
        l[r] *= shrink;
        for (int d = 0; d < head_dim; d++)
            out[d] *= shrink;
        for (int t = first[r]; t < last[r]; t++) {
            float p = expf(s[t] - largest);
            l[r] += p;
            if (type == KV_INT8)
                p *= scales[t];
            for (int d = 0; d < head_dim; d++)
                out[d] += p * load(type, v, (size_t)t * (size_t)head_dim + (size_t)d);
        }
    }
}

static void attend_merge_scalar(float *m, float *l, float *acc, float part_m, float part_l, const float *part, int n)
{
    float largest = *m > part_m ? *m : part_m, a = expf(*m - largest), b = expf(part_m - largest);
    *m = largest;
    *l = *l * a + part_l * b;
    for (int d = 0; d < n; d++)
        acc[d] = acc[d] * a + part[d] * b;
}

/* One set of functions for each type; `type` is a constant in all of them. */
#define KV_KERNELS(name, type)                                                                                   \
    static size_t block_bytes_##name(int head_dim)                                                               \
    {                                                                                                            \
        return 2 * kv_half_bytes(type, head_dim);                                                                \
    }                                                                                                            \
    static void store_##name##_scalar(void *block, int at, const float *k, const float *v, int head_dim)         \
    {                                                                                                            \
        store(type, block, at, k, v, head_dim);                                                                  \
    }                                                                                                            \
    static void attend_##name##_scalar(float *m, float *l, float *acc, size_t acc_stride, const float *q,        \
                                       size_t q_stride, int rows, const int *first, const int *last,             \
                                       const void *block, int head_dim, float softcap)                           \
    {                                                                                                            \
        attend(type, m, l, acc, acc_stride, q, q_stride, rows, first, last, block, head_dim, softcap);           \
    }

KV_KERNELS(f32, KV_F32)
KV_KERNELS(f16, KV_F16)
KV_KERNELS(bf16, KV_BF16)
KV_KERNELS(int8, KV_INT8)

void kernels_init_attend_scalar(struct kernels *k)
{
    k->attend_merge = attend_merge_scalar;
    k->kv[KV_F32] = (struct kv_kernel){block_bytes_f32, store_f32_scalar, attend_f32_scalar};
    k->kv[KV_F16] = (struct kv_kernel){block_bytes_f16, store_f16_scalar, attend_f16_scalar};
    k->kv[KV_BF16] = (struct kv_kernel){block_bytes_bf16, store_bf16_scalar, attend_bf16_scalar};
    k->kv[KV_INT8] = (struct kv_kernel){block_bytes_int8, store_int8_scalar, attend_int8_scalar};
}
