/* tokenizer.model: messages written here field by field. */
#include "test.h"

#include "text/tokenizer.h"

enum { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE };

static void varint(struct buf *b, uint64_t value)
{
    do {
        char byte = (char)((value & 0x7F) | (value > 0x7F ? 0x80 : 0));
        assert_true(buf_add(b, &byte, 1));
        value >>= 7;
    } while (value);
}

static void number(struct buf *b, unsigned field, int64_t value)
{
    varint(b, field << 3);
    varint(b, (uint64_t)value);
}

static void bytes(struct buf *b, unsigned field, const void *at, size_t n)
{
    varint(b, field << 3 | 2);
    varint(b, n);
    assert_true(buf_add(b, at, n));
}

static void piece(struct buf *model, const char *text, float score, int type)
{
    struct buf p = {0};
    bytes(&p, 1, text, strlen(text));
    varint(&p, 2 << 3 | 5);
    assert_true(buf_add(&p, &score, 4));
    number(&p, 3, type);
    bytes(model, 1, p.at, p.n);
    vec_fini(&p);
}

static void ends(struct buf *model)
{
    piece(model, "<unk>", 0, UNKNOWN);
    piece(model, "<s>", 0, CONTROL);
    piece(model, "</s>", 0, CONTROL);
}

/* Trainer and normalizer: type 1 unigram, 2 BPE. */
static void specs(struct buf *model, int type, int byte_fallback, int prefix, int remove_extra)
{
    struct buf trainer = {0}, normalizer = {0};
    number(&trainer, 3, type);
    number(&trainer, 35, byte_fallback);
    number(&trainer, 43, -1); /* pad_id, of no concern here */
    bytes(model, 2, trainer.at, trainer.n);
    number(&normalizer, 3, prefix);
    number(&normalizer, 4, remove_extra);
    bytes(model, 3, normalizer.at, normalizer.n);
    vec_fini(&trainer);
    vec_fini(&normalizer);
}

static struct tokenizer *made(struct buf *model, const char *config)
{
    struct tokenizer_settings settings = {0};
    struct tokenizer *t = NULL;
    pllm_error err = {0};
    if (config)
        assert_int_equal(json_parse(&settings.config, config, strlen(config), "tokenizer_config.json", &err), PLLM_OK);
    if (tokenizer_from_sentencepiece(&t, model->at, model->n, &settings, &err))
        fail_msg("%s", err.message);
    json_free(&settings.config);
    vec_fini(model);
    return t;
}

static void check(const struct tokenizer *t, const char *text, bool add, const char *want)
{
    ids_vec ids = {0};
    struct buf got = {0};
    assert_int_equal(tokenizer_encode(t, &ids, text, strlen(text), add, true, NULL), PLLM_OK);
    assert_true(buf_text(&got, ""));
    for (size_t i = 0; i < ids.n; i++)
        assert_true(buf_printf(&got, "%s%d", i ? " " : "", (int)ids.at[i]));
    assert_string_equal(got.at, want);
    vec_fini(&got);
    vec_fini(&ids);
}

#define MARK "\xE2\x96\x81"

static void bpe_by_scores(void **state)
{
    (void)state;
    struct buf m = {0};
    ends(&m);
    piece(&m, "bc", -1, NORMAL); /* 3 */
    piece(&m, "ab", -2, NORMAL);
    piece(&m, MARK "a", -3, NORMAL);
    piece(&m, "a", -9, NORMAL); /* 6 */
    piece(&m, "b", -9, NORMAL);
    piece(&m, "c", -9, NORMAL);
    piece(&m, MARK, -9, NORMAL); /* 9 */
    piece(&m, "<u>", 0, USER_DEFINED);
    specs(&m, 2, 0, 1, 0);
    struct tokenizer *t = made(&m, NULL);
    check(t, "abc", true, "1 5 3");
    check(t, "a ab", false, "5 9 4");
    check(t, "a<u>b", false, "5 10 7"); /* no prefix behind a symbol of the user's */
    check(t, "a</s>b", false, "5 2 9 7");
    check(t, "axyb", false, "5 0 7");
    assert_int_equal(tokenizer_bos(t), 1);
    assert_int_equal(tokenizer_eos(t), 2);
    struct buf text = {0};
    const int32_t ids[] = {1, 5, 5, 7, 2};
    assert_int_equal(tokenizer_decode(t, &text, ids, 5, true, NULL), PLLM_OK);
    assert_true(buf_terminate(&text));
    assert_string_equal(text.at, "a ab");
    vec_fini(&text);
    tokenizer_close(t);
}

static void unigram_with_bytes_and_spaces(void **state)
{
    (void)state;
    struct buf m = {0};
    ends(&m);
    piece(&m, MARK "a", -1, NORMAL); /* 3 */
    piece(&m, "b", -2, NORMAL);
    piece(&m, MARK "ab", -4, NORMAL);
    piece(&m, MARK, -3, NORMAL); /* 6 */
    piece(&m, "<0x78>", 0, BYTE);
    specs(&m, 1, 1, 1, 1);
    struct tokenizer *t = made(&m, NULL);
    check(t, "  ab   b ", false, "3 4 6 4");
    check(t, "ax", false, "3 7");
    check(t, "ay", false, "3 0");
    check(t, "   ", false, "");
    tokenizer_close(t);
}

