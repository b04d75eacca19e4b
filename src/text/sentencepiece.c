/* Tokenizers from SentencePiece's tokenizer.model, a protobuf message
 * (https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto):
 *
 *     ModelProto { repeated SentencePiece pieces = 1; TrainerSpec trainer_spec = 2; NormalizerSpec normalizer_spec = 3; }
 *
 * Its control symbols are special tokens. Every piece of text between them gets the prefix of a text's beginning, as
 * Llama's and Gemma's tokenizers do. */
#include "base/cursor.h"
#include "text/settings.h"
#include "base/utf8.h"

#include <math.h>
#include <string.h>

enum piece_type { PIECE_NORMAL = 1, PIECE_UNKNOWN, PIECE_CONTROL, PIECE_USER_DEFINED, PIECE_UNUSED, PIECE_BYTE };
enum { MODEL_TYPE_UNIGRAM = 1, MODEL_TYPE_BPE = 2 };

struct sp_piece {
    struct text_span text;
    float score;
    int64_t type;
};

struct sp_model {
    VEC(struct sp_piece) pieces;
    int64_t model_type, unk, bos, eos;
    int64_t byte_fallback, suffix;
    int64_t add_dummy_prefix, remove_extra_spaces, escape_spaces;
    struct text_span charsmap;
};

/* ---- The message ------------------------------------------------------------------------------------- */

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct field {
    uint64_t number, value; /* of a varint, or the bits of a fixed number */
    enum wire wire;
    struct text_span bytes;
};

static pllm_status cut_short(const char *message, pllm_error *err)
{
    return error_set(err, PLLM_E_FORMAT, "tokenizer.model: %s: is cut short or no protobuf", message);
}

/* The next field; false: it does not fit. */
static bool read_field(struct cursor *c, struct field *f)
{
    uint64_t key, n;
    const uint8_t *bytes = NULL;
    if (!cursor_varint(c, &key))
        return false;
    *f = (struct field){.number = key >> 3, .wire = (enum wire)(key & 7)};
    switch (f->wire) {
    case WIRE_VARINT: return cursor_varint(c, &f->value);
    case WIRE_64: return cursor_number(c, 8, &f->value);
    case WIRE_32: return cursor_number(c, 4, &f->value);
    case WIRE_BYTES:
        if (!cursor_varint(c, &n) || !cursor_take(c, n, &bytes))
            return false;
        f->bytes = (struct text_span){(const char *)bytes, (size_t)n};
        return true;
    default: return false;
    }
}

/* Takes one field into *into; `number` is all that it must look at. */
typedef pllm_status take_field(void *into, const struct field *f, pllm_error *err);

static pllm_status read_message(const struct text_span *bytes, const char *name, take_field *take, void *into, pllm_error *err)
{
    struct cursor c = cursor_over(bytes->at, bytes->n);
    pllm_status status = PLLM_OK;
    while (cursor_left(&c) && !status) {
        struct field f;
        status = read_field(&c, &f) ? take(into, &f, err) : cut_short(name, err);
    }
    return status;
}

static pllm_status take_piece(void *into, const struct field *f, pllm_error *err)
{
    struct sp_piece *p = into;
    (void)err;
    if (f->number == 1 && f->wire == WIRE_BYTES)
        p->text = f->bytes;
    else if (f->number == 2 && f->wire == WIRE_32)
        memcpy(&p->score, &(uint32_t){(uint32_t)f->value}, sizeof p->score);
    else if (f->number == 3 && f->wire == WIRE_VARINT)
        p->type = (int64_t)f->value;
    return PLLM_OK;
}

/* Numbers that a message's fields set. */
struct number_field {
    uint64_t number;
    size_t offset; /* in struct sp_model */
};

static void take_number(struct sp_model *m, const struct field *f, const struct number_field *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].number == f->number && f->wire == WIRE_VARINT)
            memcpy((char *)m + list[i].offset, &(int64_t){(int32_t)f->value}, sizeof(int64_t));
}

