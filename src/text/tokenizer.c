#include "text/tokenizer.h"

#include "text/bytelevel.h"
#include "text/impl.h"
#include "base/utf8.h"

#include <string.h>

enum { MAX_INPUT = INT32_MAX / 4, MAX_SHOWN = 4 << 20 /* a normalizer may make much of many tokens */ };

const char gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* ---- Building ------------------------------------------------------------------------------------ */

struct tokenizer *tokenizer_new(enum added_order order)
{
    struct tokenizer *t = mem_zalloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->bos = t->eos = -1;
    if (!strtab_init(&t->extra, 0) || !strtab_init(&t->shown, 0) || !added_init(&t->added, order) ||
        !added_init(&t->added_normalized, order)) {
        tokenizer_close(t);
        return NULL;
    }
    return t;
}

void tokenizer_close(struct tokenizer *t)
{
    if (!t)
        return;
    strtab_fini(&t->vocab);
    strtab_fini(&t->raw);
    strtab_fini(&t->extra);
    strtab_fini(&t->shown);
    vec_fini(&t->flag);
    added_fini(&t->added);
    added_fini(&t->added_normalized);
    norm_fini(&t->normalizer);
    pretok_fini(&t->pretokenizer);
    bpe_fini(&t->bpe);
    unigram_fini(&t->unigram);
    vec_fini(&t->prefix);
    vec_fini(&t->suffix);
    decode_fini(&t->decoder);
    mem_free(t);
}

static bool reach_flag(struct tokenizer *t, size_t n)
{
    if (n > t->flag.n && !vec_reserve(&t->flag, n - t->flag.n))
        return false;
    while (t->flag.n < n)
        t->flag.at[t->flag.n++] = 0;
    return true;
}

/* The text of an added token that is looked for in normalized text. */
static pllm_status normalized_text(const struct tokenizer *t, struct normalized *out, const char *text, size_t n,
                                   pllm_error *err)
{
    out->text = text;
    out->n = n;
    return norm_run(t->normalizer.at, t->normalizer.n, out, err);
}

pllm_status tokenizer_add_token(struct tokenizer *t, int32_t id, const char *text, size_t n, uint32_t flags,
                                enum added_place place, pllm_error *err)
{
    if (id < 0 || id >= STRTAB_MAX)
        return error_set(err, PLLM_E_FORMAT, "token %d: wanted 0 to %d", (int)id, STRTAB_MAX - 1);
    struct normalized changed = {0};
    const char *wanted = text;
    size_t n_wanted = n;
    pllm_status status = PLLM_OK;
    if (place == ADDED_IN_NORMALIZED && t->normalizer.n) {
        status = normalized_text(t, &changed, text, n, err);
        wanted = changed.text;
        n_wanted = changed.n;
    }
    struct added_set *set = place == ADDED_IN_INPUT ? &t->added : &t->added_normalized;
    bool known = strtab_has(&t->vocab, id) || strtab_has(&t->extra, id);
    if (!status && ((!known && !strtab_set(&t->extra, id, text, n)) || !reach_flag(t, (size_t)id + 1) ||
                    (n_wanted && !added_add(set, wanted, n_wanted, id, flags))))
        status = error_memory(err, "added tokens");
    const bool changes = !status && (n != n_wanted || memcmp(text, wanted, n) != 0);
    if (changes && t->shown.text.n + n_wanted > MAX_SHOWN)
        status = error_set(err, PLLM_E_FORMAT, "added tokens: have more than %d bytes once they are normalized", MAX_SHOWN);
    else if (changes && !strtab_set(&t->shown, id, wanted, n_wanted))
        status = error_memory(err, "added tokens");
    if (!status)
        t->flag.at[id] |= (uint8_t)(TOKEN_ADDED | (flags & ADDED_SPECIAL ? TOKEN_SPECIAL : 0));
    normalized_fini(&changed);
    return status;
}

