#include "text/impl.h"
#include "base/utf8.h"

#include <string.h>

void detok_init(struct detok *d, bool skip_special)
{
    *d = (struct detok){.skip_special = skip_special};
}

static bool add_replacement(struct buf *text)
{
    return buf_add(text, UTF8_REPLACEMENT, 3);
}

/* Shows what is certain of the bytes and keeps the beginning of a character at their end. */
static bool show(struct detok *d, const unsigned char *bytes, size_t n, struct buf *text)
{
    size_t i = 0;
    d->n_pending = 0;
    while (i < n) {
        bool whole, cut;
        size_t width = utf8_scan(bytes + i, n - i, &whole, &cut);
        if (cut) {
            memcpy(d->pending, bytes + i, width);
            d->n_pending = (uint8_t)width;
            return true;
        }
        if (!(whole ? buf_add(text, bytes + i, width) : add_replacement(text)))
            return false;
        i += width;
    }
    return true;
}

/* A token's bytes in the stream. Added tokens stand for their text; they have no byte-level spelling. */
static pllm_status token_bytes(const struct tokenizer *t, int32_t id, bool first, struct buf *bytes, pllm_error *err)
{
    struct text_span span = tokenizer_shown(t, id);
    bool byte_level = t->decoder.n && t->decoder.at[0].kind == DECODE_BYTES;
    if (byte_level && t->flag.at[id] & TOKEN_ADDED)
        return buf_add(bytes, span.at, span.n) ? PLLM_OK : error_memory(err, "text");
    return decode_stream_token(t->decoder.at, t->decoder.n, span.at, span.n, first, bytes, err);
}

pllm_status detok_add(struct detok *d, const struct tokenizer *t, int32_t id, struct buf *text, pllm_error *err)
{
    if (!tokenizer_token(t, id).at || (d->skip_special && tokenizer_hides(t, id)))
        return PLLM_OK;
    struct detok next = *d;
    struct buf bytes = {0};
    size_t before = text->n;
    pllm_status status = buf_add(&bytes, d->pending, d->n_pending) ? PLLM_OK : error_memory(err, "text");
    if (!status)
        status = token_bytes(t, id, !d->started, &bytes, err);
    if (!status && !show(&next, (const unsigned char *)bytes.at, bytes.n, text))
        status = error_memory(err, "text");
    next.started = true;
    vec_fini(&bytes);
    if (status)
        text->n = before;
    else
        *d = next;
    return status;
}

bool detok_finish(struct detok *d, struct buf *text)
{
    bool good = d->n_pending == 0 || add_replacement(text);
    d->n_pending = 0;
    return good;
}
