/* GGUF's pre-tokenizers: one text, cut by each. What is wanted was cut by the tokenizers library, by the expressions of the
 * models' own tokenizer.json. */
#include "test.h"

#include "text/gguf_pre.h"

static const char text[] =
    "It's HE'S  12345 camelCase ab/cd\n\n  x_y!?\n e\xCC\x81te\xCC\x81 \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80 \xE2\x80\x98q\xE2\x80\x99 \xD5\xB6 $^`7\r\n\t z  ";

static const struct {
    const char *name, *pieces;
} cases[] = {
    {"gpt-2",
     "It|'s| HE|'|S| | 12345| camelCase| ab|/|cd|\n\n | x|_|y|!?|\n| e|\xCC\x81|te|\xCC\x81| \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| \xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| $^`|7|\r\n\t| z|  "},
    {"smollm",
     "It|'s| HE|'|S|  |1|2|3|4|5| camelCase| ab|/|cd|\n\n | x|_|y|!?|\n| e|\xCC\x81|te|\xCC\x81| \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| \xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| $^`|7|\r\n\t| z|  "},
    {"llama-bpe",
     "It|'s| HE|'S| | |123|45| camelCase| ab|/cd|\n\n| | x|_y|!?\n| e|\xCC\x81te|\xCC\x81| \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| \xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| $^`|7|\r\n|\t| z|  "},
    {"glm4",
     "It|'s| HE|'S| | |123|45| camelCase| ab|/cd|\n\n| | x|_y|!?\n| e|\xCC\x81te|\xCC\x81| \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| \xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| $^`|7|\r\n|\t| z|  "},
    {"qwen2",
     "It|'s| HE|'S| | |1|2|3|4|5| camelCase| ab|/cd|\n\n| | x|_y|!?\n| e|\xCC\x81te|\xCC\x81| \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| \xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| $^`|7|\r\n|\t| z|  "},
    {"qwen35",
     "It|'s| HE|'S| | |1|2|3|4|5| camelCase| ab|/cd|\n\n| | x|_y|!?\n| e\xCC\x81te\xCC\x81| \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| \xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| $^`|7|\r\n|\t| z|  "},
    {"bailingmoe",
     "It|'s| HE|'S| | |1|2|3|4|5| camelCase| ab|/cd|\n\n| | x|_y|!?\n| e|\xCC\x81te|\xCC\x81| \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| \xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| $^`|7|\r\n|\t| z|  "},
    {"seed-coder",
     "It|'s| HE|'S| | |1|2|3|4|5| camelCase| ab|/cd|\n\n| | x|_y|!?|\n| e|\xCC\x81te|\xCC\x81| \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| \xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| $^`|7|\r\n|\t| z|  "},
    {"exaone-moe",
     "It|'s| HE|'S| | |1|2|3|4|5| camelCase ab|/cd|\n\n| | x|_y|!?\n| e\xCC\x81te\xCC\x81 \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| \xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| $^`|7|\r\n|\t| z|  "},
    {"gpt-4o",
     "It's| HE'S| | |123|45| camel|Case| ab|/cd|\n\n| | x|_y|!?\n| e\xCC\x81te\xCC\x81| \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| \xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| $^`|7|\r\n|\t| z|  "},
    {"tekken",
     "It|'s| HE|'S| | |1|2|3|4|5| camel|Case| ab|/cd|\n\n| | x|_y|!?\n| e\xCC\x81te\xCC\x81| \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| \xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| $^`|7|\r\n|\t| z|  "},
    {"deepseek-coder",
     "It|'|s| HE|'|S|  |1|2|3|4|5| camelCase| ab|/|cd|\n|\n| | x|_|y|!?|\n| e|\xCC\x81|te|\xCC\x81| |\xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| |\xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| $^`|7|\r|\n|\t| z|  "},
    {"deepseek-llm",
     "It|'|s| HE|'|S|  |12345| camelCase| ab|/|cd|\n|\n| | x|_|y|!?|\n| e|\xCC\x81|te|\xCC\x81 |\xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| |\xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| $^`|7|\r|\n|\t| z|  "},
    {"deepseek-v3",
     "It|'s| HE|'S|  |123|45| camelCase| ab|/cd|\n\n| | x|_y|!?\n| e\xCC\x81te\xCC\x81| |\xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A|\xEA\xB0\x80| \xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| $^`|7|\r\n|\t| z|  "},
    {"falcon",
     "It|'|s| HE|'|S| | |123|45| camelCase| ab|/|cd|\n\n | x|_|y|!?|\n| e|\xCC\x81|te|\xCC\x81| \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| |\xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| |$^`|7|\r\n\t| z|  "},
    {"bloom",
     "It's| HE'S| | 12345| camelCase| ab/cd|\n\n | x_y|!?\n| e\xCC\x81te\xCC\x81| \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| \xE2\x80\x98q\xE2\x80\x99| \xD5\xB6| $^`7|\r\n\t| z|  "},
    {"viking",
     "It's| HE'S| | |1|2|3|4|5| camelCase| ab/cd|\n\n | x_y|!?\n| e\xCC\x81te\xCC\x81| \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| \xE2\x80\x98q\xE2\x80\x99| \xD5\xB6| $^`|7|\r\n\t| z|  "},
    {"default",
     "It|'|s| HE|'|S| | |123|45| camelCase| ab|/|cd|\n\n | x|_|y|!?|\n| e|\xCC\x81|te|\xCC\x81| \xE4\xB8\xAD\xE6\x96\x87\xE3\x82\xAB\xE3\x83\x8A\xEA\xB0\x80| |\xE2\x80\x98|q|\xE2\x80\x99| \xD5\xB6| |$^|`|7|\r\n\t| z|  "},
};

