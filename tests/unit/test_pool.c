#include "base/pool.h"

#include "test.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct job {
    int done[1000];
    atomic_int in_thread[8];
};

static void count(void *argument, int task, int thread)
{
    struct job *job = argument;
    if (atomic_fetch_add(&job->in_thread[thread], 1) != 0)
        abort(); /* two tasks with one thread number at a time */
    job->done[task]++;
    atomic_fetch_sub(&job->in_thread[thread], 1);
}

static void runs_every_task_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        struct pool *pool;
        struct job job = {0};
        assert_int_equal(pool_open(&pool, threads, NULL), PLLM_OK);
        assert_int_equal(pool_threads(pool), threads);
        for (int round = 0; round < 2000; round++)
            pool_run(pool, count, &job, round % 1001);
        usleep(20000); /* workers sleep by now: they must wake again */
        pool_run(pool, count, &job, 1000);
        for (int i = 0; i < 1000; i++) {
            int wanted = 1;
            for (int round = 0; round < 2000; round++)
                wanted += i < round % 1001;
            assert_int_equal(job.done[i], wanted);
        }
        pool_close(pool);
    }
}

static void refuses_silly_numbers(void **state)
{
    (void)state;
    struct pool *pool = NULL;
    pllm_error err;
    assert_int_equal(pool_open(&pool, 0, &err), PLLM_E_ARGUMENT);
    assert_message(err, "threads: is 0, wanted 1");
    assert_int_equal(pool_open(&pool, 100000, &err), PLLM_E_ARGUMENT);
    assert_null(pool);
    pool_close(NULL);
}

/* On a machine with more cores than a pool takes, the default is what it takes. */
static void the_default_is_never_refused(void **state)
{
    (void)state;
    struct pool *pool = NULL;
    pllm_error err;
    assert_int_equal(pool_choose_threads(0, 8), 8);
    assert_int_equal(pool_choose_threads(0, POOL_MOST_THREADS + 500), POOL_MOST_THREADS);
    assert_int_equal(pool_open(&pool, pool_choose_threads(POOL_MOST_THREADS + 1, 8), &err), PLLM_E_ARGUMENT);
    assert_message(err, "threads: is 1025, wanted 1 to 1024"); /* asked for: that is for whoever asked to know */
    assert_null(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(runs_every_task_once), cmocka_unit_test(refuses_silly_numbers),
                                       cmocka_unit_test(the_default_is_never_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
