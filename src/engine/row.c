#include "engine/row.h"

#include <math.h>
#include <string.h>

bool row_read(struct row *r, const float *x, int n)
{
    r->x = x;
    r->n = n;
    r->total = 0;
    r->max = r->k->block_max(r->block_max, x, n);
    return isfinite(r->max);
}

int row_best(const struct row *r)
{
    int block = 0, i;
    while (r->block_max[block] != r->max)
        block++;
    for (i = block * ROW_BLOCK; r->x[i] != r->max;)
        i++;
    return i;
}

double row_weigh(struct row *r, float scale, float bound)
{
    if (r->total > 0 && r->scale == scale && r->bound == bound)
        return r->total;
    r->scale = scale;
    r->bound = bound;
    r->total = r->k->block_exp(r->block_sum, r->block_max, r->x, r->n, r->max, scale, bound);
    return r->total;
}

/* The block that the target falls into; *sum: of the blocks before it. Rounding: past the end, the last one was meant. */
static int pick_block(const struct row *r, double target, double *sum)
{
    int block = 0;
    double before = 0;
    *sum = 0;
    for (int b = 0; b < row_blocks(r->n); b++) {
        if (r->block_sum[b] <= 0)
            continue;
        block = b;
        *sum = before;
        before += (double)r->block_sum[b];
        if (before > target)
            break;
    }
    return block;
}

int row_pick(const struct row *r, double u, float *weight)
{
    float w[ROW_BLOCK];
    double target = u * r->total, sum;
    int first = pick_block(r, target, &sum) * ROW_BLOCK, last = 0;
    int m = r->n - first < ROW_BLOCK ? r->n - first : ROW_BLOCK;
    r->k->exp_scaled(w, r->x + first, m, r->max, r->scale);
    for (int i = 0; i < m && sum <= target; i++) {
        if (r->x[first + i] < r->bound || w[i] <= 0)
            continue;
        last = i;
        sum += (double)w[i];
    }
    *weight = w[last];
    return first + last;
}

int row_equals_before(const struct row *r, int i)
{
    int n = 0;
    float value = r->x[i];
    for (int first = 0; first < i; first += ROW_BLOCK) {
        if (r->block_max[first / ROW_BLOCK] < value)
            continue;
        int end = i - first < ROW_BLOCK ? i : first + ROW_BLOCK;
        for (int j = first; j < end; j++)
            n += r->x[j] == value;
    }
    return n;
}

int row_collect(const struct row *r, int32_t *id, float *value, float bound)
{
    int m = 0;
    for (int first = 0; first < r->n; first += ROW_BLOCK) {
        if (r->block_max[first / ROW_BLOCK] < bound)
            continue;
        int n = r->n - first < ROW_BLOCK ? r->n - first : ROW_BLOCK;
        m += r->k->collect(id + m, value + m, r->x + first, n, first, bound);
    }
    return m;
}

static float median_of_3(float a, float b, float c)
{
    float lo = a < b ? a : b, hi = a < b ? b : a;
    return c < lo ? lo : c > hi ? hi : c;
}

float row_kth(float *scratch, const float *x, int n, int k)
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
float row_bound(const struct row *r, float *scratch, int k)
{
    int n_blocks = row_blocks(r->n);
    if (k > r->n)
        k = r->n;
    return n_blocks >= k ? row_kth(scratch, r->block_max, n_blocks, k) : row_kth(scratch, r->x, r->n, k);
}
