#include "text/strtab.h"

#include "test.h"

static void texts_and_ids_find_each_other(void **state)
{
    struct strtab t;
    size_t n;
    (void)state;
    assert_true(strtab_init(&t, 0));
    for (int32_t id = 0; id < 3000; id += 3) { /* with holes, and more than there is room for at first */
        char text[16];
        snprintf(text, sizeof text, "t%d", (int)id);
        assert_true(strtab_set(&t, id, text, strlen(text)));
    }
    assert_int_equal(strtab_find(&t, "t2997", 5), 2997);
    assert_int_equal(strtab_find(&t, "t299", 4), -1);
    assert_false(strtab_has(&t, 1) || strtab_has(&t, -1) || strtab_has(&t, 3000));
    assert_string_equal(strtab_text(&t, 30, &n), "t30");
    assert_true(strtab_set(&t, 1, "t30", 3)); /* of two ids with one text the later one is found */
    assert_int_equal(strtab_find(&t, "t30", 3), 1);
    assert_true(strtab_set(&t, 2, NULL, 0));
    assert_int_equal(strtab_find(&t, NULL, 0), 2);
    strtab_fini(&t);
}

/* Places are kept in 32 bits: the last text must end before they do, with its NUL. */
static void no_text_begins_beyond_32_bits(void **state)
{
    struct strtab t;
    (void)state;
    assert_true(strtab_init(&t, 0));
    t.text.n = t.text.cap = UINT32_MAX - 3; /* as if there were so much */
    assert_false(strtab_set(&t, 0, "abc", 3));
    t.text.n = t.text.cap = 0;
    strtab_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_ids_find_each_other),
        cmocka_unit_test(no_text_begins_beyond_32_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
