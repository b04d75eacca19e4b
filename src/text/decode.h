/* Tokens back to text: a chain of steps over the tokens' spellings. */
#ifndef PARALLM_TEXT_DECODE_H
#define PARALLM_TEXT_DECODE_H

#include "base/error.h"
#include "base/vec.h"
#include "text/pattern.h"

#include <stdbool.h>

struct decode_step {
    enum {
        DECODE_BYTES,         /* all tokens' byte-level characters are bytes, and these are text */
        DECODE_BYTE_FALLBACK, /* runs of "<0xXX>" are bytes, and these are text */
        DECODE_FUSE,          /* all tokens are one from here on */
        DECODE_STRIP,         /* `start` times `content`'s character goes at the beginning, `stop` times at the end */
        DECODE_REPLACE,
        DECODE_METASPACE, /* `content` is a space, and nothing in the first token */
        DECODE_SUFFIX     /* `content`, an end-of-word mark, is a space, and nothing in the last token */
    } kind;
    struct pattern pattern; /* replace: what */
    char *content;
    size_t n_content;
    size_t start, stop;
    bool keep_first; /* metaspace: a space in the first token, too */
};

typedef VEC(struct decode_step) decode_steps;
void decode_fini(decode_steps *steps);

/* Texts of tokens, one after another. */
struct decoded_token {
    size_t at, n;
};

struct decoded {
    struct buf text;
    VEC(struct decoded_token) token;
};
void decoded_fini(struct decoded *d);

/* The tokens of *d as one text at the end of *out; *d is used up. Without steps they are joined by spaces. */
pllm_status decode_run(const struct decode_step *steps, size_t n_steps, struct decoded *d, struct buf *out,
                       pllm_error *err);

/* What one token of a stream adds: bytes, at the end of *out, not yet text. `first`: nothing was shown before.
 * The steps work as on a whole list, but for what they take from its end. */
pllm_status decode_stream_token(const struct decode_step *steps, size_t n_steps, const char *text, size_t n,
                                bool first, struct buf *out, pllm_error *err);

#endif
