/* Tokenizers from GGUF's metadata, with the ids that llama.cpp gives.
 *
 * "gpt2" is byte-level BPE with a list of merges and a pre-tokenizer known by name; "llama" is SentencePiece's BPE, where a
 * token's score says when it is made. */
#include "text/bytelevel.h"
#include "text/gguf_pre.h"
#include "text/impl.h"
#include "base/utf8.h"

#include <string.h>
#include <strings.h>

enum { TYPE_UNKNOWN = 2, TYPE_CONTROL = 3, TYPE_USER_DEFINED = 4 };

static pllm_status read_tokens(struct tokenizer *t, const struct gguf_vocab *v, pllm_error *err)
{
    if (v->n_tokens == 0 || v->n_tokens > STRTAB_MAX)
        return error_set(err, PLLM_E_FORMAT, "tokenizer.ggml.tokens: has %zu tokens, wanted 1 to %d", v->n_tokens,
                         STRTAB_MAX);
    if (!strtab_init(&t->vocab, v->n_tokens))
        return error_memory(err, "tokenizer.ggml.tokens");
    for (size_t i = 0; i < v->n_tokens; i++) {
        if (utf8_valid(v->tokens[i].at, v->tokens[i].n) < v->tokens[i].n)
            return error_set(err, PLLM_E_FORMAT, "tokenizer.ggml.tokens[%zu]: is not UTF-8", i);
        if (!strtab_set(&t->vocab, (int32_t)i, v->tokens[i].at, v->tokens[i].n))
            return error_memory(err, "tokenizer.ggml.tokens");
    }
    return PLLM_OK;
}

bool gguf_name_is_phi3(const char *name)
{
    bool found = false;
    for (const char *p = name ? name : ""; *p && !found; p++)
        found = strncasecmp(p, "phi-3", 5) == 0 || strncasecmp(p, "phi3", 4) == 0;
    return found;
}

/* Phi-3's tokens that are exempt. */
static bool takes_no_space(const struct text_span *token)
{
    return (token->n == 5 && memcmp(token->at, "<unk>", 5) == 0) || (token->n == 3 && memcmp(token->at, "<s>", 3) == 0) ||
           (token->n == 13 && memcmp(token->at, "<|endoftext|>", 13) == 0);
}

/* Tokens that llama.cpp takes for control tokens by their text, whatever type the file gives them: ends of turns and
 * texts, and what code is filled in by. */
#define TEXT(s) {s, sizeof(s) - 1}
static const struct text_span control_texts[] = {
    TEXT("<|eot_id|>"), TEXT("<|im_end|>"), TEXT("<|end|>"), TEXT("<|return|>"), TEXT("<|call|>"), TEXT("<|flush|>"),
    TEXT("<|calls|>"), TEXT("<end_of_turn>"), TEXT("<|endoftext|>"), TEXT("<|eom_id|>"), TEXT("<EOT>"), TEXT("_<EOT>"),
    TEXT("[EOT]"), TEXT("[EOS]"), TEXT("<|end_of_text|>"), TEXT("<end_of_utterance>"), TEXT("</s>"),
    TEXT("<\xEF\xBD\x9C" "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>"), TEXT("<|fim_prefix|>"), TEXT("<fim-prefix>"),
    TEXT("<fim_prefix>"), TEXT("<\xEF\xBD\x9C" "fim\xE2\x96\x81" "begin\xEF\xBD\x9C>"), TEXT("<PRE>"),
    TEXT(SPACE_MARK "<PRE>"), TEXT("<|code_prefix|>"), TEXT("<|fim_suffix|>"), TEXT("<fim-suffix>"), TEXT("<fim_suffix>"),
    TEXT("<\xEF\xBD\x9C" "fim\xE2\x96\x81hole\xEF\xBD\x9C>"), TEXT("<SUF>"), TEXT(SPACE_MARK "<SUF>"),
    TEXT("<|code_suffix|>"), TEXT("<|fim_middle|>"), TEXT("<fim-middle>"), TEXT("<fim_middle>"),
    TEXT("<\xEF\xBD\x9C" "fim\xE2\x96\x81" "end\xEF\xBD\x9C>"), TEXT("<MID>"), TEXT(SPACE_MARK "<MID>"),
    TEXT("<|code_middle|>"), TEXT("<|fim_pad|>"), TEXT("<fim-pad>"), TEXT("<fim_pad>"), TEXT("<PAD>"), TEXT("<|fim_repo|>"),
    TEXT("<|repo_name|>"), TEXT("<fim-repo>"), TEXT("<REPO>"), TEXT("<reponame>"), TEXT("<|file_sep|>"),
};
#undef TEXT

