/* Text of events: what is shown, what is held back, where it stops. A byte is a token here. */
#include "engine_fixture.h"

enum { N_BYTES = 256 };

static struct tokenizer *open_bytes(void)
{
    static char texts[N_BYTES][8];
    static struct text_span tokens[N_BYTES];
    for (int b = 0, next = 0x100; b < N_BYTES; b++) { /* GPT-2's alphabet in the order of bytes */
        bool prints = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xFF && b != 0xAD);
        int c = prints ? b : next++;
        if (c < 0x80)
            snprintf(texts[b], sizeof texts[b], "%c", c);
        else
            snprintf(texts[b], sizeof texts[b], "%c%c", 0xC0 | c >> 6, 0x80 | (c & 0x3F));
        tokens[b] = (struct text_span){texts[b], strlen(texts[b])};
    }
    struct gguf_vocab v = {.model = "gpt2", .tokens = tokens, .n_tokens = N_BYTES, .bos = -1, .eos = -1,
                           .unk = -1, .add_bos = -1, .add_eos = -1, .add_space_prefix = -1};
    struct tokenizer *t = NULL;
    pllm_error err;
    if (tokenizer_from_gguf(&t, &v, &err))
        fail_msg("%s", err.message);
    return t;
}

struct shown {
    char text[4096];
    size_t n;
    int32_t tokens[512];
    int n_tokens;
    pllm_event end;
};

struct bench {
    struct fake_model m;
    struct tokenizer *tokenizer;
    struct engine *e;
};

static void open_bench_of(struct bench *b, struct tokenizer *tokenizer)
{
    b->m = fake_model_default();
    b->m.vocab = (int)tokenizer_size(tokenizer);
    b->tokenizer = tokenizer;
    struct engine_model em = fake_engine_model(&b->m);
    struct engine_text text = {.tokenizer = b->tokenizer};
    pllm_engine_options o = engine_default_options();
    o.threads = 1;
    o.max_num_seqs = 4;
    o.kv_cache_memory = 100 * 1024;
    assert_int_equal(engine_open(&b->e, &em, &text, &o, NULL), PLLM_OK);
}

static void open_bench(struct bench *b)
{
    open_bench_of(b, open_bytes());
}

static void close_bench(struct bench *b)
{
    engine_close(b->e);
    tokenizer_close(b->tokenizer);
}

static void collect(struct engine *e, struct shown *out)
{
    *out = (struct shown){0};
    while (!engine_idle(e)) {
        const pllm_event *v;
        size_t n;
        assert_int_equal(engine_step(e, &v, &n, NULL), PLLM_OK);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(strlen(v[i].text), v[i].n_text);
            assert_true((v[i].text[0] & 0xC0) != 0x80); /* no half characters */
            memcpy(out->text + out->n, v[i].text, v[i].n_text + 1);
            out->n += v[i].n_text;
            if (v[i].kind == PLLM_EVENT_TOKEN)
                out->tokens[out->n_tokens++] = v[i].token;
            else
                out->end = v[i];
        }
    }
}

static void run_request(struct bench *b, const pllm_request *p, struct shown *out)
{
    uint64_t id;
    pllm_error err;
    if (engine_submit(b->e, p, &id, &err))
        fail_msg("%s", err.message);
    collect(b->e, out);
}

static pllm_request random_text(const char *alphabet, const char *prompt, uint64_t seed)
{
    static int32_t allowed[64], tokens[64];
    pllm_request p = engine_default_request();
    for (size_t i = 0; i < strlen(alphabet); i++)
        allowed[i] = (unsigned char)alphabet[i];
    for (size_t i = 0; i < strlen(prompt); i++)
        tokens[i] = (unsigned char)prompt[i];
    p.tokens = tokens;
    p.n_tokens = strlen(prompt);
    p.max_tokens = 200;
    p.sampling.allowed_tokens = allowed;
    p.sampling.n_allowed_tokens = strlen(alphabet);
    p.sampling.temperature = 2;
    p.sampling.seed = seed;
    p.sampling.has_seed = true;
    return p;
}

