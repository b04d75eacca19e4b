#include "engine/queue.h"

#include "base/rng.h"

/* Requests are numbered in their order, samples too: a tree by these alone would be a list. */
static uint32_t rank_of(const struct seq *s)
{
    uint32_t words[4];
    rng_words(words, s->request->id, (uint32_t)s->sample, 0, 0);
    return words[0];
}

static struct seq **link_to(struct queue *w, const struct seq *s)
{
    struct seq *parent = s->parent;
    return parent ? &parent->child[parent->child[1] == s] : &w->root;
}

/* Puts s in its parent's place and the parent below it; the order stays. */
static void rotate_up(struct queue *w, struct seq *s)
{
    struct seq *parent = s->parent;
    const int side = parent->child[1] == s;
    struct seq *between = s->child[!side];
    *link_to(w, parent) = s;
    s->parent = parent->parent;
    s->child[!side] = parent;
    parent->parent = s;
    parent->child[side] = between;
    if (between)
        between->parent = parent;
}

void queue_add(struct queue *w, struct seq *s)
{
    struct seq **link = &w->root;
    s->parent = s->child[0] = s->child[1] = NULL;
    s->rank = rank_of(s);
    while (*link) {
        s->parent = *link;
        link = &s->parent->child[seq_before(s->parent, s)];
    }
    *link = s;
    while (s->parent && s->parent->rank < s->rank)
        rotate_up(w, s);
    w->n++;
}

void queue_remove(struct queue *w, struct seq *s)
{
    while (s->child[0] && s->child[1])
        rotate_up(w, s->child[s->child[0]->rank < s->child[1]->rank]);
    struct seq *child = s->child[!s->child[0]];
    *link_to(w, s) = child;
    if (child)
        child->parent = s->parent;
    s->parent = s->child[0] = s->child[1] = NULL;
    w->n--;
}

static struct seq *end_of(const struct queue *w, int side)
{
    struct seq *s = w->root;
    while (s && s->child[side])
        s = s->child[side];
    return s;
}

struct seq *queue_first(const struct queue *w)
{
    return end_of(w, 0);
}

struct seq *queue_last(const struct queue *w)
{
    return end_of(w, 1);
}
