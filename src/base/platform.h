/* The only place that knows which operating system this is.
 *
 * Feature-test macros come from the build (-D_GNU_SOURCE on Linux, -D_DARWIN_C_SOURCE on a Mac). */
#ifndef PARALLM_BASE_PLATFORM_H
#define PARALLM_BASE_PLATFORM_H

#if defined(__x86_64__) || defined(_M_X64)
#define ARCH_X86 1
#else
#define ARCH_X86 0
#endif

#if defined(__aarch64__)
#define ARCH_ARM64 1
#else
#define ARCH_ARM64 0
#endif

/* Checks a printf-like function's arguments at compile time; positions count from 1. */
#define PRINTF_LIKE(text, first) __attribute__((__format__(__printf__, text, first)))

/* Tells the processor that this thread is waiting for another one. */
static inline void platform_relax(void)
{
#if ARCH_X86
    __builtin_ia32_pause();
#elif ARCH_ARM64
    __asm__ volatile("yield");
#endif
}

/* Processors this process may run on (its affinity mask), at least 1; hardware threads of one core
 * count once where the system tells. */
int platform_cores(void);

/* Memory that could be allocated without swapping, in bytes, within the limits of the cgroup and of the address space; 0 if
 * unknown. */
unsigned long long platform_available_bytes(void);

#endif
