/* The model of a tokenizer.json: BPE or unigram, with the two large values read without a tree. */
#include "base/json_pull.h"
#include "text/json_parts.h"

#include <math.h>
#include <string.h>

/* ---- Vocabularies ---------------------------------------------------------------------------------- */

static bool add_token(struct strtab *vocab, struct json_pull *p, int64_t id, const char *text, size_t n)
{
    if (id < 0 || id >= STRTAB_MAX)
        return json_pull_fail(p, "a token's id is out of range (0 to 4194303)");
    if (strtab_has(vocab, (int32_t)id))
        return json_pull_fail(p, "two tokens have this id");
    if (strtab_find(vocab, text, n) >= 0)
        return json_pull_fail(p, "this token is there twice");
    if (strtab_set(vocab, (int32_t)id, text, n))
        return true;
    p->no_memory = true;
    return json_pull_fail(p, "not enough memory");
}

/* {"text": id, ...} */
static pllm_status read_vocab_object(struct strtab *vocab, const char *bytes, size_t n, pllm_error *err)
{
    struct json_pull p = json_pull_over(bytes, n);
    if (!strtab_init(vocab, n / 24))
        return error_memory(err, "tokenizer.json: model.vocab");
    json_pull_enter(&p, '{');
    while (json_pull_next(&p, '}')) {
        const char *text;
        size_t length;
        int64_t id;
        if (!json_pull_string(&p, &text, &length) || !json_pull_colon(&p) || !json_pull_int(&p, &id) ||
            !add_token(vocab, &p, id, text, length))
            break;
    }
    pllm_status status = json_pull_status(&p, "tokenizer.json: model.vocab", err);
    json_pull_fini(&p);
    return status;
}

typedef VEC(double) scores_vec;

/* ["text", score] */
static bool add_piece(struct strtab *vocab, scores_vec *scores, struct json_pull *p)
{
    const char *text;
    size_t n;
    double score;
    int32_t id = (int32_t)scores->n;
    if (scores->n == STRTAB_MAX)
        return json_pull_fail(p, "more tokens than 4194304");
    bool pair = json_pull_enter(p, '[') && json_pull_next(p, ']') && json_pull_string(p, &text, &n);
    if (pair && !strtab_set(vocab, id, text, n)) {
        p->no_memory = true;
        return json_pull_fail(p, "not enough memory");
    }
    pair = pair && json_pull_next(p, ']') && json_pull_number(p, &score) && !json_pull_next(p, ']') && !p->wrong;
    if (!pair)
        return json_pull_fail(p, "wanted a pair of a text and a score");
    p->no_memory = !vec_push(scores, score);
    return p->no_memory ? json_pull_fail(p, "not enough memory") : true;
}

/* [["text", score], ...] */
static pllm_status read_vocab_array(struct strtab *vocab, scores_vec *scores, const char *bytes, size_t n, pllm_error *err)
{
    struct json_pull p = json_pull_over(bytes, n);
    if (!strtab_init(vocab, n / 24))
        return error_memory(err, "tokenizer.json: model.vocab");
    json_pull_enter(&p, '[');
    while (json_pull_next(&p, ']') && add_piece(vocab, scores, &p))
        ;
    pllm_status status = json_pull_status(&p, "tokenizer.json: model.vocab", err);
    json_pull_fini(&p);
    return status;
}

/* ---- Merges ----------------------------------------------------------------------------------------- */

struct merge_reader {
    struct bpe *bpe;
    const struct strtab *vocab; /* as the file spells it; its ids are the symbols' */
    struct json_pull pull;
    struct buf text; /* left and right, one behind the other */
    size_t n_prefix; /* of continuing_subword_prefix */
    uint32_t rank;
    pllm_error *err;
};

static pllm_status bad_merge(struct merge_reader *r, const char *what)
{
    return error_set(r->err, PLLM_E_FORMAT, "tokenizer.json: model.merges[%u]: %s", (unsigned)r->rank, what);
}

static pllm_status unknown_merge(struct merge_reader *r, const char *part, const char *text, size_t n)
{
    return error_set(r->err, PLLM_E_FORMAT, "tokenizer.json: model.merges[%u]: its %s, \"%.*s\", is not in the vocabulary",
                     (unsigned)r->rank, part, (int)(n < 80 ? n : 80), text);
}

