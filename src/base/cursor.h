/* A bounded reader over bytes that came from a stranger. Every parser of binary input uses it: the
 * bounds are checked here and nowhere else. Numbers are little-endian, as all our formats are.
 *
 * A read that does not fit returns false and leaves the cursor where it was. */
#ifndef PARALLM_BASE_CURSOR_H
#define PARALLM_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
    const uint8_t *begin, *at, *end;
};

static inline struct cursor cursor_over(const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    return (struct cursor){p, p, p + n};
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

static inline size_t cursor_offset(const struct cursor *c)
{
    return (size_t)(c->at - c->begin);
}

/* *bytes = the next n bytes, inside the input. */
static inline bool cursor_take(struct cursor *c, uint64_t n, const uint8_t **bytes)
{
    if (n > cursor_left(c))
        return false;
    *bytes = c->at;
    c->at += n;
    return true;
}

static inline bool cursor_skip(struct cursor *c, uint64_t n)
{
    const uint8_t *bytes;
    return cursor_take(c, n, &bytes);
}

/* The next n <= 8 bytes as a little-endian number. */
static inline bool cursor_number(struct cursor *c, unsigned n, uint64_t *out)
{
    const uint8_t *p;
    if (!cursor_take(c, n, &p))
        return false;
    uint64_t value = 0;
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)p[i] << (8 * i);
    *out = value;
    return true;
}

static inline bool cursor_u8(struct cursor *c, uint8_t *out)
{
    uint64_t v;
    return cursor_number(c, 1, &v) ? (*out = (uint8_t)v, true) : false;
}

static inline bool cursor_u32(struct cursor *c, uint32_t *out)
{
    uint64_t v;
    return cursor_number(c, 4, &v) ? (*out = (uint32_t)v, true) : false;
}

static inline bool cursor_u64(struct cursor *c, uint64_t *out)
{
    return cursor_number(c, 8, out);
}

static inline bool cursor_f32(struct cursor *c, float *out)
{
    uint32_t bits;
    return cursor_u32(c, &bits) ? (memcpy(out, &bits, 4), true) : false;
}

/* A protobuf varint: seven bits a byte, the lowest first, at most ten bytes. */
static inline bool cursor_varint(struct cursor *c, uint64_t *out)
{
    uint64_t value = 0;
    const uint8_t *p = c->at;
    for (unsigned shift = 0; shift < 70 && p < c->end; shift += 7) {
        uint8_t byte = *p++;
        if (shift == 63 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) {
            c->at = p;
            *out = value;
            return true;
        }
    }
    return false;
}

#endif
