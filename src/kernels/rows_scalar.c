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

static void softcap_scalar(float *x, float cap, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = cap * tanhf(x[i] / cap);
}

static void arg_max_scalar(const float *x, int n, float *value, int *index)
{
    int best = 0;
    for (int i = 1; i < n && !isnan(x[best]); i++)
        if (x[i] > x[best] || isnan(x[i]))
            best = i;
    *value = x[best];
    *index = best;
}

static double log_sum_exp_scalar(const float *x, int n)
{
    float largest;
    int index;
    arg_max_scalar(x, n, &largest, &index);
    if (!isfinite(largest)) /* all are -inf, or the answer is inf or NaN */
        return largest;
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += exp((double)x[i] - largest);
    return largest + log(sum);
}

static void a8_rest_scalar(float *out, const float *in, int n)
{
    for (int first = 0; first < n; first += A8_BLOCK) {
        int end = n - first < A8_BLOCK ? n : first + A8_BLOCK;
        float amax = 0.0f;
        for (int i = first; i < end; i++)
            amax = fmaxf(amax, fabsf(in[i]));
        float inverse = a8_inverse(amax), scale = a8_scale(amax);
        for (int i = first; i < end; i++)
            out[i] = fmaf(-nearbyintf(in[i] * inverse), scale, in[i]);
    }
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
    k->softcap = softcap_scalar;
    k->a8_rest = a8_rest_scalar;
    k->arg_max = arg_max_scalar;
    k->log_sum_exp = log_sum_exp_scalar;
}