/* One merge: the text has n_left bytes of the left part and then the right. */
static pllm_status add_merge(struct merge_reader *r, size_t n_left)
{
    if (!vec_reserve(&r->text, 1)) /* there is an address, even of two empty sides */
        return error_memory(r->err, "tokenizer.json: model.merges");
    char *text = r->text.at, *right = text + n_left;
    size_t n_right = r->text.n - n_left;
    int32_t left_id = strtab_find(r->vocab, text, n_left), right_id = strtab_find(r->vocab, right, n_right);
    if (left_id < 0)
        return unknown_merge(r, "left side", text, n_left);
    if (right_id < 0)
        return unknown_merge(r, "right side", right, n_right);
    size_t cut = r->n_prefix < n_right ? r->n_prefix : n_right; /* the right side's mark that it continues a word */
    memmove(right, right + cut, n_right - cut);
    int32_t id = strtab_find(r->vocab, text, r->text.n - cut);
    if (id < 0)
        return unknown_merge(r, "result", text, r->text.n - cut);
    return bpe_add_merge(r->bpe, left_id, right_id, id, r->rank++) ? PLLM_OK
                                                                   : error_memory(r->err, "tokenizer.json: model.merges");
}

/* "left right" */
static pllm_status merge_string(struct merge_reader *r, bool *version)
{
    const char *text;
    size_t n;
    if (!json_pull_string(&r->pull, &text, &n))
        return PLLM_OK; /* the reader has failed, and says so */
    *version = n >= 8 && memcmp(text, "#version", 8) == 0;
    if (*version)
        return PLLM_OK;
    const char *space = memchr(text, ' ', n);
    size_t n_left = space ? (size_t)(space - text) : n;
    if (!space || memchr(space + 1, ' ', n - n_left - 1))
        return bad_merge(r, "wanted two tokens and one space between");
    r->text.n = 0;
    if (!buf_add(&r->text, text, n_left) || !buf_add(&r->text, space + 1, n - n_left - 1))
        return error_memory(r->err, "tokenizer.json: model.merges");
    return add_merge(r, n_left);
}

/* ["left", "right"] */
static pllm_status merge_pair(struct merge_reader *r)
{
    struct json_pull *p = &r->pull;
    size_t n_left = 0, parts = 0;
    r->text.n = 0;
    json_pull_enter(p, '[');
    while (json_pull_next(p, ']')) {
        const char *text;
        size_t n;
        if (!json_pull_string(p, &text, &n))
            return PLLM_OK;
        if (!buf_add(&r->text, text, n))
            return error_memory(r->err, "tokenizer.json: model.merges");
        n_left = parts == 0 ? n : n_left;
        parts++;
    }
    if (!p->wrong && parts != 2)
        return bad_merge(r, "wanted two tokens");
    return p->wrong ? PLLM_OK : add_merge(r, n_left);
}

static pllm_status read_merges(struct tokenizer *t, const struct json_large *large, pllm_error *err)
{
    struct merge_reader r = {.bpe = &t->bpe,
                             .vocab = &t->vocab,
                             .pull = json_pull_over(large->merges, large->n_merges),
                             .n_prefix = t->bpe.prefix ? strlen(t->bpe.prefix) : 0,
                             .err = err};
    pllm_status status = PLLM_OK;
    bool version;
    json_pull_enter(&r.pull, '[');
    while (!status && json_pull_next(&r.pull, ']'))
        status = json_pull_peek(&r.pull) == '"' ? merge_string(&r, &version) : merge_pair(&r);
    if (!status)
        status = json_pull_status(&r.pull, "tokenizer.json: model.merges", err);
    json_pull_fini(&r.pull);
    vec_fini(&r.text);
    return status;
}

/* ---- BPE ---------------------------------------------------------------------------------------------- */

/* An affix, NULL where it is absent or empty. */
static pllm_status read_affix(const struct json *at, const char *key, char **out, pllm_error *err)
{
    const char *text = NULL;
    size_t n = 0;
    pllm_status status = json_text(at, key, &text, &n, err);
    if (status || n == 0)
        return status;
    *out = mem_strndup(text, n);
    return *out ? PLLM_OK : error_memory(err, "tokenizer.json: model");
}

static pllm_status read_bpe_flags(struct bpe *b, const struct json *at, pllm_error *err)
{
    struct json dropout = json_get(at, "dropout");
    double value = 0;
    pllm_status status = PLLM_OK;
    if (json_kind(&dropout) != J_ABSENT && json_kind(&dropout) != J_NULL)
        status = json_as_number(&dropout, &value, err);
    if (!status && value != 0)
        return error_set(err, PLLM_E_UNSUPPORTED, "tokenizer.json: model.dropout: is %g; random merges are for training", value);
    if (!status)
        status = json_flag(at, "fuse_unk", &b->fuse_unk, err);
    if (!status)
        status = json_flag(at, "byte_fallback", &b->byte_fallback, err);
    if (!status)
        status = json_flag(at, "ignore_merges", &b->ignore_merges, err);
    return status;
}

