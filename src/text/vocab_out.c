#include "text/vocab_out.h"

#include "text/gguf_pre.h"
#include "text/impl.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE }; /* tokenizer.ggml.token_type */

/* Something of everything by which pre-tokenizers differ: endings, capitals, digits, marks, lines, spaces, scripts. */
static const char probe[] =
    "Hello world, it's John's; they'RE here. I'll we've HTTPServer camelCase O'Neil d'accord\n\n  indented\tby tabs \r\n"
    "1 12 123 1234 12345 3.14159 1,000,000 x86_64 v2.0 (a+b)*c = {d/e}; #tag @name $5 100% ... !!! ??? --- ===\n\n\n"
    "http://example.org/a/b?c=d&e=f   three   spaces ends with one \n if x:\n\t\treturn y // comment\n"
    "na\xC3\xAFve caf\xC3\xA9 \xC3\x9C" "ber \xCE\xB1\xCE\xB2\xCE\xB3 \xD0\x9C\xD0\xB8\xD1\x80 \xD0\xBC\xD0\xB8\xD1\x80\xD1\x83 "
    "\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xB8\x96\xE7\x95\x8C\xE3\x80\x82\xE3\x81\x93\xE3\x82\x93\xE3\x81\xAB\xE3\x81\xA1\xE3\x81\xAF "
    "\xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4 \xD9\x85\xD8\xB1\xD8\xAD\xD8\xA8\xD8\xA7 \xE0\xA4\xA8\xE0\xA4\xAE\xE0\xA4\xB8\xE0\xA5\x8D\xE0\xA4\xA4\xE0\xA5\x87 "
    "\xF0\x9F\x98\x80\xF0\x9F\x8E\x89 \xE2\x82\xAC" "5 \xC2\xBD \xE2\x85\xA7 \xE2\x80\x9Cquoted\xE2\x80\x9D \xE2\x80\xA6 the end";

static pllm_status unsupported(pllm_error *err, const char *what)
{
    return error_set(err, PLLM_E_UNSUPPORTED, "tokenizer: %s, which GGUF cannot say", what);
}

/* ---- Tokens -------------------------------------------------------------------------------------- */

static bool is_byte_token(const struct tokenizer *t, struct text_span s)
{
    return !t->bpe.byte_mode && s.n == 6 && memcmp(s.at, "<0x", 3) == 0 && s.at[5] == '>';
}

static int32_t type_of(const struct tokenizer *t, int32_t id, struct text_span s)
{
    const unsigned flag = (size_t)id < t->flag.n ? t->flag.at[id] : 0;
    if (id == t->bpe.unk && !t->bpe.byte_mode)
        return UNKNOWN;
    if (flag & TOKEN_ADDED)
        return flag & TOKEN_SPECIAL ? CONTROL : USER_DEFINED;
    return is_byte_token(t, s) ? BYTE : NORMAL;
}

/* Ids that have no text, or are more than the tokenizer has, get one that no input spells. */
static pllm_status fill_tokens(struct vocab_out *out, const struct tokenizer *t, pllm_error *err)
{
    const size_t n = out->vocab.n_tokens;
    size_t n_made = 0;
    char made[32];
    for (size_t i = 0; i < n; i++)
        n_made += !tokenizer_token(t, (int32_t)i).at;
    if (!vec_reserve(&out->made, n_made * sizeof made + 1))
        return error_memory(err, "tokens");
    for (size_t i = 0; i < n; i++) {
        out->tokens[i] = tokenizer_token(t, (int32_t)i);
        out->types[i] = type_of(t, (int32_t)i, out->tokens[i]);
        if (out->tokens[i].at)
            continue;
        const int length = snprintf(made, sizeof made, "[PAD%zu]", i);
        out->tokens[i] = (struct text_span){out->made.at + out->made.n, (size_t)length};
        out->types[i] = UNUSED;
        buf_add(&out->made, made, (size_t)length); /* room is there: what points into it stays */
    }
    return PLLM_OK;
}

