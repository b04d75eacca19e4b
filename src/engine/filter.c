#include "engine/filter.h"

#include <math.h>
#include <string.h>

enum { LANES = 16 }; /* sums and maxima run in so many lanes, which the compiler turns into vectors */

/* ---- Maxima -------------------------------------------------------------------------------------- */

/* Maximum of one whole block; *bad is set if a value is NaN. */
static float max_of_block(const float *x, unsigned *bad)
{
    float m[LANES];
    unsigned nan[LANES];
    for (int j = 0; j < LANES; j++) {
        m[j] = x[j];
        nan[j] = x[j] != x[j];
    }
    for (int i = LANES; i < FILTER_BLOCK; i += LANES)
        for (int j = 0; j < LANES; j++) {
            m[j] = x[i + j] > m[j] ? x[i + j] : m[j];
            nan[j] |= x[i + j] != x[i + j];
        }
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int j = 0; j < width; j++) {
            m[j] = m[j + width] > m[j] ? m[j + width] : m[j];
            nan[j] |= nan[j + width];
        }
    *bad |= nan[0];
    return m[0];
}

float filter_block_max(float *block_max, const float *x, int n)
{
    float max = -INFINITY;
    unsigned bad = 0;
    for (int i = 0; i < n; i += FILTER_BLOCK) {
        float m = -INFINITY;
        if (n - i >= FILTER_BLOCK)
            m = max_of_block(x + i, &bad);
        else
            for (int j = i; j < n; j++) {
                m = x[j] > m ? x[j] : m;
                bad |= x[j] != x[j];
            }
        block_max[i / FILTER_BLOCK] = m;
        max = m > max ? m : max;
    }
    return bad ? NAN : max;
}

int filter_arg_max(const float *block_max, const float *x, int n, float max)
{
    int block = 0, i = 0;
    while (block < (n - 1) / FILTER_BLOCK && block_max[block] != max)
        block++;
    for (i = block * FILTER_BLOCK; i < n - 1 && x[i] != max;)
        i++;
    return i;
}

/* ---- Exponentials -------------------------------------------------------------------------------- */

/* e^x for x <= 0; 0 below -87. x = n ln 2 + r, |r| <= ln 2 / 2; e^r by its series to r^7 (error 5e-9). */
static inline float exp_not_above_0(float x)
{
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    float clamped = x > -87.0f ? x : -87.0f;
    float z = clamped * 1.44269504f + shift;
    float n = z - shift;
    float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
    float y = 1.0f / 5040;
    y = y * r + 1.0f / 720;
    y = y * r + 1.0f / 120;
    y = y * r + 1.0f / 24;
    y = y * r + 1.0f / 6;
    y = y * r + 0.5f;
    y = y * r + 1.0f;
    y = y * r + 1.0f;
    uint32_t bits, power;
    memcpy(&bits, &z, sizeof bits);
    power = (bits - 0x4B400000u + 127u) << 23;
    float scale;
    memcpy(&scale, &power, sizeof scale);
    return x >= -87.0f ? y * scale : 0.0f;
}

/* Sum of one block: lanes first, then pairs of lanes, then into a double. */
static float sum_of_block(const float *w)
{
    float s[LANES];
    for (int j = 0; j < LANES; j++)
        s[j] = (w[j] + w[j + LANES]) + (w[j + 2 * LANES] + w[j + 3 * LANES]);
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int j = 0; j < width; j++)
            s[j] += s[j + width];
    return s[0];
}

double filter_exp(float *out, const float *x, int n, float max, float scale)
{
    double sum = 0;
    for (int i = 0; i < n; i += FILTER_BLOCK) {
        float w[FILTER_BLOCK] = {0};
        int m = n - i < FILTER_BLOCK ? n - i : FILTER_BLOCK;
        if (m == FILTER_BLOCK)
            for (int j = 0; j < FILTER_BLOCK; j++)
                w[j] = exp_not_above_0((x[i + j] - max) * scale);
        else
            for (int j = 0; j < m; j++)
                w[j] = exp_not_above_0((x[i + j] - max) * scale);
        sum += (double)sum_of_block(w);
        if (out)
            memcpy(out + i, w, (size_t)m * sizeof *w);
    }
    return sum;
}

