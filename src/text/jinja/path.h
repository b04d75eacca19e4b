/* "address.city": what the `attribute` argument of filters means. */
#ifndef PARALLM_TEXT_JINJA_PATH_H
#define PARALLM_TEXT_JINJA_PATH_H

#include "text/jinja/run.h"

/* The steps of a path; none for V_MISSING or None. Digits are integers. */
bool path_parse(struct jinja_run *r, struct value attribute, struct list **out);

/* Goes that way from `item`; where a step finds nothing, `otherwise` (unless V_MISSING or None) is gone on with. */
bool path_follow(struct jinja_run *r, struct value item, const struct list *path, struct value otherwise,
                 struct value *out);

/* Strings in lower case, everything else as it is. */
bool ignore_case(struct jinja_run *r, struct value *v);

#endif