/* ---- Merges --------------------------------------------------------------------------------------- */

static int by_rank(const void *a, const void *b)
{
    const struct bpe_merge *x = a, *y = b;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* All merges by rank; *n of them (mem_free). */
static struct bpe_merge *sorted_merges(const struct bpe *b, size_t *n)
{
    struct bpe_merge *list = mem_alloc(b->n_merges, sizeof *list);
    *n = 0;
    for (size_t i = 0; list && b->n_merges && i <= b->merge_mask; i++)
        if (b->merge[i].key != UINT64_MAX)
            list[(*n)++] = b->merge[i];
    if (list && *n)
        qsort(list, *n, sizeof *list, by_rank);
    return list;
}

static bool spell(const struct tokenizer *t, struct buf *text, int32_t id)
{
    const struct text_span s = tokenizer_token(t, id);
    return s.at && buf_add(text, s.at, s.n);
}

/* "left right", as the vocabulary spells them. The texts stand in a buffer that grows: places first, pointers after. */
static pllm_status fill_merges(struct vocab_out *out, const struct tokenizer *t, const struct bpe_merge *list, size_t n,
                               pllm_error *err)
{
    bool good = (out->merges = mem_alloc(n, sizeof *out->merges)) != NULL;
    for (size_t i = 0; good && i < n; i++) {
        const size_t from = out->merged.n;
        good = spell(t, &out->merged, (int32_t)(list[i].key >> 32)) && buf_add(&out->merged, " ", 1) &&
               spell(t, &out->merged, (int32_t)(uint32_t)list[i].key);
        out->merges[i].n = out->merged.n - from;
    }
    if (!good)
        return error_memory(err, "merges");
    for (size_t i = 0, at = 0; i < n; at += out->merges[i++].n)
        out->merges[i].at = out->merged.at + at;
    out->vocab.merges = out->merges;
    out->vocab.n_merges = n;
    return PLLM_OK;
}

/* Normal tokens of several characters that no merge makes: a reader that goes by scores alone would make them. */
static pllm_status fill_unmerged(struct vocab_out *out, const struct bpe_merge *list, size_t n, pllm_error *err)
{
    const size_t n_tokens = out->vocab.n_tokens;
    bool *made = mem_zalloc(n_tokens, sizeof *made);
    out->unmerged = mem_alloc(n_tokens, sizeof *out->unmerged);
    if (!made || !out->unmerged) {
        mem_free(made);
        return error_memory(err, "tokens");
    }
    for (size_t i = 0; i < n; i++)
        if (list[i].id >= 0 && (size_t)list[i].id < n_tokens)
            made[list[i].id] = true;
    for (size_t i = 0; i < n_tokens; i++) {
        const struct text_span s = out->tokens[i];
        if (out->types[i] == NORMAL && !made[i] && s.n && utf8_width((unsigned char)s.at[0]) < s.n)
            out->unmerged[out->vocab.n_unmerged++] = (int32_t)i;
    }
    out->vocab.unmerged = out->unmerged;
    mem_free(made);
    return PLLM_OK;
}

/* The score of a token is the rank of the first merge that makes it, counted downwards: SentencePiece's algorithm then
 * merges in the same order. What no merge makes comes last. */
static pllm_status fill_scores(struct vocab_out *out, const struct bpe_merge *list, size_t n, pllm_error *err)
{
    if (!(out->scores = mem_alloc(out->vocab.n_tokens, sizeof *out->scores)))
        return error_memory(err, "scores");
    for (size_t i = 0; i < out->vocab.n_tokens; i++)
        out->scores[i] = out->types[i] == NORMAL ? -(float)(n ? list[n - 1].rank + 1 : 0) : 0;
    for (size_t i = n; i-- > 0;)
        if (list[i].id >= 0 && (size_t)list[i].id < out->vocab.n_tokens)
            out->scores[list[i].id] = -(float)list[i].rank;
    out->vocab.scores = out->scores;
    return PLLM_OK;
}

/* ---- The way of cutting words ----------------------------------------------------------------------- */

static pllm_status cut(struct pieces *p, const struct pretok_step *steps, size_t n, pllm_error *err)
{
    if (!pieces_start(p, probe, sizeof probe - 1, true))
        return error_memory(err, "words");
    return pretok_run(steps, n, p, err);
}

static bool same_pieces(const struct pieces *a, const struct pieces *b)
{
    bool same = a->piece.n == b->piece.n && a->n_text == b->n_text;
    for (size_t i = 0; same && i < a->piece.n; i++)
        same = a->piece.at[i].at == b->piece.at[i].at && a->piece.at[i].n == b->piece.at[i].n;
    return same;
}

/* Does the named way cut the probe as the tokenizer does? */
static pllm_status try_pre(const struct gguf_pre *pre, const struct pieces *wanted, bool *same, pllm_error *err)
{
    pretok_steps steps = {0};
    struct pieces found = {0};
    pllm_status status = gguf_pre_push(pre, &steps, err);
    if (!status)
        status = cut(&found, steps.at, steps.n, err);
    *same = !status && same_pieces(wanted, &found);
    pieces_fini(&found);
    pretok_fini(&steps);
    return status;
}

static pllm_status find_pre(struct vocab_out *out, const struct tokenizer *t, pllm_error *err)
{
    struct pieces wanted = {0};
    size_t n = t->pretokenizer.n;
    out->vocab.add_space_prefix = n > 0 && t->pretokenizer.at[0].kind == PRETOK_PREFIX_SPACE;
    const size_t skip = out->vocab.add_space_prefix > 0;
    pllm_status status = cut(&wanted, t->pretokenizer.at + skip, n - skip, err);
    const struct gguf_pre *pre;
    for (size_t i = 0; !status && !out->vocab.pre && (pre = gguf_pre_at(i)); i++) {
        bool same;
        status = try_pre(pre, &wanted, &same, err);
        if (!status && same && pre->ignore_merges == t->bpe.ignore_merges &&
            !(out->vocab.pre = out->pre = mem_strndup(pre->names, strcspn(pre->names, " "))))
            status = error_memory(err, "tokenizer");
    }
    pieces_fini(&wanted);
    return status || out->vocab.pre ? status : unsupported(err, "cuts words in a way of its own");
}

/* ---- The whole ----------------------------------------------------------------------------------------- */

static bool puts_space(const struct tokenizer *t)
{
    bool puts = false;
    for (size_t i = 0; i < t->normalizer.n; i++)
        puts = puts || t->normalizer.at[i].kind == NORM_PREPEND;
    for (size_t i = 0; i < t->pretokenizer.n; i++)
        puts = puts || (t->pretokenizer.at[i].kind == PRETOK_METASPACE && t->pretokenizer.at[i].prepend != PREPEND_NEVER);
    return puts;
}

/* Begin and end tokens round a text: GGUF knows one of each. */
static pllm_status fill_ends(struct gguf_vocab *v, const struct tokenizer *t, pllm_error *err)
{
    const ids_vec *before = &t->prefix, *after = &t->suffix;
    if (before->n > 1 || (before->n == 1 && before->at[0] != t->bos))
        return unsupported(err, "begins texts with more than its begin token");
    if (after->n > 1 || (after->n == 1 && after->at[0] != t->eos))
        return unsupported(err, "ends texts with more than its end token");
    v->add_bos = before->n > 0;
    v->add_eos = after->n > 0;
    v->bos = t->bos;
    v->eos = t->eos;
    v->unk = t->bpe.unk;
    return PLLM_OK;
}

static pllm_status fill_model(struct vocab_out *out, const struct tokenizer *t, pllm_error *err)
{
    size_t n;
    struct bpe_merge *list = sorted_merges(&t->bpe, &n);
    pllm_status status = list ? PLLM_OK : error_memory(err, "merges");
    out->vocab.model = t->bpe.byte_mode ? "gpt2" : "llama";
    out->vocab.add_space_prefix = puts_space(t);
    if (!status && t->bpe.byte_mode)
        status = fill_merges(out, t, list, n, err);
    else if (!status)
        status = fill_scores(out, list, n, err);
    if (!status && !t->bpe.byte_mode)
        status = fill_unmerged(out, list, n, err);
    mem_free(list);
    return status || !t->bpe.byte_mode ? status : find_pre(out, t, err);
}

/* The proof: the tokenizer that a reader will make of it gives the same tokens. */
static pllm_status prove(const struct vocab_out *out, const struct tokenizer *t, pllm_error *err)
{
    struct tokenizer *again = NULL;
    ids_vec wanted = {0}, found = {0};
    pllm_status status = tokenizer_from_gguf(&again, &out->vocab, err);
    if (!status)
        status = tokenizer_encode(t, &wanted, probe, sizeof probe - 1, true, false, err);
    if (!status)
        status = tokenizer_encode(again, &found, probe, sizeof probe - 1, true, false, err);
    if (!status && (wanted.n != found.n || memcmp(wanted.at, found.at, wanted.n * sizeof *wanted.at) != 0))
        status = unsupported(err, "gives other tokens than its GGUF form");
    tokenizer_close(again);
    vec_fini(&wanted);
    vec_fini(&found);
    return status;
}

bool tokenizer_takes_space_after(const struct tokenizer *t)
{
    bool takes = false;
    for (size_t i = 0; i < t->added.token.n; i++)
        takes = takes || (t->added.token.at[i].flags & (ADDED_SPECIAL | ADDED_RSTRIP)) == (ADDED_SPECIAL | ADDED_RSTRIP);
    return takes;
}

static pllm_status fill(struct vocab_out *out, const struct tokenizer *t, size_t n_tokens, pllm_error *err)
{
    if (t->model != MODEL_BPE)
        return unsupported(err, "is a unigram model");
    if (t->bpe.prefix || t->bpe.suffix)
        return unsupported(err, "marks the parts of words by affixes");
    if (tokenizer_size(t) > n_tokens)
        return error_set(err, PLLM_E_FORMAT, "tokenizer: has %zu tokens, wanted at most the %zu of the model's vocabulary",
                         tokenizer_size(t), n_tokens);
    out->vocab.n_tokens = n_tokens;
    out->tokens = mem_alloc(n_tokens, sizeof *out->tokens);
    out->types = mem_alloc(n_tokens, sizeof *out->types);
    pllm_status status = out->tokens && out->types ? fill_tokens(out, t, err) : error_memory(err, "tokens");
    out->vocab.tokens = out->tokens;
    out->vocab.types = out->types;
    if (!status)
        status = fill_ends(&out->vocab, t, err);
    return status ? status : fill_model(out, t, err);
}

pllm_status vocab_out_open(struct vocab_out *out, const struct tokenizer *t, size_t n_tokens, const char *name,
                           pllm_error *err)
{
    struct vocab_out made = {.vocab = {.name = name, .bos = -1, .eos = -1, .unk = -1}};
    pllm_status status = fill(&made, t, n_tokens, err);
    if (!status)
        status = prove(&made, t, err);
    if (status)
        vocab_out_fini(&made);
    else
        *out = made;
    return status;
}

void vocab_out_fini(struct vocab_out *out)
{
    mem_free(out->tokens);
    mem_free(out->merges);
    mem_free(out->scores);
    mem_free(out->types);
    mem_free(out->unmerged);
    mem_free(out->pre);
    vec_fini(&out->made);
    vec_fini(&out->merged);
    *out = (struct vocab_out){0};
}
