/* Markup, as markupsafe has it. */
#ifndef PARALLM_TEXT_JINJA_HTML_H
#define PARALLM_TEXT_JINJA_HTML_H

#include "text/jinja/value.h"

/* str(v) with & < > ' " as references, as Markup; Markup stays as it is. */
bool html_escape(struct jinja_run *r, struct value v, struct value *out);

/* Without tags, runs of white space as one space, references resolved; a plain string. */
bool html_strip_tags(struct jinja_run *r, const struct str *s, struct value *out);
bool html_unescape(struct jinja_run *r, const struct str *s, struct value *out);

#endif