double filter_total(const struct filter_set *set)
{
    double sum = 0;
    int i = 0;
    for (; i + FILTER_BLOCK <= set->n; i += FILTER_BLOCK)
        sum += (double)sum_of_block(set->weight + i);
    for (; i < set->n; i++)
        sum += (double)set->weight[i];
    return sum;
}

/* ---- Selection by rank ---------------------------------------------------------------------------- */

static float median_of_3(float a, float b, float c)
{
    float lo = a < b ? a : b, hi = a < b ? b : a;
    return c < lo ? lo : c > hi ? hi : c;
}

float filter_kth(float *scratch, const float *x, int n, int k)
{
    memmove(scratch, x, (size_t)n * sizeof *x);
    int lo = 0, hi = n - 1, want = k - 1; /* in descending order */
    while (lo < hi) {
        float pivot = median_of_3(scratch[lo], scratch[(lo + hi) / 2], scratch[hi]);
        int i = lo, j = hi;
        while (i <= j) {
            while (scratch[i] > pivot)
                i++;
            while (scratch[j] < pivot)
                j--;
            if (i <= j) {
                float t = scratch[i];
                scratch[i++] = scratch[j];
                scratch[j--] = t;
            }
        }
        if (want <= j)
            hi = j;
        else if (want >= i)
            lo = i;
        else
            break;
    }
    return scratch[want];
}

/* Each of the k largest block maxima is one of at least k values that are not below the smallest of them. */
float filter_bound(float *scratch, const float *block_max, const float *x, int n, int k)
{
    int n_blocks = (n + FILTER_BLOCK - 1) / FILTER_BLOCK;
    if (k > n)
        k = n;
    return n_blocks >= k ? filter_kth(scratch, block_max, n_blocks, k) : filter_kth(scratch, x, n, k);
}

void filter_collect(struct filter_set *set, const float *block_max, const float *x, int n, float bound)
{
    set->n = 0;
    for (int i = 0; i < n; i += FILTER_BLOCK) {
        if (block_max[i / FILTER_BLOCK] < bound)
            continue;
        int end = n - i < FILTER_BLOCK ? n : i + FILTER_BLOCK;
        for (int j = i; j < end; j++) {
            set->id[set->n] = j;
            set->logit[set->n] = x[j];
            set->n += x[j] >= bound;
        }
    }
}

/* ---- Filters ---------------------------------------------------------------------------------------- */

static void keep_one(struct filter_set *set, int to, int from)
{
    set->id[to] = set->id[from];
    set->logit[to] = set->logit[from];
    set->weight[to] = set->weight[from];
    set->key[to] = set->key[from];
}

void filter_keep_top_k(struct filter_set *set, int k)
{
    if (k >= set->n)
        return;
    float bound = filter_kth(set->weight, set->logit, set->n, k); /* weights are not there yet */
    int n = 0;
    for (int i = 0; i < set->n; i++)
        if (set->logit[i] >= bound)
            keep_one(set, n++, i);
    set->n = n;
}

/* Among the candidates whose key begins with `prefix` (bits of `mask`): the value of the next bits up to which the
 * weights, added to *sum, reach `need`. */
static uint32_t cross(const struct filter_set *set, uint32_t prefix, uint32_t mask, int shift, int bits,
                      double need, double *sum)
{
    double mass[2048] = {0};
    uint32_t n = 1u << bits, last = 0;
    for (int i = 0; i < set->n; i++)
        if ((set->key[i] & mask) == prefix)
            mass[set->key[i] >> shift & (n - 1)] += (double)set->weight[i];
    for (uint32_t b = 0; b < n; b++) {
        if (mass[b] == 0)
            continue;
        last = b;
        if (*sum + mass[b] >= need)
            return b;
        *sum += mass[b];
    }
    *sum -= mass[last]; /* rounding: the last one was meant */
    return last;
}

