#include "nearest.h"

#include <stdbool.h>
#include <string.h>

enum { LONGEST = 40, BEGINNING = LONGEST /* farther than any that is near */ };

static int least(int a, int b, int c)
{
    int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Options have dashes where fields have underscores. */
static bool is_same(char a, char b)
{
    return a == b || (a == '_' && b == '-') || (a == '-' && b == '_');
}

static bool begins_with(const char *word, const char *beginning, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_same(word[i], beginning[i]))
            return false;
    return true;
}

/* Levenshtein's, row by row. */
static int distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    int row[LONGEST + 1];
    for (size_t j = 0; j <= n_b; j++)
        row[j] = (int)j;
    for (size_t i = 0; i < n_a; i++) {
        int above_left = row[0];
        row[0] = (int)i + 1;
        for (size_t j = 0; j < n_b; j++) {
            int above = row[j + 1];
            row[j + 1] = least(above + 1, row[j] + 1, above_left + !is_same(a[i], b[j]));
            above_left = above;
        }
    }
    return row[n_b];
}

void nearest_consider(struct nearest *best, const char *typed, size_t n, const char *candidate)
{
    size_t n_candidate = strlen(candidate);
    if (n > LONGEST || n_candidate > LONGEST)
        return;
    int d = distance(typed, n, candidate, n_candidate);
    if (d > (n_candidate < 6 ? 1 : 2) || (size_t)d >= n_candidate) { /* any letter is one letter from "n" */
        if (n < 2 || n >= n_candidate || !begins_with(candidate, typed, n))
            return;
        d = BEGINNING;
    }
    if (!best->word || d < best->distance)
        *best = (struct nearest){candidate, d};
}
