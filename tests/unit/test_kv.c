/* Pools of blocks: taking, sharing, caching, giving back; running out; no memory. */
#include "engine/kv.h"
#include "failing.h"
#include "test.h"

static struct kv_blocks kv;

static struct kv_pool *open_pool(int n, int n_window)
{
    const int n_blocks[KV_GROUPS] = {n, n_window};
    assert_int_equal(kv_blocks_init(&kv, n_blocks, n_window ? 64 : 0, NULL), PLLM_OK);
    return &kv.pool[0];
}

static void all_blocks_can_be_taken_once(void **state)
{
    (void)state;
    struct kv_pool *p = open_pool(5, 0);
    bool seen[5] = {false};
    for (int i = 0; i < 5; i++) {
        int32_t b = kv_take(p);
        assert_in_range(b, 0, 4);
        assert_false(seen[b]);
        seen[b] = true;
        assert_int_equal(kv_live(p), i + 1);
    }
    assert_int_equal(kv_take(p), -1);
    assert_int_equal(kv_available(p), 0);
    kv_unref(p, 3);
    assert_int_equal(kv_take(p), 3); /* the last one freed first */
    for (int32_t b = 0; b < 5; b++)
        kv_unref(p, b);
    assert_int_equal(kv_available(p), 5);
    assert_int_equal(kv_take(&kv.pool[1]), -1);
    assert_false(kv.in_use[1]);
    kv_blocks_fini(&kv);
}

static void shared_blocks_are_counted(void **state)
{
    (void)state;
    struct kv_pool *p = open_pool(3, 2);
    int32_t a = kv_take(p), b = kv_take(p);
    assert_true(kv.in_use[0] && kv.in_use[1]);
    kv_ref(p, a);
    kv_ref(p, a);
    assert_int_equal(p->n_shared, 1);
    kv_ref(p, b);
    assert_int_equal(p->n_shared, 2);
    kv_unref(p, a);
    assert_int_equal(p->n_shared, 2);
    kv_unref(p, a);
    assert_int_equal(p->n_shared, 1);
    kv_unref(p, a);
    assert_int_equal(p->n_free, 2);
    kv_unref(p, b);
    kv_unref(p, b);
    assert_int_equal(p->n_shared, 0);
    assert_int_equal(p->n_free, 3);
    kv_blocks_fini(&kv);
}

/* Oldest first, whatever is taken out of the middle. */
static void known_blocks_stay_until_they_are_forgotten(void **state)
{
    (void)state;
    struct kv_pool *p = open_pool(4, 0);
    for (int32_t i = 0; i < 4; i++)
        kv_know(p, kv_take(p));
    static const int32_t order[] = {2, 0, 3, 1};
    for (int i = 0; i < 4; i++)
        kv_unref(p, order[i]);
    assert_int_equal(p->n_cached, 4);
    assert_int_equal(p->n_free, 0);
    assert_int_equal(kv_take(p), -1); /* the tree has to let one go */
    assert_int_equal(p->oldest, 2);
    kv_ref(p, 0); /* used again, then the newest */
    assert_int_equal(kv_live(p), 1);
    kv_unref(p, 0);
    assert_int_equal(p->newest, 0);
    static const int32_t now[] = {2, 3, 1, 0};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(p->oldest, now[i]);
        kv_forget(p, p->oldest);
    }
    assert_true(p->oldest == -1 && p->newest == -1);
    assert_int_equal(p->n_free, 4);
    int32_t b = kv_take(p);
    kv_know(p, b);
    kv_forget(p, b); /* in use: stays with its user */
    assert_int_equal(kv_live(p), 1);
    kv_unref(p, b);
    assert_int_equal(p->n_free, 4);
    kv_blocks_fini(&kv);
}

static void rows_of_this_step_are_not_settled(void **state)
{
    (void)state;
    struct kv_content c = {0};
    kv_fill(&c, 5, 7);
    assert_true(c.filled == 5 && kv_settled(&c, 7) == 0 && kv_settled(&c, 8) == 5);
    kv_fill(&c, 9, 7);
    assert_true(kv_settled(&c, 7) == 0 && kv_settled(&c, 8) == 9);
    kv_fill(&c, 32, 9);
    assert_true(kv_settled(&c, 9) == 9 && kv_settled(&c, 10) == 32);
    kv_fill(&c, 3, 11); /* less is nothing new */
    assert_true(c.filled == 32 && c.step == 9);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    const int n_blocks[KV_GROUPS] = {10, 4};
    int failures = 0;
    for (;; failures++) {
        pllm_error err = {0};
        fail_at(failures);
        pllm_status status = kv_blocks_init(&kv, n_blocks, 64, &err);
        if (!fail_happened()) {
            assert_int_equal(status, PLLM_OK);
            break;
        }
        assert_int_equal(status, PLLM_E_MEMORY);
        assert_message(err, "KV block tables");
        assert_null(kv.content);
    }
    assert_int_equal(failures, 11);
    kv_blocks_fini(&kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_blocks_can_be_taken_once),
                                       cmocka_unit_test(shared_blocks_are_counted),
                                       cmocka_unit_test(known_blocks_stay_until_they_are_forgotten),
                                       cmocka_unit_test(rows_of_this_step_are_not_settled),
                                       cmocka_unit_test(no_memory_is_an_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
