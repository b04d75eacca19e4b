/* A template as a tree. Nodes, names and strings live in the template's heap and are never changed after opening. */
#ifndef PARALLM_TEXT_JINJA_AST_H
#define PARALLM_TEXT_JINJA_AST_H

#include "base/error.h"
#include "text/jinja/value.h"
#include "text/strtab.h"

enum node_type {
    /* Statements, and their kids in order. Lists are linked by `next`. */
    NODE_DATA,         /* text, printed as it is */
    NODE_PRINT,        /* expression */
    NODE_FOR,          /* target, iterable, body, else, condition */
    NODE_IF,           /* condition, body, elifs (a list of NODE_IF), else */
    NODE_MACRO,        /* parameters, defaults of the last ones, body */
    NODE_CALL_BLOCK,   /* call, parameters, defaults, body */
    NODE_GENERATION,   /* as CALL_BLOCK, without a call */
    NODE_FILTER_BLOCK, /* body, filter */
    NODE_WITH,         /* targets, values, body */
    NODE_SET,          /* target, expression */
    NODE_SET_BLOCK,    /* target, filter, body */
    NODE_BLOCK,        /* body */
    NODE_AUTOESCAPE,   /* expression, body */
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_LOAD,         /* expression: include, import, from, extends: there is nothing to load from */
    /* Expressions. */
    NODE_CONST,
    NODE_NAME,         /* also as a target */
    NODE_NAMESPACE_REF, /* target only: name.attribute */
    NODE_TUPLE,        /* items */
    NODE_LIST,         /* items */
    NODE_DICT,         /* NODE_PAIRs */
    NODE_PAIR,         /* key, value */
    NODE_CONCAT,       /* items */
    NODE_BINARY,       /* left, right */
    NODE_AND,
    NODE_OR,
    NODE_NOT,
    NODE_NEG,
    NODE_POS,
    NODE_COMPARE,      /* first, NODE_OPERANDs */
    NODE_OPERAND,      /* right side */
    NODE_COND,         /* condition, then, else */
    NODE_ATTRIBUTE,    /* object */
    NODE_ITEM,         /* object, key */
    NODE_SLICE,        /* start, stop, step: any may be NULL; only as the key of an ITEM */
    NODE_CALL,         /* callee, arguments, NODE_KEYWORDs, *arguments, **keywords */
    NODE_FILTER,       /* value or NULL (what a block printed), then as CALL */
    NODE_TEST,         /* likewise */
    NODE_KEYWORD,      /* value */
};

enum binary_op { OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_FLOORDIV, OP_MOD, OP_POW };
enum compare_op { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE, CMP_IN, CMP_NOT_IN };

/* An identifier, interned: two nodes with the same name share it. */
struct name {
    struct str text;
    struct symbol *visible; /* while scopes are resolved: the innermost symbol of that name */
};

/* How a scope's variable gets its value when the scope is entered. */
enum load { LOAD_UNDEFINED, LOAD_PARAMETER, LOAD_RESOLVE, LOAD_ALIAS };

struct symbol {
    struct name *name;
    struct symbol *hidden; /* the one of the same name in a scope around */
    struct scope *scope;
    enum load load;
    int slot, outer_hops, outer_slot; /* LOAD_ALIAS: where the value is taken from */
    bool stored;
};

struct symbols {
    struct symbol **at;
    size_t n, cap;
};

/* Slots of -1: the body does not use that name. */
struct scope {
    struct scope *up;
    int number, level; /* of all scopes of the template; distance from the root */
    bool function;     /* a macro's or the root's: its variables outlive it where a macro has captured them */
    struct symbols symbols;
    struct symbols stores; /* in the order in which they were first stored to */
    int loop_slot, self_slot, super_slot;
    int caller_slot, kwargs_slot, varargs_slot;
    int explicit_caller; /* index of a macro's parameter that is called `caller`, or -1 */
    bool takes_caller;
};

enum { MAX_KIDS = 5 };

struct node {
    enum node_type type;
    int line, depth;
    uint8_t op;           /* enum binary_op, enum compare_op */
    bool recursive;       /* FOR */
    bool scoped, required; /* BLOCK */
    bool store;           /* NAME: a target */
    bool exports;         /* SET, SET_BLOCK, MACRO at the top level: blocks see it */
    int hops, slot;       /* NAME: where its value is; MACRO, NAMESPACE_REF likewise */
    struct node *next;
    struct node *kid[MAX_KIDS];
    struct name *name;          /* NAME, ATTRIBUTE, NAMESPACE_REF's object, MACRO, BLOCK, KEYWORD, FILTER, TEST */
    struct name *attribute;     /* NAMESPACE_REF */
    struct value value;         /* CONST, DATA */
    const struct native *native; /* FILTER, TEST; NULL: unknown, an error when it is reached */
    struct scope *scope;        /* statements that open one; FOR: of the body */
    struct scope *else_scope, *test_scope; /* FOR */
    const struct scope *within; /* BLOCK: the scope that it stands in */
};

struct jinja_template {
    struct heap heap;
    char *source_name;
    char *text;      /* as given */
    size_t n_text;
    char *normalized; /* newlines as \n, the last one cut: tokens point here */
    struct node *body;
    struct scope *root;
    struct node **blocks;
    size_t n_blocks, cap_blocks;
    int n_scopes;
    struct strtab name_ids; /* of identifiers: places in `names` */
    VEC(struct name *) names;
};

/* Parses and resolves; PLLM_E_FORMAT. */
pllm_status jinja_parse(struct jinja_template *t, const char *normalized, size_t n, pllm_error *err);
pllm_status jinja_resolve(struct jinja_template *t, pllm_error *err);
struct name *jinja_name(struct jinja_template *t, const char *at, size_t n); /* interned; NULL: no memory */
const struct node *jinja_find_block(const struct jinja_template *t, const struct str *name);

#endif