static void settings_are_heard(void **state)
{
    (void)state;
    struct buf m = {0};
    ends(&m);
    piece(&m, "a", -1, NORMAL);
    specs(&m, 2, 0, 0, 0);
    struct tokenizer *t = made(&m, "{\"add_bos_token\": false, \"add_eos_token\": true, \"eos_token\": \"</s>\", \"added_tokens_decoder\":"
                                   " {\"4\": {\"content\": \"<|end|>\", \"special\": true, \"normalized\": false, \"rstrip\": true}}}");
    check(t, "a<|end|>  a", true, "3 4 3 2");
    tokenizer_close(t);
}

/* Rules: "x" becomes "a", but not inside a user's symbol. A double array with one string. */
static void rules_rewrite_the_text(void **state)
{
    (void)state;
    uint32_t units[256] = {0};
    units[0] = 1u << 10;                  /* children at 1 */
    units[1 ^ 'x'] = 'x' | 1u << 8 | 1u << 10; /* a value hangs below, at this ^ 1 */
    units[1 ^ 'x' ^ 1] = 1u << 31;       /* value 0 */
    struct buf rules = {0}, normalizer = {0}, trainer = {0}, m = {0};
    uint32_t n_bytes = sizeof units;
    assert_true(buf_add(&rules, &n_bytes, 4) && buf_add(&rules, units, sizeof units) && buf_add(&rules, "a", 2));
    bytes(&normalizer, 2, rules.at, rules.n);
    number(&normalizer, 3, 0);
    number(&normalizer, 4, 0);
    number(&trainer, 3, 2);
    ends(&m);
    piece(&m, "a", -1, NORMAL);
    piece(&m, "<x>", 0, USER_DEFINED);
    bytes(&m, 2, trainer.at, trainer.n);
    bytes(&m, 3, normalizer.at, normalizer.n);
    struct tokenizer *t = made(&m, NULL);
    check(t, "xa<x>x", false, "3 3 4 3");
    tokenizer_close(t);
    vec_fini(&rules);
    vec_fini(&normalizer);
    vec_fini(&trainer);
}

static void refuse(struct buf *model, pllm_status status, const char *message)
{
    struct tokenizer *t = NULL;
    pllm_error err = {0};
    assert_int_equal(tokenizer_from_sentencepiece(&t, model->at, model->n, NULL, &err), status);
    assert_null(t);
    assert_message(err, message);
    vec_fini(model);
}

static void bad_models_are_refused(void **state)
{
    (void)state;
    struct buf m = {0};
    refuse(&m, PLLM_E_FORMAT, "tokenizer.model: pieces: there are none");
    assert_true(buf_add(&m, "\x0A\x7F", 2));
    refuse(&m, PLLM_E_FORMAT, "tokenizer.model: the model: is cut short or no protobuf");
    bytes(&m, 1, "\x0A\x7F", 2);
    refuse(&m, PLLM_E_FORMAT, "tokenizer.model: pieces: is cut short");
    bytes(&m, 2, "\x0B", 1);
    refuse(&m, PLLM_E_FORMAT, "tokenizer.model: trainer_spec: is cut short");
    bytes(&m, 3, "\x80", 1);
    refuse(&m, PLLM_E_FORMAT, "tokenizer.model: normalizer_spec: is cut short");
    piece(&m, "\xFF", 0, NORMAL);
    refuse(&m, PLLM_E_FORMAT, "pieces[0]: is not UTF-8");
    piece(&m, "a", 1.0f / 0.0f, NORMAL);
    refuse(&m, PLLM_E_FORMAT, "pieces[0]: its score is not a finite number");
    piece(&m, "a", 0, NORMAL);
    specs(&m, 3, 0, 0, 0);
    refuse(&m, PLLM_E_UNSUPPORTED, "trainer_spec.model_type: is 3, wanted 1 (unigram) or 2 (BPE)");
    struct buf trainer = {0}, normalizer = {0};
    number(&trainer, 24, 1);
    piece(&m, "a", 0, NORMAL);
    bytes(&m, 2, trainer.at, trainer.n);
    refuse(&m, PLLM_E_UNSUPPORTED, "treat_whitespace_as_suffix: is true");
    bytes(&normalizer, 2, "abcd", 4);
    piece(&m, "a", 0, NORMAL);
    bytes(&m, 3, normalizer.at, normalizer.n);
    refuse(&m, PLLM_E_FORMAT, "normalizer_spec: precompiled_charsmap: 4 bytes do not hold its table");
    vec_fini(&trainer);
    vec_fini(&normalizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bpe_by_scores),          cmocka_unit_test(unigram_with_bytes_and_spaces),
        cmocka_unit_test(settings_are_heard),     cmocka_unit_test(rules_rewrite_the_text),
        cmocka_unit_test(bad_models_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
