#include "base/json.h"

#include "test.h"

static struct json parse(const char *text)
{
    struct json top = {0};
    pllm_error err;
    assert_int_equal(json_parse(&top, text, strlen(text), "c.json", &err), PLLM_OK);
    return top;
}

static void names_the_place_of_a_wrong_value(void **state)
{
    (void)state;
    struct json top = parse("{\"rope\": {\"factors\": [1, 2.5, \"x\"]}, \"n\": 5}");
    struct json rope = json_get(&top, "rope"), factors = json_get(&rope, "factors");
    struct json third = json_item(&factors, 2), n = json_get(&top, "n"), none = json_get(&top, "none");
    double number;
    int64_t integer;
    pllm_error err;
    assert_int_equal(json_as_number(&third, &number, &err), PLLM_E_FORMAT);
    assert_string_equal(err.message, "c.json: rope.factors[2]: is a string, wanted a number");
    assert_int_equal(json_as_int(&n, 0, 4, &integer, &err), PLLM_E_FORMAT);
    assert_string_equal(err.message, "c.json: n: is 5, wanted 0 to 4");
    assert_int_equal(json_as_int(&none, 0, 4, &integer, &err), PLLM_E_FORMAT);
    assert_string_equal(err.message, "c.json: none: is missing, wanted an integer");
    struct json below = json_get(&none, "x");
    assert_int_equal(json_kind(&below), J_ABSENT);
    json_free(&top);
}

/* What transformers writes as model_max_length where a tokenizer has no limit. */
static void takes_an_integer_beyond_64_bits(void **state)
{
    (void)state;
    struct json top = parse("{\"model_max_length\": 1000000000000000019884624838656, \"bos\": 7}");
    struct json huge = json_get(&top, "model_max_length"), bos = json_get(&top, "bos");
    double number;
    int64_t integer;
    pllm_error err;
    assert_int_equal(json_as_number(&huge, &number, NULL), PLLM_OK);
    assert_true(number == 1e30);
    assert_int_equal(json_as_int(&huge, 0, INT64_MAX, &integer, &err), PLLM_E_FORMAT);
    assert_string_equal(err.message, "c.json: model_max_length: is a number, wanted an integer");
    assert_int_equal(json_as_int(&bos, 0, 10, &integer, NULL), PLLM_OK);
    assert_int_equal(integer, 7);
    json_free(&top);
}

static void reads_values(void **state)
{
    (void)state;
    struct json top = parse("{\"i\": 7, \"f\": 32.0, \"r\": 0.5, \"b\": true, \"s\": \"a\\u0000b\", \"z\": null}");
    struct json at = json_get(&top, "i");
    int64_t i;
    double r;
    bool b;
    const char *s;
    size_t n;
    assert_int_equal(json_as_int(&at, 0, 10, &i, NULL), PLLM_OK);
    assert_int_equal(i, 7);
    at = json_get(&top, "f");
    assert_int_equal(json_as_int(&at, 0, 100, &i, NULL), PLLM_OK);
    assert_int_equal(i, 32);
    at = json_get(&top, "r");
    assert_int_equal(json_as_int(&at, 0, 100, &i, NULL), PLLM_E_FORMAT);
    assert_int_equal(json_as_number(&at, &r, NULL), PLLM_OK);
    assert_true(r == 0.5);
    at = json_get(&top, "b");
    assert_int_equal(json_as_bool(&at, &b, NULL), PLLM_OK);
    assert_true(b);
    at = json_get(&top, "s");
    assert_int_equal(json_as_string(&at, &s, &n, NULL), PLLM_OK);
    assert_int_equal(n, 3);
    at = json_get(&top, "z");
    assert_int_equal(json_kind(&at), J_NULL);
    json_free(&top);
}

static void walks_objects_in_order(void **state)
{
    (void)state;
    struct json top = parse("{\"z\": 1, \"a\": 2, \"m\": 3}"), member;
    char keys[8] = "";
    void *cursor = NULL;
    while (json_next(&top, &cursor, &member))
        strcat(keys, member.key);
    assert_string_equal(keys, "zam");
    assert_int_equal(json_size(&top), 3);
    json_free(&top);
}

static void refuses_malformed_text(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{", "{\"a\": 1, \"a\": 2}", "NaN", "[1,]", "{} x", "\"\xFF\"", "1e999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct json top = {0};
        pllm_error err;
        assert_int_equal(json_parse(&top, bad[i], strlen(bad[i]), "c.json", &err), PLLM_E_FORMAT);
        assert_message(err, "c.json: line ");
        assert_null(top.node);
    }
}

static void refuses_deep_nesting(void **state)
{
    (void)state;
    static char deep[200000];
    struct json top = {0};
    memset(deep, '[', sizeof deep);
    assert_int_equal(json_parse(&top, deep, sizeof deep, "deep", NULL), PLLM_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_place_of_a_wrong_value), cmocka_unit_test(takes_an_integer_beyond_64_bits), cmocka_unit_test(reads_values),
        cmocka_unit_test(walks_objects_in_order),           cmocka_unit_test(refuses_malformed_text),
        cmocka_unit_test(refuses_deep_nesting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
