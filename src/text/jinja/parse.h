/* Inside the parser: parse_expr.c and parse.c (statements) alone. */
#ifndef PARALLM_TEXT_JINJA_PARSE_H
#define PARALLM_TEXT_JINJA_PARSE_H

#include "text/jinja/ast.h"
#include "text/jinja/lex.h"

/* Nesting of statements and expressions. CPython gives up on templates nested 100 deep. */
enum { MAX_NESTING = 200 };

/* Parameters of a macro and keywords of a call: each is compared with all the others. */
enum { MAX_NAMED = 1000 };

struct parser {
    struct jinja_template *t;
    const struct token *at;
    int depth;    /* of the C recursion */
    bool in_loop; /* break and continue mean something */
    pllm_error *err;
};

/* A list under construction. */
struct node_list {
    struct node *first, *last;
    size_t n;
};

void node_append(struct node_list *list, struct node *n);

/* NULL with the error set: no memory. */
struct node *parse_node(struct parser *p, enum node_type type);
/* Sets n's depth from its kids; NULL (with the error): nested too deeply. */
struct node *parse_finish(struct parser *p, struct node *n);
struct node *parse_fail(struct parser *p, const char *format, ...) PRINTF_LIKE(2, 3);
/* Whether one more of MAX_NAMED fits; false with the error set. */
bool parse_counts(struct parser *p, const struct node_list *list);
bool parse_enter(struct parser *p);
static inline void parse_leave(struct parser *p)
{
    p->depth--;
}

bool token_is_name(const struct token *t, const char *name);
bool parse_skip(struct parser *p, enum token_type type);
bool parse_skip_name(struct parser *p, const char *name);
bool parse_expect(struct parser *p, enum token_type type);
struct name *parse_identifier(struct parser *p);
const char *token_text(enum token_type type);

/* end_name: also a name that ends a tuple ("in", "recursive"), or NULL. */
struct node *parse_expression(struct parser *p, bool with_condition);
struct node *parse_tuple(struct parser *p, bool with_condition, const char *end_name, bool parentheses);
struct node *parse_target(struct parser *p, const char *end_name, bool with_namespace);
struct node *parse_filters(struct parser *p, struct node *value, bool start_inline);

#endif
