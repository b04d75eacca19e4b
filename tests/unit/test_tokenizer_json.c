/* tokenizer.json: components by small files written here; the real tokenizers are in tests/text. */
#include "test.h"

#include "text/normalize.h"
#include "text/tokenizer.h"

#include <stdlib.h>

#define VOCAB                                                                                                  \
    "{\"<unk>\": 0, \"a\": 1, \"b\": 2, \"c\": 3, \"ab\": 4, \"bc\": 5, \" \": 6, \"abc\": 7, \"\\u2581\": 8, \"\\u2581a\": 9," \
    " \"A\": 10, \"1\": 11, \"2\": 12, \".\": 13, \"\\u00e9\": 14, \"-\": 15}"
#define MODEL                                                                                                  \
    "{\"type\": \"BPE\", \"unk_token\": \"<unk>\", \"vocab\": " VOCAB                                           \
    ", \"merges\": [\"b c\", [\"a\", \"b\"], \"a bc\", \"\\u2581 a\"]}"

/* A tokenizer with these members beside the model. */
static pllm_status make(struct tokenizer **t, const char *members, const char *model, const struct tokenizer_settings *settings,
                        pllm_error *err)
{
    struct buf json = {0};
    assert_true(buf_printf(&json, "{\"version\": \"1.0\"%s%s, \"model\": %s}", *members ? ", " : "", members, model));
    pllm_status status = tokenizer_from_json(t, json.at, json.n, settings, err);
    vec_fini(&json);
    return status;
}

static struct tokenizer *made(const char *members, const char *model)
{
    struct tokenizer *t = NULL;
    pllm_error err = {0};
    if (make(&t, members, model, NULL, &err))
        fail_msg("%s", err.message);
    return t;
}

/* "1 2 3": the ids of the text. */
static void check_with(const struct tokenizer *t, const char *text, bool add, bool parse, const char *want)
{
    ids_vec ids = {0};
    struct buf got = {0};
    pllm_error err = {0};
    if (tokenizer_encode(t, &ids, text, strlen(text), add, parse, &err))
        fail_msg("%s", err.message);
    assert_true(buf_text(&got, ""));
    for (size_t i = 0; i < ids.n; i++)
        assert_true(buf_printf(&got, "%s%d", i ? " " : "", (int)ids.at[i]));
    assert_string_equal(got.at, want);
    vec_fini(&got);
    vec_fini(&ids);
}

static void check(const char *members, const char *text, const char *want)
{
    struct tokenizer *t = made(members, MODEL);
    check_with(t, text, true, true, want);
    tokenizer_close(t);
}

static void merges_come_in_both_forms(void **state)
{
    (void)state;
    check("", "abc", "7");
    check("", "ab bc", "4 6 5");
    check("", "", "");
    check("", "a\xC3\xBF\xC3\xBE" "b", "1 0 0 2"); /* not fused: fuse_unk is false */
}

static void model_options(void **state)
{
    (void)state;
    struct tokenizer *t = made("", "{\"type\": \"BPE\", \"unk_token\": \"<unk>\", \"fuse_unk\": true, \"vocab\": " VOCAB ", \"merges\": []}");
    check_with(t, "axyb", true, true, "1 0 2");
    tokenizer_close(t);
    t = made("", "{\"type\": \"BPE\", \"ignore_merges\": true, \"vocab\": " VOCAB ", \"merges\": []}");
    check_with(t, "abc", true, true, "7");
    check_with(t, "abcx", true, true, "1 2 3");
    tokenizer_close(t);
    t = made("", "{\"vocab\": {\"a\": 0, \"#b\": 1, \"a#\": 2, \"ab\": 3, \"<0xC3>\": 4, \"<0xBF>\": 5}, \"merges\": [\"a #b\"],"
                 " \"continuing_subword_prefix\": \"#\", \"byte_fallback\": true}");
    check_with(t, "ab\xC3\xBF", true, true, "3 4 5");
    tokenizer_close(t);
    t = made("", "{\"vocab\": {\"a\": 0, \"b\": 1, \"b</w>\": 2, \"ab</w>\": 3}, \"merges\": [\"a b</w>\"], \"end_of_word_suffix\": \"</w>\"}");
    check_with(t, "aab", true, true, "0 3");
    tokenizer_close(t);
}

static void unigram_takes_the_best_way(void **state)
{
    (void)state;
    struct tokenizer *t = made("", "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"<unk>\", 0], [\"a\", -1.5], [\"b\", -2],"
                                   " [\"ab\", -3], [\"bc\", -1], [\"c\", -4], [\"abc\", -4]]}");
    check_with(t, "abc", true, true, "1 4");
    check_with(t, "ab", true, true, "3");
    check_with(t, "axxb", true, true, "1 0 2");
    tokenizer_close(t);
    t = made("", "{\"type\": \"Unigram\", \"unk_id\": 0, \"byte_fallback\": true, \"vocab\": [[\"<unk>\", 0], [\"<0x78>\", 0], [\"a\", -1]]}");
    check_with(t, "axy", true, true, "2 0");
    check_with(t, "axa", true, true, "2 1 2");
    tokenizer_close(t);
}