static void text_is_that_of_the_tokens(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    for (uint64_t seed = 0; seed < 5; seed++) {
        struct shown got;
        struct buf whole = {0};
        pllm_request p = random_text("a\xC3\xA9\xE2\x82\xAC ", "x", seed); /* characters that complete, and some that do not */
        run_request(&b, &p, &got);
        struct detok d;
        detok_init(&d, true);
        for (int i = 0; i < got.n_tokens; i++)
            assert_int_equal(detok_add(&d, b.tokenizer, got.tokens[i], &whole, NULL), PLLM_OK);
        assert_true(detok_finish(&d, &whole));
        assert_int_equal(got.n, whole.n);
        assert_memory_equal(got.text, whole.at, whole.n);
        vec_fini(&whole);
    }
    close_bench(&b);
}

/* Answers with stop strings against the answer without: the string that is complete first ends the text, and nothing of it
 * is shown unless asked. A token is a byte, so every string lies over several tokens. Returns whether one was found. */
static bool check_stops(struct bench *b, const char *const *stops, size_t n_stops, pllm_request p)
{
    static struct shown plain, cut, with;
    run_request(b, &p, &plain);
    p.stop = stops;
    p.n_stop = n_stops;
    run_request(b, &p, &cut);
    p.include_stop = true;
    run_request(b, &p, &with);
    size_t end = plain.n, length = 0;
    int index = -1;
    for (size_t i = 1; i <= plain.n && index < 0; i++)
        for (int k = 0; k < (int)n_stops; k++) {
            size_t n = strlen(stops[k]);
            if (n <= i && memcmp(plain.text + i - n, stops[k], n) == 0 && n > length) {
                index = k;
                length = n;
                end = i;
            }
        }
    assert_int_equal(cut.end.stop_index, index);
    assert_int_equal(cut.n, end - length);
    assert_int_equal(with.n, end);
    assert_memory_equal(cut.text, plain.text, cut.n);
    assert_memory_equal(with.text, plain.text, with.n);
    assert_int_equal(cut.end.finish, index >= 0 ? PLLM_FINISH_STOP : PLLM_FINISH_LENGTH);
    assert_true(index >= 0 ? cut.n_tokens <= (int)end : cut.n_tokens == 200); /* not a token more than it takes */
    return index >= 0;
}

static void stop_strings_end_the_text_before_them(void **state)
{
    (void)state;
    static const char *const stops[] = {"abba", "cab", "abbac", "ccc"}; /* one is the beginning of another */
    struct bench b;
    open_bench(&b);
    int stopped = 0;
    for (uint64_t seed = 0; seed < 20; seed++) /* the prompt ends like the beginning of one */
        stopped += check_stops(&b, stops, 4, random_text("abc", "abb", seed));
    assert_true(stopped > 15);
    close_bench(&b);
}

static void stop_strings_may_be_of_many_bytes(void **state)
{
    (void)state;
    static const char *const stops[] = {"\xC3\xA9\xC3\xA9", "\xE2\x82\xAC", "\xC3\xA9 \xC3\xA9"};
    struct bench b;
    open_bench(&b);
    int stopped = 0;
    for (uint64_t seed = 0; seed < 40; seed++)
        stopped += check_stops(&b, stops, 3, random_text("\xC3\xA9\xE2\x82\xAC ", "\xC3\xA9", seed));
    assert_true(stopped > 15 && stopped < 40);
    close_bench(&b);
}

/* The prompt's end and the answer's beginning make a stop string: it does not count, nor is anything held back. */
static void stop_strings_do_not_begin_in_the_prompt(void **state)
{
    (void)state;
    static const char *const stops[] = {"abba"};
    struct bench b;
    open_bench(&b);
    struct shown got;
    pllm_request p = random_text("a", "abb", 0);
    p.max_tokens = 1;
    p.stop = stops;
    p.n_stop = 1;
    run_request(&b, &p, &got);
    assert_int_equal(got.end.finish, PLLM_FINISH_LENGTH);
    assert_int_equal(got.end.stop_index, -1);
    assert_string_equal(got.text, "a");
    close_bench(&b);
}

