#include "base/file.h"

#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/parallm-test-XXXXXX";

static char *write_file(const char *name, const char *text)
{
    char *path = file_join(folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static void maps_and_reads(void **state)
{
    (void)state;
    char *path = write_file("a", "hello"), *empty = write_file("b", "");
    struct file_map map;
    struct buf text = {0};
    assert_int_equal(file_map(&map, path, NULL), PLLM_OK);
    assert_int_equal(map.n, 5);
    assert_memory_equal(map.bytes, "hello", 5);
    file_forget(&map, map.bytes, map.n);
    file_unmap(&map);
    assert_int_equal(file_map(&map, empty, NULL), PLLM_OK);
    assert_int_equal(map.n, 0);
    file_unmap(&map);
    assert_int_equal(file_read(&text, path, 5, NULL), PLLM_OK);
    assert_int_equal(file_read(&text, path, 5, NULL), PLLM_OK);
    assert_string_equal(text.at, "hellohello");
    assert_int_equal(file_kind(path), FILE_REGULAR);
    assert_int_equal(file_kind(folder), FILE_FOLDER);
    vec_fini(&text);
    unlink(path);
    unlink(empty);
    mem_free(path);
    mem_free(empty);
}

/* Bytes of a mapped file by another way; a file that has shrunk since is no reason to crash. */
static void copies_mapped_bytes(void **state)
{
    (void)state;
    char *path = write_file("d", "0123456789"), got[4];
    struct file_map map;
    pllm_error err;
    assert_int_equal(file_map(&map, path, NULL), PLLM_OK);
    assert_int_equal(file_copy(got, &map, map.bytes + 3, sizeof got, NULL), PLLM_OK);
    assert_memory_equal(got, "3456", sizeof got);
    assert_int_equal(truncate(path, 5), 0);
    assert_int_equal(file_copy(got, &map, map.bytes + 3, sizeof got, &err), PLLM_E_IO);
    assert_string_equal(err.message, "has 5 bytes, had 10 when it was opened");
    file_unmap(&map);
    unlink(path);
    mem_free(path);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    struct file_map map;
    struct buf text = {0};
    pllm_error err;
    assert_int_equal(file_map(&map, "/nonexistent/x", &err), PLLM_E_IO);
    assert_string_equal(err.message, "/nonexistent/x: No such file or directory");
    assert_int_equal(file_map(&map, folder, &err), PLLM_E_IO);
    assert_message(err, "is a directory");
    char *path = write_file("c", "too long");
    assert_int_equal(file_read(&text, path, 4, &err), PLLM_E_FORMAT);
    assert_message(err, "has 8 bytes, wanted at most 4");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(file_map(&map, path, &err), PLLM_E_IO);
    assert_message(err, "not a regular file");
    assert_int_equal(file_kind("/nonexistent/x"), FILE_ABSENT);
    unlink(path);
    mem_free(path);
    vec_fini(&text);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(maps_and_reads), cmocka_unit_test(copies_mapped_bytes),
                                       cmocka_unit_test(says_what_is_wrong)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
