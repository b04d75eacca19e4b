/* The language of templates by construct: data/jinja.json has what Jinja2 itself makes of each template
 * (tests/text/make_jinja_cases.py wrote it). Errors must be errors, of the same line; their wording is ours.
 *
 * And the limits, which no template gets past: they count steps, depth and bytes, never time. */
#include "test.h"

#include "base/file.h"
#include "text/jinja/jinja.h"

static struct json fixture;
static struct buf fixture_text;

static int open_fixture(void **state)
{
    pllm_error err;
    (void)state;
    if (file_read(&fixture_text, TEST_DATA "/jinja.json", 8 << 20, &err) ||
        json_parse(&fixture, fixture_text.at, fixture_text.n, "jinja.json", &err)) {
        print_error("%s\n", err.message);
        return -1;
    }
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    json_free(&fixture);
    vec_fini(&fixture_text);
    return 0;
}

static const char *string_of(const struct json *at, size_t *n)
{
    const char *text = NULL;
    assert_int_equal(json_as_string(at, &text, n, NULL), PLLM_OK);
    return text;
}

static pllm_status render(const char *source, size_t n, struct buf *text, pllm_error *err)
{
    struct json variables = json_get(&fixture, "variables"), date = json_get(&fixture, "date"), member;
    struct jinja_variable list[64];
    struct civil_time now;
    size_t n_list = 0, n_date;
    void *cursor = NULL;
    const char *date_text = string_of(&date, &n_date);
    assert_true(civil_parse(&now, date_text, n_date));
    while (json_next(&variables, &cursor, &member) && n_list < 64)
        list[n_list++] = (struct jinja_variable){.name = member.key, .value = member};
    struct jinja_template *t;
    pllm_status status = jinja_open(&t, source, n, "t", err);
    if (status)
        return status;
    status = jinja_render(t, list, n_list, &now, text, err);
    jinja_close(t);
    return status;
}

/* How many differ: 0 or 1. */
static int check_error(const struct json *c, const char *source, const struct buf *text, pllm_status status,
                       const pllm_error *err)
{
    struct json error = json_get(c, "error"), line = json_get(c, "line");
    char wanted[32];
    int64_t number = 0;
    size_t n;
    if (!status) {
        print_error("%s\n  gives: %.*s\n  wanted the error: %s\n", source, (int)text->n, text->at, string_of(&error, &n));
        return 1;
    }
    if (json_kind(&line) == J_ABSENT)
        return 0;
    assert_int_equal(json_as_int(&line, 1, 1000, &number, NULL), PLLM_OK);
    snprintf(wanted, sizeof wanted, "t: line %d: ", (int)number);
    if (strncmp(err->message, wanted, strlen(wanted)) == 0)
        return 0;
    print_error("%s\n  fails: %s\n  wanted: %s%s\n", source, err->message, wanted, string_of(&error, &n));
    return 1;
}

static int check_case(const struct json *c)
{
    struct json source_member = json_get(c, "source"), text_member = json_get(c, "text");
    size_t n_source, n_wanted;
    const char *source = string_of(&source_member, &n_source);
    struct buf text = {0};
    pllm_error err = {0};
    int differs = 0;
    assert_true(buf_text(&text, "before "));
    pllm_status status = render(source, n_source, &text, &err);
    if (json_kind(&text_member) == J_ABSENT) {
        differs = check_error(c, source, &text, status, &err);
        assert_true(!status || (text.n == 7 && memcmp(text.at, "before ", 7) == 0)); /* untouched */
    } else {
        const char *wanted = string_of(&text_member, &n_wanted);
        differs = status || text.n != 7 + n_wanted || memcmp(text.at + 7, wanted, n_wanted) != 0;
        if (differs)
            print_error("%s\n  gives: %s\n  wanted: %s\n", source, status ? err.message : text.at + 7, wanted);
    }
    vec_fini(&text);
    return differs;
}

/* All templates of a group, whose name is the state. */
static void group(void **state)
{
    struct json cases = json_get(&fixture, "cases");
    int n = 0, n_different = 0;
    for (size_t i = 0; i < json_size(&cases); i++) {
        struct json c = json_item(&cases, i), name = json_get(&c, "group");
        size_t n_name;
        if (strcmp(string_of(&name, &n_name), *state) != 0)
            continue;
        n_different += check_case(&c);
        n++;
    }
    assert_true(n > 0);
    assert_int_equal(n_different, 0);
}

