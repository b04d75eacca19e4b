#include "base/vec.h"

#include "test.h"

static void refuses_sizes_that_overflow(void **state)
{
    (void)state;
    size_t out = 5;
    assert_false(mem_mul(SIZE_MAX / 2, 3, &out));
    assert_false(mem_add(SIZE_MAX, 1, &out));
    assert_int_equal(out, 5);
    assert_true(mem_mul(6, 7, &out) && out == 42);
    assert_null(mem_alloc(SIZE_MAX / 2, 4));
    assert_null(mem_realloc(NULL, SIZE_MAX / 2, 4));
    assert_null(mem_alloc_aligned(SIZE_MAX - 1));
}

static void aligns_small_and_large(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes < (size_t)1 << 24; bytes *= 7) {
        char *p = mem_alloc_aligned(bytes);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % MEM_ALIGN, 0);
        memset(p, 1, bytes);
        mem_free_aligned(p, bytes);
    }
}

static void arena_gives_pieces_and_takes_all_back(void **state)
{
    (void)state;
    struct arena a = {0};
    for (int round = 0; round < 3; round++) {
        char *last = NULL;
        for (size_t i = 1; i < 400; i++) {
            char *p = arena_alloc(&a, i, 13);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % MEM_ALIGN, 0);
            memset(p, (int)i, i * 13);
            if (last)
                assert_int_equal((unsigned char)last[0], (unsigned char)(i - 1));
            last = p;
        }
        assert_true(a.high >= a.used);
        arena_reset(&a);
        assert_int_equal(a.used, 0);
    }
    assert_null(arena_alloc(&a, SIZE_MAX / 8, 16));
    arena_fini(&a);
}

static void vectors_grow(void **state)
{
    (void)state;
    VEC(int) v = {0};
    for (int i = 0; i < 1000; i++)
        assert_true(vec_push(&v, i));
    assert_int_equal(v.n, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(v.at[i], i);
    assert_int_equal(vec_pop(&v), 999);
    assert_false(vec_reserve(&v, SIZE_MAX / 2));
    assert_int_equal(v.at[998], 998);
    vec_fini(&v);
    assert_null(v.at);
}

static void buffers_take_text(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_true(buf_add(&b, "ab\0c", 4) && buf_printf(&b, "%d-%s", 12, "x") && buf_text(&b, "!"));
    assert_int_equal(b.n, 9);
    assert_memory_equal(b.at, "ab\0c12-x!", 10);
    vec_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_sizes_that_overflow), cmocka_unit_test(aligns_small_and_large),
        cmocka_unit_test(arena_gives_pieces_and_takes_all_back), cmocka_unit_test(vectors_grow),
        cmocka_unit_test(buffers_take_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
