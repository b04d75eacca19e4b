/* Values of a template, with Python's meaning: integers (of 64 bits; more is an error), floats, strings of code points,
 * None, undefined, lists, tuples, dicts, and the few objects that Jinja itself makes.
 *
 * All of them live in the heap of one render and die with it; nothing is freed before. A `struct value` is copied freely.
 * Lists, dicts and strings do not change once a template can see them; namespaces, cyclers, joiners and iterators do.
 *
 * Functions that can fail return false after they have told the run why (jinja_fail). */
#ifndef PARALLM_TEXT_JINJA_VALUE_H
#define PARALLM_TEXT_JINJA_VALUE_H

#include "base/mem.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jinja_run;

/* ---- Memory with a limit --------------------------------------------------------------------- */

struct heap {
    struct arena arena;
    char *at, *end;      /* the rest of the newest chunk */
    size_t bytes, limit; /* handed out so far, and the most that may be */
    bool over_limit;     /* a piece was refused because of it */
};

/* n items of `size` bytes, aligned to 16, not zeroed; NULL: no memory, or beyond the limit. */
void *heap_alloc(struct heap *h, size_t n, size_t size);
void heap_fini(struct heap *h);

/* ---- Kinds ------------------------------------------------------------------------------------- */

enum value_kind {
    V_MISSING,   /* no value at all: an argument that was not given, a variable that was not set */
    V_UNDEFINED, /* Jinja's Undefined: may be printed, iterated and tested, nothing else */
    V_NONE,
    V_BOOL,
    V_INT,
    V_FLOAT,
    V_STR,
    V_LIST,
    V_TUPLE,
    V_DICT,
    V_RANGE,
    V_VIEW,      /* dict.keys(), .values(), .items() */
    V_ITER,      /* a generator or iterator: consumed as it is read */
    V_NAMESPACE, /* a dict whose entries may be set */
    V_LOOP,      /* `loop` */
    V_MACRO,
    V_NATIVE, /* a function of ours, or a method bound to its object */
    V_CYCLER,
    V_JOINER,
    V_SELF,  /* `self`: the template's blocks */
    V_BLOCK, /* one of them */
};

struct value {
    enum value_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct str *str;
        struct list *list; /* V_LIST, V_TUPLE */
        struct dict *dict; /* V_DICT, V_NAMESPACE */
        struct undefined *undefined;
        struct range *range;
        struct view *view;
        struct iterator *iterator;
        struct loop *loop;
        struct macro *macro;
        struct method *method;
        struct cycler *cycler;
        struct joiner *joiner;
        const struct node *block;
    };
};

/* UTF-8, always valid. */
struct str {
    const char *at;
    size_t n, n_chars;     /* n_chars: SIZE_MAX until somebody has counted */
    struct str_room *room; /* where text may be appended in place (value_concat), or NULL */
    bool markup;           /* markupsafe's Markup: what is added to it is escaped */
};

/* A string of the program's own: `static struct str dot = STR_LITERAL(".");`, of ASCII. */
#define STR_LITERAL(text) {.at = (text), .n = sizeof(text) - 1, .n_chars = sizeof(text) - 1}

struct list {
    struct value *at;
    size_t n, cap;
    bool group; /* groupby's named tuple: .grouper, .list */
};

struct dict_entry {
    struct value key, value;
    uint64_t hash;
};

/* In the order of insertion. */
struct dict {
    struct dict_entry *at;
    size_t n, cap;
    uint32_t *index; /* open addressing: entry number + 1, 0: free; NULL while there are few entries */
    size_t n_index;
};

struct undefined {
    const char *hint;    /* the whole message, or NULL: made of the two below */
    struct value object; /* V_MISSING: a variable, not an attribute */
    struct value name;
    bool unsafe; /* what the sandbox forbids */
};

struct range {
    int64_t start, stop, step, n;
};

enum view_of { VIEW_KEYS, VIEW_VALUES, VIEW_ITEMS };

struct view {
    struct dict *dict;
    enum view_of of;
};

/* Computed when it is made; what failed then is reported by whoever reads that far, as a lazy one would. */
struct iterator {
    struct list *items;
    size_t at;
    const char *type; /* "generator", "list_reverseiterator" ... */
    const char *failure;
};

struct loop {
    struct list *items;
    const char *failure; /* of an iterator that ends in an error */
    size_t index0;
    int depth0;
    const struct node *body; /* the for statement when it is recursive, else NULL */
    struct frame *frame;     /* where the for statement stands */
    struct value last_changed;
};

struct macro {
    const struct node *node; /* NODE_MACRO, NODE_CALL_BLOCK or NODE_GENERATION */
    struct frame *frame;     /* where it was defined */
};

struct method {
    const struct native *native;
    struct value self; /* V_MISSING: a global function */
};

struct cycler {
    struct list *items;
    size_t at;
};

struct joiner {
    struct value separator;
    bool used;
};

static const struct value VALUE_MISSING = {.kind = V_MISSING};
static const struct value VALUE_NONE = {.kind = V_NONE};

static inline struct value value_bool(bool b)
{
    return (struct value){.kind = V_BOOL, .boolean = b};
}

static inline struct value value_int(int64_t i)
{
    return (struct value){.kind = V_INT, .integer = i};
}

static inline struct value value_float(double f)
{
    return (struct value){.kind = V_FLOAT, .real = f};
}

static inline struct value value_of_str(struct str *s)
{
    return (struct value){.kind = V_STR, .str = s};
}

