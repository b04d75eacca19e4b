#include "gather.h"

#include "batch.h"

#include <stdlib.h>
#include <string.h>

bool gather_add(struct gather *g, struct job *job)
{
    if (g->n == g->room) {
        size_t room = g->room ? 2 * g->room : 256;
        struct job **grown = realloc(g->at, room * sizeof *grown);
        if (!grown)
            return false;
        g->at = grown;
        g->room = room;
    }
    g->at[g->n++] = job;
    return true;
}

static int compare_texts(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

/* Any order will do in which those that agree in their first k tokens stand together, for each k: that of the bytes does. */
static int compare(const void *x, const void *y)
{
    const struct job *a = *(struct job *const *)x, *b = *(struct job *const *)y;
    const pllm_request *p = &a->request.request, *q = &b->request.request;
    size_t n = p->n_tokens < q->n_tokens ? p->n_tokens : q->n_tokens;
    int order = compare_texts(p->adapter, q->adapter);
    if (order == 0)
        order = compare_texts(p->cache_salt, q->cache_salt);
    if (order == 0)
        order = memcmp(p->tokens, q->tokens, n * sizeof *p->tokens);
    if (order == 0 && p->n_tokens != q->n_tokens)
        order = p->n_tokens < q->n_tokens ? -1 : 1;
    return order ? order : a->number < b->number ? -1 : a->number > b->number;
}

void gather_sort(struct gather *g)
{
    if (g->n) /* an empty list has no memory, and qsort takes no NULL */
        qsort(g->at, g->n, sizeof *g->at, compare);
}

void gather_fini(struct gather *g)
{
    free(g->at);
    *g = (struct gather){0};
}
