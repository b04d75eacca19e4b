/* float32 values into K-quants: blocks of 256 with scales of sub-blocks, which are themselves integers.
 *
 * For each sub-block a few scales around the obvious one are tried. Each gives codes; the codes give the scale
 * (and minimum) with the least squared error by linear regression; the best of all is kept. Then the scales are
 * rounded to the block's own unit, and the codes are those nearest to the values with what will be read back. */
#include "kernels/block_quantize.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 256, TRIALS = 16 };

/* Sub-blocks are searched four at a time, each in a lane of its own, so that sums run in the order of the values. */
enum { LANES = 4 };
typedef float lanes __attribute__((vector_size(4 * LANES)));
typedef int32_t lane_mask __attribute__((vector_size(4 * LANES)));

static inline lanes all(float x)
{
    return (lanes){x, x, x, x};
}

static inline lanes pick(lane_mask m, lanes yes, lanes no)
{
    return (lanes)((m & (lane_mask)yes) | (~m & (lane_mask)no));
}

static inline lanes magnitude(lanes x)
{
    return (lanes)((lane_mask)x & 0x7FFFFFFF);
}

/* out[i] = value i of LANES sub-blocks of n values, which stand one after another. */
static inline void gather(lanes *out, const float *in, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = (lanes){in[i], in[n + i], in[2 * n + i], in[3 * n + i]};
}

/* The nearest integer in lo .. hi: adding 1.5 * 2^23 leaves no room for a fraction. What is no number becomes lo. */
static inline lanes nearest(lanes x, float lo, float hi)
{
    const lanes shift = all(12582912.0f);
    x = pick(x > all(lo), x, all(lo));
    x = pick(x < all(hi), x, all(hi));
    return (x + shift) - shift;
}

/* How far trial t of TRIALS stretches the codes' range: -1 .. 1 codes. */
static float stretch(int t)
{
    return (float)(t - TRIALS / 2) * (2.0f / TRIALS);
}

/* ---- x = scale * code --------------------------------------------------------------------------- */

enum { SHORT = 16 }; /* values of a sub-block */

/* The scale that fits codes round(x * inverse) in lo .. -lo - 1 to the values best, and its squared error less
 * sum x^2: -(sum x q)^2 / sum q^2. */
static inline lanes fit_scale(const lanes *x, lanes inverse_scale, float lo, lanes *error)
{
    const lanes zero = all(0);
    lanes xq = zero, qq = zero;
    for (int i = 0; i < SHORT; i++) {
        const lanes q = nearest(x[i] * inverse_scale, lo, -lo - 1);
        xq += x[i] * q;
        qq += q * q;
    }
    *error = pick(qq > zero, -xq * xq / qq, zero);
    return pick(qq > zero, xq / qq, zero);
}

/* Of LANES sub-blocks. The extreme value goes to code `lo`, the side that has one more; trials go from there. */
static void best_scales(float *scale, const float *in, float lo)
{
    lanes x[SHORT], most = all(0), best = all(0), least = all(INFINITY);
    gather(x, in, SHORT);
    for (int i = 0; i < SHORT; i++)
        most = pick(magnitude(x[i]) > magnitude(most), x[i], most);
    for (int t = 0; t <= TRIALS; t++) {
        lanes error;
        const lanes made = fit_scale(x, all(lo + stretch(t)) / most, lo, &error);
        best = pick(error < least, made, best);
        least = pick(error < least, error, least);
    }
    best = pick(magnitude(most) > all(1e-30f), best, all(0));
    memcpy(scale, &best, sizeof best);
}

/* ---- x = scale * code - minimum ----------------------------------------------------------------- */

enum { LONG = 32 }; /* values of a sub-block */

struct lines {
    lanes scale, minimum; /* both >= 0 */
};