static void no_stop_string_before_min_tokens(void **state)
{
    (void)state;
    static const char *const stops[] = {"a", "b", "c"};
    static const int32_t stop_tokens[] = {'a', 'b'};
    struct bench b;
    open_bench(&b);
    struct shown got;
    pllm_request p = random_text("abc", "x", 3);
    p.stop = stops;
    p.n_stop = 3;
    p.min_tokens = 7;
    run_request(&b, &p, &got);
    assert_int_equal(got.n_tokens, 8);
    assert_int_equal(got.n, 7);
    p.n_stop = 0;
    p.stop_tokens = stop_tokens;
    p.n_stop_tokens = 2;
    run_request(&b, &p, &got);
    assert_true(got.n_tokens >= 8 && got.text[0] == 'c' && got.text[6] == 'c');
    assert_int_equal(got.n, (size_t)got.n_tokens - 1); /* the stop token is not shown */
    assert_true(got.end.stop_token == 'a' || got.end.stop_token == 'b');
    close_bench(&b);
}

/* Text held back at the fork is still held back after it. */
static void forks_go_on_with_the_text(void **state)
{
    (void)state;
    static const char *const stops[] = {"cccccb"};
    struct bench b;
    open_bench(&b);
    static struct shown whole, rest;
    pllm_request p = random_text("abc", "x", 8);
    p.stop = stops;
    p.n_stop = 1;
    p.keep = true;
    uint64_t id, fork;
    assert_int_equal(engine_submit(b.e, &p, &id, NULL), PLLM_OK);
    collect(b.e, &whole);
    for (size_t at = 2; at < 60; at++) {
        p.tokens = NULL;
        p.n_tokens = 0;
        p.keep = false;
        pllm_error err;
        if (engine_fork(b.e, id, 0, at, &p, &fork, &err))
            fail_msg("%s", err.message);
        collect(b.e, &rest);
        size_t shown = whole.n - rest.n; /* what was not held back: all but a beginning of the stop string */
        assert_true(shown <= at - 1 && shown + 5 >= at - 1);
        assert_memory_equal(rest.text, whole.text + shown, rest.n);
    }
    close_bench(&b);
}

/* A fork of all of `id` so far, then the bytes of `given`, and what it shows. */
static uint64_t run_fork(struct bench *b, uint64_t id, size_t at, const char *given, pllm_request p, struct shown *out)
{
    static int32_t tokens[16];
    uint64_t fork;
    pllm_error err;
    for (size_t i = 0; i < strlen(given); i++)
        tokens[i] = (unsigned char)given[i];
    p.tokens = tokens;
    p.n_tokens = strlen(given);
    p.keep = true;
    if (engine_fork(b->e, id, 0, at, &p, &fork, &err))
        fail_msg("%s", err.message);
    collect(b->e, out);
    return fork;
}

/* What was shown before the fork is not shown again, whatever bytes lie behind it in memory. */
static void forks_repeat_nothing_where_nothing_is_held_back(void **state)
{
    (void)state;
    static const char given[] = "\xE6\x97\xA5" "a";
    struct bench b;
    static struct shown first, rest;
    open_bench(&b);
    pllm_request p = random_text("abc", "x", 4);
    uint64_t id;
    p.max_tokens = 1;
    p.keep = true;
    assert_int_equal(engine_submit(b.e, &p, &id, NULL), PLLM_OK);
    collect(b.e, &first);
    p.max_tokens = 20;
    uint64_t fork = run_fork(&b, id, 2, given, p, &first); /* its text begins anew after what was given */
    assert_int_equal(first.n, 15);
    run_fork(&b, fork, 2 + strlen(given), "", p, &rest);
    assert_string_equal(rest.text, first.text);
    close_bench(&b);
}