bool tokenizer_index_bytes(struct tokenizer *t)
{
    struct buf bytes = {0};
    size_t n_ids = t->vocab.item.n;
    bool good = strtab_init(&t->raw, n_ids);
    for (size_t id = 0; id < n_ids && good; id++) {
        size_t n, n_bytes;
        if (!strtab_has(&t->vocab, (int32_t)id))
            continue;
        const char *text = strtab_text(&t->vocab, (int32_t)id, &n);
        bytes.n = 0;
        good = vec_reserve(&bytes, n) &&
               (!bytelevel_bytes(bytes.at, &n_bytes, text, n) || strtab_set(&t->raw, (int32_t)id, bytes.at, n_bytes));
    }
    vec_fini(&bytes);
    return good;
}

pllm_status tokenizer_finish(struct tokenizer *t, pllm_error *err)
{
    size_t n = t->vocab.item.n > t->extra.item.n ? t->vocab.item.n : t->extra.item.n;
    if (!reach_flag(t, n) || !added_link(&t->added) || !added_link(&t->added_normalized))
        return error_memory(err, "tokenizer");
    return PLLM_OK;
}

pllm_status pretok_push_regex(pretok_steps *steps, const char *source, size_t n, enum split_behavior behavior,
                              bool invert, pllm_error *err)
{
    struct pretok_step step = {.kind = PRETOK_SPLIT, .behavior = behavior, .invert = invert};
    pllm_status status = pattern_regex(&step.pattern, source, n, err);
    if (!status && !vec_push(steps, step)) {
        pattern_fini(&step.pattern);
        status = error_memory(err, "tokenizer");
    }
    return status;
}

/* The parts of a step that replaces `what` by `by`; nothing is held on failure. */
static pllm_status make_replacement(struct pattern *pattern, char **content, const char *what, const char *by,
                                    pllm_error *err)
{
    char *copy = mem_strdup(by);
    if (!copy)
        return error_memory(err, "tokenizer");
    pllm_status status = pattern_literal(pattern, what, strlen(what), err);
    if (status)
        mem_free(copy);
    else
        *content = copy;
    return status;
}

pllm_status norm_push_replace(norm_steps *steps, const char *what, const char *by, pllm_error *err)
{
    struct norm_step step = {.kind = NORM_REPLACE, .n_content = strlen(by)};
    pllm_status status = make_replacement(&step.pattern, &step.content, what, by, err);
    if (status || vec_push(steps, step))
        return status;
    mem_free(step.content);
    pattern_fini(&step.pattern);
    return error_memory(err, "tokenizer");
}

pllm_status norm_push_prepend(norm_steps *steps, const char *content, size_t n, pllm_error *err)
{
    struct norm_step step = {.kind = NORM_PREPEND, .content = mem_strndup(content, n), .n_content = n};
    if (step.content && vec_push(steps, step))
        return PLLM_OK;
    mem_free(step.content);
    return error_memory(err, "tokenizer");
}

static pllm_status decode_push_replace(decode_steps *steps, const char *what, const char *by, pllm_error *err)
{
    struct decode_step step = {.kind = DECODE_REPLACE, .n_content = strlen(by)};
    pllm_status status = make_replacement(&step.pattern, &step.content, what, by, err);
    if (status || vec_push(steps, step))
        return status;
    mem_free(step.content);
    pattern_fini(&step.pattern);
    return error_memory(err, "tokenizer");
}

pllm_status decode_push_sentencepiece(decode_steps *steps, bool strip, pllm_error *err)
{
    pllm_status status = decode_push_replace(steps, SPACE_MARK, " ", err);
    if (status)
        return status;
    struct decode_step front = {.kind = DECODE_STRIP, .content = mem_strdup(" "), .n_content = 1, .start = 1};
    bool good = front.content && vec_push(steps, (struct decode_step){.kind = DECODE_BYTE_FALLBACK}) &&
                vec_push(steps, (struct decode_step){.kind = DECODE_FUSE});
    bool kept = good && strip && vec_push(steps, front);
    if (!kept)
        mem_free(front.content);
    return good && kept == strip ? PLLM_OK : error_memory(err, "tokenizer");
}