static pllm_status take_trainer(void *into, const struct field *f, pllm_error *err)
{
    static const struct number_field numbers[] = {
        {3, offsetof(struct sp_model, model_type)}, {24, offsetof(struct sp_model, suffix)},
        {35, offsetof(struct sp_model, byte_fallback)}, {40, offsetof(struct sp_model, unk)},
        {41, offsetof(struct sp_model, bos)},       {42, offsetof(struct sp_model, eos)},
    };
    (void)err;
    take_number(into, f, numbers, sizeof numbers / sizeof numbers[0]);
    return PLLM_OK;
}

static pllm_status take_normalizer(void *into, const struct field *f, pllm_error *err)
{
    static const struct number_field numbers[] = {{3, offsetof(struct sp_model, add_dummy_prefix)},
                                                  {4, offsetof(struct sp_model, remove_extra_spaces)},
                                                  {5, offsetof(struct sp_model, escape_spaces)}};
    struct sp_model *m = into;
    (void)err;
    if (f->number == 2 && f->wire == WIRE_BYTES)
        m->charsmap = f->bytes;
    take_number(m, f, numbers, sizeof numbers / sizeof numbers[0]);
    return PLLM_OK;
}

static pllm_status take_model(void *into, const struct field *f, pllm_error *err)
{
    struct sp_model *m = into;
    if (f->wire != WIRE_BYTES)
        return PLLM_OK;
    if (f->number == 2)
        return read_message(&f->bytes, "trainer_spec", take_trainer, m, err);
    if (f->number == 3)
        return read_message(&f->bytes, "normalizer_spec", take_normalizer, m, err);
    if (f->number != 1)
        return PLLM_OK;
    struct sp_piece piece = {.type = PIECE_NORMAL};
    if (m->pieces.n == STRTAB_MAX)
        return error_set(err, PLLM_E_FORMAT, "tokenizer.model: pieces: more than %d", STRTAB_MAX);
    pllm_status status = read_message(&f->bytes, "pieces", take_piece, &piece, err);
    if (!status && !vec_push(&m->pieces, piece))
        status = error_memory(err, "tokenizer.model");
    return status;
}

/* ---- Building ---------------------------------------------------------------------------------------- */

static pllm_status read_vocab(struct tokenizer *t, const struct sp_model *m, pllm_error *err)
{
    if (m->pieces.n == 0)
        return error_set(err, PLLM_E_FORMAT, "tokenizer.model: pieces: there are none");
    if (!strtab_init(&t->vocab, m->pieces.n))
        return error_memory(err, "tokenizer.model");
    for (size_t i = 0; i < m->pieces.n; i++) {
        const struct text_span *text = &m->pieces.at[i].text;
        if (utf8_valid(text->at, text->n) < text->n)
            return error_set(err, PLLM_E_FORMAT, "tokenizer.model: pieces[%zu]: is not UTF-8", i);
        if (!isfinite(m->pieces.at[i].score))
            return error_set(err, PLLM_E_FORMAT, "tokenizer.model: pieces[%zu]: its score is not a finite number", i);
        if (!strtab_set(&t->vocab, (int32_t)i, text->at, text->n))
            return error_memory(err, "tokenizer.model");
    }
    return PLLM_OK;
}

/* An id of the trainer's that names a piece; -1 where it names none. */
static int32_t piece_id(const struct sp_model *m, int64_t id)
{
    return id >= 0 && id < (int64_t)m->pieces.n ? (int32_t)id : -1;
}

static bool is_text(const struct sp_piece *p)
{
    return p->type == PIECE_NORMAL || p->type == PIECE_UNUSED || p->type == PIECE_USER_DEFINED;
}

