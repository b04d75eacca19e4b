/* One call by a thread of its own, beside what its starter does meanwhile. */
#ifndef PARALLM_BASE_ASIDE_H
#define PARALLM_BASE_ASIDE_H

#include "base/error.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

typedef pllm_status aside_call(void *user, pllm_error *err);

struct aside {
    aside_call *call;
    void *user;
    pthread_t thread;
    bool started;
    atomic_bool failed; /* set by the thread, so that the starter may give up early; the result is passed by the join */
    pllm_status status;
    pllm_error err;
};

/* call(user, ...) begins. Without `apart`, or where no thread can be started, it has ended on return. `a` stays where it is
 * until aside_join, which must follow. call NULL: there is nothing to do. */
void aside_start(struct aside *a, aside_call *call, void *user, bool apart);

/* True as soon as the call has failed. */
bool aside_failed(const struct aside *a);

/* Waits for the call's end and tells what it told. */
pllm_status aside_join(struct aside *a, pllm_error *err);

#endif
