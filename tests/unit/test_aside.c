#include "base/aside.h"

#include "test.h"

#include <pthread.h>

struct work {
    bool fails;
    int times;
    pthread_t by;
};

static pllm_status work(void *user, pllm_error *err)
{
    struct work *w = user;
    w->times++;
    w->by = pthread_self();
    return w->fails ? error_set(err, PLLM_E_FORMAT, "no %s", "good") : PLLM_OK;
}

static void runs_once_and_tells_the_result(void **state)
{
    (void)state;
    for (int apart = 0; apart < 2; apart++)
        for (int fails = 0; fails < 2; fails++) {
            struct work w = {.fails = fails};
            struct aside a;
            pllm_error err = {0};
            aside_start(&a, work, &w, apart);
            if (!apart)
                assert_int_equal(aside_failed(&a), fails);
            assert_int_equal(aside_join(&a, &err), fails ? PLLM_E_FORMAT : PLLM_OK);
            assert_int_equal(aside_failed(&a), fails);
            assert_int_equal(w.times, 1);
            assert_int_equal(!pthread_equal(w.by, pthread_self()), apart);
            assert_string_equal(err.message, fails ? "no good" : "");
        }
}

static void nothing_to_do_succeeds(void **state)
{
    (void)state;
    struct aside a;
    aside_start(&a, NULL, NULL, true);
    assert_false(aside_failed(&a));
    assert_int_equal(aside_join(&a, NULL), PLLM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(runs_once_and_tells_the_result),
                                       cmocka_unit_test(nothing_to_do_succeeds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
