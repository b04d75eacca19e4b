/* Tokenizers from GGUF's vocabularies: small ones made here; the real ones are in tests/text. */
#include "test.h"

#include "text/tokenizer.h"

#include <stdlib.h>

enum { N_BYTES = 256, MAX_TOKENS = 320 };

/* A vocabulary under construction. */
struct fixture {
    struct text_span tokens[MAX_TOKENS];
    int32_t types[MAX_TOKENS];
    float scores[MAX_TOKENS];
    char text[N_BYTES][8];
    struct gguf_vocab v;
};

static int32_t add(struct fixture *f, const char *text, int32_t type, float score)
{
    size_t i = f->v.n_tokens++;
    f->tokens[i] = (struct text_span){text, strlen(text)};
    f->types[i] = type;
    f->scores[i] = score;
    return (int32_t)i;
}

static void start(struct fixture *f, const char *model)
{
    memset(f, 0, sizeof *f);
    f->v = (struct gguf_vocab){.model = model, .tokens = f->tokens, .types = f->types, .bos = -1, .eos = -1,
                               .unk = -1, .add_bos = -1, .add_eos = -1, .add_space_prefix = -1};
}

/* GPT-2's alphabet in the order of bytes, so that a byte's id is the byte. */
static void add_byte_alphabet(struct fixture *f)
{
    for (int b = 0, next = 0x100; b < N_BYTES; b++) {
        int prints = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xFF && b != 0xAD);
        int c = prints ? b : next++;
        if (c < 0x80)
            snprintf(f->text[b], sizeof f->text[b], "%c", c);
        else
            snprintf(f->text[b], sizeof f->text[b], "%c%c", 0xC0 | c >> 6, 0x80 | (c & 0x3F));
        add(f, f->text[b], 1, 0);
    }
}

static void check_ids(const struct tokenizer *t, const char *text, bool add_special, bool parse, const int32_t *want, size_t n)
{
    ids_vec ids = {0};
    pllm_error err;
    assert_int_equal(tokenizer_encode(t, &ids, text, strlen(text), add_special, parse, &err), PLLM_OK);
    assert_int_equal(ids.n, n);
    assert_memory_equal(ids.at, want, n * sizeof *want);
    vec_fini(&ids);
}

#define CHECK_IDS(t, text, add_special, parse, ...)                                                            \
    check_ids(t, text, add_special, parse, (const int32_t[]){__VA_ARGS__},                                     \
              sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static void byte_level_merges_by_rank(void **state)
{
    (void)state;
    struct fixture *f = malloc(sizeof *f);
    const struct text_span merges[] = {{"b c", 3}, {"a b", 3}, {"\xC4\xA0 a", 4}, {"\xC4\xA0" "a bc", 6}};
    start(f, "gpt2");
    f->v.pre = "gpt-2";
    add_byte_alphabet(f);
    int32_t bc = add(f, "bc", 1, 0), ab = add(f, "ab", 1, 0), space_a = add(f, "\xC4\xA0" "a", 1, 0);
    int32_t space_abc = add(f, "\xC4\xA0" "abc", 1, 0), end = add(f, "<|end|>", 3, 0), user = add(f, "<u>", 4, 0);
    f->v.merges = merges;
    f->v.n_merges = 4;
    f->v.bos = end;
    struct tokenizer *t;
    pllm_error err;
    assert_int_equal(tokenizer_from_gguf(&t, &f->v, &err), PLLM_OK);
    CHECK_IDS(t, "abc", true, true, 'a', bc);
    CHECK_IDS(t, "ab abc", true, true, ab, space_abc);
    CHECK_IDS(t, " ax", false, false, space_a, 'x');
    CHECK_IDS(t, "a<|end|><u>", false, true, 'a', end, user);
    CHECK_IDS(t, "<|<u>", false, false, '<', '|', user);
    CHECK_IDS(t, "\xC3\xA9", false, false, 0xC3, 0xA9);
    CHECK_IDS(t, "a\xFF", false, false, 'a', 0xEF, 0xBF, 0xBD);
    assert_int_equal(tokenizer_find(t, "<u>", 3), user);
    assert_true(tokenizer_is_special(t, end));
    assert_false(tokenizer_is_special(t, user));
    tokenizer_close(t);
    free(f);
}

static void streams_whole_characters(void **state)
{
    (void)state;
    struct fixture *f = malloc(sizeof *f);
    start(f, "gpt2");
    f->v.pre = "gpt-2";
    add_byte_alphabet(f);
    int32_t end = add(f, "<|end|>", 3, 0);
    struct tokenizer *t;
    pllm_error err;
    assert_int_equal(tokenizer_from_gguf(&t, &f->v, &err), PLLM_OK);
    const int32_t ids[] = {0xF0, 0x9F, end, 0x98, 0x80, 0xE2, 'x', 0xE2, 0x82};
    const char *const pieces[] = {"", "", "", "", "\xF0\x9F\x98\x80", "", "\xEF\xBF\xBDx", "", ""};
    struct detok d;
    struct buf out = {0};
    detok_init(&d, true);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        out.n = 0;
        assert_true(!detok_add(&d, t, ids[i], &out, NULL) && buf_terminate(&out));
        assert_string_equal(out.at, pieces[i]);
    }
    out.n = 0;
    assert_true(detok_finish(&d, &out) && buf_terminate(&out));
    assert_string_equal(out.at, "\xEF\xBF\xBD");
    vec_fini(&out);
    tokenizer_close(t);
    free(f);
}

