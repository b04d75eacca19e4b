#include "engine/filter.h"

#include "engine/row.h"

#include <math.h>
#include <string.h>

enum { LANES = 16, FILTER_BLOCK = 4 * LANES }; /* sums run in so many lanes, which the compiler turns into vectors */

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

/* ---- Filters ---------------------------------------------------------------------------------------- */

/* Keys do not move: every selection makes its own. Copying what is then overwritten is cheaper than a branch that
 * cannot be foreseen, so loops do `keep_one(set, n, i); n += is_kept`. */
static void keep_one(struct filter_set *set, int to, int from)
{
    set->id[to] = set->id[from];
    set->logit[to] = set->logit[from];
    set->weight[to] = set->weight[from];
}

void filter_keep_top_k(struct filter_set *set, int k)
{
    if (k >= set->n)
        return;
    float bound = row_kth(set->weight, set->logit, set->n, k); /* weights are not there yet */
    int n = 0;
    for (int i = 0; i < set->n; i++) {
        bool kept = set->logit[i] >= bound;
        keep_one(set, n, i);
        n += kept;
    }
    set->n = n;
}

/* Among the candidates whose key begins with `prefix` (bits of `mask`): the value of the next bits up to which the
 * weights, added to *sum, reach `need`. In four tables by turns: neighbours often have the same bits, and an addition
 * would wait for the one before it. */
static uint32_t cross(const struct filter_set *set, uint32_t prefix, uint32_t mask, int shift, int bits,
                      double need, double *sum)
{
    enum { TABLES = 4 };
    double mass[TABLES][2048];
    uint32_t n = 1u << bits, last = 0;
    memset(mass, 0, sizeof mass);
    for (int i = 0; i < set->n; i++)
        if ((set->key[i] & mask) == prefix)
            mass[i % TABLES][set->key[i] >> shift & (n - 1)] += (double)set->weight[i];
    double here = 0;
    for (uint32_t b = 0; b < n; b++) {
        double m = (mass[0][b] + mass[1][b]) + (mass[2][b] + mass[3][b]);
        if (m == 0)
            continue;
        last = b;
        here = m;
        if (*sum + m >= need)
            return b;
        *sum += m;
    }
    *sum -= here; /* rounding: the last one was meant */
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
        bool kept = set->key[i] < prefix;
        if (set->key[i] == prefix && !reached) {
            sum += (double)set->weight[i];
            reached = sum >= need;
            kept = true;
        }
        keep_one(set, n, i);
        n += kept;
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

void filter_keep_top_p(struct filter_set *set, double need)
{
    for (int i = 0; i < set->n; i++)
        set->key[i] = descending(set->logit[i]);
    keep_mass(set, need);
}

void filter_keep_min_p(struct filter_set *set, float min_p)
{
    float max = 0;
    for (int i = 0; i < set->n; i++)
        max = set->weight[i] > max ? set->weight[i] : max;
    int n = 0;
    for (int i = 0; i < set->n; i++) {
        bool kept = set->weight[i] >= min_p * max;
        keep_one(set, n, i);
        n += kept;
    }
    set->n = n;
}

/* sum of weight * (max - logit) * scale, by blocks as filter_total */
static double total_distance(const struct filter_set *set, float max, float scale)
{
    double sum = 0;
    for (int i = 0; i < set->n; i += FILTER_BLOCK) {
        float part[FILTER_BLOCK] = {0};
        int m = set->n - i < FILTER_BLOCK ? set->n - i : FILTER_BLOCK;
        for (int j = 0; j < m; j++)
            part[j] = set->weight[i + j] * ((max - set->logit[i + j]) * scale);
        sum += (double)sum_of_block(part);
    }
    return sum;
}

/* Surprise of candidate i is log(total) + (max - logit) * scale; the key is its distance from the entropy. */
void filter_keep_typical(struct filter_set *set, double p, float max, float scale)
{
    double total = filter_total(set), middle = total_distance(set, max, scale) / total; /* entropy - log(total) */
    for (int i = 0; i < set->n; i++) {
        float distance = (float)fabs((double)((max - set->logit[i]) * scale) - middle);
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
    for (int i = 0; i < set->n; i++) {
        bool kept = (double)set->weight[i] < bound || i == least;
        keep_one(set, n, i);
        n += kept;
    }
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
