/* Sorting as Python's sorted: stable, by `<` of the keys, an error where two have no order. */
#ifndef PARALLM_TEXT_JINJA_SORT_H
#define PARALLM_TEXT_JINJA_SORT_H

#include "text/jinja/value.h"

/* Sorts `items` by `keys`, item for item; keys are moved along. Both may be the same list. */
bool sort_values(struct jinja_run *r, struct list *items, struct list *keys, bool reverse);

#endif