/* A vocabulary of SentencePiece's kind: the three special tokens, bytes from id 3 on, pieces. */
static void add_pieces(struct fixture *f)
{
    add(f, "<unk>", 2, 0);
    add(f, "<s>", 3, 0);
    add(f, "</s>", 3, 0);
    for (int b = 0; b < N_BYTES; b++) {
        snprintf(f->text[b], sizeof f->text[b], "<0x%02X>", b);
        add(f, f->text[b], 6, 0);
    }
}

static void scores_say_what_merges_first(void **state)
{
    (void)state;
    struct fixture *f = malloc(sizeof *f);
    start(f, "llama");
    add_pieces(f);
    f->v.scores = f->scores;
    int32_t bc = add(f, "bc", 1, -1), ab = add(f, "ab", 1, -2), aa = add(f, "aa", 1, -3);
    int32_t mark = add(f, "\xE2\x96\x81", 1, -9), a = add(f, "a", 1, -9), b = add(f, "b", 1, -9), c = add(f, "c", 1, -9);
    struct tokenizer *t;
    pllm_error err;
    assert_int_equal(tokenizer_from_gguf(&t, &f->v, &err), PLLM_OK);
    CHECK_IDS(t, "abc", true, false, 1, mark, a, bc);
    CHECK_IDS(t, "aaa", false, false, mark, aa, a);
    CHECK_IDS(t, "ab</s>b", false, true, mark, ab, 2, mark, b);
    CHECK_IDS(t, "c\xC3\xA9", false, false, mark, c, 3 + 0xC3, 3 + 0xA9);
    struct buf text = {0};
    const int32_t ids[] = {1, mark, ab, mark, c, 3 + 0xC3, 3 + 0xA9, 3 + 0xFF};
    assert_int_equal(tokenizer_decode(t, &text, ids, 7, true, &err), PLLM_OK);
    assert_true(buf_terminate(&text));
    assert_string_equal(text.at, "ab c\xC3\xA9");
    vec_fini(&text);
    tokenizer_close(t);
    free(f);
}

