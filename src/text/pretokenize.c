#include "text/pretokenize.h"

#include "text/bytelevel.h"
#include "text/growth.h"
#include "text/unicode.h"
#include "base/utf8.h"

#include <string.h>

enum { MAX_TEXT = INT32_MAX };

void pretok_fini(pretok_steps *steps)
{
    for (size_t i = 0; i < steps->n; i++)
        pattern_fini(&steps->at[i].pattern);
    vec_fini(steps);
}

void pieces_fini(struct pieces *p)
{
    vec_fini(&p->piece);
    vec_fini(&p->made);
    vec_fini(&p->part);
    vec_fini(&p->own);
    vec_fini(&p->other);
    vec_fini(&p->aged);
    pattern_scratch_fini(&p->pattern);
}

bool pieces_start(struct pieces *p, const char *text, size_t n, bool at_start)
{
    p->text = text;
    p->n_text = n;
    p->limit = growth_limit(n) < MAX_TEXT ? growth_limit(n) : MAX_TEXT;
    p->piece.n = 0;
    p->at_start = at_start;
    return n == 0 || vec_push(&p->piece, (struct piece){0, (uint32_t)n});
}

/* The pieces that a step made take the place of the old ones. */
static void use_made(struct pieces *p)
{
    struct piece *at = p->piece.at;
    size_t cap = p->piece.cap;
    bool had = p->piece.n > 0;
    uint32_t first = had ? at[0].at : 0;
    p->piece.at = p->made.at;
    p->piece.n = p->made.n;
    p->piece.cap = p->made.cap;
    p->made.at = at;
    p->made.cap = cap;
    p->made.n = 0;
    p->at_start = p->at_start && p->piece.n && p->piece.at[0].at == first;
}

/* The text that a step wrote into `other` takes the place of the old one. */
static void use_other(struct pieces *p)
{
    struct buf old = p->own;
    p->own = p->other;
    p->other = old;
    p->text = p->own.at;
    p->n_text = p->own.n;
}

static bool push_piece(struct pieces *p, size_t start, size_t end)
{
    return start == end || vec_push(&p->made, (struct piece){(uint32_t)start, (uint32_t)(end - start)});
}

/* Cuts one piece into parts that match and parts between; matches may be empty. */
static pllm_status find_parts(const struct pretok_step *s, struct pieces *p, const char *text, struct piece piece,
                              pllm_error *err)
{
    struct pattern_walk w = {.pattern = &s->pattern, .scratch = &p->pattern, .text = text + piece.at, .n = piece.n};
    struct pattern_match m;
    pllm_status status = PLLM_OK;
    uint32_t from = 0;
    bool good = true;
    p->part.n = 0;
    while (good && pattern_next(&w, &m, &status, err)) {
        uint32_t start = (uint32_t)m.start, end = (uint32_t)m.end;
        good = (start == from || vec_push(&p->part, (struct split_part){from, start, s->invert})) &&
               vec_push(&p->part, (struct split_part){start, end, !s->invert});
        from = end;
    }
    if (good && !status && from < piece.n)
        good = vec_push(&p->part, (struct split_part){from, piece.n, s->invert});
    return status ? status : good ? PLLM_OK : error_memory(err, "words");
}

/* Joins the parts as the behavior says. A match joins its neighbour only if that is no match. */
static size_t join_parts(struct split_part *part, size_t n, enum split_behavior behavior)
{
    size_t kept = 0;
    bool last_matched = false;
    for (size_t i = 0; i < n; i++) {
        bool join = behavior == SPLIT_CONTIGUOUS ? part[i].match == last_matched : part[i].match && !last_matched;
        last_matched = part[i].match;
        if (join && kept)
            part[kept - 1].end = part[i].end;
        else
            part[kept++] = part[i];
    }
    return kept;
}

/* The same from the end: a match joins what is behind it. Leaves the parts at the end of the list. */
static size_t join_parts_backwards(struct split_part *part, size_t n)
{
    size_t first = n;
    bool last_matched = false;
    for (size_t i = n; i-- > 0;) {
        bool join = part[i].match && !last_matched;
        last_matched = part[i].match;
        if (join && first < n)
            part[first].start = part[i].start;
        else
            part[--first] = part[i];
    }
    return first;
}

static pllm_status split_piece(const struct pretok_step *s, struct pieces *p, const char *text, struct piece piece,
                               pllm_error *err)
{
    pllm_status status = find_parts(s, p, text, piece, err);
    if (status)
        return status;
    size_t from = 0, n = p->part.n;
    if (s->behavior == SPLIT_MERGED_WITH_NEXT)
        from = join_parts_backwards(p->part.at, n);
    else if (s->behavior == SPLIT_MERGED_WITH_PREVIOUS || s->behavior == SPLIT_CONTIGUOUS)
        n = join_parts(p->part.at, n, s->behavior);
    for (size_t i = from; i < n; i++) {
        const struct split_part *part = &p->part.at[i];
        if (s->behavior == SPLIT_REMOVED && part->match)
            continue;
        if (!push_piece(p, piece.at + part->start, piece.at + part->end))
            return error_memory(err, "words");
    }
    return PLLM_OK;
}

