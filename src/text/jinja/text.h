/* Characters and strings as Python sees them: UTF-8 inside, classes and case of code points, white space. */
#ifndef PARALLM_TEXT_JINJA_TEXT_H
#define PARALLM_TEXT_JINJA_TEXT_H

#include "base/ascii.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code point at *at, which is valid UTF-8, and past it. */
static inline uint32_t char_next(const char **at)
{
    const char *here = *at;
    *at += utf8_width((unsigned char)*here);
    return utf8_get(here);
}

bool char_add(struct buf *text, uint32_t c); /* false: no memory */
size_t char_count(const char *at, size_t n); /* characters */

bool py_is_space(uint32_t c);
bool py_is_alpha(uint32_t c);
bool py_is_decimal(uint32_t c);
bool py_is_digit(uint32_t c);
bool py_is_numeric(uint32_t c);
bool py_is_alnum(uint32_t c);
bool py_is_word(uint32_t c); /* \w of Python's re */
bool py_is_lower(uint32_t c);
bool py_is_upper(uint32_t c);
bool py_is_title(uint32_t c);
bool py_is_printable(uint32_t c);
bool py_is_identifier_start(uint32_t c);
bool py_is_identifier_part(uint32_t c);
bool py_is_line_end(uint32_t c); /* what str.splitlines splits at */
int py_decimal_value(uint32_t c); /* 0..9, -1: none */

enum text_case { CASE_UPPER, CASE_LOWER, CASE_TITLE, CASE_FOLD };

/* The full mapping of a string, at the end of `text`; knows the final sigma. CASE_TITLE maps every character. False: no memory. */
bool py_map(struct buf *text, const char *at, size_t n, enum text_case to);

/* Bytes that are left without the white space at the end; bytes of white space at the beginning. */
size_t py_rstrip(const char *at, size_t n);
size_t py_lstrip(const char *at, size_t n);

/* First place of a string in another, or NULL; the empty one is at the beginning. py_rfind: the last. */
const char *py_find(const char *at, size_t n, const char *what, size_t n_what);
const char *py_rfind(const char *at, size_t n, const char *what, size_t n_what);

#endif
