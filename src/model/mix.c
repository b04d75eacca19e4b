#include "model/mix.h"

#include <string.h>
#include <strings.h>

/* general.file_type names the mixture that a pure file is nearest to. */
static const struct mix mixes[] = {
    {"f32", TYPE_F32, MIX_PURE, 0},     {"f16", TYPE_F16, MIX_PURE, 1},      {"bf16", TYPE_BF16, MIX_PURE, 32},
    {"q8_0", TYPE_Q8_0, MIX_PURE, 7},   {"q4_0", TYPE_Q4_0, MIX_PURE, 2},    {"q4_1", TYPE_Q4_1, MIX_PURE, 3},
    {"q5_0", TYPE_Q5_0, MIX_PURE, 8},   {"q5_1", TYPE_Q5_1, MIX_PURE, 9},    {"q4_k", TYPE_Q4_K, MIX_PURE, 14},
    {"q5_k", TYPE_Q5_K, MIX_PURE, 16},  {"q6_k", TYPE_Q6_K, MIX_PURE, 18},   {"q4_k_s", TYPE_Q4_K, MIX_SMALL, 14},
    {"q4_k_m", TYPE_Q4_K, MIX_MEDIUM, 15}, {"q5_k_s", TYPE_Q5_K, MIX_SMALL, 16}, {"q5_k_m", TYPE_Q5_K, MIX_MEDIUM, 17},
};

const char mix_names[] = "q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k, q4_k_s, q4_k_m, q5_k_s, q5_k_m, f16, bf16 or f32";

const struct mix *mix_find(const char *name)
{
    for (size_t i = 0; i < sizeof mixes / sizeof *mixes; i++)
        if (strcasecmp(mixes[i].name, name) == 0)
            return &mixes[i];
    return NULL;
}

/* The first and the last eighth of the layers, and every third between. */
static bool needs_more(int layer, int n_layers)
{
    return layer < n_layers / 8 || layer >= 7 * n_layers / 8 || (layer - n_layers / 8) % 3 == 2;
}

static enum block_type value_type(const struct mix *m, int layer, const struct model_desc *d)
{
    if (d->n_experts == 8) /* little of the file, much of the quality */
        return TYPE_Q8_0;
    if (m->kind == MIX_MEDIUM && needs_more(layer, d->n_layers))
        return TYPE_Q6_K;
    if (m->type == TYPE_Q4_K && ((m->kind == MIX_SMALL && layer < 4) || d->n_layers == 80))
        return TYPE_Q5_K; /* of 80 layers: eight query heads share each value */
    return m->type;
}

static enum block_type down_type(const struct mix *m, int layer, const struct model_desc *d)
{
    if (m->kind == MIX_MEDIUM && needs_more(layer, d->n_layers))
        return TYPE_Q6_K;
    if (m->kind == MIX_SMALL && m->type == TYPE_Q4_K && layer < d->n_layers / 8)
        return TYPE_Q5_K;
    return m->type;
}

static enum block_type mixed_type(const struct mix *m, enum tensor_slot slot, int layer, const struct model_desc *d)
{
    switch (slot) {
    case T_V: return value_type(m, layer, d);
    case T_K: return d->n_experts == 8 ? TYPE_Q8_0 : m->type;
    case T_O: return d->n_experts == 8 && m->type == TYPE_Q4_K ? TYPE_Q5_K : m->type;
    case T_QKV: return m->kind == MIX_SMALL ? m->type : m->type == TYPE_Q4_K ? TYPE_Q5_K : TYPE_Q6_K;
    case T_DOWN:
    case T_EXPERT_DOWN:
    case T_EXPERTS_DOWN: return down_type(m, layer, d);
    default: return m->type;
    }
}

static bool fits(enum block_type type, int64_t cols)
{
    return cols % block_info[type].values == 0;
}

/* What replaces a type of blocks of 256 in rows that have no whole number of them. */
static enum block_type smaller_blocks(enum block_type type)
{
    return type == TYPE_Q4_K ? TYPE_Q5_0 : type == TYPE_Q5_K ? TYPE_Q5_1 : type == TYPE_Q6_K ? TYPE_Q8_0 : type;
}

enum block_type mix_type(const struct mix *m, enum tensor_slot slot, int layer, const struct model_desc *d, bool is_head,
                         int64_t cols, enum block_type own)
{
    enum block_type type = m->type;
    if (slot == T_ROUTER)
        return TYPE_F32;
    if (m->kind != MIX_PURE)
        type = is_head ? TYPE_Q6_K : mixed_type(m, slot, layer, d);
    if (!fits(type, cols))
        type = smaller_blocks(type);
    return fits(type, cols) ? type : own;
}
