/* Numbers from text and numbers rounded, as Python does it. */
#ifndef PARALLM_TEXT_JINJA_NUMBER_H
#define PARALLM_TEXT_JINJA_NUMBER_H

#include "text/jinja/value.h"

enum number_read { NUMBER_OK, NUMBER_INVALID, NUMBER_TOO_LARGE }; /* TOO_LARGE: for 64 bits */

/* int(text, base): white space round it, a sign, a prefix (base 0 or its own), single underscores between digits. */
enum number_read number_parse_int(const char *at, size_t n, int64_t base, int64_t *out);
/* float(text); *out is NaN and *valid false where the text is no number. False: no memory, or too many steps. */
bool number_parse_float(struct jinja_run *r, const struct str *text, double *out, bool *valid);

bool number_truncate(struct jinja_run *r, double f, struct value *out); /* int(f) */

/* round(v, digits): half to even, of the exact decimal value; an integer stays one. */
bool number_round(struct jinja_run *r, struct value v, int64_t digits, struct value *out);

#endif