static pllm_status build_bpe(struct tokenizer *t, const struct sp_model *m, const bool *skip, pllm_error *err)
{
    size_t n = m->pieces.n;
    float *scores = mem_alloc(n, sizeof *scores);
    if (!scores || !bpe_init(&t->bpe, &t->vocab, false, 2 * n)) {
        mem_free(scores);
        return error_memory(err, "tokenizer.model");
    }
    for (size_t i = 0; i < n; i++)
        scores[i] = m->pieces.at[i].score;
    t->bpe.fuse_unk = true;
    t->bpe.byte_fallback = m->byte_fallback != 0;
    t->bpe.missing = m->byte_fallback ? BPE_MISSING_BYTES : BPE_MISSING_UNK;
    t->bpe.unk = piece_id(m, m->unk);
    pllm_status status = bpe_merges_from_scores(&t->bpe, scores, skip, err);
    if (!status && !bpe_finish(&t->bpe))
        status = error_memory(err, "tokenizer.model");
    mem_free(scores);
    return status;
}

static pllm_status build_unigram(struct tokenizer *t, const struct sp_model *m, const bool *skip, pllm_error *err)
{
    size_t n = m->pieces.n;
    double *scores = mem_alloc(n, sizeof *scores);
    if (!scores)
        return error_memory(err, "tokenizer.model");
    for (size_t i = 0; i < n; i++)
        scores[i] = (double)m->pieces.at[i].score;
    t->model = MODEL_UNIGRAM;
    pllm_status status = unigram_init(&t->unigram, &t->vocab, scores, skip, err);
    t->unigram.single = true;
    t->unigram.unk = piece_id(m, m->unk);
    t->unigram.byte_fallback = m->byte_fallback != 0;
    mem_free(scores);
    return status;
}

static pllm_status build_model(struct tokenizer *t, const struct sp_model *m, pllm_error *err)
{
    if (m->model_type != MODEL_TYPE_BPE && m->model_type != MODEL_TYPE_UNIGRAM)
        return error_set(err, PLLM_E_UNSUPPORTED,
                         "tokenizer.model: trainer_spec.model_type: is %lld, wanted 1 (unigram) or 2 (BPE)",
                         (long long)m->model_type);
    bool *skip = mem_zalloc(m->pieces.n, sizeof *skip);
    if (!skip)
        return error_memory(err, "tokenizer.model");
    for (size_t i = 0; i < m->pieces.n; i++)
        skip[i] = !is_text(&m->pieces.at[i]);
    pllm_status status = m->model_type == MODEL_TYPE_BPE ? build_bpe(t, m, skip, err) : build_unigram(t, m, skip, err);
    mem_free(skip);
    return status;
}

/* Appends a rule of a regular expression. */
static pllm_status push_regex(norm_steps *steps, const char *what, const char *by, pllm_error *err)
{
    struct norm_step step = {.kind = NORM_REPLACE, .content = mem_strdup(by), .n_content = strlen(by)};
    pllm_status status = step.content ? pattern_regex(&step.pattern, what, strlen(what), err)
                                      : error_memory(err, "tokenizer.model");
    if (!status && !vec_push(steps, step))
        status = error_memory(err, "tokenizer.model");
    if (status) {
        mem_free(step.content);
        pattern_fini(&step.pattern);
    }
    return status;
}

static pllm_status push_charsmap(norm_steps *steps, const struct sp_model *m, pllm_error *err)
{
    struct norm_step step = {.kind = NORM_CHARSMAP};
    if (m->charsmap.n == 0)
        return PLLM_OK;
    pllm_status status = charsmap_init(&step.charsmap, m->charsmap.at, m->charsmap.n, CHARSMAP_LONGEST, err);
    if (status)
        return error_prefix(err, status, "tokenizer.model: normalizer_spec");
    bool good = true;
    for (size_t i = 0; i < m->pieces.n && good; i++) {
        const struct sp_piece *p = &m->pieces.at[i];
        good = p->type != PIECE_USER_DEFINED || !p->text.n || charsmap_keep(&step.charsmap, p->text.at, p->text.n);
    }
    if (good && vec_push(steps, step))
        return PLLM_OK;
    charsmap_fini(&step.charsmap);
    return error_memory(err, "tokenizer.model");
}

