/* Patterns by themselves; what expressions of tokenizers mean is in test_tokenizer_json.c. */
#include "test.h"

#include "text/pattern.h"

static struct pattern_match first_match(const char *source, size_t n_source, const char *text, size_t n)
{
    struct pattern p;
    struct pattern_scratch scratch = {0};
    struct pattern_match m = {1, 0};
    pllm_status status = PLLM_OK;
    pllm_error err = {0};
    if (pattern_regex(&p, source, n_source, &err))
        fail_msg("%s", err.message);
    struct pattern_walk w = {.pattern = &p, .scratch = &scratch, .text = text, .n = n};
    assert_true(pattern_next(&w, &m, &status, &err));
    pattern_scratch_fini(&scratch);
    pattern_fini(&p);
    return m;
}

/* In Ruby's syntax the plus repeats the repetition of what stands before it: of the NUL, not of "a", too. */
static void a_nul_is_a_character(void **state)
{
    (void)state;
    struct pattern_match m = first_match("a\0{2}+", 6, "a\0\0\0\0", 5);
    assert_int_equal(m.start, 0);
    assert_int_equal(m.end, 5);
}

static void four_digits_after_u(void **state)
{
    static const char *const bad[] = {"\\u", "\\u12", "\\u00g1", "\\u0}41"};
    (void)state;
    struct pattern_match m = first_match("\\u00e9", 6, "a\xC3\xA9", 3);
    assert_int_equal(m.start, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pattern p;
        pllm_error err = {0};
        assert_int_equal(pattern_regex(&p, bad[i], strlen(bad[i]), &err), PLLM_E_FORMAT);
        assert_message(err, "\\u without four digits");
        pattern_fini(&p);
    }
}

static void nothing_matches_everywhere(void **state)
{
    (void)state;
    struct pattern_match m = first_match("", 0, "a", 1);
    assert_int_equal(m.start, 0);
    assert_int_equal(m.end, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_matches_everywhere),
        cmocka_unit_test(a_nul_is_a_character),
        cmocka_unit_test(four_digits_after_u),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
