/* A program that speaks a language with a decimal comma: files and templates are read all the same. */
#include "base/json.h"
#include "base/json_pull.h"
#include "base/locale.h"
#include "folder.h"
#include "test.h"
#include "text/jinja/jinja.h"

/* A locale of numbers alone, made on the spot: machines that test often have none but "C". */
static void take_comma(void **state)
{
    static const char source[] = "escape_char /\ncomment_char %\nLC_NUMERIC\ndecimal_point \",\"\nthousands_sep \"\"\ngrouping -1\n"
                                 "END LC_NUMERIC\n";
    char command[512];
    struct folder *f = malloc(sizeof *f);
    *f = folder_make();
    *state = f;
    folder_put(f, "comma.src", source, sizeof source - 1);
    snprintf(command, sizeof command, "localedef -c -i %s/comma.src %s/comma > /dev/null 2>&1", f->path, f->path);
    if (system(command) == -1)
        fail();
    setenv("LOCPATH", f->path, 1);
    if (!setlocale(LC_NUMERIC, "comma")) {
        print_message("no localedef here that makes locales\n");
        skip();
    }
    assert_true(strtod("0,5", NULL) == 0.5);
}

static int leave_comma(void **state)
{
    setlocale(LC_NUMERIC, "C");
    if (*state)
        (void)folder_remove_all(((struct folder *)*state)->path);
    free(*state);
    return 0;
}

static void renders_points(void **state)
{
    static const char source[] = "{{ 0.5 }} {{ 1e-7 }} {{ '0.25' | float }} {{ 2.675 | round(2) }} {{ '%.2f' % 1.5 }} {{ '{:.3f}'.format(2.5) }} "
                                 "{{ [1.5] | tojson }}";
    struct jinja_template *t;
    struct buf text = {0};
    const struct civil_time now = {0};
    take_comma(state);
    assert_int_equal(jinja_open(&t, source, sizeof source - 1, "template", NULL), PLLM_OK);
    assert_int_equal(jinja_render(t, NULL, 0, &now, &text, NULL), PLLM_OK);
    assert_string_equal(text.at, "0.5 1e-07 0.25 2.67 1.50 2.500 [1.5]");
    assert_string_equal(localeconv()->decimal_point, ",");
    vec_fini(&text);
    jinja_close(t);
}

static void reads_points(void **state)
{
    take_comma(state);
    struct json_pull p = json_pull_over("-0.75", 5);
    double value = 0;
    assert_true(json_pull_number(&p, &value));
    assert_true(value == -0.75);
    json_pull_fini(&p);
    struct json top;
    assert_int_equal(json_parse(&top, "[2.5]", 5, "numbers", NULL), PLLM_OK);
    struct json item = json_item(&top, 0);
    assert_int_equal(json_as_number(&item, &value, NULL), PLLM_OK);
    assert_true(value == 2.5);
    json_free(&top);
    assert_string_equal(localeconv()->decimal_point, ",");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(renders_points, leave_comma),
        cmocka_unit_test_teardown(reads_points, leave_comma),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