static inline struct value value_of_list(struct list *l)
{
    return (struct value){.kind = V_LIST, .list = l};
}

static inline struct value value_of_tuple(struct list *l)
{
    return (struct value){.kind = V_TUPLE, .list = l};
}

static inline struct value value_of_dict(struct dict *d)
{
    return (struct value){.kind = V_DICT, .dict = d};
}

static inline bool value_is_sequence(struct value v)
{
    return v.kind == V_LIST || v.kind == V_TUPLE;
}

/* True and False are integers too. */
static inline bool value_is_int(struct value v)
{
    return v.kind == V_INT || v.kind == V_BOOL;
}

static inline int64_t value_as_int(struct value v)
{
    return v.kind == V_BOOL ? v.boolean : v.integer;
}

static inline bool value_is_number(struct value v)
{
    return value_is_int(v) || v.kind == V_FLOAT;
}

static inline double value_as_float(struct value v)
{
    return v.kind == V_FLOAT ? v.real : (double)value_as_int(v);
}

/* ---- Making ------------------------------------------------------------------------------------ */

/* A copy of the bytes, or a view of bytes that live as long as the render. */
bool value_str(struct jinja_run *r, const char *at, size_t n, struct value *out);
bool value_str_view(struct jinja_run *r, const char *at, size_t n, struct value *out);
bool value_text(struct jinja_run *r, const char *text, struct value *out); /* NUL-terminated, copied */
bool value_markup(struct jinja_run *r, struct value str, bool markup, struct value *out);
/* a then b; appends in place where a is the newest string built so, which makes loops that collect text linear. */
bool value_concat(struct jinja_run *r, const struct str *a, const struct str *b, struct value *out);

struct list *list_new(struct jinja_run *r, size_t cap);
bool list_add(struct jinja_run *r, struct list *l, struct value v);
struct list *list_pair(struct jinja_run *r, struct value a, struct value b); /* for a tuple of two */

struct dict *dict_new(struct jinja_run *r);
bool dict_set(struct jinja_run *r, struct dict *d, struct value key, struct value v); /* fails on an unhashable key */
bool dict_set_text(struct jinja_run *r, struct dict *d, const char *key, struct value v);
struct value *dict_find_str(struct jinja_run *r, const struct dict *d, const char *at, size_t n); /* NULL: none */
bool dict_find(struct jinja_run *r, const struct dict *d, struct value key, struct value **out); /* *out NULL: none */
struct dict *dict_copy(struct jinja_run *r, const struct dict *d);

bool value_undefined_name(struct jinja_run *r, struct str *name, struct value *out);
bool value_undefined_in(struct jinja_run *r, struct value object, struct value name, struct value *out);
bool value_undefined_hint(struct jinja_run *r, const char *hint, struct value *out); /* hint: a literal */
bool value_unsafe(struct jinja_run *r, struct value object, struct value name, struct value *out);
bool value_iterator(struct jinja_run *r, struct list *items, const char *type, struct value *out);
bool value_range(struct jinja_run *r, int64_t start, int64_t stop, int64_t step, struct value *out);
bool value_view(struct jinja_run *r, struct dict *d, enum view_of of, struct value *out);
bool value_method(struct jinja_run *r, const struct native *native, struct value self, struct value *out);

/* ---- Meaning ----------------------------------------------------------------------------------- */

const char *value_type(struct value v); /* "str", "list", "NoneType" ... */
bool value_truth(struct value v);
bool value_identical(struct value a, struct value b); /* Python's `is` */
bool value_hash(struct jinja_run *r, struct value v, uint64_t *out);
bool value_equal(struct jinja_run *r, struct value a, struct value b, bool *out);
/* a < b, a <= b ...; an error where Python has no order. `op` is for the message. */
enum order { ORDER_LT, ORDER_LE, ORDER_GT, ORDER_GE };
bool value_order(struct jinja_run *r, struct value a, struct value b, enum order op, bool *out);
bool value_contains(struct jinja_run *r, struct value container, struct value item, bool *out);
bool value_length(struct jinja_run *r, struct value v, int64_t *out);

/* Fails with the undefined value's message. */
bool undefined_fail(struct jinja_run *r, struct value undefined);

/* Everything that iterating over it gives, in a new list (consumes an iterator); or the list itself where it is one. */
bool value_items(struct jinja_run *r, struct value v, struct list **out);
/* As value_items; an iterator that ends in an error gives what comes before, and *failure. */
bool value_items_until(struct jinja_run *r, struct value v, struct list **out, const char **failure);
bool value_is_iterable(struct value v);

/* ---- Text of values ------------------------------------------------------------------------------ */

/* str() and repr() at the end of `text`. */
bool value_print(struct jinja_run *r, struct buf *text, struct value v);
bool value_repr(struct jinja_run *r, struct buf *text, struct value v);
bool value_ascii(struct jinja_run *r, struct value v, struct value *out); /* repr() with the rest of Unicode escaped */
bool value_to_str(struct jinja_run *r, struct value v, struct value *out); /* str(v): a plain string, never Markup */
bool value_soft_str(struct jinja_run *r, struct value v, struct value *out); /* Markup stays Markup */
void float_repr(double f, char out[32]);

/* ---- Strings ------------------------------------------------------------------------------------- */

size_t str_length(struct str *s); /* in characters */
/* Byte offset of a character; index <= length. */
size_t str_offset(struct str *s, size_t index);
bool str_equals(const struct str *s, const char *text);

#endif
