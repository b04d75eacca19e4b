/* What strftime_now sees, and Python's strftime without a locale. */
#ifndef PARALLM_TEXT_JINJA_TIME_H
#define PARALLM_TEXT_JINJA_TIME_H

#include "base/vec.h"

#include <stdbool.h>
#include <stddef.h>

struct civil_time {
    int year, month, day, hour, minute, second; /* month and day from 1 */
    int microsecond;
};

struct civil_time civil_now(void); /* local time */

/* "2025-07-26T12:34:56" (or a space for the T, or a date alone). False: not of that form, or no such day. */
bool civil_parse(struct civil_time *out, const char *at, size_t n);

/* Appends; false: no memory. Unknown directives are copied. */
bool civil_format(struct buf *text, const struct civil_time *t, const char *format, size_t n);

#endif