/* Least squares for given codes; the format has no positive offset. */
static inline struct lines regress(float n, lanes x, lanes q, lanes xq, lanes qq)
{
    const lanes zero = all(0), det = n * qq - q * q;
    lanes scale = pick(det > zero, (n * xq - q * x) / det, zero);
    lanes offset = pick(det > zero, (qq * x - q * xq) / det, x / n);
    scale = pick(offset > zero, pick(qq > zero, xq / qq, zero), scale);
    offset = pick(offset > zero, zero, offset);
    return (struct lines){pick(scale > zero, scale, zero), -offset};
}

/* The lines for codes round((x - lo) * inverse) in 0 .. top, and their squared errors. `above` is x - lo, `sum` that of x. */
static inline struct lines fit_lines(const lanes *x, const lanes *above, lanes sum, lanes inverse_scale, float top, lanes *error)
{
    lanes sq = all(0), xq = all(0), qq = all(0), squares = all(0), code[LONG];
    for (int i = 0; i < LONG; i++) {
        const lanes q = nearest(above[i] * inverse_scale, 0, top);
        code[i] = q;
        sq += q;
        xq += x[i] * q;
        qq += q * q;
    }
    const struct lines l = regress(LONG, sum, sq, xq, qq);
    for (int i = 0; i < LONG; i++) {
        const lanes d = l.scale * code[i] - l.minimum - x[i];
        squares += d * d;
    }
    *error = squares;
    return l;
}

/* Of LANES sub-blocks. */
static void best_lines(float *scale, float *minimum, const float *in, float top)
{
    lanes x[LONG], above[LONG], lo = all(0), sum = all(0), least = all(INFINITY);
    gather(x, in, LONG);
    lanes hi = x[0];
    for (int i = 0; i < LONG; i++) {
        lo = pick(x[i] < lo, x[i], lo);
        hi = pick(x[i] > hi, x[i], hi);
        sum += x[i];
    }
    for (int i = 0; i < LONG; i++)
        above[i] = x[i] - lo;
    const struct lines flat = {all(0), -lo};
    struct lines best = flat;
    for (int t = 0; t <= TRIALS; t++) {
        lanes error;
        const struct lines l = fit_lines(x, above, sum, all(top + stretch(t)) / (hi - lo), top, &error);
        best.scale = pick(error < least, l.scale, best.scale);
        best.minimum = pick(error < least, l.minimum, best.minimum);
        least = pick(error < least, error, least);
    }
    const lane_mask wide = hi - lo > all(1e-30f);
    best.scale = pick(wide, best.scale, flat.scale);
    best.minimum = pick(wide, best.minimum, flat.minimum);
    memcpy(scale, &best.scale, sizeof best.scale);
    memcpy(minimum, &best.minimum, sizeof best.minimum);
}

/* ---- The formats -------------------------------------------------------------------------------- */

/* value / unit to an integer in 0 .. 63. */
static int six_bits(float value, float unit)
{
    return clip(to_int(value * inverse(unit) + 0.5f), 0, 63);
}

/* Scale and minimum j of 8 into 12 bytes (the layout is told in types.c). */
static void store_scale(uint8_t *s, int j, int scale, int minimum)
{
    if (j < 4) {
        s[j] |= (uint8_t)scale;
        s[j + 4] |= (uint8_t)minimum;
    } else {
        s[j + 4] = (uint8_t)((scale & 15) | (minimum & 15) << 4);
        s[j - 4] |= (uint8_t)(scale >> 4 << 6);
        s[j] |= (uint8_t)(minimum >> 4 << 6);
    }
}

/* The codes of n values, a multiple of LANES, nearest to (x + offset) * inverse. */
static inline void store_codes(uint8_t *code, const float *in, int n, float offset, float inverse_scale, float lo, float hi)
{
    for (int i = 0; i < n; i += LANES) {
        lanes x;
        memcpy(&x, in + i, sizeof x);
        const lanes q = nearest((x + all(offset)) * all(inverse_scale), lo, hi) - all(lo);
        for (int l = 0; l < LANES; l++)
            code[i + l] = (uint8_t)q[l];
    }
}

