#include "base/error.h"

#include "test.h"

static void sets_status_and_message(void **state)
{
    (void)state;
    pllm_error err = {0};
    assert_int_equal(error_set(&err, PLLM_E_FORMAT, "%s: %d", "file", 7), PLLM_E_FORMAT);
    assert_int_equal(err.status, PLLM_E_FORMAT);
    assert_string_equal(err.message, "file: 7");
    assert_int_equal(error_set(NULL, PLLM_E_IO, "nobody is told"), PLLM_E_IO);
}

static void cuts_long_messages_at_a_character(void **state)
{
    (void)state;
    char text[2048];
    pllm_error err;
    for (size_t i = 0; i + 3 < sizeof text; i += 2)
        memcpy(text + i, "\xC3\xA9", 3);
    error_set(&err, PLLM_E_IO, "%s", text);
    assert_true(strlen(err.message) < sizeof err.message);
    assert_memory_equal(err.message + strlen(err.message) - 5, "\xC3\xA9...", 5);
    error_set(&err, PLLM_E_IO, "x%s", text);
    assert_memory_equal(err.message + strlen(err.message) - 5, "\xC3\xA9...", 5);
}

static void shows_no_control_characters_or_broken_utf8(void **state)
{
    (void)state;
    pllm_error err;
    error_set(&err, PLLM_E_IO, "a\nb\x1b[31m\xFF\xC3 \xF0\x9F\x98\x80");
    assert_string_equal(err.message, "a?b?[31m?? \xF0\x9F\x98\x80");
    error_set(&err, PLLM_E_IO, "half a pair \xED\xA0\x80, too long a form \xE0\x80\x80");
    assert_string_equal(err.message, "half a pair ???, too long a form ???");
}

static void adds_a_prefix(void **state)
{
    (void)state;
    pllm_error err;
    error_set(&err, PLLM_E_IO, "is missing");
    assert_int_equal(error_prefix(&err, PLLM_E_IO, "config.json"), PLLM_E_IO);
    assert_string_equal(err.message, "config.json: is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_status_and_message),
        cmocka_unit_test(cuts_long_messages_at_a_character),
        cmocka_unit_test(shows_no_control_characters_or_broken_utf8),
        cmocka_unit_test(adds_a_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