/* Rules, then spaces: at the ends none and one between words, one put before, all shown by the mark. */
static pllm_status build_normalizer(struct tokenizer *t, const struct sp_model *m, pllm_error *err)
{
    if (m->suffix)
        return error_set(err, PLLM_E_UNSUPPORTED,
                         "tokenizer.model: trainer_spec.treat_whitespace_as_suffix: is true, wanted false");
    pllm_status status = push_charsmap(&t->normalizer, m, err);
    if (!status && m->remove_extra_spaces)
        status = push_regex(&t->normalizer, "\\A +| +\\z", "", err);
    if (!status && m->remove_extra_spaces)
        status = push_regex(&t->normalizer, " {2,}", " ", err);
    if (!status && m->add_dummy_prefix)
        status = norm_push_prepend(&t->normalizer, " ", 1, err);
    if (!status && m->escape_spaces)
        status = norm_push_replace(&t->normalizer, " ", SPACE_MARK, err);
    return status ? status : decode_push_sentencepiece(&t->decoder, m->add_dummy_prefix != 0, err);
}

/* Pieces that no merge makes; what the settings have added stays as they say. */
static pllm_status add_pieces(struct tokenizer *t, const struct sp_model *m, pllm_error *err)
{
    pllm_status status = PLLM_OK;
    for (size_t i = 0; i < m->pieces.n && !status; i++) {
        const struct sp_piece *p = &m->pieces.at[i];
        bool added = i < t->flag.n && (t->flag.at[i] & TOKEN_ADDED);
        bool special = p->type == PIECE_CONTROL || p->type == PIECE_UNKNOWN;
        if (added || !p->text.n || (!special && p->type != PIECE_USER_DEFINED))
            continue;
        status = tokenizer_add_token(t, (int32_t)i, p->text.at, p->text.n, special ? ADDED_SPECIAL : 0,
                                     special ? ADDED_IN_INPUT : ADDED_NORMAL_ALREADY, err);
    }
    return status;
}

static pllm_status build(struct tokenizer *t, const struct sp_model *m, const struct tokenizer_settings *settings,
                         pllm_error *err)
{
    pllm_status status = read_vocab(t, m, err);
    if (!status)
        status = build_model(t, m, err);
    if (!status)
        status = build_normalizer(t, m, err);
    t->bos = piece_id(m, m->bos);
    t->eos = piece_id(m, m->eos);
    if (!status && t->bos >= 0 && !vec_push(&t->prefix, t->bos))
        status = error_memory(err, "tokenizer.model");
    if (!status)
        status = settings_apply(t, settings, SETTINGS_SENTENCEPIECE, err);
    if (!status)
        status = add_pieces(t, m, err);
    return status ? status : tokenizer_finish(t, err);
}

pllm_status tokenizer_from_sentencepiece(struct tokenizer **out, const void *bytes, size_t n,
                                         const struct tokenizer_settings *settings, pllm_error *err)
{
    struct sp_model m = {.model_type = MODEL_TYPE_UNIGRAM, .unk = 0, .bos = 1, .eos = 2, .add_dummy_prefix = 1,
                         .remove_extra_spaces = 1, .escape_spaces = 1}; /* the message's defaults */
    struct tokenizer *t = tokenizer_new(ADDED_LEFTMOST);
    pllm_status status = t ? PLLM_OK : error_memory(err, "tokenizer.model");
    if (!status)
        status = read_message(&(struct text_span){bytes, n}, "the model", take_model, &m, err);
    if (!status)
        status = build(t, &m, settings, err);
    vec_fini(&m.pieces);
    if (status)
        tokenizer_close(t);
    else
        *out = t;
    return status;
}
