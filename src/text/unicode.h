/* Classes of characters as the tokenizers library (Unicode 16) sees them. */
#ifndef PARALLM_TEXT_UNICODE_H
#define PARALLM_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool unicode_is_space(uint32_t c);       /* White_Space */
bool unicode_is_word(uint32_t c);        /* \w of UTS 18: alphabetic, marks, decimal digits, connectors */
bool unicode_is_mark(uint32_t c);        /* general categories Mn, Mc, Me */

/* PCRE2 as systems have it knows Unicode 14. Where valid UTF-8 `text` has a newer character, writes it to `out` (n bytes)
 * with such characters replaced by old ones of the same category and width and returns true: what a regular
 * expression finds there it finds in the text. Else returns false, and `out` is untouched. */
bool unicode_age(char *out, const char *text, size_t n);
bool unicode_is_new(const char *text, size_t n);

#endif
