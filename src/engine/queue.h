/* Sequences that wait, in the order of service. Whoever comes back, a request's further samples and urgent ones belong
 * anywhere in it, and a hundred thousand may wait: so it is no list but a treap (Seidel and Aragon, 1996), a search tree
 * that is a heap by a number which is as good as random. All steps take O(log n); none needs memory. */
#ifndef PARALLM_ENGINE_QUEUE_H
#define PARALLM_ENGINE_QUEUE_H

#include "engine/request.h"

struct queue {
    struct seq *root;
    int n;
};

void queue_add(struct queue *w, struct seq *s); /* its request has its number */
void queue_remove(struct queue *w, struct seq *s);
struct seq *queue_first(const struct queue *w); /* NULL: nobody waits */
struct seq *queue_last(const struct queue *w);

#endif
