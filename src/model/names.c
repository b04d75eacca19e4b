/* Names of tensors: what a family calls them in Hugging Face's files, and GGUF's names, one list for all families but for
 * what a family's own says. */
#include "model/names.h"

#include "base/span.h"

#include <stdio.h>

static const char *const gguf_names[T_SLOTS] = {
    [T_EMBED] = "token_embd.weight",
    [T_HEAD] = "output.weight",
    [T_NORM_OUT] = "output_norm.weight",
    [T_NORM_ATTN_IN] = "blk.{l}.attn_norm.weight",
    [T_NORM_ATTN_OUT] = "blk.{l}.post_attention_norm.weight",
    [T_NORM_MLP_IN] = "blk.{l}.ffn_norm.weight",
    [T_NORM_MLP_OUT] = "blk.{l}.post_ffw_norm.weight",
    [T_Q] = "blk.{l}.attn_q.weight",
    [T_K] = "blk.{l}.attn_k.weight",
    [T_V] = "blk.{l}.attn_v.weight",
    [T_QKV] = "blk.{l}.attn_qkv.weight",
    [T_O] = "blk.{l}.attn_output.weight",
    [T_Q_BIAS] = "blk.{l}.attn_q.bias",
    [T_K_BIAS] = "blk.{l}.attn_k.bias",
    [T_V_BIAS] = "blk.{l}.attn_v.bias",
    [T_QKV_BIAS] = "blk.{l}.attn_qkv.bias",
    [T_O_BIAS] = "blk.{l}.attn_output.bias",
    [T_Q_NORM] = "blk.{l}.attn_q_norm.weight",
    [T_K_NORM] = "blk.{l}.attn_k_norm.weight",
    [T_GATE] = "blk.{l}.ffn_gate.weight",
    [T_UP] = "blk.{l}.ffn_up.weight",
    [T_GATE_UP] = "blk.{l}.ffn_up.weight",
    [T_DOWN] = "blk.{l}.ffn_down.weight",
    [T_GATE_BIAS] = "blk.{l}.ffn_gate.bias",
    [T_UP_BIAS] = "blk.{l}.ffn_up.bias",
    [T_DOWN_BIAS] = "blk.{l}.ffn_down.bias",
    [T_ROUTER] = "blk.{l}.ffn_gate_inp.weight",
    [T_EXPERT_GATE] = "blk.{l}.ffn_gate.{e}.weight",
    [T_EXPERT_UP] = "blk.{l}.ffn_up.{e}.weight",
    [T_EXPERT_DOWN] = "blk.{l}.ffn_down.{e}.weight",
    [T_EXPERTS_GATE] = "blk.{l}.ffn_gate_exps.weight",
    [T_EXPERTS_UP] = "blk.{l}.ffn_up_exps.weight",
    [T_EXPERTS_DOWN] = "blk.{l}.ffn_down_exps.weight",
    [T_ROPE_FREQS] = "rope_freqs.weight",
    [T_ROPE_SHORT] = "rope_factors_short.weight",
    [T_ROPE_LONG] = "rope_factors_long.weight",
};

static const struct tensor_name *find(const struct tensor_name *n, enum tensor_slot slot)
{
    for (; n && n->slot != T_END; n++)
        if (n->slot == slot)
            return n;
    return NULL;
}

const struct tensor_name *name_in_family(const struct family *f, enum tensor_slot slot)
{
    const struct tensor_name *n = NULL;
    for (; f && !n; f = f->base)
        n = find(f->names, slot);
    return n && n->name ? n : NULL;
}

static const char *name_in_gguf(const struct family *f, enum tensor_slot slot)
{
    const struct tensor_name *n = NULL;
    for (; f && !n; f = f->base)
        n = find(f->gguf_names, slot);
    return n ? n->name : gguf_names[slot];
}

/* Replaces {l} and {e}. Names are short: ours, not a file's. */
static void fill_in(char *out, size_t size, const char *pattern, int layer, int expert)
{
    size_t n = 0;
    while (*pattern && n + 1 < size) {
        if (pattern[0] == '{') {
            n += (size_t)snprintf(out + n, size - n, "%d", pattern[1] == 'l' ? layer : expert);
            pattern += 3;
        } else {
            out[n++] = *pattern++;
        }
    }
    out[n < size ? n : size - 1] = '\0';
}

bool name_of_tensor(char *out, size_t size, const struct family *f, bool is_gguf, enum tensor_slot slot, int layer,
                    int expert)
{
    const struct tensor_name *n = name_in_family(f, slot);
    const char *pattern = is_gguf ? name_in_gguf(f, slot) : n ? n->name : NULL;
    if (!pattern)
        return false;
    fill_in(out, size, pattern, layer, expert);
    return true;
}

bool name_of_bias(char *out, size_t size, const char *weight)
{
    static const char ending[] = ".weight";
    const size_t n = strlen(weight), stem = n - (sizeof ending - 1);
    if (n < sizeof ending || strcmp(weight + stem, ending) != 0 || stem + sizeof ".bias" > size)
        return false;
    memcpy(out, weight, stem);
    memcpy(out + stem, ".bias", sizeof ".bias");
    return true;
}

bool name_is_of_layer(const char *name, bool is_gguf)
{
    const char *const prefix = is_gguf ? "blk." : "model.layers.";
    return strncmp(name, prefix, strlen(prefix)) == 0 && (text_ends_in(name, ".weight") || text_ends_in(name, ".bias")) &&
           !text_ends_in(name, ".attn_rot_embd.weight"); /* the frequencies, in files of old converters */
}
