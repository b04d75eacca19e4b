#include "base/cgroup.h"

#include "base/file.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 4096 };

static const struct version {
    const char *controllers, *folder; /* in /proc/self/cgroup, "" or among others; where the groups are folders */
    const char *most, *used, *unused; /* files; a line of memory.stat */
} versions[] = {
    {"", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"},
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"},
};

static bool path_in(char path[LONGEST], const char *root, const struct version *v, const char *group, const char *file)
{
    return snprintf(path, LONGEST, "%s%s%s/%s", root, v->folder, group, file) < LONGEST;
}

/* False: there is no such file, or no number in it ("max"). */
static bool number_in(unsigned long long *value, const char *root, const struct version *v, const char *group, const char *file)
{
    char path[LONGEST];
    return path_in(path, root, v, group, file) && file_number(value, path);
}

/* Cached files that the system takes back before it refuses memory. */
static unsigned long long unused_of(const char *root, const struct version *v, const char *group)
{
    char path[LONGEST], line[256], name[64];
    unsigned long long value, found = 0;
    FILE *f = path_in(path, root, v, group, "memory.stat") ? fopen(path, "re") : NULL;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%63s %llu", name, &value) == 2 && strcmp(name, v->unused) == 0)
            found = value;
    if (f)
        fclose(f);
    return found;
}

static unsigned long long left_in(const char *root, const struct version *v, const char *group)
{
    unsigned long long most, used;
    if (!number_in(&most, root, v, group, v->most) || !number_in(&used, root, v, group, v->used))
        return ULLONG_MAX;
    const unsigned long long unused = unused_of(root, v, group);
    used -= unused < used ? unused : used;
    return most > used ? most - used : 0;
}

/* Is `word` among the names with commas between them in list[0..n)? */
static bool has(const char *list, size_t n, const char *word)
{
    const char *end = list + n;
    for (size_t length; list <= end; list += length + 1) {
        length = strcspn(list, ",:");
        if (length == strlen(word) && memcmp(list, word, length) == 0)
            return true;
    }
    return false;
}

/* The process's own group, as "/system.slice/x.service", of a line "4:memory:/system.slice/x.service"; "" where it is not told.
 * In a container it may be a name of the world outside, of which there is no folder here. */
static void own_group(char *group, size_t size, const char *root, const struct version *v)
{
    char line[LONGEST], path[LONGEST];
    *group = 0;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        const char *first = strchr(line, ':'), *second = first ? strchr(first + 1, ':') : NULL;
        if (second && has(first + 1, (size_t)(second - first - 1), v->controllers))
            snprintf(group, size, "%.*s", (int)strcspn(second + 1, "\n"), second + 1);
    }
    if (f)
        fclose(f);
}

/* Each group that holds the process has a limit of its own. */
unsigned long long cgroup_left(const char *root)
{
    unsigned long long least = ULLONG_MAX;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        char group[LONGEST], *last;
        own_group(group, sizeof group, root, &versions[i]);
        do {
            const unsigned long long left = left_in(root, &versions[i], group);
            least = left < least ? left : least;
            last = strrchr(group, '/');
            if (last)
                *last = 0;
        } while (last);
    }
    return least;
}
