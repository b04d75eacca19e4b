/* float32 values into K-quants: blocks of 256 with scales of sub-blocks, which are themselves integers.
 *
 * For each sub-block a few scales around the obvious one are tried. Each gives codes; the codes give the scale
 * (and minimum) with the least squared error by linear regression; the best of all is kept. Then the scales are
 * rounded to the block's own unit, and the codes are those nearest to the values with what will be read back. */
#include "kernels/block_quantize.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 256, TRIALS = 16 };

/* The nearest integer in lo .. hi, as a float: adding 1.5 * 2^23 leaves no room for a fraction. (roundf would be
 * a call for each value, and this is the loop where the time goes.) */
static inline float nearest(float x, float lo, float hi)
{
    const float shift = 12582912.0f;
    x = x > lo ? x : lo;
    x = x < hi ? x : hi;
    return (x + shift) - shift;
}

/* How far trial t of TRIALS stretches the codes' range: -1 .. 1 codes. */
static float stretch(int t)
{
    return (float)(t - TRIALS / 2) * (2.0f / TRIALS);
}

/* ---- x = scale * code --------------------------------------------------------------------------- */

/* The scale that fits codes round(x * inverse) in lo .. -lo - 1 to n values best, and its squared error less
 * sum x^2: -(sum x q)^2 / sum q^2. */
static float fit_scale(const float *x, int n, float inverse_scale, float lo, float *error)
{
    float xq = 0, qq = 0;
    for (int i = 0; i < n; i++) {
        float q = nearest(x[i] * inverse_scale, lo, -lo - 1);
        xq += x[i] * q;
        qq += q * q;
    }
    *error = qq > 0 ? -xq * xq / qq : 0;
    return qq > 0 ? xq / qq : 0;
}

/* The extreme value goes to code `lo`, the side that has one more; trials go from there. */
static float best_scale(const float *x, int n, int lo)
{
    float most = block_extreme(x, n), best = 0, least = INFINITY;
    if (!(fabsf(most) > 1e-30f))
        return 0;
    for (int t = 0; t <= TRIALS; t++) {
        float error, scale = fit_scale(x, n, ((float)lo + stretch(t)) / most, (float)lo, &error);
        if (error < least) {
            least = error;
            best = scale;
        }
    }
    return best;
}

/* ---- x = scale * code - minimum ----------------------------------------------------------------- */

struct line {
    float scale, minimum; /* both >= 0 */
};

/* Least squares for given codes; the format has no positive offset. */
static struct line regress(float n, float x, float q, float xq, float qq)
{
    float det = n * qq - q * q;
    float scale = det > 0 ? (n * xq - q * x) / det : 0, offset = det > 0 ? (qq * x - q * xq) / det : x / n;
    if (offset > 0) {
        offset = 0;
        scale = qq > 0 ? xq / qq : 0;
    }
    return (struct line){scale > 0 ? scale : 0, -offset};
}

/* The line for codes round((x - lo) * inverse) in 0 .. top, and its squared error. */
static struct line fit_line(const float *x, int n, float lo, float inverse_scale, float top, float *error)
{
    float sx = 0, sq = 0, xq = 0, qq = 0, sum = 0, code[32];
    for (int i = 0; i < n; i++) {
        float q = nearest((x[i] - lo) * inverse_scale, 0, top);
        code[i] = q;
        sx += x[i];
        sq += q;
        xq += x[i] * q;
        qq += q * q;
    }
    struct line l = regress((float)n, sx, sq, xq, qq);
    for (int i = 0; i < n; i++) {
        float d = l.scale * code[i] - l.minimum - x[i];
        sum += d * d;
    }
    *error = sum;
    return l;
}

static struct line best_line(const float *x, int n, int top)
{
    float lo = 0, hi = x[0], least = INFINITY;
    for (int i = 0; i < n; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    struct line best = {0, -lo};
    if (!(hi - lo > 1e-30f))
        return best;
    for (int t = 0; t <= TRIALS; t++) {
        float error;
        struct line l = fit_line(x, n, lo, ((float)top + stretch(t)) / (hi - lo), (float)top, &error);
        if (error < least) {
            least = error;
            best = l;
        }
    }
    return best;
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

/* d, dmin and the scales to head[0..15]; codes of 0 .. top. */
static void quantize_lines(uint8_t *head, uint8_t *code, const float *in, int top)
{
    struct line line[8];
    float scale = 0, minimum = 0;
    for (int j = 0; j < 8; j++) {
        line[j] = best_line(in + 32 * j, 32, top);
        scale = line[j].scale > scale ? line[j].scale : scale;
        minimum = line[j].minimum > minimum ? line[j].minimum : minimum;
    }
    memset(head, 0, 16);
    store_f16(head, scale / 63);
    store_f16(head + 2, minimum / 63);
    const float d = f16_to_f32(f32_to_f16(scale / 63)), dmin = f16_to_f32(f32_to_f16(minimum / 63));
    for (int j = 0; j < 8; j++) {
        int s = six_bits(line[j].scale, d), m = six_bits(line[j].minimum, dmin);
        store_scale(head + 4, j, s, m);
        float id = inverse(d * (float)s), offset = dmin * (float)m;
        for (int i = 0; i < 32; i++)
            code[32 * j + i] = (uint8_t)to_int(nearest((in[32 * j + i] + offset) * id, 0, (float)top));
    }
}

static void store_nibbles(uint8_t *out, const uint8_t *code)
{
    for (int i = 0; i < 128; i++) {
        const uint8_t *pair = code + 64 * (i / 32) + i % 32;
        out[i] = (uint8_t)((pair[0] & 15) | (pair[32] & 15) << 4);
    }
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
        for (int i = 0; i < BLOCK; i++)
            out[16 + i % 32] |= (uint8_t)(code[i] >> 4 << (i / 32));
        store_nibbles(out + 48, code);
    }
}

static void store_q6_k(uint8_t *out, const uint8_t *code)
{
    memset(out, 0, 192);
    for (int i = 0; i < BLOCK; i++) {
        int half = i / 128, j = i / 32 % 4, k = i % 32;
        out[64 * half + 32 * (j % 2) + k] |= (uint8_t)((code[i] & 15) << (4 * (j / 2)));
        out[128 + 32 * half + k] |= (uint8_t)(code[i] >> 4 << (2 * j));
    }
}

void block_quantize_q6_k(uint8_t *out, const float *in, int64_t n_blocks)
{
    uint8_t code[BLOCK];
    for (; n_blocks > 0; n_blocks--, in += BLOCK, out += 210) {
        float scale[16];
        for (int j = 0; j < 16; j++)
            scale[j] = best_scale(in + 16 * j, 16, -32);
        float unit = block_extreme(scale, 16) / -128;
        store_f16(out + 208, unit);
        const float d = f16_to_f32(f32_to_f16(unit));
        for (int j = 0; j < 16; j++) {
            int s = to_int(nearest(scale[j] * inverse(d), -128, 127));
            float id = inverse(d * (float)s);
            out[192 + j] = (uint8_t)(int8_t)s;
            for (int i = 16 * j; i < 16 * j + 16; i++)
                code[i] = (uint8_t)(to_int(nearest(in[i] * id, -32, 31)) + 32);
        }
        store_q6_k(out, code);
    }
}
