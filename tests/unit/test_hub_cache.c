/* The cache's layout, its links, refs and locks. */
#include "hub/cache.h"

#include "folder.h"
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/parallm-test-XXXXXX";

static char *in_root(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static struct hub_cache open_cache(const char *repo)
{
    struct hub_cache c;
    assert_int_equal(hub_cache_open(&c, root, repo, NULL), PLLM_OK);
    return c;
}

static void put(const char *path, const char *text)
{
    assert_int_equal(hub_make_folders(path, NULL), PLLM_OK);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void makes_paths(void **state)
{
    (void)state;
    struct hub_cache c = open_cache("org/my--model");
    char *file = hub_cache_file(&c, "abc", "q/m.gguf"), *folder = hub_cache_file(&c, "abc", NULL);
    char *blob = hub_cache_blob(&c, "e7", ".incomplete");
    assert_string_equal(c.repo, in_root("models--org--my--model"));
    assert_string_equal(c.locks, in_root(".locks/models--org--my--model"));
    assert_string_equal(file, in_root("models--org--my--model/snapshots/abc/q/m.gguf"));
    assert_string_equal(folder, in_root("models--org--my--model/snapshots/abc"));
    assert_string_equal(blob, in_root("models--org--my--model/blobs/e7.incomplete"));
    assert_int_equal(access(c.repo, F_OK), -1); /* paths only */
    mem_free(file);
    mem_free(folder);
    mem_free(blob);
    hub_cache_fini(&c);
}

static void links_and_lists(void **state)
{
    char target[256], path[512];
    struct hub_files f;
    (void)state;
    struct hub_cache c = open_cache("org/links");
    put(in_root("models--org--links/blobs/e1"), "one");
    put(in_root("models--org--links/blobs/e2"), "two");
    assert_int_equal(hub_cache_link(&c, "abc", "a.json", "e1", NULL), PLLM_OK);
    assert_int_equal(hub_cache_link(&c, "abc", "a.json", "e2", NULL), PLLM_OK); /* replaces */
    assert_int_equal(hub_cache_link(&c, "abc", "x/y/b.json", "e1", NULL), PLLM_OK);
    assert_int_equal(hub_cache_link(&c, "abc", "gone.json", "e3", NULL), PLLM_OK);
    snprintf(path, sizeof path, "%s", in_root("models--org--links/snapshots/abc/x/y/b.json"));
    ssize_t n = readlink(path, target, sizeof target - 1);
    assert_true(n > 0);
    target[n] = '\0';
    assert_string_equal(target, "../../../../blobs/e1");
    assert_int_equal(hub_cache_list(&f, &c, "abc", NULL), PLLM_OK);
    assert_int_equal(f.at.n, 2); /* not the link that leads nowhere */
    assert_string_equal(f.at.at[0].name, "a.json");
    assert_string_equal(f.at.at[1].name, "x/y/b.json");
    hub_files_fini(&f);
    assert_int_equal(hub_cache_list(&f, &c, "none", NULL), PLLM_OK);
    assert_int_equal(f.at.n, 0);
    hub_files_fini(&f);
    hub_cache_fini(&c);
}

static void assert_commit(const struct hub_cache *c, const char *revision, const char *want)
{
    char commit[HUB_COMMIT_SIZE];
    assert_int_equal(hub_cache_commit(c, revision, commit, NULL), PLLM_OK);
    assert_string_equal(commit, want);
}

static void keeps_refs(void **state)
{
    (void)state;
    struct hub_cache c = open_cache("org/refs");
    assert_commit(&c, "main", "");
    assert_int_equal(hub_cache_set_ref(&c, "main", "abc", NULL), PLLM_OK);
    assert_int_equal(hub_cache_set_ref(&c, "refs/pr/1", "def", NULL), PLLM_OK);
    assert_commit(&c, "main", "abc");
    assert_commit(&c, "refs/pr/1", "def");
    put(in_root("models--org--refs/refs/odd"), "abc\n");
    assert_commit(&c, "odd", "abc");
    put(in_root("models--org--refs/refs/odd"), "../../x");
    assert_commit(&c, "odd", "");
    put(in_root("models--org--refs/refs/odd"), "");
    assert_commit(&c, "odd", "");
    assert_commit(&c, "c0ffee", "");
    put(in_root("models--org--refs/snapshots/c0ffee/x"), "");
    assert_commit(&c, "c0ffee", "c0ffee"); /* a commit is its own name */
    assert_int_equal(chmod(in_root("models--org--refs/refs"), 0500), 0);
    assert_int_equal(hub_cache_set_ref(&c, "main", "abc", NULL), PLLM_OK); /* nothing to write */
    chmod(in_root("models--org--refs/refs"), 0700);
    hub_cache_fini(&c);
}

static bool count_to_three(void *user)
{
    return ++*(int *)user < 3;
}

static void waits_for_the_lock(void **state)
{
    int first = -1, second = -1, ticks = 0;
    pllm_error err;
    (void)state;
    struct hub_cache c = open_cache("org/locks");
    assert_int_equal(hub_cache_lock(&first, &c, "e1", count_to_three, &ticks, NULL), PLLM_OK);
    assert_int_equal(ticks, 0);
    assert_int_equal(hub_cache_lock(&second, &c, "e1", count_to_three, &ticks, &err), PLLM_E_ARGUMENT);
    assert_message(err, "interrupted");
    assert_int_equal(ticks, 3);
    assert_int_equal(hub_cache_lock(&second, &c, "e2", count_to_three, &ticks, NULL), PLLM_OK); /* another blob */
    close(second);
    close(first);
    ticks = 0;
    assert_int_equal(hub_cache_lock(&first, &c, "e1", count_to_three, &ticks, NULL), PLLM_OK);
    int other = open(in_root(".locks/models--org--locks/e1.lock"), O_RDWR);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1); /* as other tools lock */
    close(other);
    close(first);
    hub_cache_fini(&c);
}

static void knows_etags(void **state)
{
    (void)state;
    assert_true(hub_is_etag("0a", 2));
    assert_true(hub_is_etag("abc-5", 5));
    static const char *const wrong[] = {"", ".", "..", "a/b", "../a", "a.incomplete", "a b", "a\"", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(hub_is_etag(wrong[i], strlen(wrong[i])));
}

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    return folder_remove_all(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(makes_paths), cmocka_unit_test(links_and_lists),
                                       cmocka_unit_test(keeps_refs), cmocka_unit_test(waits_for_the_lock),
                                       cmocka_unit_test(knows_etags)};
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