/* The type of a token, and -1 for one that is found like any text. */
static int32_t special_type(const struct gguf_vocab *v, size_t i)
{
    int32_t type = v->types ? v->types[i] : -1;
    if (type == TYPE_CONTROL || v->tokens[i].n == 0)
        return v->tokens[i].n ? type : -1;
    char first = v->tokens[i].at[0];
    bool likely = first == '<' || first == '_' || first == '[' || first == SPACE_MARK[0];
    for (size_t k = 0; likely && k < sizeof control_texts / sizeof control_texts[0]; k++)
        if (control_texts[k].n == v->tokens[i].n && memcmp(control_texts[k].at, v->tokens[i].at, v->tokens[i].n) == 0)
            return TYPE_CONTROL;
    return type == TYPE_UNKNOWN || type == TYPE_USER_DEFINED ? type : -1;
}

static pllm_status add_special(struct tokenizer *t, const struct gguf_vocab *v, pllm_error *err)
{
    const bool phi3 = gguf_name_is_phi3(v->name);
    pllm_status status = PLLM_OK;
    for (size_t i = 0; i < v->n_tokens && !status; i++) {
        int32_t type = special_type(v, i);
        if (type < 0)
            continue;
        uint32_t flags = type == TYPE_USER_DEFINED ? 0 : ADDED_SPECIAL;
        if (phi3 && !takes_no_space(&v->tokens[i]))
            flags |= ADDED_RSTRIP;
        status = tokenizer_add_token(t, (int32_t)i, v->tokens[i].at, v->tokens[i].n, flags, ADDED_IN_INPUT, err);
    }
    return status;
}

static pllm_status check_id(const struct gguf_vocab *v, int64_t id, const char *key, pllm_error *err)
{
    if (id < -1 || id >= (int64_t)v->n_tokens)
        return error_set(err, PLLM_E_FORMAT, "tokenizer.ggml.%s: is %lld, wanted less than the %zu tokens", key,
                         (long long)id, v->n_tokens);
    return PLLM_OK;
}

static pllm_status read_special_ids(struct tokenizer *t, const struct gguf_vocab *v, bool llama, bool default_bos,
                                    pllm_error *err)
{
    pllm_status status = check_id(v, v->bos, "bos_token_id", err);
    if (!status)
        status = check_id(v, v->eos, "eos_token_id", err);
    if (!status)
        status = check_id(v, v->unk, "unknown_token_id", err);
    if (status)
        return status;
    bool known = llama && v->n_tokens > 2; /* SentencePiece's own numbers stand where a file has none */
    t->bos = v->bos >= 0 ? (int32_t)v->bos : known ? 1 : -1;
    t->eos = v->eos >= 0 ? (int32_t)v->eos : known ? 2 : -1;
    bool add_bos = v->add_bos < 0 ? default_bos : v->add_bos != 0;
    if ((add_bos && t->bos >= 0 && !vec_push(&t->prefix, t->bos)) ||
        (v->add_eos > 0 && t->eos >= 0 && !vec_push(&t->suffix, t->eos)))
        return error_memory(err, "tokenizer");
    return PLLM_OK;
}

/* "left right", spelled in byte-level characters: a space inside is shown as another character. */
static pllm_status read_merge(struct tokenizer *t, const struct text_span *merge, size_t rank, struct buf *bytes,
                              pllm_error *err)
{
    const char *space = merge->n > 1 ? memchr(merge->at + 1, ' ', merge->n - 1) : NULL;
    size_t n_left = space ? (size_t)(space - merge->at) : 0, n_right = space ? merge->n - n_left - 1 : 0, left_bytes,
           right_bytes;
    if (!n_left || !n_right)
        return error_set(err, PLLM_E_FORMAT, "tokenizer.ggml.merges[%zu]: is \"%.*s\", wanted two tokens and a space between",
                         rank, (int)(merge->n < 64 ? merge->n : 64), merge->at);
    if (!vec_reserve(bytes, merge->n))
        return error_memory(err, "tokenizer.ggml.merges");
    if (!bytelevel_bytes(bytes->at, &left_bytes, merge->at, n_left) ||
        !bytelevel_bytes(bytes->at + left_bytes, &right_bytes, space + 1, n_right))
        return PLLM_OK; /* no word has such characters */
    int32_t left = bpe_symbol_for(&t->bpe, bytes->at, left_bytes);
    int32_t right = bpe_symbol_for(&t->bpe, bytes->at + left_bytes, right_bytes);
    int32_t id = bpe_symbol_for(&t->bpe, bytes->at, left_bytes + right_bytes);
    if (left < 0 || right < 0 || id < 0 || !bpe_add_merge(&t->bpe, left, right, id, (uint32_t)rank))
        return error_memory(err, "tokenizer.ggml.merges");
    return PLLM_OK;
}

