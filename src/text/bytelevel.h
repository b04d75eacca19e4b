/* GPT-2's way to show bytes as printable characters: those of Latin-1 that print stand for themselves, the others
 * for the characters from U+0100 on, in order. "Ġ" is a space. */
#ifndef PARALLM_TEXT_BYTELEVEL_H
#define PARALLM_TEXT_BYTELEVEL_H

#include "base/vec.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the characters for n bytes; false: no memory. */
bool bytelevel_show(struct buf *out, const char *bytes, size_t n);

/* The bytes behind a text of such characters: writes at most n to `out`, *n_out of them; false: some character is none of
 * them. */
bool bytelevel_bytes(char *out, size_t *n_out, const char *text, size_t n);

#endif
