#include "base/cgroup.h"

#include "folder.h"
#include "test.h"

#include <limits.h>

static struct folder root;

/* root/folder/name has the text. */
static void put(const char *folder, const char *name, const char *text)
{
    char command[256], path[256];
    snprintf(command, sizeof command, "mkdir -p %s/%s", root.path, folder);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    folder_put_text(&root, path, text);
}

static int begin(void **state)
{
    (void)state;
    root = folder_make();
    return 0;
}

static int end(void **state)
{
    (void)state;
    return folder_remove_all(root.path);
}

static void no_group_sets_no_limit(void **state)
{
    (void)state;
    assert_true(cgroup_left(root.path) == ULLONG_MAX);
    put("proc/self", "cgroup", "0::/a\n");
    put("sys/fs/cgroup/a", "memory.max", "max\n");
    put("sys/fs/cgroup/a", "memory.current", "5\n");
    assert_true(cgroup_left(root.path) == ULLONG_MAX);
}

/* The limit of a service, and of the slice round it; what the page cache holds is free. */
static void the_least_of_all_groups_counts(void **state)
{
    (void)state;
    put("proc/self", "cgroup", "3:cpu,cpuacct:/elsewhere\n0::/a/b\n");
    put("sys/fs/cgroup/a/b", "memory.max", "9000\n");
    put("sys/fs/cgroup/a/b", "memory.current", "6000\n");
    assert_true(cgroup_left(root.path) == 3000);
    put("sys/fs/cgroup/a/b", "memory.stat", "anon 4000\ninactive_file 1500\nactive_file 500\n");
    assert_true(cgroup_left(root.path) == 4500);
    put("sys/fs/cgroup/a", "memory.max", "8000\n");
    put("sys/fs/cgroup/a", "memory.current", "7900\n");
    assert_true(cgroup_left(root.path) == 100);
    put("sys/fs/cgroup/a", "memory.current", "8100\n");
    assert_true(cgroup_left(root.path) == 0);
}

/* A container sees its own group as the uppermost one, and may be told a name from outside. */
static void a_group_of_the_world_outside_is_the_uppermost_here(void **state)
{
    (void)state;
    put("proc/self", "cgroup", "0::/docker/0123\n");
    put("sys/fs/cgroup", "memory.max", "700\n");
    put("sys/fs/cgroup", "memory.current", "200\n");
    assert_true(cgroup_left(root.path) == 500);
}

static void the_first_version_has_other_names(void **state)
{
    (void)state;
    put("proc/self", "cgroup", "5:cpu,memory:/a\n4:memoryless:/b\n0::/\n");
    put("sys/fs/cgroup/memory/a", "memory.limit_in_bytes", "9000\n");
    put("sys/fs/cgroup/memory/a", "memory.usage_in_bytes", "6000\n");
    put("sys/fs/cgroup/memory/a", "memory.stat", "inactive_file 1\ntotal_inactive_file 1000\n");
    assert_true(cgroup_left(root.path) == 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_group_sets_no_limit, begin, end),
        cmocka_unit_test_setup_teardown(the_least_of_all_groups_counts, begin, end),
        cmocka_unit_test_setup_teardown(a_group_of_the_world_outside_is_the_uppermost_here, begin, end),
        cmocka_unit_test_setup_teardown(the_first_version_has_other_names, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
