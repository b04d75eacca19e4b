/* The language of Jinja2 templates, as the sandbox of transformers runs them: what it prints, byte for byte.
 *
 * lex.c and parse.c with parse_expr.c make a tree (ast.h), scope.c resolves its names, exec.c and eval.c walk it over values
 * (value.h). Filters, tests, methods and globals are tables of small functions (run.h).
 *
 * A template is immutable; each render has its own memory. A render is stopped, with an error, by limits on steps, depth,
 * memory and output, so that it takes well under a second whatever the template. */
#ifndef PARALLM_TEXT_JINJA_JINJA_H
#define PARALLM_TEXT_JINJA_JINJA_H

#include "base/error.h"
#include "base/json.h"
#include "base/vec.h"
#include "text/jinja/time.h"

struct jinja_template;

/* `name` is used in messages; both are copied. PLLM_E_FORMAT: it does not parse. */
pllm_status jinja_open(struct jinja_template **out, const char *source, size_t n, const char *name, pllm_error *err);
void jinja_close(struct jinja_template *t);
const char *jinja_source(const struct jinja_template *t, size_t *n);

struct jinja_variable {
    const char *name;
    struct json value; /* absent: text, or None where that is NULL too */
    const char *text;
};

/* Renders at the end of *text, which is untouched on failure. Later variables win. PLLM_E_ARGUMENT: the template raised an error
 * or met a limit. */
pllm_status jinja_render(const struct jinja_template *t, const struct jinja_variable *variables, size_t n,
                         const struct civil_time *now, struct buf *text, pllm_error *err);

#endif