#define GROUP(name) {name, group, NULL, NULL, name}

static const struct CMUnitTest tests[] = {
    GROUP("text"),           GROUP("white space"),    GROUP("literals"),         GROUP("arithmetic"),
    GROUP("comparisons"),    GROUP("undefined"),      GROUP("if and set"),       GROUP("for"),
    GROUP("macros"),         GROUP("namespace"),      GROUP("slices and items"), GROUP("string methods"),
    GROUP("dict and list methods"), GROUP("text filters"), GROUP("number filters"), GROUP("list filters"),
    GROUP("tojson"),         GROUP("tests"),          GROUP("globals"),          GROUP("syntax"),
    GROUP("chats"),          GROUP("formats"),        GROUP("percent signs"),    GROUP("numbers"),
    GROUP("views and iterators"), GROUP("markup"),    GROUP("letters"),          GROUP("times"),
};

/* A group that the list lacks would never be run. */
static void no_group_is_forgotten(void **state)
{
    struct json cases = json_get(&fixture, "cases");
    (void)state;
    for (size_t i = 0; i < json_size(&cases); i++) {
        struct json c = json_item(&cases, i), name = json_get(&c, "group");
        size_t n_name, found = 0;
        for (size_t g = 0; g < sizeof tests / sizeof tests[0]; g++)
            found += strcmp(tests[g].name, string_of(&name, &n_name)) == 0;
        assert_int_equal(found, 1);
    }
}

/* ---- Limits ------------------------------------------------------------------------------------------ */

static void stops(const char *source, size_t n, const char *why)
{
    struct buf text = {0};
    pllm_error err = {0};
    assert_int_equal(render(source, n, &text, &err), PLLM_E_ARGUMENT);
    assert_message(err, why);
    assert_int_equal(text.n, 0);
    vec_fini(&text);
}

#define STOPS(source, why) stops(source, strlen(source), why)

static void endless_loops_are_stopped(void **state)
{
    (void)state;
    STOPS("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "too many steps");
    STOPS("{% macro f() %}{% for i in range(9) %}{{ f() }}{% endfor %}{% endmacro %}{{ f() }}", "nested too deeply");
    STOPS("{% set ns = namespace(l=[1]) %}{% for i in range(99999) %}{% set ns.l = ns.l + ns.l[:1] %}{% endfor %}", "");
    STOPS("{% for i in range(99999) %}{{ range(99999) | sum }}{% endfor %}", "");
    STOPS("{% for i in range(99999) %}{% set x = range(99999) | map('string') | join %}{% endfor %}", "");
}

/* What is done to a long string costs steps by its length: none of these may be done 99999 times. */
static void work_on_long_strings_is_counted(void **state)
{
    static const char *const works[] = {
        "{}.get(s)", "t is sameas u", "t.startswith((u,) * 1000)", "t.removeprefix(u)", "t.removesuffix(u)",
        "s.strip('b' * 16000000 ~ 'a')", "s.rsplit('a' * 8000000 ~ 'b')", "('&aaaaaaaaa' * 1000000) | striptags", "zeros | int",
        "zeros | float", "zeros | filesizeformat", "f.format(1)",
    };
    struct buf b = {0};
    (void)state;
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        b.n = 0;
        assert_true(buf_printf(&b, "{%% set s = 'a' * 16000000 %%}{%% set t = s ~ 'b' %%}{%% set u = s ~ 'c' %%}"
                                   "{%% set zeros = '0' * 16000000 %%}{%% set f = '{0' ~ ' ' * 16000000 ~ '}' %%}"
                                   "{%% for i in range(99999) %%}{%% set x = %s %%}{%% endfor %%}", works[i]));
        stops(b.at, b.n, "too many steps");
    }
    vec_fini(&b);
}