/* An answer that a stop string ended goes on behind it: that one does not count, but what its end begins does. */
static void forks_go_on_behind_a_stop_string(void **state)
{
    (void)state;
    static const char *const stops[] = {"aa"};
    struct bench b;
    static struct shown got;
    open_bench(&b);
    pllm_request p = random_text("a", "x", 0);
    uint64_t id;
    p.stop = stops;
    p.n_stop = 1;
    p.keep = true;
    assert_int_equal(engine_submit(b.e, &p, &id, NULL), PLLM_OK);
    collect(b.e, &got);
    assert_int_equal(got.n_tokens, 2);
    run_fork(&b, id, 3, "", p, &got);
    assert_int_equal(got.end.stop_index, 0);
    assert_int_equal(got.n_tokens, 1);
    assert_int_equal(got.n, 0);
    p.include_stop = true;
    run_fork(&b, id, 3, "", p, &got);
    assert_string_equal(got.text, "aa");
    close_bench(&b);
}

/* Of two tokens: "b", and one whose text the decoder's regular expression does not come to an end with. */
static struct tokenizer *open_hostile(void)
{
    static const char head[] = "{\"decoder\": {\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(a|aa)+$\"}, \"content\": \"\"}, "
                               "\"model\": {\"type\": \"BPE\", \"merges\": [], \"vocab\": {\"b\": 0, \"";
    static const char tail[] = "b\": 1}}}";
    struct tokenizer_settings none = {0};
    struct tokenizer *t = NULL;
    struct buf json = {0};
    pllm_error err;
    assert_true(buf_text(&json, head));
    for (int i = 0; i < 200; i++)
        assert_true(buf_text(&json, "a"));
    assert_true(buf_text(&json, tail));
    if (tokenizer_from_json(&t, json.at, json.n, &none, &err))
        fail_msg("%s", err.message);
    vec_fini(&json);
    return t;
}

/* It is no lack of memory, after which a step may be repeated: the sample ends, and what was held back is shown. */
static void tokens_without_text_end_the_sample(void **state)
{
    (void)state;
    static const int32_t zero[] = {0}, one[] = {1};
    static const char *const stops[] = {"bbc"};
    struct bench b;
    static struct shown got;
    open_bench_of(&b, open_hostile());
    pllm_request p = random_text("", "", 0);
    p.tokens = p.sampling.allowed_tokens = zero;
    p.n_tokens = p.sampling.n_allowed_tokens = 1;
    p.max_tokens = 2;
    p.stop = stops;
    p.n_stop = 1;
    p.keep = true;
    uint64_t id, fork;
    assert_int_equal(engine_submit(b.e, &p, &id, NULL), PLLM_OK);
    collect(b.e, &got);
    assert_string_equal(got.text, "bb");
    p.max_tokens = 9;
    p.sampling.allowed_tokens = one;
    run_fork(&b, id, 3, "", p, &got);
    assert_int_equal(got.end.finish, PLLM_FINISH_ERROR);
    assert_string_equal(got.end.error, "the tokenizer's decoder gives up on a token");
    assert_int_equal(got.n_tokens, 0);
    assert_string_equal(got.text, "bb");
    /* Given as output it has no text yet; a fork behind it would have to look at it. */
    pllm_error err;
    fork = run_fork(&b, id, 3, "\1", p, &got);
    p.n_tokens = 0;
    assert_int_equal(engine_fork(b.e, fork, 0, 4, &p, &id, &err), PLLM_E_ARGUMENT);
    assert_message(err, "gives up on this text");
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_that_of_the_tokens), cmocka_unit_test(stop_strings_end_the_text_before_them),
        cmocka_unit_test(stop_strings_may_be_of_many_bytes), cmocka_unit_test(stop_strings_do_not_begin_in_the_prompt),
        cmocka_unit_test(no_stop_string_before_min_tokens), cmocka_unit_test(forks_go_on_with_the_text),
        cmocka_unit_test(forks_repeat_nothing_where_nothing_is_held_back),
        cmocka_unit_test(forks_go_on_behind_a_stop_string), cmocka_unit_test(tokens_without_text_end_the_sample)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