static void cuts(const char *name, const char *wanted)
{
    const struct gguf_pre *pre = gguf_pre_find(name);
    pretok_steps steps = {0};
    struct pieces p = {0};
    struct buf got = {0};
    pllm_error err = {0};
    assert_non_null(pre);
    assert_int_equal(gguf_pre_push(pre, &steps, &err), PLLM_OK);
    assert_true(pieces_start(&p, text, sizeof text - 1, true));
    assert_int_equal(pretok_run(steps.at, steps.n, &p, &err), PLLM_OK);
    for (size_t i = 0; i < p.piece.n; i++)
        assert_true((i == 0 || buf_text(&got, "|")) && buf_add(&got, p.text + p.piece.at[i].at, p.piece.at[i].n));
    assert_true(buf_terminate(&got));
    if (strcmp(got.at, wanted) != 0)
        fail_msg("%s\n  cuts   %s\n  wanted %s", name, got.at, wanted);
    vec_fini(&got);
    pieces_fini(&p);
    pretok_fini(&steps);
}

static void each_cuts_as_its_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cuts(cases[i].name, cases[i].pieces);
}

/* Every name of the table is found, and by the row that it stands in: none is there twice. */
static void names_are_found(void **state)
{
    const struct gguf_pre *pre;
    (void)state;
    for (size_t i = 0; (pre = gguf_pre_at(i)) != NULL; i++)
        for (const char *at = pre->names, *end; (end = strchr(at, ' ')) != NULL; at = end + 1) {
            char name[64];
            assert_in_range(end - at, 1, sizeof name - 1);
            snprintf(name, sizeof name, "%.*s", (int)(end - at), at);
            assert_ptr_equal(gguf_pre_find(name), pre);
        }
}

static void options_follow_the_models(void **state)
{
    (void)state;
    assert_true(gguf_pre_find("llama-bpe")->ignore_merges && gguf_pre_find("llama-bpe")->add_bos);
    assert_true(gguf_pre_find("glm4")->ignore_merges && !gguf_pre_find("glm4")->add_bos);
    assert_false(gguf_pre_find("chatglm-bpe")->ignore_merges);
    assert_false(gguf_pre_find("qwen2")->ignore_merges || gguf_pre_find("qwen2")->add_bos);
}

static void other_names_are_unknown(void **state)
{
    (void)state;
    assert_null(gguf_pre_find(""));
    assert_null(gguf_pre_find("gpt"));
    assert_null(gguf_pre_find("gpt-2 "));
    assert_null(gguf_pre_find("llama-bpe2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_cuts_as_its_model),
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(options_follow_the_models),
        cmocka_unit_test(other_names_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
