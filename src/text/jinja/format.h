/* Python's ways of putting values into text: "%5.1f" % x and "{:>5.1f}".format(x). */
#ifndef PARALLM_TEXT_JINJA_FORMAT_H
#define PARALLM_TEXT_JINJA_FORMAT_H

#include "text/jinja/run.h"

/* How one value is to be laid out; both notations come down to this. */
struct layout {
    uint32_t fill;
    char align;   /* '<', '>', '^', '=' (zeros after the sign); 0: by the value's type */
    char sign;    /* '+', ' ' or 0 */
    bool alternate;
    char grouping; /* ',', '_' or 0 */
    int width, precision; /* precision -1: none */
    char type;    /* as in a format specification; 0: none */
};

enum { MAX_LAYOUT_WIDTH = 1 << 20, MAX_LAYOUT_PRECISION = 400 };

bool layout_text(struct jinja_run *r, const char *at, size_t n, const struct layout *l, char default_align);
bool layout_int(struct jinja_run *r, int64_t i, const struct layout *l);
bool layout_float(struct jinja_run *r, double f, const struct layout *l);

bool str_format(struct jinja_run *r, const struct str *format, const struct arguments *a, struct value *out);

#endif
