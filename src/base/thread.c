#include "base/thread.h"

#include <signal.h>

/* A thread inherits the mask: no signal can come to it before it could block them. */
bool thread_start(pthread_t *out, void *(*run)(void *argument), void *argument)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool started = pthread_create(out, NULL, run, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started;
}