static pllm_status read_merges(struct tokenizer *t, const struct gguf_vocab *v, pllm_error *err)
{
    if (v->n_merges > STRTAB_MAX)
        return error_set(err, PLLM_E_FORMAT, "tokenizer.ggml.merges: has %zu, wanted at most %d", v->n_merges, STRTAB_MAX);
    if (!tokenizer_index_bytes(t) || !bpe_init(&t->bpe, &t->raw, true, v->n_merges))
        return error_memory(err, "tokenizer.ggml.merges");
    struct buf bytes = {0};
    pllm_status status = PLLM_OK;
    for (size_t i = 0; i < v->n_merges && !status; i++)
        status = read_merge(t, &v->merges[i], i, &bytes, err);
    vec_fini(&bytes);
    return status;
}

static pllm_status build_gpt2(struct tokenizer *t, const struct gguf_vocab *v, pllm_error *err)
{
    const char *name = v->pre ? v->pre : "default";
    const struct gguf_pre *pre = gguf_pre_find(name);
    if (!pre)
        return error_set(err, PLLM_E_UNSUPPORTED, "tokenizer.ggml.pre: is \"%.64s\", which this build does not know", name);
    pllm_status status = read_merges(t, v, err);
    if (!status)
        status = gguf_pre_push(pre, &t->pretokenizer, err);
    if (!status)
        status = read_special_ids(t, v, false, pre->add_bos, err);
    if (!status && v->add_space_prefix > 0 && !vec_push(&t->pretokenizer, (struct pretok_step){.kind = PRETOK_PREFIX_SPACE}))
        status = error_memory(err, "tokenizer");
    if (!status && !vec_push(&t->decoder, (struct decode_step){.kind = DECODE_BYTES}))
        status = error_memory(err, "tokenizer");
    t->bpe.ignore_merges = pre->ignore_merges;
    t->bpe.missing = BPE_MISSING_BYTES;
    return status;
}

static pllm_status build_llama(struct tokenizer *t, const struct gguf_vocab *v, pllm_error *err)
{
    bool prefix = v->add_space_prefix != 0;
    if (!v->scores)
        return error_set(err, PLLM_E_FORMAT, "tokenizer.ggml.scores: is missing");
    if (!bpe_init(&t->bpe, &t->vocab, false, 2 * v->n_tokens))
        return error_memory(err, "tokenizer.ggml.tokens");
    t->bpe.missing = BPE_MISSING_BYTES;
    t->bpe.byte_fallback = true;
    bool *skip = mem_zalloc(v->n_tokens, sizeof *skip);
    for (size_t i = 0; skip && i < v->n_unmerged; i++)
        if (v->unmerged[i] >= 0 && (size_t)v->unmerged[i] < v->n_tokens)
            skip[v->unmerged[i]] = true;
    pllm_status status = skip ? bpe_merges_from_scores(&t->bpe, v->scores, v->n_unmerged ? skip : NULL, err)
                              : error_memory(err, "tokenizer.ggml.tokens");
    mem_free(skip);
    if (!status && prefix)
        status = norm_push_prepend(&t->normalizer, " ", 1, err);
    if (!status)
        status = norm_push_replace(&t->normalizer, " ", SPACE_MARK, err);
    if (!status)
        status = decode_push_sentencepiece(&t->decoder, prefix, err);
    if (!status)
        status = read_special_ids(t, v, true, true, err);
    t->bpe.unk = v->unk >= 0 ? (int32_t)v->unk : v->n_tokens > 2 ? 0 : -1;
    return status;
}

pllm_status tokenizer_from_gguf(struct tokenizer **out, const struct gguf_vocab *v, pllm_error *err)
{
    const char *model = v->model ? v->model : "";
    bool gpt2 = strcmp(model, "gpt2") == 0;
    if (!gpt2 && strcmp(model, "llama") != 0)
        return error_set(err, PLLM_E_UNSUPPORTED, "tokenizer.ggml.model: is \"%.64s\", wanted gpt2 or llama", model);
    struct tokenizer *t = tokenizer_new(ADDED_LONGEST_FIRST);
    if (!t)
        return error_memory(err, "tokenizer");
    pllm_status status = read_tokens(t, v, err);
    if (!status)
        status = gpt2 ? build_gpt2(t, v, err) : build_llama(t, v, err);
    if (!status)
        status = add_special(t, v, err);
    if (!status)
        status = tokenizer_finish(t, err);
    if (!status && !bpe_finish(&t->bpe))
        status = error_memory(err, "tokenizer");
    if (status) {
        tokenizer_close(t);
        return status;
    }
    *out = t;
    return PLLM_OK;
}
