#include "base/pool.h"

#include "base/mem.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { SPINS_BEFORE_SLEEP = 4000 }; /* some tens of microseconds: longer than the gap between two jobs */

struct pool {
    int n_threads, n_started;
    pthread_t *threads;
    struct worker *workers;

    /* The job. Written by the caller before `generation` moves, read by workers after they saw it. */
    pool_task *task;
    void *job;
    int n_tasks;

    _Alignas(64) atomic_uint generation; /* release by pool_run, acquire by workers: publishes the job */
    _Alignas(64) atomic_int next;        /* the next task that nobody has taken */
    _Alignas(64) atomic_int busy;        /* workers still in the job: release by them, acquire by pool_run */

    pthread_mutex_t lock; /* guards sleeping alone: a sleeper checks its condition under it */
    pthread_cond_t wake, done;
    bool stop; /* under lock */
};

struct worker {
    struct pool *pool;
    int number;
};

static void take_tasks(struct pool *p, int thread)
{
    for (;;) {
        int task = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        if (task >= p->n_tasks)
            return;
        p->task(p->job, task, thread);
    }
}

/* Waits for another job than number `seen`; its number, or `seen` if the pool stops. */
static unsigned await_job(struct pool *p, unsigned seen)
{
    for (int i = 0; i < SPINS_BEFORE_SLEEP; i++) {
        unsigned now = atomic_load_explicit(&p->generation, memory_order_acquire);
        if (now != seen)
            return now;
        platform_relax();
    }
    pthread_mutex_lock(&p->lock);
    unsigned now;
    while ((now = atomic_load_explicit(&p->generation, memory_order_acquire)) == seen && !p->stop)
        pthread_cond_wait(&p->wake, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return now;
}

static void *worker_main(void *argument)
{
    struct worker *w = argument;
    struct pool *p = w->pool;
    unsigned seen = 0, now;
    while ((now = await_job(p, seen)) != seen) {
        seen = now;
        take_tasks(p, w->number);
        if (atomic_fetch_sub_explicit(&p->busy, 1, memory_order_acq_rel) == 1) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->done);
            pthread_mutex_unlock(&p->lock);
        }
    }
    return NULL;
}

static void await_workers(struct pool *p)
{
    for (int i = 0; i < SPINS_BEFORE_SLEEP; i++) {
        if (atomic_load_explicit(&p->busy, memory_order_acquire) == 0)
            return;
        platform_relax();
    }
    pthread_mutex_lock(&p->lock);
    while (atomic_load_explicit(&p->busy, memory_order_acquire) != 0)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void pool_run(struct pool *p, pool_task *task, void *job, int n_tasks)
{
    if (n_tasks <= 1 || p->n_threads == 1) {
        for (int i = 0; i < n_tasks; i++)
            task(job, i, 0);
        return;
    }
    p->task = task;
    p->job = job;
    p->n_tasks = n_tasks;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    atomic_store_explicit(&p->busy, p->n_threads - 1, memory_order_relaxed);
    /* Under the lock, so that a worker on its way to sleep cannot miss it. */
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add_explicit(&p->generation, 1, memory_order_release);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    take_tasks(p, 0);
    await_workers(p);
}

static bool start_workers(struct pool *p)
{
    for (p->n_started = 0; p->n_started < p->n_threads - 1; p->n_started++) {
        struct worker *w = &p->workers[p->n_started];
        *w = (struct worker){.pool = p, .number = p->n_started + 1};
        if (!thread_start(&p->threads[p->n_started], worker_main, w))
            return false;
    }
    return true;
}

int pool_choose_threads(int wanted, int cores)
{
    return wanted ? wanted : cores < POOL_MOST_THREADS ? cores : POOL_MOST_THREADS;
}

pllm_status pool_open(struct pool **out, int n_threads, pllm_error *err)
{
    if (n_threads < 1 || n_threads > POOL_MOST_THREADS)
        return error_set(err, PLLM_E_ARGUMENT, "threads: is %d, wanted 1 to %d", n_threads, POOL_MOST_THREADS);
    struct pool *p = mem_alloc_aligned(sizeof *p);
    if (!p)
        return error_memory(err, "threads");
    *p = (struct pool){.n_threads = n_threads};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->done, NULL);
    p->threads = mem_zalloc((size_t)n_threads, sizeof *p->threads);
    p->workers = mem_zalloc((size_t)n_threads, sizeof *p->workers);
    if (!p->threads || !p->workers || !start_workers(p)) {
        pool_close(p);
        return error_set(err, PLLM_E_MEMORY, "threads: %d cannot be started", n_threads);
    }
    *out = p;
    return PLLM_OK;
}

void pool_close(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_started; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->workers);
    mem_free(p->threads);
    mem_free_aligned(p, sizeof *p);
}

int pool_threads(const struct pool *p)
{
    return p->n_threads;
}