/* True when no character can be unknown. */
static bool spells_everything(const struct bpe *b)
{
    bool all = b->byte_mode || b->byte_fallback;
    for (int byte = 0; byte < 256; byte++)
        all = all && b->byte_id[byte] >= 0;
    return all;
}

static pllm_status read_unk(struct tokenizer *t, const struct json *at, pllm_error *err)
{
    const char *text = NULL;
    size_t n = 0;
    pllm_status status = json_text(at, "unk_token", &text, &n, err);
    if (status || !text)
        return status;
    t->bpe.unk = strtab_find(&t->vocab, text, n);
    if (t->bpe.unk >= 0 || spells_everything(&t->bpe))
        return PLLM_OK;
    struct json member = json_get(at, "unk_token");
    return json_error(&member, err, "\"%.64s\" is not in the vocabulary", text);
}

/* A byte-level model works on bytes themselves: the pre-tokenizer's last step, which would spell them in characters, and
 * the spelling of the vocabulary cancel out. */
static bool takes_bytes(struct tokenizer *t, bool affixes, bool byte_fallback)
{
    size_t n = t->pretokenizer.n;
    if (affixes || byte_fallback || !n || t->pretokenizer.at[n - 1].kind != PRETOK_BYTES)
        return false;
    t->pretokenizer.n--;
    return true;
}

static pllm_status read_bpe(struct tokenizer *t, const struct json *at, const struct json_large *large, pllm_error *err)
{
    struct bpe flags = {0};
    char *prefix = NULL, *suffix = NULL;
    struct json merges = json_get(at, "merges");
    pllm_status status = large->merges ? PLLM_OK : json_want(&merges, J_ARRAY, err);
    if (!status)
        status = read_bpe_flags(&flags, at, err);
    if (!status)
        status = read_vocab_object(&t->vocab, large->vocab, large->n_vocab, err);
    if (!status)
        status = read_affix(at, "continuing_subword_prefix", &prefix, err);
    if (!status)
        status = read_affix(at, "end_of_word_suffix", &suffix, err);
    bool bytes = !status && takes_bytes(t, prefix || suffix, flags.byte_fallback);
    if (!status && ((bytes && !tokenizer_index_bytes(t)) ||
                    !bpe_init(&t->bpe, bytes ? &t->raw : &t->vocab, bytes, large->n_merges / 14)))
        status = error_memory(err, "tokenizer.json: model");
    t->bpe.prefix = prefix;
    t->bpe.suffix = suffix;
    t->bpe.fuse_unk = flags.fuse_unk;
    t->bpe.byte_fallback = flags.byte_fallback;
    t->bpe.ignore_merges = flags.ignore_merges;
    if (!status)
        status = read_unk(t, at, err);
    if (!status)
        status = read_merges(t, large, err);
    if (!status && !bpe_finish(&t->bpe))
        status = error_memory(err, "tokenizer.json: model");
    return status;
}

/* ---- Unigram -------------------------------------------------------------------------------------------- */

static pllm_status read_unigram(struct tokenizer *t, const struct json *at, const struct json_large *large, pllm_error *err)
{
    scores_vec scores = {0};
    struct json unk = json_get(at, "unk_id");
    int64_t unk_id = -1;
    t->model = MODEL_UNIGRAM;
    pllm_status status = read_vocab_array(&t->vocab, &scores, large->vocab, large->n_vocab, err);
    if (!status && json_kind(&unk) != J_ABSENT && json_kind(&unk) != J_NULL)
        status = json_as_int(&unk, 0, (int64_t)scores.n - 1, &unk_id, err);
    if (!status)
        status = unigram_init(&t->unigram, &t->vocab, scores.at, NULL, err);
    if (!status)
        status = json_flag(at, "byte_fallback", &t->unigram.byte_fallback, err);
    t->unigram.unk = (int32_t)unk_id;
    vec_fini(&scores);
    return status;
}

pllm_status json_read_model(struct tokenizer *t, const struct json *at, const struct json_large *large, pllm_error *err)
{
    const char *type = NULL;
    size_t n;
    pllm_status status = json_want(at, J_OBJECT, err);
    if (!status)
        status = json_text(at, "type", &type, &n, err);
    if (status)
        return status;
    if (!type) /* files of the first versions do not say */
        type = large->merges ? "BPE" : "Unigram";
    bool bpe = strcmp(type, "BPE") == 0;
    if (!bpe && strcmp(type, "Unigram") != 0)
        return json_unknown(at, "model", type, err);
    struct json vocab = json_get(at, "vocab");
    char open = bpe ? '{' : '[';
    if (!large->vocab || *large->vocab != open)
        return json_error(&vocab, err, bpe ? "is missing or not an object" : "is missing or not an array");
    return bpe ? read_bpe(t, at, large, err) : read_unigram(t, at, large, err);
}
