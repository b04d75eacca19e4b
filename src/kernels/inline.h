/* How the kernels of the vector tiers are put together: loops are written once, with heights, widths and formats as parameters
 * that are constants at every call, and inlined and unrolled whatever the compiler thinks of it, so that their sums are
 * registers. */
#ifndef PARALLM_KERNELS_INLINE_H
#define PARALLM_KERNELS_INLINE_H

#if defined(PORTABLE_TIER) /* for tests, with SIMDe: one function each, as compiling would take minutes */
#define INLINE static inline
#define UNROLLED
#else
#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif
#endif

#endif
