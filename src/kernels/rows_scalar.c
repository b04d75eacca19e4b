/* Norms, rotation, activations and reductions over one row, as simple as possible: the specification. */
#include "kernels/quant.h"
#include "kernels/tiers.h"

#include <math.h>

static void rms_norm_scalar(float *out, const float *in, const float *weight, int n, float eps)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += (double)in[i] * in[i];
    float inverse = 1.0f / sqrtf((float)(sum / n) + eps);
    for (int i = 0; i < n; i++)
        out[i] = in[i] * inverse * weight[i];
}

static void layer_norm_scalar(float *out, const float *in, const float *weight, const float *bias, int n, float eps)
{
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < n; i++)
        sum += in[i];
    double mean = sum / n;
    for (int i = 0; i < n; i++)
        squares += (in[i] - mean) * (in[i] - mean);
    float inverse = 1.0f / sqrtf((float)(squares / n) + eps);
    for (int i = 0; i < n; i++)
        out[i] = (in[i] - (float)mean) * inverse * weight[i] + (bias ? bias[i] : 0.0f);
}

static void rope_scalar(float *x, const float *cs, const float *sn, int n)
{
    int half = n / 2;
    for (int i = 0; i < half; i++) {
        float a = x[i], b = x[half + i];
        x[i] = a * cs[i] - b * sn[i];
        x[half + i] = b * cs[i] + a * sn[i];
    }
}

static void silu_mul_scalar(float *out, const float *gate, const float *up, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = gate[i] / (1.0f + expf(-gate[i])) * up[i];
}

/* 0.5 g (1 + tanh(sqrt(2 / pi) (g + 0.044715 g^3))) */
static void gelu_tanh_mul_scalar(float *out, const float *gate, const float *up, int n)
{
    const float root = 0.79788456080286535588f;
    for (int i = 0; i < n; i++) {
        float g = gate[i], inner = root * (g + 0.044715f * g * g * g);
        out[i] = 0.5f * g * (1.0f + tanhf(inner)) * up[i];
    }
}

/* 0.5 g (1 + erf(g / sqrt(2))) */
static void gelu_mul_scalar(float *out, const float *gate, const float *up, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = 0.5f * gate[i] * (1.0f + erff(gate[i] * 0.70710678118654752440f)) * up[i];
}

static void relu_mul_scalar(float *out, const float *gate, const float *up, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = (gate[i] > 0.0f || isnan(gate[i]) ? gate[i] : 0.0f) * up[i];
}

static void add_scaled_scalar(float *out, const float *in, float scale, int n)
{
    for (int i = 0; i < n; i++)
        out[i] += scale * in[i];
}

static void dots_scalar(float *out, const float *m, size_t stride, int n, const float *x, int K)
{
    for (int i = 0; i < n; i++) {
        double sum = 0.0;
        for (int k = 0; k < K; k++)
            sum += (double)m[(size_t)i * stride + (size_t)k] * x[k];
        out[i] = (float)sum;
    }
}

static void add_rows_scalar(float *out, const float *m, size_t stride, int K, const float *c, float scale, int n)
{
    for (int i = 0; i < n; i++) {
        float sum = 0.0f;
        for (int k = 0; k < K; k++)
            sum += c[k] * m[(size_t)k * stride + (size_t)i];
        out[i] += scale * sum;
    }
}

static void softcap_scalar(float *x, float cap, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = cap * tanhf(x[i] / cap);
}

static float block_max_scalar(float *largest, const float *x, int n)
{
    float all = -INFINITY;
    bool nan = false;
    for (int b = 0; b * ROW_BLOCK < n; b++) {
        float m = -INFINITY;
        for (int i = b * ROW_BLOCK; i < n && i < (b + 1) * ROW_BLOCK; i++) {
            m = x[i] > m ? x[i] : m;
            nan = nan || isnan(x[i]);
        }
        largest[b] = m;
        all = m > all ? m : all;
    }
    return nan ? NAN : all;
}

/* Below 2^-126: 0, as in the other tiers. */
static void exp_scaled_scalar(float *out, const float *x, int n, float base, float scale)
{
    for (int i = 0; i < n; i++) {
        float y = (x[i] - base) * scale;
        out[i] = y < -87.33654f ? 0.0f : expf(y);
    }
}

static double block_exp_scalar(float *sum, const float *largest, const float *x, int n, float base, float scale, float bound)
{
    double all = 0.0;
    for (int b = 0; b * ROW_BLOCK < n; b++) {
        int first = b * ROW_BLOCK, m = n - first < ROW_BLOCK ? n - first : ROW_BLOCK;
        float e[ROW_BLOCK], s = 0.0f;
        if (!(largest[b] < bound)) {
            exp_scaled_scalar(e, x + first, m, base, scale);
            for (int i = 0; i < m; i++)
                s += x[first + i] >= bound ? e[i] : 0.0f;
        }
        sum[b] = s;
        all += (double)s;
    }
    return all;
}

static int collect_scalar(int32_t *number, float *value, const float *x, int n, int first, float bound)
{
    int m = 0;
    for (int i = 0; i < n; i++)
        if (x[i] >= bound) {
            number[m] = first + i;
            value[m++] = x[i];
        }
    return m;
}

void kernels_init_rows_scalar(struct kernels *k)
{
    k->rms_norm = rms_norm_scalar;
    k->layer_norm = layer_norm_scalar;
    k->rope = rope_scalar;
    k->gate_mul[ACTIVATE_SILU] = silu_mul_scalar;
    k->gate_mul[ACTIVATE_GELU_TANH] = gelu_tanh_mul_scalar;
    k->gate_mul[ACTIVATE_GELU] = gelu_mul_scalar;
    k->gate_mul[ACTIVATE_RELU] = relu_mul_scalar;
    k->add_scaled = add_scaled_scalar;
    k->dots = dots_scalar;
    k->add_rows = add_rows_scalar;
    k->softcap = softcap_scalar;
    k->block_max = block_max_scalar;
    k->block_exp = block_exp_scalar;
    k->exp_scaled = exp_scaled_scalar;
    k->collect = collect_scalar;
}
