/* Each allocation of the text layer fails once: either the same comes of it, or an error that says so. */
#include "test.h"

#include "failing.h"

#include "text/chat.h"
#include "text/tokenizer.h"

static const char tokenizer_json[] =
    "{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"Replace\", \"pattern\": {\"String\": \" \"},"
    " \"content\": \"\\u2581\"}]}, \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"b+\"}, \"behavior\": \"Isolated\"},"
    " \"decoder\": {\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", \"pattern\": {\"String\": \"\\u2581\"}, \"content\": \" \"},"
    " {\"type\": \"ByteFallback\"}, {\"type\": \"Fuse\"}, {\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}]},"
    " \"post_processor\": {\"type\": \"BertProcessing\", \"cls\": [\"<s>\", 0], \"sep\": [\"</s>\", 1]},"
    " \"added_tokens\": [{\"id\": 0, \"content\": \"<s>\", \"special\": true}, {\"id\": 1, \"content\": \"</s>\", \"special\": true}],"
    " \"model\": {\"type\": \"BPE\", \"byte_fallback\": true, \"vocab\": {\"<s>\": 0, \"</s>\": 1, \"a\": 2, \"b\": 3, \"bb\": 4, \"\\u2581\": 5,"
    " \"<0xC3>\": 6, \"<0xA9>\": 7}, \"merges\": [\"b b\"]}}";

/* Whether all went well; no error but that of memory, whose message names something. */
static bool good(pllm_status status, const pllm_error *err)
{
    if (status)
        assert_int_equal(status, PLLM_E_MEMORY);
    if (status)
        assert_message(*err, ": not enough memory");
    return !status;
}

static void check_round(const struct tokenizer *t, pllm_error *err)
{
    static const int32_t wanted[] = {0, 2, 5, 4, 3, 6, 7, 1};
    ids_vec ids = {0};
    struct buf text = {0}, streamed = {0};
    struct detok d;
    if (good(tokenizer_encode(t, &ids, "a bbb\xC3\xA9", 7, true, true, err), err)) {
        assert_int_equal(ids.n, 8);
        assert_memory_equal(ids.at, wanted, sizeof wanted);
    } else {
        assert_int_equal(ids.n, 0);
    }
    if (good(tokenizer_decode(t, &text, wanted, 8, true, err), err)) {
        assert_int_equal(text.n, 7);
        assert_memory_equal(text.at, "a bbb\xC3\xA9", 7);
    }
    detok_init(&d, true);
    for (int i = 0; i < 8;) /* a token that failed can be added again */
        i += good(detok_add(&d, t, wanted[i], &streamed, err), err);
    while (!detok_finish(&d, &streamed))
        ;
    assert_int_equal(streamed.n, 7);
    assert_memory_equal(streamed.at, "a bbb\xC3\xA9", 7);
    vec_fini(&ids);
    vec_fini(&text);
    vec_fini(&streamed);
}

static void tokenizers(void **state)
{
    int n = 0;
    (void)state;
    do {
        struct tokenizer *t = NULL;
        pllm_error err = {0};
        fail_at(n++);
        if (good(tokenizer_from_json(&t, tokenizer_json, sizeof tokenizer_json - 1, NULL, &err), &err))
            check_round(t, &err);
        tokenizer_close(t);
    } while (fail_happened());
    assert_true(n > 50);
}

/* Every filter that builds a text of its own, and what is built on the way. */
static const char source[] =
    "{% macro m(a, b=2) %}{{ a ~ b }}{{ kwargs }}{% endmacro %}{% set ns = namespace(x=1) %}"
    "{% for i in [3, 1, 2] | sort %}{% set ns.x = ns.x + i %}{{ m(i, c=1) }}{{ loop.index }}{% endfor %}{{ ns.x }}"
    "{{ 5 | filesizeformat }}{{ 5000000 | filesizeformat }}{{ '1.5' | float }}{{ '12' | int }}{{ '1e3' | int }}"
    "{{ 'a b' | title }}{{ 'ab' | upper }}{{ 'a' | center(5) }}{{ 'x\ny' | indent }}{{ '<a>' | escape }}{{ '<b>&amp;' | striptags }}"
    "{{ {'k': 'v w'} | urlencode }}{{ {'k': 'v'} | xmlattr }}{{ {'k': [1, none, 1.5]} | tojson(indent=2) }}"
    "{{ '%s-%05.1f' % ('a', 2.25) }}{{ '{:>5}|{}'.format('a', 1) }}{{ 'a,b'.split(',') | map('upper') | join('-') }}"
    "{{ 'abc' | replace('b', 'x') }}{{ 'aXb'.swapcase() }}{{ 'a\tb'.expandtabs() }}{{ ['b', 'a', 'b'] | unique | list }}"
    "{{ messages | groupby('role') | list | length }}{% filter upper %}f{% endfilter %}{% set q %}q{% endset %}{{ q }}"
    "{{ 'abcdef'[::2] }}{{ range(9)[1:5] | list }}{{ \"it's\" | string | list }}{{ ['\\n\xC3\xA9', 2.5, {}] }}{{ 7 | round(-1) }}";

static void templates(void **state)
{
    static const char variables_json[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}, {\"role\": \"system\"}], \"date\": \"2025-01-02\"}";
    struct json variables;
    struct buf wanted = {0};
    int n = 0;
    (void)state;
    assert_int_equal(json_parse(&variables, variables_json, sizeof variables_json - 1, "v", NULL), PLLM_OK);
    for (bool first = true, failed = true; failed; first = false) {
        struct jinja_template *t = NULL;
        struct buf text = {0};
        pllm_error err = {0};
        bool ok = false;
        fail_at(first ? -1 : n++); /* nothing fails at first */
        if (good(jinja_open(&t, source, sizeof source - 1, "t", &err), &err))
            ok = good(chat_render(t, &variables, "<s>", NULL, &text, &err), &err);
        failed = fail_happened() || first;
        jinja_close(t);
        if (first) {
            assert_true(ok && text.n > 100);
            wanted = text;
            continue;
        }
        assert_int_equal(text.n, ok ? wanted.n : 0);
        if (ok)
            assert_memory_equal(text.at, wanted.at, wanted.n);
        vec_fini(&text);
    }
    assert_true(n > 50);
    vec_fini(&wanted);
    json_free(&variables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokenizers),
        cmocka_unit_test(templates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
