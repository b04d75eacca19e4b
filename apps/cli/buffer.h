/* Growing text, and JSON written into it. The first failed allocation sticks: `failed` is looked at once, when
 * the text is used. All zero is an empty buffer. */
#ifndef PARALLM_CLI_BUFFER_H
#define PARALLM_CLI_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *at; /* a NUL stands behind the text; NULL: nothing was ever added */
    size_t n, room;
    bool failed;
};

void buffer_fini(struct buffer *b);
void buffer_clear(struct buffer *b); /* the memory and a failure stay */
void buffer_add(struct buffer *b, const char *text, size_t n);
void buffer_puts(struct buffer *b, const char *text);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_join(struct buffer *b, const struct buffer *other); /* its failure too */

/* A JSON string, always valid UTF-8: each byte that is none becomes U+FFFD. */
void buffer_json_string(struct buffer *b, const char *text, size_t n);

/* Numbers that read back as the same float or double; what is not finite becomes null. */
void buffer_json_float(struct buffer *b, float x);
void buffer_json_double(struct buffer *b, double x);

#endif
