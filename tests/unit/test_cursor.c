#include "base/cursor.h"

#include "test.h"

static void reads_little_endian_numbers(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0x80, 0x3F};
    struct cursor c = cursor_over(bytes, sizeof bytes);
    uint8_t a;
    uint32_t b;
    uint64_t d;
    float f;
    assert_true(cursor_u8(&c, &a) && a == 1);
    assert_true(cursor_u32(&c, &b) && b == 2);
    assert_true(cursor_u64(&c, &d) && d == 0x0102030405060708u);
    assert_true(cursor_f32(&c, &f) && f == 1.0f);
    assert_int_equal(cursor_left(&c), 0);
    assert_int_equal(cursor_offset(&c), sizeof bytes);
    assert_false(cursor_u8(&c, &a));
}

static void stays_where_it_was_when_something_does_not_fit(void **state)
{
    (void)state;
    static const uint8_t bytes[3] = {1, 2, 3};
    struct cursor c = cursor_over(bytes, 3);
    const uint8_t *p = NULL;
    uint32_t v = 9;
    assert_false(cursor_u32(&c, &v));
    assert_false(cursor_take(&c, UINT64_MAX, &p));
    assert_false(cursor_skip(&c, 4));
    assert_null(p);
    assert_int_equal(v, 9);
    assert_int_equal(cursor_left(&c), 3);
}

static void reads_varints(void **state)
{
    (void)state;
    static const uint8_t good[] = {0x96, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01};
    static const uint8_t large[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02};
    static const uint8_t cut[] = {0x80, 0x80};
    struct cursor c = cursor_over(good, sizeof good);
    uint64_t v;
    assert_true(cursor_varint(&c, &v) && v == 150);
    assert_true(cursor_varint(&c, &v) && v == UINT64_MAX);
    c = cursor_over(large, sizeof large);
    assert_false(cursor_varint(&c, &v));
    c = cursor_over(cut, sizeof cut);
    assert_false(cursor_varint(&c, &v));
    assert_int_equal(cursor_offset(&c), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_little_endian_numbers),
                                       cmocka_unit_test(stays_where_it_was_when_something_does_not_fit),
                                       cmocka_unit_test(reads_varints)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
