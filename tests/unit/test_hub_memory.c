/* Every allocation that finding a model in the cache makes fails once: nothing is lost, and the error says so. */
#include "hub/cache.h"
#include "hub/hub.h"

#include "failing.h"
#include "folder.h"
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

static char root[] = "/tmp/parallm-test-XXXXXX";

static void put_snapshot(void)
{
    static const char *const names[] = {"config.json", "tokenizer.json", "tokenizer_config.json", HUB_INDEX, "a.safetensors"};
    struct hub_cache c;
    assert_int_equal(hub_cache_open(&c, root, "org/model", NULL), PLLM_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = hub_cache_file(&c, "abc", names[i]);
        assert_int_equal(hub_make_folders(path, NULL), PLLM_OK);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs("{\"weight_map\": {\"x\": \"a.safetensors\"}}", f);
        fclose(f);
        mem_free(path);
    }
    assert_int_equal(hub_cache_set_ref(&c, "main", "abc", NULL), PLLM_OK);
    hub_cache_fini(&c);
}

static void survives_every_failure(void **state)
{
    struct hub_settings settings;
    struct hub_name name;
    int n = 0, n_failed = 0;
    bool happened;
    (void)state;
    put_snapshot();
    assert_true(hub_name_parse(&name, "org/model"));
    const struct hub_request r = {.settings = &settings, .name = &name, .want = HUB_MODEL};
    do {
        char *path = NULL;
        pllm_error err = {0};
        fail_at(n++);
        pllm_status status = hub_settings_read(&settings, &err);
        if (!status) {
            settings.offline = true;
            status = hub_get(&path, &r, &err);
            hub_settings_fini(&settings);
        }
        happened = fail_happened();
        if (status) {
            assert_int_equal(status, PLLM_E_MEMORY);
            assert_message(err, "not enough memory");
            assert_null(path);
            n_failed++;
        } else {
            assert_string_equal(path + strlen(path) - strlen("/models--org--model/snapshots/abc"),
                                "/models--org--model/snapshots/abc");
        }
        mem_free(path);
    } while (happened);
    assert_true(n_failed > 20);
}

static int make_root(void **state)
{
    (void)state;
    if (!mkdtemp(root))
        return -1;
    setenv("HF_HUB_CACHE", root, 1);
    unsetenv("HF_ENDPOINT");
    return setenv("HF_TOKEN", "hf_x", 1);
}

static int remove_root(void **state)
{
    (void)state;
    return folder_remove_all(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(survives_every_failure)};
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
