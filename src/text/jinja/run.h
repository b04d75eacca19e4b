/* One render: its heap, output, limits, and where it stands. */
#ifndef PARALLM_TEXT_JINJA_RUN_H
#define PARALLM_TEXT_JINJA_RUN_H

#include "text/jinja/ast.h"
#include "text/jinja/time.h"
#include "text/jinja/value.h"

/* The variables of one scope while it is entered. */
struct frame {
    struct frame *up;
    struct frame *next_spare;
    bool captured; /* a macro may still look into it after the scope is left */
    struct value slots[];
};

struct jinja_run {
    const struct jinja_template *t;
    struct heap heap;
    struct buf out;     /* what was printed; a capture takes its tail off again */
    struct buf scratch; /* strings being built, one on top of the other */
    struct dict *variables, *exported; /* the caller's; set at the top level */
    struct frame **spare;              /* per scope: frames to use again */
    struct civil_time now;
    int64_t steps; /* left */
    size_t max_output;
    int depth, line;
    const char *stack; /* an address near the bottom of the C stack */
    bool failed;
    bool final; /* of a limit: nobody may go on after it */
    pllm_error error;
};

/* Stops the render (false): "NAME: line N: message". The first failure counts. */
bool jinja_fail(struct jinja_run *r, const char *format, ...) PRINTF_LIKE(2, 3);
bool jinja_no_memory(struct jinja_run *r);

/* Forgets a failure and returns its message (for an iterator that fails when it is read); NULL when it is one of a limit,
 * which cannot be put off. */
const char *jinja_defer_failure(struct jinja_run *r);
bool jinja_fail_deferred(struct jinja_run *r, const char *message);

void *run_alloc(struct jinja_run *r, size_t n, size_t size);

/* Work done: about n small operations. False: the limit is reached. */
bool run_tick(struct jinja_run *r, size_t n);

/* Around anything that nests. False: too deep; leave only after a true. */
bool run_enter(struct jinja_run *r);
static inline void run_leave(struct jinja_run *r)
{
    r->depth--;
}

/* Whether a text of n bytes is no longer than one may be; false with the failure. */
bool run_fits(struct jinja_run *r, size_t n);

/* Strings are built on r->scratch from a mark on: run_take makes a value of what is above it, and cuts. */
bool run_put(struct jinja_run *r, const char *at, size_t n); /* at its end */
bool run_take(struct jinja_run *r, size_t mark, struct value *out);
bool run_take_markup(struct jinja_run *r, size_t mark, bool markup, struct value *out); /* Markup, or a plain string */

/* ---- Calls --------------------------------------------------------------------------------------- */

struct keyword {
    struct str *name;
    struct value value;
};

struct arguments {
    struct value *at;
    size_t n;
    struct keyword *keywords;
    size_t n_keywords;
};

enum { MAX_PARAMETERS = 7 };

struct bound {
    struct value self; /* what is filtered or tested, or the object of a method */
    struct value arg[MAX_PARAMETERS]; /* by parameter; V_MISSING: not given */
    const struct arguments *all;
};

/* What a native gives: true, so that it can be returned. */
static inline bool give(struct value *out, struct value v)
{
    *out = v;
    return true;
}

static inline bool bound_has(const struct bound *b, int i)
{
    return b->arg[i].kind != V_MISSING;
}

/* An argument of the wanted kind, or what stands in where it was not given. */
bool bound_int(struct jinja_run *r, const struct bound *b, int i, int64_t otherwise, int64_t *out);
bool bound_str(struct jinja_run *r, const struct bound *b, int i, struct str **out);  /* NULL: not given, or None */
bool bound_text(struct jinja_run *r, const struct bound *b, int i, struct str **out); /* a string, nothing else */
bool bound_flag(const struct bound *b, int i); /* truth; not given: false */

/* A filter, test, method or global. `parameters` are names parted by spaces; "?" after a name: may be left out; "/" first: by
 * position only; "*": the function looks at bound.all itself. */
struct native {
    const char *name, *parameters;
    bool (*call)(struct jinja_run *r, const struct bound *b, struct value *out);
};

const struct native *native_find(const struct native *table, const char *name, size_t n); /* a NULL name ends it */
bool native_call(struct jinja_run *r, const struct native *f, struct value self, const struct arguments *a,
                 struct value *out);

extern const struct native jinja_text_filters[], jinja_list_filters[], jinja_map_filters[], jinja_number_filters[],
    jinja_html_filters[], jinja_layout_filters[];
extern const struct native jinja_tests[], jinja_globals[];
extern const struct native jinja_str_methods[], jinja_list_methods[], jinja_dict_methods[], jinja_int_methods[],
    jinja_float_methods[], jinja_view_methods[], jinja_loop_methods[], jinja_cycler_methods[],
    jinja_markup_methods[];

const struct native *jinja_filter(const char *name, size_t n); /* NULL: none */
const struct native *jinja_test(const char *name, size_t n);

bool value_call(struct jinja_run *r, struct value callee, const struct arguments *a, struct value *out);

/* ---- Expressions and statements ------------------------------------------------------------------ */

bool eval(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out);
bool eval_arguments(struct jinja_run *r, struct frame *f, const struct node *call, size_t n_extra,
                    struct arguments *out);
bool op_binary(struct jinja_run *r, enum binary_op op, struct value a, struct value b, struct value *out);
bool op_unary(struct jinja_run *r, enum node_type op, struct value a, struct value *out);
bool str_percent(struct jinja_run *r, const struct str *format, struct value arguments, struct value *out);

/* obj.name and obj[key], by the sandbox's rules; obj[a:b:c]. */
bool value_attribute(struct jinja_run *r, struct value object, struct str *name, struct value *out);
bool value_item(struct jinja_run *r, struct value object, struct value key, struct value *out);
bool value_slice(struct jinja_run *r, struct value object, const struct value bounds[3], struct value *out);
/* A real attribute, without falling back to items: *found. */
bool value_own_attribute(struct jinja_run *r, struct value object, struct str *name, struct value *out, bool *found);

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE, FLOW_FAILED };
enum flow exec(struct jinja_run *r, struct frame *f, const struct node *list);
/* The text that the statements print, as a string. */
bool exec_capture(struct jinja_run *r, struct frame *f, const struct node *list, struct value *out);
bool exec_block(struct jinja_run *r, const struct node *block, struct dict *locals);
bool exec_loop(struct jinja_run *r, struct frame *f, const struct node *loop, struct value over, int depth0);
struct frame *frame_enter(struct jinja_run *r, const struct scope *scope, struct frame *up);
void frame_leave(struct jinja_run *r, const struct scope *scope, struct frame *f);
/* Loads the variables that the scope takes from outside; at every turn of a loop. */
bool frame_load(struct jinja_run *r, const struct scope *scope, struct frame *f);

#endif