/* Keeps the candidates with the smallest keys, of equals the first ones, whose weights sum to at least `need`. Radix
 * selection: three times the mass by the next bits of the key. */
static void keep_mass(struct filter_set *set, double need)
{
    double sum = 0;
    uint32_t prefix = cross(set, 0, 0, 21, 11, need, &sum) << 21;
    prefix |= cross(set, prefix, 0xFFE00000u, 10, 11, need, &sum) << 10;
    prefix |= cross(set, prefix, 0xFFFFFC00u, 0, 10, need, &sum);
    int n = 0;
    bool reached = false;
    for (int i = 0; i < set->n; i++) {
        if (set->key[i] > prefix || (set->key[i] == prefix && reached))
            continue;
        if (set->key[i] == prefix) {
            sum += (double)set->weight[i];
            reached = sum >= need;
        }
        keep_one(set, n++, i);
    }
    set->n = n;
}

/* An integer that is the smaller the larger x is. */
static uint32_t descending(float x)
{
    uint32_t bits;
    x += 0.0f; /* -0 becomes 0 */
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x80000000u ? bits : ~(bits | 0x80000000u);
}

void filter_keep_top_p(struct filter_set *set, double p)
{
    double total = filter_total(set);
    /* All below this bound together have less than 1 - p: none of them is needed. */
    float bound = (float)((1 - p) * total / set->n * 0.999);
    int n = 0;
    for (int i = 0; i < set->n; i++) {
        keep_one(set, n, i);
        n += set->weight[n] >= bound;
    }
    set->n = n;
    for (int i = 0; i < n; i++)
        set->key[i] = descending(set->logit[i]);
    keep_mass(set, p * total);
}

void filter_keep_min_p(struct filter_set *set, float min_p)
{
    float max = 0;
    for (int i = 0; i < set->n; i++)
        max = set->weight[i] > max ? set->weight[i] : max;
    int n = 0;
    for (int i = 0; i < set->n; i++)
        if (set->weight[i] >= min_p * max)
            keep_one(set, n++, i);
    set->n = n;
}

/* Surprise of candidate i is log(total) - (logit - max) * scale; the key is its distance from the entropy. */
void filter_keep_typical(struct filter_set *set, double p, float scale)
{
    double total = filter_total(set), entropy = 0;
    float max = set->logit[0];
    for (int i = 1; i < set->n; i++)
        max = set->logit[i] > max ? set->logit[i] : max;
    double log_total = log(total);
    for (int i = 0; i < set->n; i++)
        entropy += (double)set->weight[i] / total * (log_total - (double)((set->logit[i] - max) * scale));
    for (int i = 0; i < set->n; i++) {
        double surprise = log_total - (double)((set->logit[i] - max) * scale);
        float distance = (float)fabs(surprise - entropy);
        memcpy(&set->key[i], &distance, sizeof distance); /* of floats that are not negative, bits sort as values */
    }
    keep_mass(set, p * total);
}

void filter_drop_top(struct filter_set *set, double threshold)
{
    double bound = threshold * filter_total(set);
    int least = -1, n = 0;
    for (int i = 0; i < set->n; i++)
        if ((double)set->weight[i] >= bound && (least < 0 || set->weight[i] <= set->weight[least]))
            least = i;
    for (int i = 0; i < set->n; i++)
        if ((double)set->weight[i] < bound || i == least)
            keep_one(set, n++, i);
    set->n = n;
}

int filter_pick(const struct filter_set *set, double u)
{
    double target = u * filter_total(set), sum = 0;
    int i = 0;
    for (; i + FILTER_BLOCK <= set->n; i += FILTER_BLOCK) {
        double next = sum + (double)sum_of_block(set->weight + i);
        if (next > target)
            break;
        sum = next;
    }
    for (; i < set->n; i++) {
        sum += (double)set->weight[i];
        if (sum > target && set->weight[i] > 0)
            return i;
    }
    for (i = set->n - 1; i > 0 && set->weight[i] == 0;) /* rounding: the last one was meant */
        i--;
    return i;
}