/* ---- Encoding ------------------------------------------------------------------------------------ */

/* What one call of tokenizer_encode needs. */
struct encoding {
    const struct tokenizer *t;
    ids_vec *ids;
    bool parse_special;
    struct normalized normalized;
    struct pieces pieces;
    struct bpe_scratch bpe;
    struct unigram_scratch unigram;
    added_matches outer, inner;
    pllm_error *err;
};

static void encoding_fini(struct encoding *e)
{
    normalized_fini(&e->normalized);
    pieces_fini(&e->pieces);
    bpe_scratch_fini(&e->bpe);
    unigram_scratch_fini(&e->unigram);
    vec_fini(&e->outer);
    vec_fini(&e->inner);
}

/* Text without added tokens, normalized. */
static pllm_status encode_words(struct encoding *e, const char *text, size_t n, bool at_start)
{
    const struct tokenizer *t = e->t;
    if (!pieces_start(&e->pieces, text, n, at_start))
        return error_memory(e->err, "words");
    pllm_status status = pretok_run(t->pretokenizer.at, t->pretokenizer.n, &e->pieces, e->err);
    for (size_t i = 0; i < e->pieces.piece.n && !status; i++) {
        const char *word = e->pieces.text + e->pieces.piece.at[i].at;
        size_t length = e->pieces.piece.at[i].n;
        status = t->model == MODEL_BPE ? bpe_encode(&t->bpe, word, length, e->ids, &e->bpe, e->err)
                                       : unigram_encode(&t->unigram, word, length, e->ids, &e->unigram, e->err);
    }
    return status;
}

typedef pllm_status encode_text(struct encoding *e, const char *text, size_t n, bool at_start);

/* Cuts the tokens of a set out of a text; `rest` encodes what is between them. */
static pllm_status cut_tokens(struct encoding *e, const struct added_set *set, added_matches *matches,
                              const char *text, size_t n, bool at_start, encode_text *rest)
{
    matches->n = 0;
    if (!added_find(set, text, n, e->parse_special, matches))
        return error_memory(e->err, "added tokens");
    size_t from = 0;
    pllm_status status = PLLM_OK;
    for (size_t i = 0; i < matches->n && !status; i++) {
        struct added_match m = matches->at[i];
        if (m.start > from)
            status = rest(e, text + from, m.start - from, at_start && from == 0);
        if (!status && !vec_push(e->ids, m.id))
            status = error_memory(e->err, "text to encode");
        from = m.end;
    }
    return status || from == n ? status : rest(e, text + from, n - from, at_start && from == 0);
}

static pllm_status encode_between(struct encoding *e, const char *text, size_t n, bool at_start)
{
    const struct tokenizer *t = e->t;
    e->normalized.text = text;
    e->normalized.n = n;
    pllm_status status = norm_run(t->normalizer.at, t->normalizer.n, &e->normalized, e->err);
    if (!status && e->normalized.n > MAX_INPUT)
        return error_set(e->err, PLLM_E_ARGUMENT, "a text of %zu bytes, wanted at most %d", e->normalized.n, MAX_INPUT);
    return status ? status
                  : cut_tokens(e, &t->added_normalized, &e->inner, e->normalized.text, e->normalized.n,
                               at_start && !e->normalized.cut_start, encode_words);
}

static bool put_ids(ids_vec *ids, const ids_vec *more)
{
    if (!vec_reserve(ids, more->n))
        return false;
    for (size_t i = 0; i < more->n; i++)
        ids->at[ids->n++] = more->at[i];
    return true;
}

