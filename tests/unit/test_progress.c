/* The time left on the line of progress: formulas only, no clock. */
#include "progress.h"

#include "test.h"

#include <string.h>

/* 10 s, in which 3 of 300 answers ended while 100 grew to 40 tokens each, as none may have more than 100. */
static void the_first_answers_do_not_count_the_tokens_of_the_others(void **state)
{
    (void)state;
    const double left = progress_seconds_left(10, 3, 300, 4000, 100);
    assert_float_equal(left, 10.0 * (300 * 100 - 4000) / 4000, 1e-9);
    assert_float_equal(progress_seconds_left(10, 3, 300, 4000, 0), 10.0 * 99, 1e-9); /* where nothing is known of lengths */
}

static void later_the_mean_of_what_is_done_counts(void **state)
{
    (void)state;
    assert_float_equal(progress_seconds_left(60, 150, 300, 3000, 100), 60, 1e-9);
    assert_float_equal(progress_seconds_left(60, 300, 300, 3000, 100), 0, 1e-9);
    assert_float_equal(progress_seconds_left(60, 299, 300, 40000, 100), 0, 1e-9); /* lines that had more than the last ones may have */
    assert_float_equal(progress_seconds_left(60, 2, 300, 0, 100), 0, 1e-9);      /* errors alone */
}

static void a_narrow_line_has_whole_parts(void **state)
{
    (void)state;
    char line[64] = "";
    progress_add(line, sizeof line, 20, "26/40");
    progress_add(line, sizeof line, 20, "146 tok/s");
    progress_add(line, sizeof line, 20, "14 running, 0 waiting");
    assert_string_equal(line, "26/40  146 tok/s");
    progress_add(line, sizeof line, 20, "0:3");
    assert_string_equal(line, "26/40  146 tok/s"); /* one column short */
    progress_add(line, sizeof line, 21, "0:3");
    assert_string_equal(line, "26/40  146 tok/s  0:3");
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    progress_add(line, sizeof line, 1000, "more than the buffer has room for");
    assert_int_equal(strlen(line), sizeof line - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_answers_do_not_count_the_tokens_of_the_others),
        cmocka_unit_test(later_the_mean_of_what_is_done_counts),
        cmocka_unit_test(a_narrow_line_has_whole_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
