/* What Python's str can do, for methods and filters alike. Results are Markup where the string is. */
#ifndef PARALLM_TEXT_JINJA_STR_H
#define PARALLM_TEXT_JINJA_STR_H

#include "text/jinja/value.h"

enum str_case { STR_UPPER, STR_LOWER, STR_FOLD, STR_CAPITALIZE, STR_TITLE, STR_SWAP };
bool str_change_case(struct jinja_run *r, const struct str *s, enum str_case to, struct value *out);

enum { STRIP_LEFT = 1, STRIP_RIGHT = 2 };
/* Any of the characters of `chars`; NULL: white space. */
bool str_strip(struct jinja_run *r, const struct str *s, const struct str *chars, int sides, struct value *out);

/* The first `count` places; below 0: all. */
bool str_replace(struct jinja_run *r, const struct str *s, const struct str *old, const struct str *new_text,
                 int64_t count, struct value *out);

enum str_align { ALIGN_LEFT, ALIGN_RIGHT, ALIGN_CENTER };
bool str_pad(struct jinja_run *r, struct str *s, int64_t width, const struct str *fill, enum str_align align,
             struct value *out);

/* At `separator` (NULL: white space), at most `max` times (below 0: always), counted from the left or the right. */
bool str_split(struct jinja_run *r, const struct str *s, const struct str *separator, int64_t max, bool from_right,
               struct value *out);
bool str_splitlines(struct jinja_run *r, const struct str *s, bool keep_ends, struct list **out);

/* A part of s, which shares its bytes. */
bool str_part(struct jinja_run *r, const struct str *s, size_t begin, size_t n, struct value *out);

/* separator.join(items): items must be strings. */
bool str_join(struct jinja_run *r, const struct str *separator, const struct list *items, struct value *out);

#endif