static pllm_status run_split(const struct pretok_step *s, struct pieces *p, pllm_error *err)
{
    const char *text = p->text;
    if (!s->pattern.literal && unicode_is_new(p->text, p->n_text)) {
        p->aged.n = 0;
        if (!vec_reserve(&p->aged, p->n_text))
            return error_memory(err, "words");
        unicode_age(p->aged.at, p->text, p->n_text);
        text = p->aged.at;
    }
    pllm_status status = PLLM_OK;
    p->made.n = 0;
    for (size_t i = 0; i < p->piece.n && !status; i++)
        status = split_piece(s, p, text, p->piece.at[i], err);
    if (!status)
        use_made(p);
    return status;
}

/* The new text of one piece, at the end of p->other. */
typedef bool change_text(const struct pretok_step *s, struct pieces *p, size_t i, const char *text, size_t n);

static pllm_status change_pieces(const struct pretok_step *s, struct pieces *p, change_text *change, pllm_error *err)
{
    bool good = true;
    p->made.n = p->other.n = 0;
    for (size_t i = 0; i < p->piece.n && good && p->other.n <= p->limit; i++) {
        size_t start = p->other.n;
        good = change(s, p, i, p->text + p->piece.at[i].at, p->piece.at[i].n) && push_piece(p, start, p->other.n);
    }
    if (!good)
        return error_memory(err, "words");
    if (p->other.n > p->limit)
        return growth_refused(err, "pre-tokenizer", p->limit);
    bool at_start = p->at_start;
    use_made(p);
    use_other(p);
    p->at_start = at_start;
    return PLLM_OK;
}

static bool prefix_space(const struct pretok_step *s, struct pieces *p, size_t i, const char *text, size_t n)
{
    (void)s, (void)i;
    return (text[0] == ' ' || buf_add(&p->other, " ", 1)) && buf_add(&p->other, text, n);
}

static bool show_bytes(const struct pretok_step *s, struct pieces *p, size_t i, const char *text, size_t n)
{
    (void)s, (void)i;
    return bytelevel_show(&p->other, text, n);
}

/* Spaces become the replacement; one is put before the piece unless it begins with one. */
static bool metaspace(const struct pretok_step *s, struct pieces *p, size_t i, const char *text, size_t n)
{
    size_t n_mark = strlen(s->replacement);
    bool begins = text[0] == ' ' || (n >= n_mark && memcmp(text, s->replacement, n_mark) == 0);
    bool prepend = s->prepend == PREPEND_ALWAYS || (s->prepend == PREPEND_FIRST && i == 0 && p->at_start);
    bool good = begins || !prepend || buf_add(&p->other, s->replacement, n_mark);
    while (n && good) {
        const char *space = memchr(text, ' ', n);
        size_t before = space ? (size_t)(space - text) : n;
        good = buf_add(&p->other, text, before) && (!space || buf_add(&p->other, s->replacement, n_mark));
        text += before + (space != NULL);
        n -= before + (space != NULL);
    }
    return good;
}

static pllm_status run_metaspace(const struct pretok_step *s, struct pieces *p, pllm_error *err)
{
    pllm_status status = change_pieces(s, p, metaspace, err);
    return status || !s->split ? status : run_split(s, p, err); /* the step's pattern is the replacement */
}

static pllm_status run_fixed(const struct pretok_step *s, struct pieces *p, pllm_error *err)
{
    bool good = true;
    p->made.n = 0;
    for (size_t k = 0; k < p->piece.n; k++) {
        size_t at = p->piece.at[k].at, end = at + p->piece.at[k].n;
        while (at < end && good) {
            size_t to = at;
            for (size_t i = 0; i < s->length && to < end; i++)
                to += utf8_width((unsigned char)p->text[to]);
            good = push_piece(p, at, to);
            at = to;
        }
    }
    use_made(p);
    return good ? PLLM_OK : error_memory(err, "words");
}

pllm_status pretok_run(const struct pretok_step *steps, size_t n_steps, struct pieces *p, pllm_error *err)
{
    pllm_status status = PLLM_OK;
    for (size_t i = 0; i < n_steps && !status; i++) {
        const struct pretok_step *s = &steps[i];
        switch (s->kind) {
        case PRETOK_SPLIT: status = run_split(s, p, err); break;
        case PRETOK_PREFIX_SPACE: status = change_pieces(s, p, prefix_space, err); break;
        case PRETOK_BYTES: status = change_pieces(s, p, show_bytes, err); break;
        case PRETOK_METASPACE: status = run_metaspace(s, p, err); break;
        case PRETOK_FIXED: status = run_fixed(s, p, err); break;
        }
    }
    return status;
}
