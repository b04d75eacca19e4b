#include "hub/name.h"

#include "test.h"

static void reads_every_form(void **state)
{
    static const struct {
        const char *text, *repo, *revision, *tag, *file;
    } names[] = {
        {"org/model", "org/model", "main", "", ""},
        {"a/b", "a/b", "main", "", ""},
        {"Qwen/Qwen2.5-0.5B_x", "Qwen/Qwen2.5-0.5B_x", "main", "", ""},
        {"org/model@dev", "org/model", "dev", "", ""},
        {"org/model@refs/pr/1", "org/model", "refs/pr/1", "", ""},
        {"org/model:Q4_K_M", "org/model", "main", "Q4_K_M", ""},
        {"org/model:Q4_K_M@v1.0", "org/model", "v1.0", "Q4_K_M", ""},
        {"org/model@v1.0:Q4_K_M", "org/model", "v1.0", "Q4_K_M", ""},
        {"org/model/file.gguf", "org/model", "main", "", "file.gguf"},
        {"org/model/a/b/file.gguf@dev", "org/model", "dev", "", "a/b/file.gguf"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct hub_name n;
        assert_true(hub_name_parse(&n, names[i].text));
        assert_string_equal(n.repo, names[i].repo);
        assert_string_equal(n.revision, names[i].revision);
        assert_string_equal(n.tag, names[i].tag);
        assert_string_equal(n.file, names[i].file);
        assert_true(hub_name_is_model(&n));
    }
}

static void refuses_other_text(void **state)
{
    static const char *const texts[] = {
        "",          "model",       "/a/b",       "./a/b",      "../a",       "a/",        "a//b",     "a/b/",
        "a/b.gguf",  "a/b.GGUF",    "a b/c",      "a/b c",      "-a/b",       "a/b-",      ".a/b",     "a/b.",
        "a/b--c",    "a/b..c",      "a/b@",       "a/b@a b",    "a/b@/x",     "a/b@x/",    "a/b@../x", "a/b@x@y",
        "a/b@x^",    "a/b:",        "a/b:x:y",    "a/b:x@y:z",  "a/b:x/y",    "a/b/c:x",   "a/b/../c", "a/b/./c",
        "a/b/c\\d",  "a/b/c\nd",    "a/b\n",      "a:x/b",      "a@b/c",      "\xc3\xa4/b", "a/b:\xc3\xa4",
    };
    struct hub_name n;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (hub_name_parse(&n, texts[i]))
            fail_msg("\"%s\" was taken for a name", texts[i]);
}

static void limits_lengths(void **state)
{
    char text[3000];
    struct hub_name n;
    (void)state;
    for (int length = 90; length < 110; length++) {
        snprintf(text, sizeof text, "org/%0*d", length, 7);
        assert_int_equal(hub_name_parse(&n, text), length <= 96);
        snprintf(text, sizeof text, "%0*d/model", length, 7);
        assert_int_equal(hub_name_parse(&n, text), length <= 96);
    }
    snprintf(text, sizeof text, "org/model@%0*d", 300, 7);
    assert_false(hub_name_parse(&n, text));
    snprintf(text, sizeof text, "org/model:%0*d", 64, 7);
    assert_false(hub_name_parse(&n, text));
    snprintf(text, sizeof text, "org/model/%0*d.gguf", 300, 7); /* no file system has such a name */
    assert_false(hub_name_parse(&n, text));
    for (size_t at = (size_t)snprintf(text, sizeof text, "org/model"); at < 1100; at += 2)
        memcpy(text + at, "/a", 3);
    assert_false(hub_name_parse(&n, text));
}

static void tells_models_from_other_files(void **state)
{
    struct hub_name n;
    (void)state;
    assert_true(hub_name_parse(&n, "org/model/README.md"));
    assert_false(hub_name_is_model(&n));
    assert_true(hub_is_commit("0123abcDEF", 10));
    assert_false(hub_is_commit("", 0));
    assert_false(hub_is_commit("../x", 4));
    assert_false(hub_is_path("a\0b", 3));
    assert_true(hub_is_path(".gitattributes", 14));
    assert_true(hub_is_path("...", 3)); /* a file like any other */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_every_form), cmocka_unit_test(refuses_other_text),
                                       cmocka_unit_test(limits_lengths), cmocka_unit_test(tells_models_from_other_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
