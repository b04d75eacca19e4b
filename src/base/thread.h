/* Starting a thread that leaves signals to the program's own threads: the library's have none to answer. */
#ifndef PARALLM_BASE_THREAD_H
#define PARALLM_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* False: there is none. */
bool thread_start(pthread_t *out, void *(*run)(void *argument), void *argument);

#endif
