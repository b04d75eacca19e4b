#include "text/jinja/sort.h"

#include "text/jinja/run.h"

#include <string.h>

struct sorted {
    struct value key;
    size_t place;
};

/* Merges [0, half) and [half, n) of `in` into `out`. Reversed order keeps equal keys in their places too. */
static bool merge(struct jinja_run *r, const struct sorted *in, size_t half, size_t n, bool reverse, struct sorted *out)
{
    size_t i = 0, j = half;
    for (size_t k = 0; k < n; k++) {
        bool second = i == half;
        if (i < half && j < n) {
            struct value left = in[i].key, right = in[j].key;
            if (!run_tick(r, 1) || !value_order(r, reverse ? left : right, reverse ? right : left, ORDER_LT, &second))
                return false;
        }
        out[k] = second ? in[j++] : in[i++];
    }
    return true;
}

/* Bottom-up merge sort; the result is in *a or *b. */
static bool merge_sort(struct jinja_run *r, struct sorted **a, struct sorted *b, size_t n, bool reverse)
{
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t at = 0; at < n; at += 2 * width) {
            size_t run = n - at < 2 * width ? n - at : 2 * width;
            if (!merge(r, *a + at, width < run ? width : run, run, reverse, b + at))
                return false;
        }
        struct sorted *swap = *a;
        *a = b;
        b = swap;
    }
    return true;
}

bool sort_values(struct jinja_run *r, struct list *items, struct list *keys, bool reverse)
{
    size_t n = keys->n;
    struct sorted *a = run_alloc(r, n, sizeof *a), *b = run_alloc(r, n, sizeof *b);
    struct value *moved = run_alloc(r, n, sizeof *moved);
    if (!a || !b || !moved)
        return false;
    for (size_t i = 0; i < n; i++)
        a[i] = (struct sorted){keys->at[i], i};
    if (!merge_sort(r, &a, b, n, reverse))
        return false;
    for (size_t i = 0; i < n; i++)
        moved[i] = items->at[a[i].place];
    for (size_t i = 0; i < n; i++)
        keys->at[i] = a[i].key;
    if (n)
        memcpy(items->at, moved, n * sizeof *moved);
    return true;
}
