/* What the targets of tokenizers do with one that opened: encode, decode whole and decode as a stream. */
#ifndef PARALLM_FUZZ_FUZZ_TOKENIZER_H
#define PARALLM_FUZZ_FUZZ_TOKENIZER_H

#include "fuzz.h"

#include "text/tokenizer.h"

#include <stdlib.h>

/* The pieces of a stream, and its tail. */
static inline void fuzz_stream(const struct tokenizer *t, const int32_t *ids, size_t n)
{
    struct detok d;
    struct buf text = {0};
    detok_init(&d, n & 1);
    for (size_t i = 0; i < n; i++)
        detok_add(&d, t, ids[i], &text, NULL);
    detok_finish(&d, &text);
    fuzz_touch((const uint8_t *)text.at, text.n);
    vec_fini(&text);
}

/* One text both ways; what comes out must be of the vocabulary. */
static inline void fuzz_round(const struct tokenizer *t, const char *text, size_t n, bool add, bool parse)
{
    ids_vec ids = {0};
    struct buf decoded = {0};
    pllm_error err;
    if (!tokenizer_encode(t, &ids, text, n, add, parse, &err)) {
        for (size_t i = 0; i < ids.n; i++)
            if (ids.at[i] < 0 || ids.at[i] >= 1 << 22)
                abort();
        if (!tokenizer_decode(t, &decoded, ids.at, ids.n, !add, &err))
            fuzz_touch((const uint8_t *)decoded.at, decoded.n);
        fuzz_stream(t, ids.at, ids.n);
    }
    vec_fini(&decoded);
    vec_fini(&ids);
}

/* A text of every kind of character, the caller's text, and every token from one end of the ids to a bit over the other. */
static inline void fuzz_tokenizer(struct tokenizer *t, const char *text, size_t n)
{
    static const char mixed[] = "  Hello, world's 1234\n\n\tab<s>abc</s> \xC3\xA9\xCC\x81 \xE4\xB8\xAD\xE2\x96\x81"
                                "\xF0\x9F\x98\x80\xFF\xC3 aaaaaaaaaaaaaaaaa ";
    for (int way = 0; way < 4; way++) {
        fuzz_round(t, mixed, sizeof mixed - 1, way & 1, way & 2);
        fuzz_round(t, text, n, way & 1, way & 2);
    }
    int32_t ids[64];
    int32_t size = (int32_t)(tokenizer_size(t) < 60 ? tokenizer_size(t) : 60);
    for (int32_t i = 0; i < size + 4; i++) {
        ids[i] = i - 2;
        struct text_span span = tokenizer_token(t, i);
        fuzz_touch((const uint8_t *)span.at, span.n);
        tokenizer_is_special(t, i);
    }
    struct buf decoded = {0};
    pllm_error err;
    tokenizer_decode(t, &decoded, ids, (size_t)size + 4, false, &err);
    fuzz_stream(t, ids, (size_t)size + 4);
    vec_fini(&decoded);
    tokenizer_close(t);
}

/* Up to a zero byte, or all; *rest is what is behind it. */
static inline size_t fuzz_part(const char *text, size_t n, size_t *rest)
{
    const char *zero = n ? memchr(text, 0, n) : NULL;
    size_t part = zero ? (size_t)(zero - text) : n;
    *rest = zero ? part + 1 : n;
    return part;
}

#endif
