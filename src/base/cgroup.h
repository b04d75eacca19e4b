/* The limit of memory that a container or a service has on Linux: files of its control groups, of either version. */
#ifndef PARALLM_BASE_CGROUP_H
#define PARALLM_BASE_CGROUP_H

/* Bytes that the groups of this process leave it, cached files that nobody uses taken for free; ULLONG_MAX: they set no limit.
 * `root`: what /proc and /sys are below, "" but in a test. */
unsigned long long cgroup_left(const char *root);

#endif
