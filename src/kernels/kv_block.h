/* How a block of the KV cache lies in memory (kernels.h): what the kernels of all tiers share. */
#ifndef PARALLM_KERNELS_KV_BLOCK_H
#define PARALLM_KERNELS_KV_BLOCK_H

#include "kernels/kernels.h"

#include "base/mem.h"

static inline size_t kv_value_bytes(enum kv_type type)
{
    return type == KV_F32 ? 4 : type == KV_INT8 ? 1 : 2;
}

/* Bytes of the scales that stand before K and before V. */
static inline size_t kv_scale_bytes(enum kv_type type)
{
    return type == KV_INT8 ? KV_BLOCK * sizeof(float) : 0;
}

/* Bytes of K with its scales, rounded up so that V, which follows, is aligned; and again those of V with its own. */
static inline size_t kv_half_bytes(enum kv_type type, int head_dim)
{
    return mem_round_up(kv_scale_bytes(type) + (size_t)head_dim * KV_BLOCK * kv_value_bytes(type), MEM_ALIGN);
}

#endif
