/* json.dumps, as the tojson filter of transformers calls it. */
#ifndef PARALLM_TEXT_JINJA_JSON_H
#define PARALLM_TEXT_JINJA_JSON_H

#include "text/jinja/value.h"

struct json_style {
    bool ascii, sort_keys;
    const char *indent; /* one level; NULL: all on one line */
    size_t n_indent;
    const char *item_separator, *key_separator;
    size_t n_item_separator, n_key_separator;
};

/* From the filter's arguments, V_MISSING where not given. */
bool json_style(struct jinja_run *r, struct json_style *out, struct value ensure_ascii, struct value indent,
                struct value separators, struct value sort_keys);
bool json_dump(struct jinja_run *r, struct buf *text, struct value v, const struct json_style *style);

#endif