static void unigram_unknowns(void **state)
{
    (void)state;
    /* Spelled, the unknown token is one with the unknown characters beside it. */
    struct tokenizer *t = made("", "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"<unk>\", 0], [\"a\", -1]]}");
    check_with(t, "a<unk>a", true, true, "1 0 1");
    check_with(t, "ax<unk><unk>a", true, true, "1 0 1");
    tokenizer_close(t);
    t = made("", "{\"type\": \"Unigram\", \"unk_id\": null, \"vocab\": [[\"ab\", 0], [\"b\", -1]]}");
    check_with(t, "bb", true, true, "1 1");
    ids_vec ids = {0};
    pllm_error err = {0};
    assert_int_equal(tokenizer_encode(t, &ids, "bcb", 3, true, true, &err), PLLM_E_ARGUMENT);
    assert_message(err, "there is no unknown token");
    assert_int_equal(ids.n, 0);
    vec_fini(&ids);
    tokenizer_close(t);
}

#define TOKEN(id, content, more) "{\"id\": " #id ", \"content\": \"" content "\"" more "}"
#define NORM(x) "\"normalizer\": " x
static void normalizers(void **state)
{
    (void)state;
    check(NORM("{\"type\": \"Lowercase\"}"), "AbC", "7");
    check(NORM("{\"type\": \"Prepend\", \"prepend\": \"\\u2581\"}"), "a", "9");
    check(NORM("{\"type\": \"Prepend\", \"prepend\": \"\\u2581\"}"), "", "");
    check(NORM("{\"type\": \"Replace\", \"pattern\": {\"String\": \"--\"}, \"content\": \"b\"}"), "a--c", "7");
    check(NORM("{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"[0-9]+\"}, \"content\": \"b\"}"), "a12c", "7");
    check(NORM("{\"type\": \"Replace\", \"pattern\": {\"String\": \"\"}, \"content\": \"-\"}"), "ab", "15 1 15 2 15");
    check(NORM("{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": false}"), "\xE3\x80\x80 a ", "1 6");
    check(NORM("{\"type\": \"NFC\"}"), "e\xCC\x81", "14");
    check(NORM("{\"type\": \"NFKC\"}"), "\xEF\xBC\xA1", "10");
    check(NORM("{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFD\"}, {\"type\": \"StripAccents\"}]}"), "\xC3\xA1", "1");
    check(NORM("{\"type\": \"NFKD\"}"), "\xE2\x91\xA0", "11");
    check(NORM("{\"type\": \"Nmt\"}"), "a\tb", "1 6 2");
}

#define PRE(x) "\"pre_tokenizer\": " x
static void pretokenizers(void **state)
{
    (void)state;
    check(PRE("{\"type\": \"Split\", \"pattern\": {\"String\": \"b\"}, \"behavior\": \"Isolated\", \"invert\": false}"), "abc", "1 2 3");
    check(PRE("{\"type\": \"Split\", \"pattern\": {\"String\": \"b\"}, \"behavior\": \"Removed\"}"), "abc", "1 3");
    check(PRE("{\"type\": \"Split\", \"pattern\": {\"String\": \"b\"}, \"behavior\": \"MergedWithPrevious\"}"), "abc", "4 3");
    check(PRE("{\"type\": \"Split\", \"pattern\": {\"String\": \"b\"}, \"behavior\": \"MergedWithNext\"}"), "abc", "1 5");
    check(PRE("{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[bc]\"}, \"behavior\": \"Contiguous\"}"), "abc", "1 5");
    check(PRE("{\"type\": \"Split\", \"pattern\": {\"Regex\": \"b\"}, \"behavior\": \"Removed\", \"invert\": true}"), "abcb", "2 2");
    check(PRE("{\"type\": \"Metaspace\", \"replacement\": \"\\u2581\", \"prepend_scheme\": \"always\"}"), "a b", "9 8 2");
    check(PRE("{\"type\": \"Metaspace\", \"prepend_scheme\": \"never\"}"), "a a", "1 9");
    check(PRE("{\"type\": \"Metaspace\", \"prepend_scheme\": \"first\", \"split\": false}"), "a a", "9 9");
    check(PRE("{\"type\": \"Digits\", \"individual_digits\": true}"), "a12b", "1 11 12 2");
    check(PRE("{\"type\": \"Punctuation\", \"behavior\": \"Removed\"}"), "a.bc", "1 5");
    check(PRE("{\"type\": \"Whitespace\"}"), "a bc.", "1 5 13");
    check(PRE("{\"type\": \"WhitespaceSplit\"}"), "a bc.", "1 5 13");
    check(PRE("{\"type\": \"BertPreTokenizer\"}"), "a.b c", "1 13 2 3");
    check(PRE("{\"type\": \"CharDelimiterSplit\", \"delimiter\": \"-\"}"), "a-bc", "1 5");
    check(PRE("{\"type\": \"FixedLength\", \"length\": 2}"), "abc", "4 3");
    check(PRE("{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"WhitespaceSplit\"}, {\"type\": \"FixedLength\", \"length\": 1}]}"),
          "a bc", "1 2 3");
}

/* What an expression of Oniguruma's means there and not in PCRE2: "b" stands for each match. */
static void expressions_mean_what_oniguruma_does(void **state)
{
    static const struct {
        const char *regex, *text, *ids;
    } cases[] = {
        {"\\\\p{Han}", "a\xE3\x80\x88", "1 0"},               /* U+3008 is used with Han and is not of it */
        {"\\\\p{Han}", "a\xE6\xBC\xA2", "4"},
        {"[\\\\p{L}&&[^\\\\p{Han}]]", "1\xE6\xBC\xA2" "c", "11 0 2"},
        {"\\\\b\\\\w", "e\xCC\x81" "c", "2 0 3"},              /* a mark is in a word */
        {"[[:alpha:]]", "1\xCD\x85", "11 2"},                  /* a mark that is alphabetic */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf members = {0};
        assert_true(buf_printf(&members, NORM("{\"type\": \"Replace\", \"content\": \"b\", \"pattern\": {\"Regex\": \"%s\"}}"), cases[i].regex));
        check(members.at, cases[i].text, cases[i].ids);
        vec_fini(&members);
    }
    check(PRE("{\"type\": \"Whitespace\"}"), "a\xC2\xB9" "b", "1 0 2"); /* a superscript digit is in no word there */
}

static void same_text_once_normalized(void **state)
{
    (void)state;
    struct tokenizer *t = made("\"added_tokens\": [" TOKEN(16, "X", "") ", " TOKEN(17, "x", "") ", " TOKEN(18, "Y", "") ", "
             TOKEN(19, "y", ", \"special\": true") "], " NORM("{\"type\": \"Lowercase\"}"), MODEL);
    check_with(t, "xXyY", true, true, "16 16 19 19");
    tokenizer_close(t);
}

/* What a normalizer takes off the beginning is missed by a Metaspace that marks the first word. */
static void removed_beginnings(void **state)
{
    (void)state;
    check(NORM("{\"type\": \"Nmt\"}") ", " PRE("{\"type\": \"Metaspace\", \"prepend_scheme\": \"first\"}"), "\x0B" "a", "1");
    check(NORM("{\"type\": \"Nmt\"}") ", " PRE("{\"type\": \"Metaspace\", \"prepend_scheme\": \"first\"}"), "a", "9");
}

/* Bytes are spelled in characters even where ByteLevel is not the last step. */
static void byte_level(void **state)
{
    (void)state;
    const char *model = "{\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"\\u0120\": 2, \"\\u0120a\": 3, \"\\u00c3\": 4,"
                        " \"\\u00a9\": 5}, \"merges\": [\"\\u0120 a\"]}";
    struct tokenizer *t = made(PRE("{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"use_regex\": true}"), model);
    check_with(t, "a a\xC3\xA9", true, true, "3 3 4 5");
    tokenizer_close(t);
    t = made(PRE("{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"ByteLevel\", \"add_prefix_space\": false},"
                 " {\"type\": \"Split\", \"pattern\": {\"String\": \"a\"}, \"behavior\": \"Isolated\"}]}"), model);
    check_with(t, "a a\xC3\xA9", true, true, "0 2 0 4 5");
    tokenizer_close(t);
}

static void added_tokens(void **state)
{
    (void)state;
    struct tokenizer *t = made("\"added_tokens\": [" TOKEN(16, "<s>", ", \"special\": true, \"normalized\": false") ", "
                               TOKEN(17, "<l>", ", \"lstrip\": true, \"rstrip\": true") ", "
                               TOKEN(18, "ab", ", \"single_word\": true") ", " TOKEN(18, "<s><", ", \"normalized\": false") "]", MODEL);
    check_with(t, "a<s>b", true, true, "1 16 2");
    check_with(t, "a<s>b", true, false, "1 0 0 0 2");
    check_with(t, "a  <l>  b", true, true, "1 17 2");
    check_with(t, "a <l> <l>", true, true, "1 17 17");
    check_with(t, "abc ab", true, true, "7 6 4"); /* as a word "ab" is the vocabulary's token */
    check_with(t, "<s><l>", true, true, "18 0 0"); /* the longest at the first place */
    assert_true(tokenizer_is_special(t, 16));
    assert_int_equal(tokenizer_size(t), 19);
    assert_int_equal(tokenizer_find(t, "<l>", 3), 17);
    assert_null(tokenizer_token(t, 19).at);
    tokenizer_close(t);
    /* White space that one token took is no token any more, if that one would take more of it. */
    t = made("\"added_tokens\": [" TOKEN(16, "<r>", ", \"rstrip\": true") ", " TOKEN(17, "\\n", ", \"lstrip\": true") ", "
             TOKEN(18, "  ", ", \"lstrip\": true, \"rstrip\": true") "]", MODEL);
    check_with(t, "<r>\na", true, true, "16 1");
    check_with(t, "a     b", true, true, "1 18 2");
    tokenizer_close(t);
    /* The library numbers what the vocabulary does not have, whatever the file says. */
    t = made("\"added_tokens\": [" TOKEN(40, "<x>", "") "]", MODEL);
    check_with(t, "<x>", true, true, "16");
    tokenizer_close(t);
}

#define AFTER(x) "\"post_processor\": " x
#define TEMPLATE                                                                                               \
    "{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"B\", \"type_id\": 0}}, "     \
    "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}, {\"SpecialToken\": {\"id\": \"E\", \"type_id\": 0}}], "   \
    "\"special_tokens\": {\"B\": {\"id\": \"B\", \"ids\": [1, 2]}, \"E\": {\"id\": \"E\", \"ids\": [3]}}}"
static void post_processors(void **state)
{
    (void)state;
    check(AFTER(TEMPLATE), "a", "1 2 1 3");
    check(AFTER("{\"type\": \"Sequence\", \"processors\": [{\"type\": \"ByteLevel\"}, {\"type\": \"RobertaProcessing\", "
                "\"cls\": [\"a\", 11], \"sep\": [\"b\", 12]}, " TEMPLATE "]}"), "a", "1 2 11 1 12 3");
    struct tokenizer *t = made(AFTER(TEMPLATE), MODEL);
    check_with(t, "a", false, true, "1");
    tokenizer_close(t);
}

static void check_decode(const char *decoder, const char *ids_text, const char *want)
{
    struct buf members = {0}, text = {0};
    assert_true(buf_printf(&members, "\"decoder\": %s", decoder));
    struct tokenizer *t = made(members.at, "{\"type\": \"BPE\", \"vocab\": {\"\\u2581a\": 0, \"b\": 1, \"<0xE2>\": 2, \"<0x82>\": 3, \"<0xAC>\": 4,"
                                           " \"\\u0120\": 5, \"\\u00c3\": 6, \"c</w>\": 7, \"\\u4e00\": 8}, \"merges\": []}");
    int32_t ids[16];
    size_t n = 0;
    for (const char *p = ids_text; *p; p++)
        if (*p != ' ')
            ids[n++] = *p - '0';
    pllm_error err;
    assert_int_equal(tokenizer_decode(t, &text, ids, n, false, &err), PLLM_OK);
    assert_true(buf_terminate(&text));
    assert_string_equal(text.at, want);
    vec_fini(&text);
    vec_fini(&members);
    tokenizer_close(t);
}

static void decoders(void **state)
{
    (void)state;
    check_decode("null", "0 1", "\xE2\x96\x81" "a b");
    check_decode("{\"type\": \"Metaspace\", \"replacement\": \"\\u2581\", \"prepend_scheme\": \"always\"}", "0 1 0", "ab a");
    check_decode("{\"type\": \"Metaspace\", \"prepend_scheme\": \"never\"}", "0 1 0", " ab a");
    check_decode("{\"type\": \"ByteFallback\"}", "1 2 3 4 1", "b\xE2\x82\xAC" "b");
    check_decode("{\"type\": \"ByteFallback\"}", "2 3 1", "\xEF\xBF\xBD\xEF\xBF\xBD" "b");
    check_decode("{\"type\": \"ByteLevel\"}", "1 5 6 1 8", "b \xEF\xBF\xBD" "b\xE4\xB8\x80");
    check_decode("{\"type\": \"BPEDecoder\", \"suffix\": \"</w>\"}", "7 7", "c c");
    check_decode("{\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", \"pattern\": {\"String\": \"\\u2581\"}, \"content\": \" \"},"
                 " {\"type\": \"Fuse\"}, {\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}]}", "0 0", "a a");
    check_decode("{\"type\": \"Strip\", \"content\": \"b\", \"start\": 0, \"stop\": 1}", "1 1", "");
}

static void decodes(const struct tokenizer *t, const int32_t *ids, size_t n, bool skip, const char *want)
{
    struct buf text = {0}, streamed = {0};
    struct detok d;
    assert_int_equal(tokenizer_decode(t, &text, ids, n, skip, NULL), PLLM_OK);
    assert_true(buf_terminate(&text));
    assert_string_equal(text.at, want);
    detok_init(&d, skip);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(detok_add(&d, t, ids[i], &streamed, NULL), PLLM_OK);
    assert_true(detok_finish(&d, &streamed) && buf_terminate(&streamed));
    assert_string_equal(streamed.at, want);
    vec_fini(&streamed);
    vec_fini(&text);
}

/* As the library does: an added token that is looked for in normalized text is shown normalized, and what is hidden is a
 * special token's text, which this then is not. */
static void added_tokens_are_shown_normalized(void **state)
{
    (void)state;
    struct tokenizer *t = made("\"added_tokens\": [" TOKEN(16, "<u>", ", \"special\": false") ", "
                               TOKEN(17, "<v>", ", \"special\": true") ", "
                               TOKEN(18, "<w>", ", \"special\": true, \"normalized\": false") "], "
                               NORM("{\"type\": \"Prepend\", \"prepend\": \"_\"}") ", \"decoder\": {\"type\": \"Fuse\"}", MODEL);
    const int32_t ids[] = {1, 16, 17, 18, 2};
    decodes(t, ids, 5, false, "a_<u>_<v><w>b");
    decodes(t, ids, 5, true, "a_<u>_<v>b");
    assert_string_equal(tokenizer_token(t, 16).at, "<u>");
    tokenizer_close(t);
}

/* Tokens without text are no trouble to any step. */
static void empty_tokens_decode_to_nothing(void **state)
{
    (void)state;
    static const char *const decoders[] = {
        "{\"type\": \"ByteLevel\"}", "{\"type\": \"ByteFallback\"}", "{\"type\": \"Fuse\"}", "{\"type\": \"Metaspace\"}",
        "{\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 1}", "{\"type\": \"BPEDecoder\", \"suffix\": \"</w>\"}",
        "{\"type\": \"Replace\", \"pattern\": {\"String\": \"a\"}, \"content\": \"b\"}",
    };
    const int32_t ids[] = {0, 0};
    for (size_t i = 0; i < sizeof decoders / sizeof decoders[0]; i++) {
        struct buf members = {0};
        assert_true(buf_printf(&members, "\"decoder\": %s", decoders[i]));
        struct tokenizer *t = made(members.at, "{\"type\": \"BPE\", \"vocab\": {\"\": 0}, \"merges\": []}");
        decodes(t, ids, 2, false, "");
        tokenizer_close(t);
        vec_fini(&members);
    }
}

/* Without a decoder tokens are joined by spaces; with one that has no steps they are not. */
static void decoders_without_steps(void **state)
{
    (void)state;
    const int32_t ids[] = {1, 2};
    struct tokenizer *t = made("\"decoder\": null", MODEL);
    decodes(t, ids, 2, false, "a b");
    tokenizer_close(t);
    t = made("\"decoder\": {\"type\": \"Sequence\", \"decoders\": []}", MODEL);
    decodes(t, ids, 2, false, "ab");
    tokenizer_close(t);
}

static struct json parsed(const char *text)
{
    struct json top;
    assert_int_equal(json_parse(&top, text, strlen(text), "settings", NULL), PLLM_OK);
    return top;
}

static void settings_put_ends(void **state)
{
    (void)state;
    const char *members = "\"added_tokens\": [" TOKEN(16, "<s>", ", \"special\": true") ", " TOKEN(17, "</s>", ", \"special\": true") "]";
    const char *config = "{\"tokenizer_class\": \"LlamaTokenizerFast\", \"bos_token\": {\"content\": \"<s>\"}, \"eos_token\": \"</s>\","
                         " \"add_bos_token\": true, \"add_eos_token\": true,"
                         " \"added_tokens_decoder\": {\"18\": {\"content\": \"<u>\", \"special\": false}}}";
    struct tokenizer_settings settings = {.config = parsed(config)};
    struct tokenizer *t = NULL;
    pllm_error err = {0};
    assert_int_equal(make(&t, members, MODEL, &settings, &err), PLLM_OK);
    json_free(&settings.config);
    json_free(&settings.special);
    assert_int_equal(tokenizer_bos(t), 16);
    assert_int_equal(tokenizer_eos(t), 17);
    check_with(t, "a<u>", true, true, "16 1 18 17");
    tokenizer_close(t);
    const char *plain = "{\"tokenizer_class\": \"PreTrainedTokenizerFast\", \"bos_token\": \"<s>\", \"add_bos_token\": true}";
    settings = (struct tokenizer_settings){.config = parsed(plain)};
    assert_int_equal(make(&t, members, MODEL, &settings, &err), PLLM_OK);
    json_free(&settings.config);
    json_free(&settings.special);
    check_with(t, "a", true, true, "1");
    tokenizer_close(t);
    const char *special = "{\"eos_token\": \"<s>\"}";
    settings = (struct tokenizer_settings){.special = parsed(special)};
    assert_int_equal(make(&t, members, MODEL, &settings, &err), PLLM_OK);
    json_free(&settings.config);
    json_free(&settings.special);
    assert_int_equal(tokenizer_eos(t), 16);
    tokenizer_close(t);
}

static void refuse(const char *members, const char *model, pllm_status status, const char *message)
{
    struct tokenizer *t = NULL;
    pllm_error err = {0};
    assert_int_equal(make(&t, members, model, NULL, &err), status);
    assert_null(t);
    assert_message(err, message);
}

#define GROWS(pattern) "{\"type\": \"Replace\", \"pattern\": {" pattern "}, \"content\": \"" "aaaaaaaaaaaaaaaaaaaa\"}"
static void bad_components_are_named(void **state)
{
    (void)state;
    const pllm_status unknown = PLLM_E_UNSUPPORTED, bad = PLLM_E_FORMAT;
    refuse(NORM("{\"type\": \"Odd\"}"), MODEL, unknown, "normalizer.type: \"Odd\" is a normalizer that this build does not know");
    refuse(PRE("{\"type\": \"Odd\"}"), MODEL, unknown, "pre_tokenizer.type: \"Odd\" is a pre-tokenizer");
    refuse(AFTER("{\"type\": \"Odd\"}"), MODEL, unknown, "post_processor.type: \"Odd\" is a post-processor");
    refuse("\"decoder\": {\"type\": \"CTC\"}", MODEL, unknown, "decoder.type: \"CTC\" is a decoder");
    refuse("", "{\"type\": \"WordPiece\", \"vocab\": {}}", unknown, "model.type: \"WordPiece\" is a model");
    refuse(NORM("7"), MODEL, bad, "normalizer: is an integer, wanted an object");
    refuse(NORM("{\"type\": \"Prepend\"}"), MODEL, bad, "normalizer.prepend: is missing, wanted a string");
    refuse(NORM("{\"type\": \"Replace\", \"content\": \"\", \"pattern\": {}}"), MODEL, bad, "normalizer.pattern: wanted a String or a Regex");
    refuse(NORM("{\"type\": \"Replace\", \"content\": \"\", \"pattern\": {\"Regex\": \"(\"}}"), MODEL, bad, "regular expression \"(\"");
    refuse(NORM("{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"!\"}"), MODEL, bad, "is not base64");
    refuse(NORM("{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"AAAA\"}"), MODEL, bad, "precompiled_charsmap: 3 bytes do not hold");
    refuse(PRE("{\"type\": \"Split\", \"pattern\": {\"String\": \"\"}, \"behavior\": \"Odd\"}"), MODEL, bad,
           "pre_tokenizer.behavior: is \"Odd\", wanted Removed, Isolated");
    refuse(PRE("{\"type\": \"Metaspace\", \"replacement\": \"ab\"}"), MODEL, bad, "replacement: is \"ab\", wanted one character");
    refuse(PRE("{\"type\": \"Metaspace\", \"prepend_scheme\": \"odd\"}"), MODEL, bad, "wanted always, first or never");
    refuse(PRE("{\"type\": \"FixedLength\", \"length\": 0}"), MODEL, bad, "pre_tokenizer.length: is 0, wanted 1");
    refuse("\"decoder\": {\"type\": \"Strip\", \"content\": \"\", \"start\": 0, \"stop\": 0}", MODEL, bad, "decoder.content: is empty");
    refuse("\"decoder\": {\"type\": \"BPEDecoder\", \"suffix\": \"\"}", MODEL, bad, "decoder.suffix: is empty");
    refuse("\"decoder\": {\"type\": \"Sequence\", \"decoders\": [" GROWS("\"String\": \"a\"") ", " GROWS("\"String\": \"aa\"") "]}", MODEL, bad,
           "decoder: may make 200 bytes of one, wanted at most 64");
    refuse("\"decoder\": {\"type\": \"Sequence\", \"decoders\": [" GROWS("\"Regex\": \"\"") ", " GROWS("\"Regex\": \"a*\"") "]}", MODEL, bad,
           "decoder: may make 441 bytes of one");
    refuse("\"added_tokens\": [{\"content\": \"x\"}]", MODEL, bad, "added_tokens[0].id: is missing");
    refuse("\"added_tokens\": [{\"id\": 3}]", MODEL, bad, "added_tokens[0].content: is missing");
    refuse("\"added_tokens\": [{\"id\": 3, \"content\": \"x\", \"special\": 1}]", MODEL, bad, "added_tokens[0].special: is an integer");
    refuse(AFTER("{\"type\": \"TemplateProcessing\", \"single\": []}"), MODEL, bad, "single: has the text 0 times, wanted once");
    refuse(AFTER("{\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": {\"id\": \"B\"}}]}"), MODEL, bad, "names the text \"B\", wanted A");
    refuse(AFTER("{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"B\"}}]}"), MODEL, bad,
           "names \"B\", which special_tokens does not define");
}

/* Valid JSON that is no tokenizer: not what the computer lacks. */
static void the_file_must_be_an_object(void **state)
{
    struct tokenizer *t = NULL;
    pllm_error err = {0};
    (void)state;
    assert_int_equal(tokenizer_from_json(&t, "[]", 2, NULL, &err), PLLM_E_FORMAT);
    assert_message(err, "tokenizer.json: is an array, wanted an object");
}

/* A normalizer that multiplies is stopped at texts, and at what it makes of all added tokens together. */
static void added_tokens_stay_small_once_normalized(void **state)
{
    struct buf members = {0};
    (void)state;
    assert_true(buf_text(&members, NORM("{\"type\": \"Prepend\", \"prepend\": \"")));
    for (int i = 0; i < 100000; i++)
        assert_true(buf_text(&members, "aaaaaaaaaa"));
    assert_true(buf_text(&members, "\"}, \"added_tokens\": [" TOKEN(16, "<0>", "")));
    for (int i = 1; i < 5; i++)
        assert_true(buf_printf(&members, ", {\"id\": %d, \"content\": \"<%d>\"}", 16 + i, i));
    assert_true(buf_text(&members, "]"));
    refuse(members.at, MODEL, PLLM_E_FORMAT, "added tokens: have more than 4194304 bytes once they are normalized");
    vec_fini(&members);
}

static void deep_sequences_are_refused(void **state)
{
    (void)state;
    struct buf members = {0};
    assert_true(buf_text(&members, "\"pre_tokenizer\": "));
    for (int i = 0; i < 40; i++)
        assert_true(buf_text(&members, "{\"type\": \"Sequence\", \"pretokenizers\": ["));
    for (int i = 0; i < 40; i++)
        assert_true(buf_text(&members, "]}"));
    refuse(members.at, MODEL, PLLM_E_FORMAT, "nests deeper than 16");
    vec_fini(&members);
}

static void bad_models_are_refused(void **state)
{
    (void)state;
    const pllm_status bad = PLLM_E_FORMAT;
    refuse("", "7", bad, "model: is an integer, wanted an object");
    refuse("", "{\"type\": \"BPE\", \"vocab\": [], \"merges\": []}", bad, "model.vocab: is missing or not an object");
    refuse("", "{\"type\": \"Unigram\", \"vocab\": {}}", bad, "model.vocab: is missing or not an array");
    refuse("", "{\"type\": \"BPE\", \"vocab\": {}}", bad, "model.merges: is missing, wanted an array");
    refuse("", "{\"type\": \"BPE\", \"dropout\": 0.5, \"vocab\": {}, \"merges\": []}", PLLM_E_UNSUPPORTED, "model.dropout: is 0.5");
    refuse("", "{\"type\": \"BPE\", \"unk_token\": \"u\", \"vocab\": {}, \"merges\": []}", bad, "unk_token: \"u\" is not in the vocabulary");
    refuse("", "{\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"a\": 1}, \"merges\": []}", bad, "this token is there twice");
    refuse("", "{\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 0}, \"merges\": []}", bad, "two tokens have this id");
    refuse("", "{\"type\": \"BPE\", \"vocab\": {\"a\": 4194304}, \"merges\": []}", bad, "a token's id is out of range");
    refuse("", "{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a\"]}", bad, "model.merges[0]: wanted two tokens and one space");
    refuse("", "{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [[\"a\"]]}", bad, "model.merges[0]: wanted two tokens");
    refuse("", "{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a a\"]}", bad, "merges[0]: its result, \"aa\", is not in");
    refuse("", "{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"b a\"]}", bad, "merges[0]: its left side, \"b\", is not in");
    refuse("", "{\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]}", bad, "merges[0]: its right side, \"b\", is not in");
    refuse("", "{\"type\": \"Unigram\", \"vocab\": [[\"a\"]]}", bad, "wanted a pair of a text and a score");
    refuse("", "{\"type\": \"Unigram\", \"unk_id\": 1, \"vocab\": [[\"a\", 0]]}", bad, "model.unk_id: is 1, wanted 0 to 0");
}

/* A hostile pattern ends with an error on the text that it explodes on. */
static void work_is_limited(void **state)
{
    (void)state;
    struct tokenizer *t = made(PRE("{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(a|aa)+$\"}, \"behavior\": \"Isolated\"}"), MODEL);
    char text[201];
    memset(text, 'a', 199);
    memcpy(text + 199, "b", 2);
    ids_vec ids = {0};
    pllm_error err = {0};
    assert_int_equal(tokenizer_encode(t, &ids, text, 200, true, true, &err), PLLM_E_ARGUMENT);
    assert_message(err, "regular expression gives up on this text");
    assert_int_equal(ids.n, 0);
    tokenizer_close(t);
    t = made(NORM("{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Replace\", \"pattern\": {\"String\": \"a\"}, \"content\": "
                  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}, {\"type\": \"Replace\", \"pattern\": {\"String\": \"a\"},"
                  " \"content\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}, {\"type\": \"Replace\","
                  " \"pattern\": {\"String\": \"a\"}, \"content\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]}"), MODEL);
    assert_int_equal(tokenizer_encode(t, &ids, text, 200, true, true, &err), PLLM_E_ARGUMENT);
    assert_message(err, "the tokenizer's normalizer makes more than");
    tokenizer_close(t);
#define BYTE_LEVEL "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}" /* makes two bytes of most */
#define FOUR BYTE_LEVEL ", " BYTE_LEVEL ", " BYTE_LEVEL ", " BYTE_LEVEL
    t = made(PRE("{\"type\": \"Sequence\", \"pretokenizers\": [" FOUR ", " FOUR ", " FOUR ", " FOUR "]}"), MODEL);
    assert_int_equal(tokenizer_encode(t, &ids, "\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2", 12, true, true, &err), PLLM_OK);
    memset(text, ' ', 199);
    assert_int_equal(tokenizer_encode(t, &ids, text, 199, true, true, &err), PLLM_E_ARGUMENT);
    assert_message(err, "the tokenizer's pre-tokenizer makes more than 1054944 bytes of this text");
    tokenizer_close(t);
    vec_fini(&ids);
}

/* Rules that make a megabyte of a character: the text stops growing soon after the limit. */
static void rules_are_stopped_while_they_multiply(void **state)
{
    enum { N_TRIE = 256 + 128, MEGABYTE = 1 << 20 };
    const enum charsmap_rule rules[] = {CHARSMAP_LONGEST, CHARSMAP_CLUSTERS};
    const uint32_t head = 4 * N_TRIE;
    char *bytes = calloc(1, 4 + 4 * N_TRIE + MEGABYTE + 1);
    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, &head, 4);
    uint32_t *unit = (uint32_t *)(void *)(bytes + 4);
    unit['a'] = 'a' | 1u << 8 | (uint32_t)('a' ^ 256) << 10; /* a value hangs below, at 256, and is place 0 */
    unit[256] = 1u << 31;
    memset(bytes + 4 + 4 * N_TRIE, 'b', MEGABYTE);
    for (int i = 0; i < 2; i++) {
        norm_steps steps = {0};
        struct norm_step step = {.kind = NORM_CHARSMAP};
        struct normalized t = {.text = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", .n = 32};
        pllm_error err = {0};
        assert_int_equal(charsmap_init(&step.charsmap, bytes, 4 + 4 * N_TRIE + MEGABYTE + 1, rules[i], &err), PLLM_OK);
        assert_true(vec_push(&steps, step));
        assert_int_equal(norm_run(steps.at, steps.n, &t, &err), PLLM_E_ARGUMENT);
        assert_message(err, "the tokenizer's normalizer makes more than");
        assert_true(t.own.cap + t.other.cap < 8 * MEGABYTE); /* 32 megabytes else */
        normalized_fini(&t);
        norm_fini(&steps);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_come_in_both_forms), cmocka_unit_test(model_options),
        cmocka_unit_test(unigram_takes_the_best_way), cmocka_unit_test(unigram_unknowns), cmocka_unit_test(normalizers),
        cmocka_unit_test(pretokenizers),             cmocka_unit_test(byte_level),
        cmocka_unit_test(added_tokens),              cmocka_unit_test(post_processors),
        cmocka_unit_test(decoders),                  cmocka_unit_test(settings_put_ends), cmocka_unit_test(expressions_mean_what_oniguruma_does),
        cmocka_unit_test(same_text_once_normalized), cmocka_unit_test(removed_beginnings),
        cmocka_unit_test(decoders_without_steps),
        cmocka_unit_test(added_tokens_are_shown_normalized), cmocka_unit_test(empty_tokens_decode_to_nothing),
        cmocka_unit_test(bad_components_are_named),  cmocka_unit_test(deep_sequences_are_refused),
        cmocka_unit_test(bad_models_are_refused),    cmocka_unit_test(work_is_limited),
        cmocka_unit_test(the_file_must_be_an_object), cmocka_unit_test(added_tokens_stay_small_once_normalized),
        cmocka_unit_test(rules_are_stopped_while_they_multiply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
