#include "engine/stop.h"

#include "test.h"

/* Feeds the text in pieces of `piece` bytes: where it stops (bytes shown before the stop string), or -1. */
static int stop_at(const char *const *stops, size_t n, const char *text, size_t piece, int *index)
{
    struct stops s;
    uint32_t matched[8] = {0};
    pllm_error err;
    if (stops_init(&s, stops, n, &err))
        fail_msg("%s", err.message);
    int at = -1;
    size_t length = strlen(text), held = 0;
    for (size_t i = 0; i < length && at < 0; i += piece) {
        size_t m = length - i < piece ? length - i : piece;
        struct stop_match match = stops_feed(&s, matched, text + i, m);
        if (match.index >= 0) {
            at = (int)(i + match.end - match.held);
            *index = match.index;
            assert_true(i + match.end - match.held >= i - held); /* nothing of it was shown */
        } else {
            held = match.held;
            assert_true(held <= i + m);
        }
    }
    stops_fini(&s);
    return at;
}

static void the_place_does_not_depend_on_the_pieces(void **state)
{
    (void)state;
    static const struct {
        const char *stops[3];
        size_t n;
        const char *text;
        int at, index;
    } cases[] = {
        {{"END"}, 1, "the EEND of it", 5, 0},
        {{"abc", "ab"}, 2, "xxabc", 2, 1},             /* the one that is complete first */
        {{"bc", "abc"}, 2, "xxabc", 2, 1},             /* complete at the same byte: the longest */
        {{"abab"}, 1, "aababab", 1, 0},
        {{"\n\n", "###"}, 2, "a\n#\n##\n\n", 6, 0},
        {{"\xC3\xA9t\xC3\xA9"}, 1, "l'\xC3\xA9t\xC3\xA9", 2, 0},
        {{"aaab"}, 1, "aaaaaab", 3, 0},
        {{"never"}, 1, "neve neve", -1, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece < 12; piece++) {
            int index = -1;
            assert_int_equal(stop_at(cases[i].stops, cases[i].n, cases[i].text, piece, &index), cases[i].at);
            assert_int_equal(index, cases[i].index);
        }
}

static void what_may_become_one_is_held_back(void **state)
{
    (void)state;
    const char *stops[] = {"</end>"};
    struct stops s;
    uint32_t matched[1] = {0};
    assert_int_equal(stops_init(&s, stops, 1, NULL), PLLM_OK);
    assert_int_equal(stops_feed(&s, matched, "text </e", 8).held, 3);
    assert_int_equal(stops_feed(&s, matched, "n", 1).held, 4);
    assert_int_equal(stops_feed(&s, matched, "<", 1).held, 1);
    assert_int_equal(stops_feed(&s, matched, "b", 1).held, 0);
    stops_fini(&s);
}

/* What is past ends nothing, however often it is complete, and what may begin one is known at each place. */
static void past_text_is_passed_over(void **state)
{
    (void)state;
    static const char text[] = "xababab cc<ab";
    const char *stops[] = {"abab", "cc", "ab>"};
    const size_t n = sizeof text - 1;
    struct stops s;
    assert_int_equal(stops_init(&s, stops, 3, NULL), PLLM_OK);
    for (size_t piece = 1; piece <= n; piece++) {
        uint32_t matched[3] = {0};
        for (size_t i = 0, m; i < n; i += m) {
            m = n - i < piece ? n - i : piece;
            size_t held = stops_pass(&s, matched, text + i, m), want = 0;
            for (int k = 0; k < 3; k++) /* the longest end of the text that begins a string, and is not all of it */
                for (size_t l = 1; l < strlen(stops[k]); l++)
                    if (l <= i + m && l > want && memcmp(text + i + m - l, stops[k], l) == 0)
                        want = l;
            assert_int_equal(held, want);
        }
        assert_int_equal(stops_feed(&s, matched, ">", 1).index, 2);
    }
    stops_fini(&s);
}

static void bad_strings_are_refused(void **state)
{
    (void)state;
    struct stops s;
    pllm_error err;
    const char *empty[] = {"ok", ""}, *cut[] = {"\xC3"}, *middle[] = {"\xA9x"};
    assert_int_equal(stops_init(&s, empty, 2, &err), PLLM_E_ARGUMENT);
    assert_message(err, "stop[1]: has 0 bytes");
    assert_int_equal(stops_init(&s, cut, 1, &err), PLLM_E_ARGUMENT);
    assert_message(err, "not UTF-8");
    assert_int_equal(stops_init(&s, middle, 1, &err), PLLM_E_ARGUMENT);
    assert_null(s.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_place_does_not_depend_on_the_pieces),
                                       cmocka_unit_test(what_may_become_one_is_held_back),
                                       cmocka_unit_test(past_text_is_passed_over),
                                       cmocka_unit_test(bad_strings_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
