#include "base/aside.h"

#include "base/thread.h"

static void *run(void *argument)
{
    struct aside *a = argument;
    a->status = a->call(a->user, &a->err);
    if (a->status)
        atomic_store_explicit(&a->failed, true, memory_order_relaxed);
    return NULL;
}

void aside_start(struct aside *a, aside_call *call, void *user, bool apart)
{
    a->call = call;
    a->user = user;
    a->status = PLLM_OK;
    atomic_init(&a->failed, false);
    a->started = call && apart && thread_start(&a->thread, run, a);
    if (call && !a->started)
        run(a);
}

bool aside_failed(const struct aside *a)
{
    return atomic_load_explicit(&a->failed, memory_order_relaxed);
}

pllm_status aside_join(struct aside *a, pllm_error *err)
{
    if (a->started)
        pthread_join(a->thread, NULL);
    a->started = false;
    return a->status ? error_set(err, a->status, "%s", a->err.message) : PLLM_OK;
}
