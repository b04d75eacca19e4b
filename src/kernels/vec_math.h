/* exp, tanh and erfc over the operations of vec_<tier>.h, which is included before. Straight-line code: a lane's
 * result does not depend on its neighbours.
 *
 * Errors are of the last bits of float32 (checked in tests/kernels/check_rows.c). Polynomials were fitted by
 * reweighted least squares, which comes near to the least maximum of the relative error. */
#ifndef PARALLM_KERNELS_VEC_MATH_H
#define PARALLM_KERNELS_VEC_MATH_H

static inline vf vf_polynomial(vf x, const float *c, int n)
{
    vf p = vf_set1(c[n - 1]);
    for (int i = n - 2; i >= 0; i--)
        p = vf_fma(p, x, vf_set1(c[i]));
    return p;
}

/* e^x = 2^n e^r with n = round(x / log 2). Below 2^-126: 0; from 88 on: e^88; NaN: NaN. */
static inline vf vf_exp(vf x)
{
    static const float c[] = {0.4999999403953552f, 0.1666652113199234f, 0.04166838899254799f, 0.008368716575205326f,
                              0.001381459878757596f};
    const vf lowest = vf_set1(-87.33654f), highest = vf_set1(88.0f);
    vf y = vf_min(highest, vf_max(lowest, x));
    vf n = vf_round(vf_mul(y, vf_set1(1.44269504f)));
    vf r = vf_fnma(n, vf_set1(0.693145752f), y); /* log 2 in two parts: the first times n is exact */
    r = vf_fnma(n, vf_set1(1.42860677e-6f), r);
    vf p = vf_fma(vf_mul(r, r), vf_polynomial(r, c, 5), r);
    vf e = vf_pow2(n);
    return vf_select(vf_less(x, lowest), vf_zero(), vf_fma(e, p, e));
}

/* 1 / (1 + e^-x) */
static inline vf vf_sigmoid(vf x)
{
    const vf one = vf_set1(1.0f);
    return vf_div(one, vf_add(one, vf_exp(vf_sub(vf_zero(), x))));
}

/* |x| < 0.65: x + x^3 P(x^2), else sign(x) (1 - 2 / (e^2|x| + 1)). */
static inline vf vf_tanh(vf x)
{
    static const float c[] = {-0.3333326280117035f, 0.1333089917898178f, -0.05369296669960022f, 0.020483316853642464f,
                              -0.005528634414076805f};
    const vf one = vf_set1(1.0f), two = vf_set1(2.0f);
    vf u = vf_mul(x, x), a = vf_abs(x);
    vf small = vf_fma(vf_mul(x, u), vf_polynomial(u, c, 5), x);
    vf large = vf_sub(one, vf_div(two, vf_add(vf_exp(vf_mul(two, a)), one)));
    return vf_select(vf_less(a, vf_set1(0.65f)), small, vf_copysign(large, x));
}

/* erfc(z) for z >= 0: e^(-z^2) t P(t), t = 1 / (1 + z / 2). */
static inline vf vf_erfc(vf z)
{
    static const float c[] = {0.28208643198013306f,  0.282375305891037f,   0.2431037575006485f,
                              0.2026868760585785f,   -0.026625698432326317f, 0.2780672013759613f,
                              -0.48719996213912964f, 0.2845749855041504f,  -0.059068966656923294f};
    vf t = vf_div(vf_set1(1.0f), vf_fma(z, vf_set1(0.5f), vf_set1(1.0f)));
    return vf_mul(vf_mul(t, vf_polynomial(t, c, 9)), vf_exp(vf_sub(vf_zero(), vf_mul(z, z))));
}

#endif
