#include "test.h"

#include "base/json_pull.h"

#include <stdlib.h>

static struct json_pull over(const char *text)
{
    return json_pull_over(text, strlen(text));
}

static void reads_an_object_of_integers(void **state)
{
    (void)state;
    struct json_pull p = over(" { \"a\" : 1 ,\"b\\u00e9\\n\":-23, \"\\ud83d\\ude00\": 0 } ");
    const char *const keys[] = {"a", "b\xC3\xA9\n", "\xF0\x9F\x98\x80"};
    const int64_t values[] = {1, -23, 0};
    int n = 0;
    assert_true(json_pull_enter(&p, '{'));
    while (json_pull_next(&p, '}')) {
        const char *text = NULL;
        size_t length = 0;
        int64_t value = 0;
        assert_true(json_pull_string(&p, &text, &length) && json_pull_colon(&p) && json_pull_int(&p, &value));
        assert_int_equal(length, strlen(keys[n]));
        assert_memory_equal(text, keys[n], length);
        assert_int_equal(value, values[n]);
        n++;
    }
    assert_int_equal(n, 3);
    assert_int_equal(json_pull_status(&p, "x", NULL), PLLM_OK);
    json_pull_fini(&p);
}

/* Whatever is cut off is missed, and nothing behind the cut is read: each beginning stands in memory of its own length. */
static void refuses_every_cut(void **state)
{
    (void)state;
    const char whole[] = "{\"a\": 1, \"b\\u00e9\\n\": -23, \"\\ud83d\\ude00\": 4, \"\xC3\xA9\": 0}";
    for (size_t n = 0; n < sizeof whole; n++) {
        char *cut = malloc(n ? n : 1);
        assert_non_null(cut);
        memcpy(cut, whole, n);
        struct json_pull p = json_pull_over(cut, n);
        const char *text;
        size_t length;
        int64_t value;
        pllm_error err = {0};
        json_pull_enter(&p, '{');
        while (json_pull_next(&p, '}'))
            if (!json_pull_string(&p, &text, &length) || !json_pull_colon(&p) || !json_pull_int(&p, &value))
                break;
        assert_int_equal(json_pull_status(&p, "x", &err), n + 1 < sizeof whole ? PLLM_E_FORMAT : PLLM_OK);
        size_t at = 0;
        assert_true(n + 1 == sizeof whole || (sscanf(err.message, "x: at byte %zu: ", &at) == 1 && at <= n));
        json_pull_fini(&p);
        free(cut);
    }
}

static void reads_nested_arrays(void **state)
{
    (void)state;
    struct json_pull p = over("[[\"a\", -1.5e1], [\"b\", 2], []]");
    double sum = 0, value;
    int n = 0;
    json_pull_enter(&p, '[');
    while (json_pull_next(&p, ']')) {
        const char *text;
        size_t length;
        json_pull_enter(&p, '[');
        while (json_pull_next(&p, ']')) {
            assert_true(json_pull_string(&p, &text, &length) && json_pull_next(&p, ']') && json_pull_number(&p, &value));
            sum += value;
        }
        n++;
    }
    assert_int_equal(json_pull_status(&p, "x", NULL), PLLM_OK);
    assert_int_equal(n, 3);
    assert_true(sum == -13);
}

static void skips_what_nobody_wants(void **state)
{
    (void)state;
    struct json_pull p = over("[{\"a]\\\"\": [1, {}]}, tru, \"x\", 7]");
    int64_t value = 0;
    json_pull_enter(&p, '[');
    for (int i = 0; i < 3; i++)
        assert_true(json_pull_next(&p, ']') && json_pull_skip(&p));
    assert_true(json_pull_next(&p, ']') && json_pull_int(&p, &value));
    assert_int_equal(value, 7);
    assert_false(json_pull_next(&p, ']'));
    assert_int_equal(json_pull_status(&p, "x", NULL), PLLM_OK);
}

static void check_string(const char *json, const char *message)
{
    struct json_pull p = over(json);
    pllm_error err;
    const char *text;
    size_t n;
    assert_false(json_pull_string(&p, &text, &n));
    assert_int_equal(json_pull_status(&p, "file: key", &err), PLLM_E_FORMAT);
    assert_message(err, "file: key: at byte ");
    assert_message(err, message);
    json_pull_fini(&p);
}

static void bad_strings_are_refused(void **state)
{
    (void)state;
    check_string("7", "wanted a string");
    check_string("\"abc", "a string does not end");
    check_string("\"abc\\", "a string does not end");
    check_string("\"a\xFF\"", "invalid UTF-8");
    check_string("\"\xED\xA0\x80\"", "invalid UTF-8");
    check_string("\"\xF0\x80\x80\x80\"", "invalid UTF-8");
    check_string("\"\xE2\x82", "invalid UTF-8");
    check_string("\"a\nb\"", "a control character in a string");
    check_string("\"\\x\"", "an escape that JSON does not have");
    check_string("\"\\u12g4\"", "wanted four hexadecimal digits");
    check_string("\"\\ud800\"", "half of a surrogate pair");
    check_string("\"\\ud800\\u0041\"", "half of a surrogate pair");
    check_string("\"\\udc00\"", "half of a surrogate pair");
}

static void check_int(const char *json)
{
    struct json_pull p = over(json);
    pllm_error err;
    int64_t value;
    assert_false(json_pull_int(&p, &value));
    json_pull_status(&p, "x", &err);
    assert_message(err, "wanted an integer");
}

static void bad_numbers_are_refused(void **state)
{
    (void)state;
    check_int("1.5");
    check_int("1e3");
    check_int("\"1\"");
    check_int("-");
    check_int("01");
    check_int("1234567890123456789");
    const char *const bad[] = {"", "x", "1e999", "+1", ".5", "1.2.3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct json_pull p = over(bad[i]);
        pllm_error err;
        double value;
        assert_false(json_pull_number(&p, &value));
        json_pull_status(&p, "x", &err);
        assert_message(err, "wanted a finite number");
    }
}

static void check_list(const char *json, const char *message)
{
    struct json_pull p = over(json);
    pllm_error err;
    int64_t value;
    json_pull_enter(&p, '[');
    while (json_pull_next(&p, ']') && json_pull_int(&p, &value))
        ;
    json_pull_status(&p, "x", &err);
    assert_message(err, message);
}

static void bad_lists_are_refused(void **state)
{
    (void)state;
    check_list("{}", "wanted an array");
    check_list("[1 2]", "wanted a comma or the end of the list");
    check_list("[1, 2", "ends too early");
    check_list("[", "ends too early");
    check_list("[1,]", "wanted an integer");
    struct json_pull p = over("[1");
    assert_false(json_pull_skip(&p));
    p = over("]");
    assert_false(json_pull_skip(&p));
    p = over("1");
    assert_false(json_pull_enter(&p, '{'));
    p = over("1");
    assert_false(json_pull_colon(&p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_an_object_of_integers), cmocka_unit_test(refuses_every_cut), cmocka_unit_test(reads_nested_arrays),
        cmocka_unit_test(skips_what_nobody_wants),     cmocka_unit_test(bad_strings_are_refused),
        cmocka_unit_test(bad_numbers_are_refused),     cmocka_unit_test(bad_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
