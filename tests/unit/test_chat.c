/* What surrounds the template language for a conversation: the variables that a template is given, the clock, errors. */
#include "test.h"

#include "text/chat.h"

static pllm_status render(const char *source, const char *variables, struct buf *text, pllm_error *err)
{
    struct jinja_template *t;
    struct json v;
    pllm_status status = jinja_open(&t, source, strlen(source), "chat", err);
    if (status)
        return status;
    assert_int_equal(json_parse(&v, variables, strlen(variables), "variables", err), PLLM_OK);
    status = chat_render(t, &v, "<s>", "</s>", text, err);
    json_free(&v);
    jinja_close(t);
    return status;
}

static void gives(const char *source, const char *variables, const char *wanted)
{
    struct buf text = {0};
    pllm_error err = {0};
    if (render(source, variables, &text, &err))
        fail_msg("%s: %s", source, err.message);
    assert_string_equal(text.at, wanted);
    vec_fini(&text);
}

static void fails(const char *source, const char *variables, pllm_status wanted, const char *message)
{
    struct buf text = {0};
    pllm_error err = {0};
    assert_int_equal(render(source, variables, &text, &err), wanted);
    assert_string_equal(err.message, message);
    assert_int_equal(text.n, 0);
    vec_fini(&text);
}

static void ends_are_the_tokenizers_unless_given(void **state)
{
    (void)state;
    gives("{{ bos_token }}{{ eos_token }}", "{}", "<s></s>");
    gives("{{ bos_token }}{{ eos_token }}", "{\"bos_token\": \"B\"}", "B</s>");
    gives("{{ bos_token }}|", "{\"bos_token\": null}", "None|");
}

static void tools_and_documents_are_none_unless_given(void **state)
{
    (void)state;
    gives("{{ tools }}{{ documents is none }}{{ messages is defined }}", "{}", "NoneTrueFalse");
    gives("{{ tools | length }}", "{\"tools\": [1, 2]}", "2");
    gives("{{ add_generation_prompt | default('unset') }}", "{}", "unset");
}

static void the_date_is_the_clock(void **state)
{
    (void)state;
    gives("{{ strftime_now('%d %b %Y %H:%M:%S') }}", "{\"date\": \"2024-02-29T01:02:03\"}", "29 Feb 2024 01:02:03");
    gives("{{ strftime_now('%Y') | length }}", "{}", "4");
    gives("{{ date }}", "{\"date\": \"tomorrow\"}", "tomorrow"); /* no clock: a variable like others */
    gives("{{ date }}", "{\"date\": 5}", "5");
}

static void values_are_pythons(void **state)
{
    (void)state;
    gives("{{ a }} {{ b }} {{ c }} {{ d }} {{ e }} {{ f }}", "{\"a\": 1, \"b\": 1.0, \"c\": null, \"d\": true, \"e\": [1, \"x\"], \"f\": {\"k\": 2}}",
          "1 1.0 None True [1, 'x'] {'k': 2}");
    gives("{{ a }}{{ b | tojson }}", "{\"a\": \"\\u00e9\", \"b\": 1e22}", "\xC3\xA9" "1e+22");
    gives("{% for k in d %}{{ k }}{% endfor %}", "{\"d\": {\"z\": 1, \"a\": 2, \"m\": 3}}", "zam"); /* in the order given */
}

static void errors_say_where(void **state)
{
    (void)state;
    fails("a\n{{ raise_exception('no ' ~ x) }}", "{\"x\": 5}", PLLM_E_ARGUMENT, "chat: line 2: no 5");
    fails("a\n\n{% if x %}", "{}", PLLM_E_FORMAT,
          "chat: line 3: Unexpected end of template. Jinja was looking for 'endif'.");
    fails("{{ x.y.z }}", "{\"x\": {}}", PLLM_E_ARGUMENT, "chat: line 1: 'dict object' has no attribute 'y'");
    fails("\n{{ x + 1 }}", "{}", PLLM_E_ARGUMENT, "chat: line 2: 'x' is undefined");
    fails("{{ x | nope }}", "{}", PLLM_E_FORMAT, "chat: line 1: No filter named 'nope'.");
    fails("\xFF", "{}", PLLM_E_FORMAT, "chat: is not UTF-8");
}

static void variables_must_be_an_object(void **state)
{
    struct jinja_template *t;
    struct json v;
    struct buf text = {0};
    pllm_error err = {0};
    (void)state;
    assert_int_equal(jinja_open(&t, "a", 1, "chat", &err), PLLM_OK);
    assert_int_equal(json_parse(&v, "[1]", 3, "variables", &err), PLLM_OK);
    assert_int_equal(chat_render(t, &v, NULL, NULL, &text, &err), PLLM_E_FORMAT);
    assert_message(err, "variables");
    json_free(&v);
    jinja_close(t);
}

static void the_source_is_kept(void **state)
{
    struct jinja_template *t;
    size_t n;
    (void)state;
    assert_int_equal(jinja_open(&t, "a\r\n{{ b }}\n", 11, "chat", NULL), PLLM_OK);
    assert_string_equal(jinja_source(t, &n), "a\r\n{{ b }}\n");
    assert_int_equal(n, 11);
    jinja_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_the_tokenizers_unless_given),
        cmocka_unit_test(tools_and_documents_are_none_unless_given),
        cmocka_unit_test(the_date_is_the_clock),
        cmocka_unit_test(values_are_pythons),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(variables_must_be_an_object),
        cmocka_unit_test(the_source_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