/* d, dmin and the scales to head[0..15]; codes of 0 .. top. */
static void quantize_lines(uint8_t *head, uint8_t *code, const float *in, float top)
{
    float scales[8], minima[8], scale = 0, minimum = 0;
    for (int j = 0; j < 8; j += LANES)
        best_lines(scales + j, minima + j, in + LONG * j, top);
    for (int j = 0; j < 8; j++) {
        scale = scales[j] > scale ? scales[j] : scale;
        minimum = minima[j] > minimum ? minima[j] : minimum;
    }
    memset(head, 0, 16);
    store_f16(head, scale / 63);
    store_f16(head + 2, minimum / 63);
    const float d = f16_to_f32(f32_to_f16(scale / 63)), dmin = f16_to_f32(f32_to_f16(minimum / 63));
    for (int j = 0; j < 8; j++) {
        int s = six_bits(scales[j], d), m = six_bits(minima[j], dmin);
        store_scale(head + 4, j, s, m);
        store_codes(code + LONG * j, in + LONG * j, LONG, dmin * (float)m, inverse(d * (float)s), 0, top);
    }
}

static void store_nibbles(uint8_t *out, const uint8_t *code)
{
    for (int j = 0; j < 4; j++, code += 64, out += 32)
        for (int i = 0; i < 32; i++)
            out[i] = (uint8_t)((code[i] & 15) | (code[32 + i] & 15) << 4);
}

void block_quantize_q4_k(uint8_t *out, const float *in, int64_t n_blocks)
{
    uint8_t code[BLOCK];
    for (; n_blocks > 0; n_blocks--, in += BLOCK, out += 144) {
        quantize_lines(out, code, in, 15);
        store_nibbles(out + 16, code);
    }
}

void block_quantize_q5_k(uint8_t *out, const float *in, int64_t n_blocks)
{
    uint8_t code[BLOCK];
    for (; n_blocks > 0; n_blocks--, in += BLOCK, out += 176) {
        quantize_lines(out, code, in, 31);
        memset(out + 16, 0, 32);
        for (int j = 0; j < 8; j++)
            for (int i = 0; i < 32; i++)
                out[16 + i] |= (uint8_t)(code[32 * j + i] >> 4 << j);
        store_nibbles(out + 48, code);
    }
}

static void store_q6_k(uint8_t *out, const uint8_t *code)
{
    for (int half = 0; half < 2; half++, code += 128)
        for (int k = 0; k < 32; k++) {
            const uint8_t a = code[k], b = code[32 + k], c = code[64 + k], d = code[96 + k];
            out[64 * half + k] = (uint8_t)((a & 15) | (c & 15) << 4);
            out[64 * half + 32 + k] = (uint8_t)((b & 15) | (d & 15) << 4);
            out[128 + 32 * half + k] = (uint8_t)(a >> 4 | b >> 4 << 2 | c >> 4 << 4 | d >> 4 << 6);
        }
}

void block_quantize_q6_k(uint8_t *out, const float *in, int64_t n_blocks)
{
    uint8_t code[BLOCK];
    for (; n_blocks > 0; n_blocks--, in += BLOCK, out += 210) {
        float scale[16];
        for (int j = 0; j < 16; j += LANES)
            best_scales(scale + j, in + SHORT * j, -32);
        float unit = block_extreme(scale, 16) / -128;
        store_f16(out + 208, unit);
        const float d = f16_to_f32(f32_to_f16(unit));
        for (int j = 0; j < 16; j++) {
            int s = (int)nearest(all(scale[j] * inverse(d)), -128, 127)[0];
            out[192 + j] = (uint8_t)(int8_t)s;
            store_codes(code + SHORT * j, in + SHORT * j, SHORT, 0, inverse(d * (float)s), -32, 31);
        }
        store_q6_k(out, code);
    }
}
