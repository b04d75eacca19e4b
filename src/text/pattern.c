#include "text/pattern.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    WORK_LIMIT = 4 << 20,   /* steps of backtracking for a match, and so many more for each byte of the text: */
    WORK_PER_BYTE = 16,     /* white space at the end of a line is read three times by every pattern */
    HEAP_LIMIT_KIB = 65536, /* where the expression runs without JIT */
    MAX_SOURCE = 1 << 16,
};

static pllm_status compile_failed(const char *source, size_t n, int code, size_t offset, pllm_error *err)
{
    char why[128];
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    return error_set(err, PLLM_E_FORMAT, "regular expression \"%.*s\": %s (near character %zu)",
                     (int)(n < 160 ? n : 160), source, why, offset);
}

static pllm_status compile(struct pattern *p, const struct buf *translated, const char *source, size_t n,
                           pllm_error *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return error_memory(err, "regular expression");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(context, 100);
    int code = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code *made =
        pcre2_compile((PCRE2_SPTR)(translated->at ? translated->at : ""), translated->n,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                      &code, &offset, context);
    pcre2_compile_context_free(context);
    if (!made)
        return compile_failed(source, n, code, offset, err);
    p->code = made;
    p->jit = pcre2_jit_compile(made, PCRE2_JIT_COMPLETE) == 0; /* else the interpreter runs it */
    return PLLM_OK;
}

bool pattern_compiles(const char *source)
{
    int code;
    PCRE2_SIZE offset;
    pcre2_code *made = pcre2_compile((PCRE2_SPTR)source, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &code, &offset, NULL);
    pcre2_code_free(made);
    return made != NULL;
}

pllm_status pattern_regex(struct pattern *p, const char *source, size_t n, pllm_error *err)
{
    *p = (struct pattern){0};
    if (n > MAX_SOURCE)
        return error_set(err, PLLM_E_FORMAT, "regular expression of %zu bytes, wanted at most %d", n, MAX_SOURCE);
    struct buf translated = {0};
    pllm_status status = onig_translate(&translated, source, n, err);
    if (!status)
        status = compile(p, &translated, source, n, err);
    vec_fini(&translated);
    return status;
}

pllm_status pattern_literal(struct pattern *p, const char *text, size_t n, pllm_error *err)
{
    *p = (struct pattern){.literal = mem_strndup(text, n), .n_literal = n};
    return p->literal ? PLLM_OK : error_memory(err, "pattern");
}

void pattern_fini(struct pattern *p)
{
    pcre2_code_free(p->code);
    mem_free(p->literal);
    *p = (struct pattern){0};
}

void pattern_scratch_fini(struct pattern_scratch *s)
{
    pcre2_match_data_free(s->match);
    pcre2_match_context_free(s->context);
    *s = (struct pattern_scratch){0};
}

static bool scratch_ready(struct pattern_scratch *s)
{
    if (!s->match)
        s->match = pcre2_match_data_create(1, NULL);
    if (!s->context) {
        s->context = pcre2_match_context_create(NULL);
        if (s->context)
            pcre2_set_heap_limit(s->context, HEAP_LIMIT_KIB);
    }
    return s->match && s->context;
}

static pllm_status match_failed(int code, pllm_error *err)
{
    if (code == PCRE2_ERROR_NOMEMORY)
        return error_memory(err, "regular expression");
    char why[128];
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    return error_set(err, PLLM_E_ARGUMENT, "the tokenizer's regular expression gives up on this text: %s", why);
}

static pllm_status find_regex(const struct pattern *p, struct pattern_scratch *s, const char *text, size_t n,
                              size_t from, struct pattern_match *m, pllm_error *err)
{
    if (!scratch_ready(s))
        return error_memory(err, "regular expression");
    size_t limit = n < (UINT32_MAX - WORK_LIMIT) / WORK_PER_BYTE ? WORK_LIMIT + n * WORK_PER_BYTE : UINT32_MAX;
    pcre2_set_match_limit(s->context, (uint32_t)limit);
    PCRE2_SPTR subject = (PCRE2_SPTR)(text ? text : ""); /* an empty text may be NULL, which code for Arm reads */
    int code = PCRE2_ERROR_JIT_STACKLIMIT;
    if (p->jit)
        code = pcre2_jit_match(p->code, subject, n, from, 0, s->match, s->context);
    if (code == PCRE2_ERROR_JIT_STACKLIMIT) /* much to remember: the interpreter may use the heap */
        code = pcre2_match(p->code, subject, n, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, s->match,
                           s->context);
    if (code == PCRE2_ERROR_NOMATCH) {
        m->start = m->end = n + 1;
        return PLLM_OK;
    }
    if (code < 0)
        return match_failed(code, err);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->match);
    *m = (struct pattern_match){at[0], at[1]};
    if (m->start > m->end) /* \K in a look-ahead */
        m->start = m->end;
    if (m->start < from)
        m->start = from;
    return PLLM_OK;
}

/* The first match in valid UTF-8 text[from ..]; what is before `from` can be looked back at. *m.start > n: none.
 * PLLM_E_ARGUMENT: the limit of work. */
static pllm_status find(const struct pattern *p, struct pattern_scratch *s, const char *text, size_t n, size_t from,
                        struct pattern_match *m, pllm_error *err)
{
    if (!p->literal)
        return find_regex(p, s, text, n, from, m, err);
    m->start = n + 1;
    if (p->n_literal == 0) {
        m->start = from;
    } else if (n - from >= p->n_literal) { /* else not there, and an empty text may be NULL */
        const char *at = memmem(text + from, n - from, p->literal, p->n_literal);
        if (at)
            m->start = (size_t)(at - text);
    }
    m->end = m->start + p->n_literal;
    return PLLM_OK;
}

bool pattern_next(struct pattern_walk *w, struct pattern_match *m, pllm_status *status, pllm_error *err)
{
    while (w->from <= w->n) {
        *status = find(w->pattern, w->scratch, w->text, w->n, w->from, m, err);
        if (*status || m->start > w->n)
            return false;
        if (m->start < m->end || !w->matched || m->end != w->last_end) {
            w->from = w->last_end = m->end;
            w->matched = true;
            return true;
        }
        w->from += w->from < w->n ? utf8_width((unsigned char)w->text[w->from]) : 1;
    }
    return false;
}
