/* Which files of a repository are taken. */
#include "hub/files.h"

#include "folder.h"
#include "test.h"

static struct hub_files files_of(const char *const *names)
{
    struct hub_files f = {.commit = "abc"};
    for (; *names; names++)
        assert_int_equal(hub_files_add(&f, *names, strlen(*names), NULL), PLLM_OK);
    hub_files_sort(&f);
    return f;
}

/* The wanted names, by name, each with a blank behind it. */
static const char *wanted(const struct hub_files *f)
{
    static char text[2000];
    int n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < f->at.n; i++)
        if (f->at.at[i].wanted)
            n += snprintf(text + n, sizeof text - (size_t)n, "%s ", f->at.at[i].name);
    return text;
}

static struct hub_choice choose(struct hub_files *f, const char *text, enum hub_want want)
{
    struct hub_name name;
    struct hub_choice c;
    pllm_error err = {0};
    assert_true(hub_name_parse(&name, text));
    if (hub_choose(&c, f, &name, want, &err))
        fail_msg("%s: %s", text, err.message);
    return c;
}

static void takes_a_folder(void **state)
{
    static const char *const names[] = {"README.md",   "config.json",           "model.safetensors", "pytorch_model.bin",
                                        "x.gguf",      "tokenizer_config.json", "tokenizer.json",    "tokenizer.json",
                                        "onnx/a.onnx", "chat_template.jinja",   NULL};
    (void)state;
    struct hub_files f = files_of(names);
    struct hub_choice c = choose(&f, "a/b", HUB_TOKENIZER);
    assert_string_equal(wanted(&f), "chat_template.jinja config.json tokenizer.json tokenizer_config.json ");
    c = choose(&f, "a/b", HUB_MODEL);
    assert_string_equal(wanted(&f),
                        "chat_template.jinja config.json model.safetensors tokenizer.json tokenizer_config.json ");
    assert_null(c.main);
    assert_true(c.sure);
    assert_false(c.indexed);
    hub_files_fini(&f);
}

static void is_unsure_without_a_tokenizer(void **state)
{
    static const char *const names[] = {"config.json", HUB_INDEX, NULL};
    (void)state;
    struct hub_files f = files_of(names);
    struct hub_choice c = choose(&f, "a/b", HUB_MODEL);
    assert_false(c.sure);
    assert_true(c.indexed);
    hub_files_fini(&f);
}

static void assert_gguf(const char *const *names, const char *text, const char *main, bool sure)
{
    struct hub_files f = files_of(names);
    struct hub_choice c = choose(&f, text, HUB_MODEL);
    assert_string_equal(c.main, main);
    assert_int_equal(c.sure, sure);
    hub_files_fini(&f);
}

static void takes_the_gguf_of_a_type(void **state)
{
    static const char *const names[] = {"m-IQ4_NL.gguf", "m.Q4_K_M.gguf", "m-Q4_K_S.gguf", "m-UD-Q4_K_S.gguf",
                                        "BF16/m-00001-of-00002.gguf", "BF16/m-00002-of-00002.gguf", "mmproj-Q8_0.gguf", NULL};
    static const char *const few[] = {"m-Q5_0.gguf", "l-Q5_0.gguf", "m-Q8_0.gguf", NULL};
    static const char *const other[] = {"m-Q5_0.gguf", "l-Q5_0.gguf", "config.json", NULL};
    struct hub_name name;
    struct hub_choice c;
    pllm_error err;
    (void)state;
    assert_gguf(names, "a/b:q4_k_m", "m.Q4_K_M.gguf", true);
    assert_gguf(names, "a/b", "m.Q4_K_M.gguf", true);
    assert_gguf(names, "a/b:Q4_K_S", "m-Q4_K_S.gguf", true);
    assert_gguf(names, "a/b:UD-Q4_K_S", "m-UD-Q4_K_S.gguf", true);
    assert_gguf(names, "a/b:BF16", "BF16/m-00001-of-00002.gguf", true);
    assert_gguf(names, "a/b/BF16/m-00002-of-00002.gguf", "BF16/m-00001-of-00002.gguf", true);
    assert_gguf(few, "a/b", "m-Q8_0.gguf", false);
    assert_gguf(other, "a/b", "l-Q5_0.gguf", false);
    static const char *const wrong[] = {"a/b:Q4_K", "a/b:Q8_0", "a/b:Q4_NL", "a/b/no.gguf"};
    struct hub_files f = files_of(names);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_true(hub_name_parse(&name, wrong[i]));
        assert_int_equal(hub_choose(&c, &f, &name, HUB_MODEL, &err), PLLM_E_IO);
        assert_message(err, "a/b: has no ");
    }
    hub_files_fini(&f);
}

static void misses_parts(void **state)
{
    static const char *const names[] = {"m-Q8_0-00001-of-00003.gguf", "m-Q8_0-00003-of-00003.gguf", NULL};
    struct hub_name name;
    struct hub_choice c;
    pllm_error err;
    (void)state;
    struct hub_files f = files_of(names);
    assert_true(hub_name_parse(&name, "a/b:Q8_0"));
    assert_int_equal(hub_choose(&c, &f, &name, HUB_MODEL, &err), PLLM_E_IO);
    assert_message(err, "a/b: has no file m-Q8_0-00002-of-00003.gguf");
    hub_files_fini(&f);
}

static void reads_the_index(void **state)
{
    static const char *const names[] = {"a.safetensors", "b.safetensors", "c.safetensors", NULL};
    pllm_error err;
    (void)state;
    const struct folder folder = folder_make();
    struct hub_files f = files_of(names);
    folder_put_text(&folder, "i", "{\"weight_map\": {\"x\": \"a.safetensors\", \"y\": \"c.safetensors\", \"z\": \"a.safetensors\"}}");
    assert_int_equal(hub_choose_shards(&f, folder_at(&folder, "i"), NULL), PLLM_OK);
    assert_string_equal(wanted(&f), "a.safetensors c.safetensors ");
    folder_put_text(&folder, "i", "{\"weight_map\": {\"x\": \"../a.safetensors\"}}");
    assert_int_equal(hub_choose_shards(&f, folder_at(&folder, "i"), &err), PLLM_E_FORMAT);
    assert_message(err, "weight_map.x: is \"../a.safetensors\"");
    folder_put_text(&folder, "i", "{\"weight_map\": []}");
    assert_int_equal(hub_choose_shards(&f, folder_at(&folder, "i"), &err), PLLM_E_FORMAT);
    assert_message(err, "weight_map: is an array, wanted an object");
    hub_files_fini(&f);
    folder_remove(&folder);
}

static void reads_a_listing(void **state)
{
    static const char good[] = "{\"sha\": \"abc\", \"siblings\": [{\"rfilename\": \"b/c\"}, {\"rfilename\": \"a\"}, "
                               "{\"rfilename\": \"a\"}], \"more\": 1}";
    struct hub_files f;
    (void)state;
    assert_int_equal(hub_files_parse(&f, good, sizeof good - 1, "listing", NULL), PLLM_OK);
    assert_string_equal(f.commit, "abc");
    assert_int_equal(f.at.n, 2);
    assert_non_null(hub_files_find(&f, "b/c"));
    assert_null(hub_files_find(&f, "b"));
    hub_files_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(takes_a_folder),           cmocka_unit_test(is_unsure_without_a_tokenizer),
                                       cmocka_unit_test(takes_the_gguf_of_a_type), cmocka_unit_test(misses_parts),
                                       cmocka_unit_test(reads_the_index),          cmocka_unit_test(reads_a_listing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
