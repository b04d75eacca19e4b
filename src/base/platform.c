#include "base/platform.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__linux__)
#include "base/cgroup.h"
#include "base/file.h"

#include <sched.h>

/* Hardware threads of one core share its arithmetic: only the first of each core counts. */
static int is_first_of_core(int cpu)
{
    char path[96];
    int first = cpu;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *f = fopen(path, "re");
    if (f) {
        if (fscanf(f, "%d", &first) != 1)
            first = cpu;
        fclose(f);
    }
    return first == cpu;
}

/* Of the first `room` processors; 0: the system has more than that, or does not tell. */
static int cores_among(int room)
{
    int cores = 0, threads = 0;
    const size_t bytes = CPU_ALLOC_SIZE(room);
    cpu_set_t *allowed = CPU_ALLOC(room);
    if (allowed && sched_getaffinity(0, bytes, allowed) == 0)
        for (int cpu = 0; cpu < room; cpu++)
            if (CPU_ISSET_S(cpu, bytes, allowed)) {
                threads++;
                cores += is_first_of_core(cpu);
            }
    CPU_FREE(allowed);
    return cores ? cores : threads;
}

int platform_cores(void)
{
    enum { MOST_PROCESSORS = 1 << 17 };
    int cores = 0;
    for (int room = CPU_SETSIZE; !cores && room <= MOST_PROCESSORS; room *= 2)
        cores = cores_among(room);
    return cores ? cores : 1;
}

static unsigned long long available_in_system(void)
{
    char line[128];
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/meminfo", "re");
    if (!f)
        return 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
            break;
    fclose(f);
    return kib * 1024;
}

/* What `ulimit -v` leaves; ULLONG_MAX where it is not set. */
static unsigned long long address_space_left(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return ULLONG_MAX;
    unsigned long long pages = 0;
    if (!file_number(&pages, "/proc/self/statm"))
        pages = 0;
    const unsigned long long used = pages * (unsigned long long)sysconf(_SC_PAGESIZE);
    return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

unsigned long long platform_available_bytes(void)
{
    const unsigned long long system = available_in_system(), space = address_space_left(), group = cgroup_left("");
    const unsigned long long limit = space < group ? space : group;
    if (!system)
        return 0;
    return system < limit ? system : limit ? limit : 1; /* 0 would say that it is unknown */
}
#elif defined(__APPLE__)
#include <sys/sysctl.h>

static unsigned long long sysctl_number(const char *name)
{
    unsigned long long value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, NULL, 0) == 0 ? value : 0;
}

int platform_cores(void)
{
    int cores = (int)sysctl_number("hw.perflevel0.physicalcpu");
    if (!cores)
        cores = (int)sysctl_number("hw.physicalcpu");
    return cores ? cores : 1;
}

unsigned long long platform_available_bytes(void)
{
    return sysctl_number("hw.memsize") / 4 * 3;
}
#else
int platform_cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

unsigned long long platform_available_bytes(void)
{
    return 0;
}
#endif