static pllm_status encode_valid(const struct tokenizer *t, ids_vec *ids, const char *text, size_t n, bool add_special,
                                bool parse_special, pllm_error *err)
{
    struct encoding e = {.t = t, .ids = ids, .parse_special = parse_special, .err = err};
    pllm_status status = PLLM_OK;
    if (add_special && !put_ids(ids, &t->prefix))
        status = error_memory(err, "text to encode");
    if (!status)
        status = cut_tokens(&e, &t->added, &e.outer, text, n, true, encode_between);
    if (!status && add_special && !put_ids(ids, &t->suffix))
        status = error_memory(err, "text to encode");
    encoding_fini(&e);
    return status;
}

pllm_status tokenizer_encode(const struct tokenizer *t, ids_vec *ids, const char *text, size_t n, bool add_special,
                             bool parse_special, pllm_error *err)
{
    if (n > MAX_INPUT)
        return error_set(err, PLLM_E_ARGUMENT, "a text of %zu bytes, wanted at most %d", n, MAX_INPUT);
    size_t before = ids->n;
    struct buf repaired = {0};
    pllm_status status = PLLM_OK;
    if (utf8_valid(text, n) < n) {
        if (!utf8_repair(&repaired, text, n))
            status = error_memory(err, "text to encode");
        text = repaired.at;
        n = repaired.n;
    }
    if (!status)
        status = encode_valid(t, ids, text, n, add_special, parse_special, err);
    if (status)
        ids->n = before;
    vec_fini(&repaired);
    return status;
}

/* ---- Tokens and decoding --------------------------------------------------------------------------- */

size_t tokenizer_size(const struct tokenizer *t)
{
    return t->flag.n;
}

int32_t tokenizer_bos(const struct tokenizer *t)
{
    return t->bos;
}

int32_t tokenizer_eos(const struct tokenizer *t)
{
    return t->eos;
}

static struct text_span text_in(const struct strtab *table, int32_t id)
{
    struct text_span span = {0};
    if (strtab_has(table, id))
        span.at = strtab_text(table, id, &span.n);
    return span;
}

struct text_span tokenizer_token(const struct tokenizer *t, int32_t id)
{
    return text_in(strtab_has(&t->extra, id) ? &t->extra : &t->vocab, id);
}

int32_t tokenizer_find(const struct tokenizer *t, const char *text, size_t n)
{
    int32_t id = strtab_find(&t->extra, text, n);
    return id >= 0 ? id : strtab_find(&t->vocab, text, n);
}

bool tokenizer_is_special(const struct tokenizer *t, int32_t id)
{
    return id >= 0 && (size_t)id < t->flag.n && (t->flag.at[id] & TOKEN_SPECIAL);
}

struct text_span tokenizer_shown(const struct tokenizer *t, int32_t id)
{
    return strtab_has(&t->shown, id) ? text_in(&t->shown, id) : tokenizer_token(t, id);
}

bool tokenizer_hides(const struct tokenizer *t, int32_t id)
{
    if (!strtab_has(&t->shown, id))
        return tokenizer_is_special(t, id);
    struct text_span text = text_in(&t->shown, id);
    return tokenizer_is_special(t, tokenizer_find(t, text.at, text.n));
}

pllm_status tokenizer_decode(const struct tokenizer *t, struct buf *text, const int32_t *ids, size_t n,
                             bool skip_special, pllm_error *err)
{
    struct decoded d = {0};
    size_t before = text->n;
    bool good = true;
    for (size_t i = 0; i < n && good; i++) {
        struct text_span span = tokenizer_shown(t, ids[i]);
        if (!span.at || (skip_special && tokenizer_hides(t, ids[i])))
            continue;
        good = vec_push(&d.token, (struct decoded_token){d.text.n, span.n}) && buf_add(&d.text, span.at, span.n);
    }
    pllm_status status = good ? decode_run(t->decoder.at, t->decoder.n, &d, text, err) : error_memory(err, "text");
    if (status)
        text->n = before;
    decoded_fini(&d);
    return status;
}
