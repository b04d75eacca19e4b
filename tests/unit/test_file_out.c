#include "base/file_out.h"

#include "base/file.h"
#include "test.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/parallm-test-XXXXXX";

static int n_files(void)
{
    int n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static void want_text(const char *path, const char *text)
{
    struct buf found = {0};
    assert_int_equal(file_read(&found, path, 1 << 20, NULL), PLLM_OK);
    assert_string_equal(found.at, text);
    vec_fini(&found);
}

static void write_whole(const char *path, const char *text)
{
    struct file_out out;
    assert_int_equal(file_out_open(&out, path, NULL), PLLM_OK);
    assert_int_equal(file_out_write(&out, text, strlen(text), NULL), PLLM_OK);
    assert_int_equal(file_out_commit(&out, NULL), PLLM_OK);
}

static void is_there_whole_or_not_at_all(void **state)
{
    (void)state;
    struct file_out out;
    char *path = file_join(folder, "a");
    assert_int_equal(file_out_open(&out, path, NULL), PLLM_OK);
    assert_int_equal(file_out_write(&out, "first ", 6, NULL), PLLM_OK);
    assert_int_equal(file_kind(path), FILE_ABSENT);
    assert_int_equal(file_out_write(&out, "text", 4, NULL), PLLM_OK);
    assert_int_equal(file_out_commit(&out, NULL), PLLM_OK);
    want_text(path, "first text");
    write_whole(path, "second");
    want_text(path, "second");
    assert_int_equal(file_out_open(&out, path, NULL), PLLM_OK);
    assert_int_equal(file_out_write(&out, "third", 5, NULL), PLLM_OK);
    file_out_abandon(&out);
    want_text(path, "second");
    assert_int_equal(n_files(), 1);
    unlink(path);
    mem_free(path);
}

/* Two that write the same file do not meet; the later one to end stays. */
static void writers_do_not_meet(void **state)
{
    (void)state;
    struct file_out a, b;
    char *path = file_join(folder, "a");
    assert_int_equal(file_out_open(&a, path, NULL), PLLM_OK);
    assert_int_equal(file_out_open(&b, path, NULL), PLLM_OK);
    assert_int_equal(file_out_write(&a, "a", 1, NULL), PLLM_OK);
    assert_int_equal(file_out_write(&b, "b", 1, NULL), PLLM_OK);
    assert_int_equal(file_out_commit(&a, NULL), PLLM_OK);
    want_text(path, "a");
    assert_int_equal(file_out_commit(&b, NULL), PLLM_OK);
    want_text(path, "b");
    assert_int_equal(n_files(), 1);
    unlink(path);
    mem_free(path);
}

/* What a killed writer of this file left goes; other files stay, as long as they have other names or a writer that lives. */
static void dead_writers_leave_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"a.123-0.part", "a.4-56.part", "a.part", "a.-0.part", "a.1-.part", "a.1.0.part", "a.1-0.partly",
                                        "b.123-0.part", "aa.123-0.part"};
    enum { N = sizeof names / sizeof *names, DEAD = 2 };
    struct file_out alive;
    char *path = file_join(folder, "a"), *left[N];
    assert_int_equal(file_out_open(&alive, path, NULL), PLLM_OK);
    for (int i = 0; i < N; i++) {
        left[i] = file_join(folder, names[i]);
        FILE *f = fopen(left[i], "w");
        assert_non_null(f);
        fclose(f);
    }
    write_whole(path, "new");
    want_text(path, "new");
    for (int i = 0; i < N; i++) {
        if (file_kind(left[i]) != (i < DEAD ? FILE_ABSENT : FILE_REGULAR))
            fail_msg("%s is %s", names[i], i < DEAD ? "still there" : "gone");
        unlink(left[i]);
        mem_free(left[i]);
    }
    assert_int_equal(file_out_write(&alive, "newer", 5, NULL), PLLM_OK);
    assert_int_equal(file_out_commit(&alive, NULL), PLLM_OK);
    want_text(path, "newer");
    assert_int_equal(n_files(), 1);
    unlink(path);
    mem_free(path);
}

static void failures_leave_nothing(void **state)
{
    (void)state;
    struct file_out out;
    pllm_error err;
    char *path = file_join(folder, "none/a"), *taken = file_join(folder, "taken");
    assert_int_equal(file_out_open(&out, path, &err), PLLM_E_WRITE);
    assert_non_null(strstr(err.message, "none/a: No such file"));
    assert_int_equal(mkdir(taken, 0777), 0);
    assert_int_equal(file_out_open(&out, taken, &err), PLLM_OK);
    assert_int_equal(file_out_commit(&out, &err), PLLM_E_WRITE);
    assert_non_null(strstr(err.message, taken));
    assert_int_equal(n_files(), 1);
    rmdir(taken);
    mem_free(path);
    mem_free(taken);
}

static void no_room_is_an_error(void **state)
{
    (void)state;
    static const char zeros[8192];
    struct rlimit before, small = {4096, 4096};
    struct file_out out;
    pllm_error err;
    char *path = file_join(folder, "a");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(file_out_open(&out, path, NULL), PLLM_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    pllm_status status = file_out_write(&out, zeros, sizeof zeros, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, PLLM_E_WRITE);
    file_out_abandon(&out);
    assert_int_equal(n_files(), 0);
    mem_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_there_whole_or_not_at_all),
        cmocka_unit_test(writers_do_not_meet),
        cmocka_unit_test(dead_writers_leave_nothing),
        cmocka_unit_test(failures_leave_nothing),
        cmocka_unit_test(no_room_is_an_error),
    };
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