/* Keywords and parameters are compared with each other. */
static void names_of_arguments_are_limited(void **state)
{
    static const char *const frames[][2] = {{"{{ dict(", ") }}"}, {"{% macro f(", ") %}{% endmacro %}"}};
    struct buf b = {0}, text = {0};
    pllm_error err = {0};
    (void)state;
    for (int i = 0; i < 2; i++)
        for (int n = 1000; n <= 1001; n++) {
            b.n = 0;
            assert_true(buf_text(&b, frames[i][0]));
            for (int k = 0; k < n; k++)
                assert_true(buf_printf(&b, "%sk%d=1", k ? "," : "", k));
            assert_true(buf_text(&b, frames[i][1]));
            assert_int_equal(render(b.at, b.n, &text, &err), n > 1000 ? PLLM_E_FORMAT : PLLM_OK);
        }
    assert_message(err, "more than 1000 arguments with a name");
    vec_fini(&b);
    vec_fini(&text);
}

/* open * n, middle, close * n */
static void nest(struct buf *b, const char *open, const char *middle, const char *close, int n)
{
    b->n = 0;
    for (int i = 0; i < n; i++)
        assert_true(buf_text(b, open));
    assert_true(buf_text(b, middle));
    for (int i = 0; i < n; i++)
        assert_true(buf_text(b, close));
}

static void deep_nesting_is_refused(void **state)
{
    static const struct {
        const char *open, *middle, *close;
    } shapes[] = {
        {"{% if t %}", "x", "{% endif %}"},  {"{% for i in list %}", "x", "{% endfor %}"},
        {"{% set q %}", "x", "{% endset %}"}, {"{% filter upper %}", "x", "{% endfilter %}"},
    };
    static const struct {
        const char *open, *middle, *close;
    } expressions[] = {{"(", "1", ")"}, {"[", "1", "]"}, {"{1: ", "1", "}"}, {"-", "1", ""}, {"not ", "1", ""},
                       {"1 if t else ", "2", ""}, {"list[", "0", "]"}, {"2 ** ", "1", ""}, {"range(", "1", ")"}};
    struct buf b = {0}, text = {0};
    pllm_error err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        nest(&b, shapes[i].open, shapes[i].middle, shapes[i].close, 10000);
        assert_int_equal(render(b.at, b.n, &text, &err), PLLM_E_FORMAT);
        assert_message(err, "nest");
    }
    for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++) {
        struct buf whole = {0};
        nest(&b, expressions[i].open, expressions[i].middle, expressions[i].close, 10000);
        assert_true(buf_printf(&whole, "{{ %s }}", b.at));
        assert_int_equal(render(whole.at, whole.n, &text, &err), PLLM_E_FORMAT);
        assert_message(err, "nest");
        vec_fini(&whole);
    }
    vec_fini(&b);
    STOPS("{% macro f(x) %}{{ f(x + 1) }}{% endmacro %}{{ f(0) }}", "nested too deeply");
    STOPS("{% set ns = namespace(l=[]) %}{% for i in range(10000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}",
          "nested too deeply");
}

static void large_texts_are_stopped(void **state)
{
    (void)state;
    STOPS("{% set ns = namespace(s='a') %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "MiB of memory");
    STOPS("{{ 'abcdefgh' * 134217728 }}", "MiB of memory");
    STOPS("{{ [0] * 134217728 }}", "");
    STOPS("{{ '%1000000000d' % 1 }}", "");
    STOPS("{{ 'a'.center(1000000000) }}", "");
    STOPS("{{ '{:1000000000}'.format(1) }}", "");
    STOPS("{{ 10 ** 1000000000 }}", "");
    STOPS("{% set s = 'abcdefgh' * 65536 %}{% for i in range(2000) %}{{ s }}{% endfor %}", "is longer than");
    STOPS("{% set s = 'a' * 4194304 %}{{ s.replace('a', s) }}", "is longer than");
    STOPS("{{ range(99999) | list | batch(1000000000, 'x') | list }}", "");
}

int main(void)
{
    const struct CMUnitTest limits[] = {
        cmocka_unit_test(no_group_is_forgotten),   cmocka_unit_test(endless_loops_are_stopped),
        cmocka_unit_test(deep_nesting_is_refused), cmocka_unit_test(large_texts_are_stopped),
        cmocka_unit_test(work_on_long_strings_is_counted), cmocka_unit_test(names_of_arguments_are_limited),
    };
    return cmocka_run_group_tests_name("constructs", tests, open_fixture, close_fixture) +
           cmocka_run_group_tests_name("limits", limits, open_fixture, close_fixture);
}
