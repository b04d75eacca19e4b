#include "text/normalize.h"

#include "text/bytelevel.h"
#include "text/growth.h"
#include "text/unicode.h"
#include "base/utf8.h"

#include <string.h>
#include <utf8proc.h>

void norm_fini(norm_steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        pattern_fini(&steps->at[i].pattern);
        mem_free(steps->at[i].content);
        charsmap_fini(&steps->at[i].charsmap);
    }
    vec_fini(steps);
}

void normalized_fini(struct normalized *t)
{
    vec_fini(&t->own);
    vec_fini(&t->other);
    vec_fini(&t->wide);
    pattern_scratch_fini(&t->pattern);
}

/* What a step wrote into `other` is the text now. */
static void use_other(struct normalized *t)
{
    struct buf old = t->own;
    t->own = t->other;
    t->other = old;
    t->text = t->own.at;
    t->n = t->own.n;
}

/* No character below U+0300 is changed by NFC, nor ASCII by any form. */
static bool may_change(const struct norm_step *s, const char *text, size_t n)
{
    unsigned char first = s->kind == NORM_NFC ? 0xCC : 0x80;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] >= first)
            return true;
    return false;
}

static pllm_status run_form(const struct norm_step *s, struct normalized *t, pllm_error *err)
{
    if (!may_change(s, t->text, t->n))
        return PLLM_OK;
    int options = UTF8PROC_STABLE;
    options |= s->kind == NORM_NFC || s->kind == NORM_NFKC ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
    options |= s->kind == NORM_NFKC || s->kind == NORM_NFKD ? UTF8PROC_COMPAT : 0;
    const utf8proc_uint8_t *in = (const utf8proc_uint8_t *)t->text;
    utf8proc_ssize_t n = utf8proc_decompose(in, (utf8proc_ssize_t)t->n, NULL, 0, (utf8proc_option_t)options);
    t->wide.n = 0;
    /* One more place than there are characters: utf8proc_reencode ends what it writes. */
    if (n < 0 || !vec_reserve(&t->wide, (size_t)n + 1))
        return error_memory(err, "text to normalize");
    n = utf8proc_decompose(in, (utf8proc_ssize_t)t->n, t->wide.at, n, (utf8proc_option_t)options);
    n = utf8proc_reencode(t->wide.at, n, (utf8proc_option_t)options);
    t->other.n = 0;
    if (n < 0 || !buf_add(&t->other, t->wide.at, (size_t)n))
        return error_memory(err, "text to normalize");
    use_other(t);
    return PLLM_OK;
}

/* Rewrites character by character: the width of what `change` wrote for c. */
typedef size_t change_char(char out[8], uint32_t c);

static pllm_status run_chars(struct normalized *t, change_char *change, pllm_error *err)
{
    t->other.n = 0;
    for (size_t i = 0, width; i < t->n; i += width) {
        width = utf8_width((unsigned char)t->text[i]);
        if (!vec_reserve(&t->other, 8))
            return error_memory(err, "text to normalize");
        t->other.n += change(t->other.at + t->other.n, utf8_get(t->text + i));
        t->cut_start = t->cut_start || t->other.n == 0;
    }
    use_other(t);
    return PLLM_OK;
}

static size_t lowercase(char out[8], uint32_t c)
{
    if (c == 0x130) { /* the only character whose lower case is two */
        memcpy(out, "i\xCC\x87", 3);
        return 3;
    }
    return utf8_put(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
}

static size_t strip_accent(char out[8], uint32_t c)
{
    return unicode_is_mark(c) ? 0 : utf8_put(out, c);
}

/* SentencePiece's rules for machine translation: controls go, odd spaces become a space. */
static size_t nmt(char out[8], uint32_t c)
{
    if ((c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F)
        return 0;
    bool space = c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                 c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
    return utf8_put(out, space ? ' ' : c);
}

static void run_strip(const struct norm_step *s, struct normalized *t)
{
    size_t start = 0, end = t->n;
    while (s->left && start < end && unicode_is_space(utf8_get(t->text + start)))
        start += utf8_width((unsigned char)t->text[start]);
    while (s->right && end > start && unicode_is_space(utf8_get(utf8_before(t->text + end))))
        end = (size_t)(utf8_before(t->text + end) - t->text);
    t->cut_start = t->cut_start || start > 0;
    t->text += start;
    t->n = end - start;
}

static pllm_status run_prepend(const struct norm_step *s, struct normalized *t, pllm_error *err)
{
    if (t->n == 0)
        return PLLM_OK;
    t->other.n = 0;
    if (!buf_add(&t->other, s->content, s->n_content) || !buf_add(&t->other, t->text, t->n))
        return error_memory(err, "text to normalize");
    use_other(t);
    return PLLM_OK;
}

static pllm_status run_replace(const struct norm_step *s, struct normalized *t, pllm_error *err)
{
    /* A regular expression is shown old characters in place of new ones, which are as wide. */
    struct buf aged = {0};
    bool age = !s->pattern.literal && unicode_is_new(t->text, t->n);
    if (age && !vec_reserve(&aged, t->n))
        return error_memory(err, "text to normalize");
    if (age)
        unicode_age(aged.at, t->text, t->n);
    struct pattern_walk w = {
        .pattern = &s->pattern, .scratch = &t->pattern, .text = age ? aged.at : t->text, .n = t->n};
    struct pattern_match m;
    pllm_status status = PLLM_OK;
    size_t from = 0;
    bool good = true;
    t->other.n = 0;
    while (good && t->other.n <= t->limit && pattern_next(&w, &m, &status, err)) {
        good = buf_add(&t->other, t->text + from, m.start - from) && buf_add(&t->other, s->content, s->n_content);
        t->cut_start = t->cut_start || (m.start == 0 && m.end > 0 && s->n_content == 0);
        from = m.end;
    }
    good = good && buf_add(&t->other, t->text + from, t->n - from);
    vec_fini(&aged);
    if (status || !good)
        return status ? status : error_memory(err, "text to normalize");
    use_other(t);
    return PLLM_OK;
}

static pllm_status run_into_other(const struct norm_step *s, struct normalized *t, pllm_error *err)
{
    t->other.n = 0;
    bool good = s->kind == NORM_CHARSMAP ? charsmap_run(&s->charsmap, t->text, t->n, t->limit, &t->other)
                                         : bytelevel_show(&t->other, t->text, t->n);
    if (!good)
        return error_memory(err, "text to normalize");
    use_other(t);
    return PLLM_OK;
}

static pllm_status run_step(const struct norm_step *s, struct normalized *t, pllm_error *err)
{
    switch (s->kind) {
    case NORM_LOWERCASE: return run_chars(t, lowercase, err);
    case NORM_STRIP_ACCENTS: return run_chars(t, strip_accent, err);
    case NORM_NMT: return run_chars(t, nmt, err);
    case NORM_STRIP: run_strip(s, t); return PLLM_OK;
    case NORM_PREPEND: return run_prepend(s, t, err);
    case NORM_REPLACE: return run_replace(s, t, err);
    case NORM_CHARSMAP:
    case NORM_BYTES: return run_into_other(s, t, err);
    default: return run_form(s, t, err);
    }
}

pllm_status norm_run(const struct norm_step *steps, size_t n_steps, struct normalized *t, pllm_error *err)
{
    pllm_status status = PLLM_OK;
    t->cut_start = false;
    t->limit = growth_limit(t->n);
    for (size_t i = 0; i < n_steps && !status; i++) {
        status = run_step(&steps[i], t, err);
        if (!status && t->n > t->limit)
            status = growth_refused(err, "normalizer", t->limit);
    }
    return status;
}
