#include "text/decode.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "text/bytelevel.h"

#include <string.h>

void decode_fini(decode_steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        pattern_fini(&steps->at[i].pattern);
        mem_free(steps->at[i].content);
    }
    vec_fini(steps);
}

void decoded_fini(struct decoded *d)
{
    vec_fini(&d->text);
    vec_fini(&d->token);
}

/* "<0xXX>": the byte, else -1. */
static int byte_token(const char *text, size_t n)
{
    if (n != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    int high = ascii_hex_value(text[3]), low = ascii_hex_value(text[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Ends a token of `out` that began at `at`. */
static bool end_token(struct decoded *out, size_t at)
{
    return vec_push(&out->token, (struct decoded_token){at, out->text.n - at});
}

/* Never NULL, be it of tokens that are all empty. */
static const char *token_text(const struct decoded *d, size_t i)
{
    return d->text.at ? d->text.at + d->token.at[i].at : "";
}

/* Each step writes the new list into *out. */
typedef bool decode_function(const struct decode_step *s, const struct decoded *in, struct decoded *out);

/* Bytes of a byte-level token; one with a character that shows no byte stands as it is. */
static bool add_bytes(struct buf *out, const char *text, size_t n)
{
    size_t n_bytes;
    if (!vec_reserve(out, n + 1)) /* there is an address to write to, even for no bytes */
        return false;
    if (!bytelevel_bytes(out->at + out->n, &n_bytes, text, n))
        return buf_add(out, text, n);
    out->n += n_bytes;
    return true;
}

static bool run_bytes(const struct decode_step *s, const struct decoded *in, struct decoded *out)
{
    (void)s;
    struct buf bytes = {0};
    bool good = true;
    for (size_t i = 0; i < in->token.n && good; i++)
        good = add_bytes(&bytes, token_text(in, i), in->token.at[i].n);
    good = good && utf8_repair(&out->text, bytes.at, bytes.n) && end_token(out, 0);
    vec_fini(&bytes);
    return good;
}

/* A run of bytes that is no text becomes as many U+FFFD as it has bytes. */
static bool flush_bytes(struct buf *bytes, struct decoded *out)
{
    size_t at = out->text.n;
    bool good = true;
    if (bytes->n == 0)
        return true;
    if (utf8_valid(bytes->at, bytes->n) == bytes->n)
        good = buf_add(&out->text, bytes->at, bytes->n);
    else
        for (size_t i = 0; i < bytes->n && good; i++)
            good = buf_add(&out->text, UTF8_REPLACEMENT, 3);
    bytes->n = 0;
    return good && end_token(out, at);
}

static bool run_byte_fallback(const struct decode_step *s, const struct decoded *in, struct decoded *out)
{
    (void)s;
    struct buf bytes = {0};
    bool good = true;
    for (size_t i = 0; i < in->token.n && good; i++) {
        const char *text = token_text(in, i);
        int byte = byte_token(text, in->token.at[i].n);
        char one = (char)byte;
        if (byte >= 0) {
            good = buf_add(&bytes, &one, 1);
            continue;
        }
        good = flush_bytes(&bytes, out);
        size_t at = out->text.n;
        good = good && buf_add(&out->text, text, in->token.at[i].n) && end_token(out, at);
    }
    good = good && flush_bytes(&bytes, out);
    vec_fini(&bytes);
    return good;
}

static bool run_fuse(const struct decode_step *s, const struct decoded *in, struct decoded *out)
{
    (void)s;
    return buf_add(&out->text, in->text.at, in->text.n) && end_token(out, 0);
}

/* Takes up to s->start and s->stop times the character off both ends. */
static void strip(const struct decode_step *s, const char **text, size_t *n)
{
    for (size_t k = 0; k < s->start && *n >= s->n_content && memcmp(*text, s->content, s->n_content) == 0; k++) {
        *text += s->n_content;
        *n -= s->n_content;
    }
    for (size_t k = 0; k < s->stop && *n >= s->n_content &&
                       memcmp(*text + *n - s->n_content, s->content, s->n_content) == 0; k++)
        *n -= s->n_content;
}

/* Appends the text with each `what` replaced. */
static bool replace_text(struct buf *out, const char *text, size_t n, const char *what, size_t n_what, const char *by)
{
    bool good = true;
    while (n && good) {
        const char *at = memmem(text, n, what, n_what);
        size_t before = at ? (size_t)(at - text) : n, used = at ? before + n_what : n;
        good = buf_add(out, text, before) && (!at || buf_add(out, by, strlen(by)));
        text += used;
        n -= used;
    }
    return good;
}

/* One token through a step that looks at tokens one by one. */
static bool change_token(const struct decode_step *s, const char *text, size_t n, bool first, bool last, struct buf *out)
{
    switch (s->kind) {
    case DECODE_STRIP:
        strip(s, &text, &n);
        return buf_add(out, text, n);
    case DECODE_METASPACE:
        return replace_text(out, text, n, s->content, s->n_content, first && !s->keep_first ? "" : " ");
    case DECODE_SUFFIX: return replace_text(out, text, n, s->content, s->n_content, last ? "" : " ");
    default: return buf_add(out, text, n);
    }
}

static bool run_each(const struct decode_step *s, const struct decoded *in, struct decoded *out)
{
    bool good = true;
    for (size_t i = 0; i < in->token.n && good; i++) {
        size_t at = out->text.n;
        good = change_token(s, token_text(in, i), in->token.at[i].n, i == 0, i + 1 == in->token.n,
                            &out->text) &&
               end_token(out, at);
    }
    return good;
}

/* Appends the text with each match of the step's pattern replaced. */
static pllm_status replace_matches(const struct decode_step *s, struct pattern_scratch *scratch, const char *text,
                                   size_t n, struct buf *out, pllm_error *err)
{
    struct pattern_walk w = {.pattern = &s->pattern, .scratch = scratch, .text = text, .n = n};
    struct pattern_match m;
    pllm_status status = PLLM_OK;
    size_t from = 0;
    bool good = true;
    while (good && pattern_next(&w, &m, &status, err)) {
        good = buf_add(out, text + from, m.start - from) && buf_add(out, s->content, s->n_content);
        from = m.end;
    }
    good = good && (status || buf_add(out, text + from, n - from));
    return status ? status : good ? PLLM_OK : error_memory(err, "text");
}

static pllm_status run_replace(const struct decode_step *s, const struct decoded *in, struct decoded *out,
                               pllm_error *err)
{
    struct pattern_scratch scratch = {0};
    pllm_status status = PLLM_OK;
    for (size_t i = 0; i < in->token.n && !status; i++) {
        size_t at = out->text.n;
        status = replace_matches(s, &scratch, token_text(in, i), in->token.at[i].n, &out->text, err);
        if (!status && !end_token(out, at))
            status = error_memory(err, "text");
    }
    pattern_scratch_fini(&scratch);
    return status;
}

static pllm_status run_step(const struct decode_step *s, const struct decoded *in, struct decoded *out,
                            pllm_error *err)
{
    static decode_function *const functions[] = {
        [DECODE_BYTES] = run_bytes, [DECODE_BYTE_FALLBACK] = run_byte_fallback, [DECODE_FUSE] = run_fuse,
        [DECODE_STRIP] = run_each,  [DECODE_METASPACE] = run_each,              [DECODE_SUFFIX] = run_each,
    };
    if (s->kind == DECODE_REPLACE)
        return run_replace(s, in, out, err);
    return functions[s->kind](s, in, out) ? PLLM_OK : error_memory(err, "text");
}

static bool join(const struct decoded *d, const char *between, struct buf *out)
{
    bool good = true;
    for (size_t i = 0; i < d->token.n && good; i++)
        good = (i == 0 || buf_add(out, between, strlen(between))) &&
               buf_add(out, token_text(d, i), d->token.at[i].n);
    return good;
}

pllm_status decode_run(const struct decode_step *steps, size_t n_steps, struct decoded *d, struct buf *out,
                       pllm_error *err)
{
    pllm_status status = PLLM_OK;
    for (size_t i = 0; i < n_steps && !status; i++) {
        struct decoded next = {0};
        status = run_step(&steps[i], d, &next, err);
        decoded_fini(d);
        *d = next;
    }
    if (!status && !join(d, n_steps ? "" : " ", out))
        status = error_memory(err, "text");
    return status;
}

/* One step of a stream: text -> *out. *raw: the text is bytes now, and further steps only strip it. */
static pllm_status stream_step(const struct decode_step *s, const char *text, size_t n, bool first, bool fused,
                               struct buf *out, bool *raw, pllm_error *err)
{
    int byte = s->kind == DECODE_BYTE_FALLBACK ? byte_token(text, n) : -1;
    struct decode_step beginning = *s;
    bool good;
    if (s->kind == DECODE_REPLACE) {
        struct pattern_scratch scratch = {0};
        pllm_status status = replace_matches(s, &scratch, text, n, out, err);
        pattern_scratch_fini(&scratch);
        return status;
    }
    if (s->kind == DECODE_STRIP && fused) { /* of a whole text only the beginning is here */
        beginning.start = first ? s->start : 0;
        beginning.stop = 0;
    }
    *raw = s->kind == DECODE_BYTES || byte >= 0; /* bytes before they are text */
    if (s->kind == DECODE_BYTES)
        good = add_bytes(out, text, n);
    else if (byte >= 0)
        good = buf_add(out, &(char){(char)byte}, 1);
    else
        good = change_token(&beginning, text, n, first, false, out);
    return good ? PLLM_OK : error_memory(err, "text");
}

pllm_status decode_stream_token(const struct decode_step *steps, size_t n_steps, const char *text, size_t n,
                                bool first, struct buf *out, pllm_error *err)
{
    struct buf now = {0}, next = {0};
    bool raw = false, fused = false;
    pllm_status status = (n_steps || first || buf_add(&now, " ", 1)) && buf_add(&now, text, n)
                             ? PLLM_OK
                             : error_memory(err, "text");
    for (size_t i = 0; i < n_steps && !status; i++) {
        if (raw && steps[i].kind != DECODE_STRIP)
            continue;
        bool now_raw = raw;
        next.n = 0;
        status = stream_step(&steps[i], now.at ? now.at : "", now.n, first, fused || raw, &next, &now_raw, err);
        raw = raw || now_raw;
        fused = fused || steps[i].kind == DECODE_FUSE;
        struct buf swap = now;
        now = next;
        next = swap;
    }
    if (!status && !buf_add(out, now.at, now.n))
        status = error_memory(err, "text");
    vec_fini(&now);
    vec_fini(&next);
    return status;
}
