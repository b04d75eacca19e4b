/* A fixed pool of threads that works on one job at a time and meets at its end.
 *
 * The caller is one of the threads. Tasks are handed out one by one, so that uneven ones do not
 * leave a core waiting; which thread gets which task is not determined, so a task's result must
 * depend on its number alone. Waiting threads spin briefly, then sleep. */
#ifndef PARALLM_BASE_POOL_H
#define PARALLM_BASE_POOL_H

#include "base/error.h"

struct pool;

enum { POOL_MOST_THREADS = 1024 };

/* So many as are wanted; 0: one for each of the cores (platform_cores), as far as a pool takes them. */
int pool_choose_threads(int wanted, int cores);

/* Task number `task` of the job; `thread` (0 .. pool_threads - 1) names scratch that nobody else
 * uses at the moment. */
typedef void pool_task(void *job, int task, int thread);

/* n_threads from 1 to POOL_MOST_THREADS, the caller's own included. */
pllm_status pool_open(struct pool **out, int n_threads, pllm_error *err);
void pool_close(struct pool *pool);
int pool_threads(const struct pool *pool);

/* Runs task(job, 0..n_tasks-1, ...) and returns when all are done. One caller at a time. Everything
 * written before is seen by the tasks, and everything they wrote is seen after. */
void pool_run(struct pool *pool, pool_task *task, void *job, int n_tasks);

#endif