/* Merging a long word is done by a heap, a short one by looking: both must agree. */
static void long_words_merge_like_short_ones(void **state)
{
    (void)state;
    struct fixture *f = malloc(sizeof *f);
    const struct text_span merges[] = {{"a a", 3}, {"aa aa", 5}, {"aaaa a", 6}};
    start(f, "gpt2");
    f->v.pre = "gpt-2";
    add_byte_alphabet(f);
    int32_t aa = add(f, "aa", 1, 0), a4 = add(f, "aaaa", 1, 0), a5 = add(f, "aaaaa", 1, 0);
    f->v.merges = merges;
    f->v.n_merges = 3;
    struct tokenizer *t;
    pllm_error err;
    assert_int_equal(tokenizer_from_gguf(&t, &f->v, &err), PLLM_OK);
    CHECK_IDS(t, "aaaaa", false, false, a5);
    CHECK_IDS(t, "aaaaaaa", false, false, a4, aa, 'a');
    char word[1003];
    for (size_t n = 36; n < sizeof word - 1; n += 23) {
        ids_vec ids = {0};
        memset(word, 'a', n);
        assert_int_equal(tokenizer_encode(t, &ids, word, n, false, false, &err), PLLM_OK);
        size_t rest = n % 4, expected = n / 4 + (rest >= 2) + (rest == 3);
        assert_int_equal(ids.n, expected);
        assert_int_equal(ids.at[ids.n - 1], rest == 0 ? a4 : rest == 1 ? a5 : rest == 2 ? aa : 'a');
        vec_fini(&ids);
    }
    tokenizer_close(t);
    free(f);
}

static void refuse(struct fixture *f, pllm_status status, const char *message)
{
    struct tokenizer *t = NULL;
    pllm_error err;
    assert_int_equal(tokenizer_from_gguf(&t, &f->v, &err), status);
    assert_null(t);
    assert_message(err, message);
}

static void bad_vocabularies_are_refused(void **state)
{
    (void)state;
    struct fixture *f = malloc(sizeof *f);
    start(f, "rwkv");
    refuse(f, PLLM_E_UNSUPPORTED, "tokenizer.ggml.model: is \"rwkv\", wanted gpt2 or llama");
    start(f, "gpt2");
    refuse(f, PLLM_E_FORMAT, "tokenizer.ggml.tokens: has 0 tokens");
    add_byte_alphabet(f);
    f->v.pre = "no-such";
    refuse(f, PLLM_E_UNSUPPORTED, "tokenizer.ggml.pre: is \"no-such\"");
    f->v.pre = "gpt-2";
    f->v.bos = 256;
    refuse(f, PLLM_E_FORMAT, "tokenizer.ggml.bos_token_id: is 256, wanted less than the 256 tokens");
    f->v.bos = -1;
    f->v.eos = 256;
    refuse(f, PLLM_E_FORMAT, "tokenizer.ggml.eos_token_id: is 256");
    f->v.eos = -1;
    f->v.unk = 256;
    refuse(f, PLLM_E_FORMAT, "tokenizer.ggml.unknown_token_id: is 256");
    f->v.unk = -1;
    const struct text_span merge = {"ab", 2};
    f->v.merges = &merge;
    f->v.n_merges = 1;
    refuse(f, PLLM_E_FORMAT, "tokenizer.ggml.merges[0]: is \"ab\", wanted two tokens");
    add(f, "\xC3", 1, 0);
    refuse(f, PLLM_E_FORMAT, "tokenizer.ggml.tokens[256]: is not UTF-8");
    start(f, "llama");
    add_pieces(f);
    refuse(f, PLLM_E_FORMAT, "tokenizer.ggml.scores: is missing");
    f->v.scores = f->scores;
    f->scores[7] = 0.0f / 0.0f;
    refuse(f, PLLM_E_FORMAT, "token 7: its score is not a number");
    f->scores[7] = 0;
    char longest[4098] = "";
    memset(longest, 'a', 4096);
    add(f, longest, 1, 0);
    struct tokenizer *t;
    assert_int_equal(tokenizer_from_gguf(&t, &f->v, NULL), PLLM_OK);
    tokenizer_close(t);
    longest[4096] = 'a'; /* all ways to cut it would be tried */
    add(f, longest, 1, 0);
    refuse(f, PLLM_E_FORMAT, "token 260: has 4097 bytes, wanted at most 4096");
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_level_merges_by_rank),       cmocka_unit_test(streams_whole_characters),
        cmocka_unit_test(scores_say_what_merges_first),    cmocka_unit_test(long_words_merge_like_short_ones),
        cmocka_unit_test(bad_vocabularies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
