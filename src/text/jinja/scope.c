/* Which variable a name means. Jinja decides this when it compiles: a scope (the template, a loop's body, a macro ...) has a
 * variable for every name that is stored in it, and for names that it reads and no scope around knows. The value of the latter
 * is looked up when the scope is entered, and a name that is only stored later in the scope around is therefore undefined.
 * Templates in the wild depend on these rules, so they are followed exactly.
 *
 * For each scope two passes: `note` collects its symbols (without looking into scopes inside), then `bind` resolves the names
 * and opens the scopes inside. */
#include "text/jinja/ast.h"

#include <string.h>

struct resolver {
    struct jinja_template *t;
    struct scope *scope;
    bool soft; /* in an `if`: filters that nobody knows fail only when they are reached */
    pllm_error *err;
    pllm_status status;
};

static void note(struct resolver *rs, const struct node *list);
static void bind(struct resolver *rs, struct node *list);

static void out_of_memory(struct resolver *rs)
{
    if (!rs->status)
        rs->status = error_memory(rs->err, rs->t->source_name);
}

static void fail(struct resolver *rs, int line, const char *before, const char *name, const char *after)
{
    if (!rs->status)
        rs->status = error_set(rs->err, PLLM_E_FORMAT, "%s: line %d: %s%s%s", rs->t->source_name, line, before, name,
                               after);
}

/* ---- Symbols ---------------------------------------------------------------------------------------- */

static bool push(struct resolver *rs, struct symbols *list, struct symbol *s)
{
    if (list->n == list->cap) {
        size_t cap = list->cap * 2 + 8;
        struct symbol **at = heap_alloc(&rs->t->heap, cap, sizeof *at);
        if (!at) {
            out_of_memory(rs);
            return false;
        }
        if (list->n)
            memcpy(at, list->at, list->n * sizeof *at);
        list->at = at;
        list->cap = cap;
    }
    list->at[list->n++] = s;
    return true;
}

static bool is_here(const struct resolver *rs, const struct symbol *s)
{
    return s && s->scope == rs->scope;
}

/* The scope's symbol of that name, made if need be. NULL: no memory. */
static struct symbol *define(struct resolver *rs, struct name *name, enum load load)
{
    struct symbol *s = name->visible;
    if (!is_here(rs, s)) {
        s = heap_alloc(&rs->t->heap, 1, sizeof *s);
        if (!s) {
            out_of_memory(rs);
            return NULL;
        }
        *s = (struct symbol){.name = name, .hidden = name->visible, .scope = rs->scope,
                             .slot = (int)rs->scope->symbols.n};
        if (!push(rs, &rs->scope->symbols, s))
            return NULL;
        name->visible = s;
    }
    s->load = load;
    return s;
}

/* Takes its value from the scope around if that knows the name, else `otherwise`. */
static void load_from_outside(struct symbol *s, enum load otherwise)
{
    s->load = otherwise;
    if (s->hidden) {
        s->load = LOAD_ALIAS;
        s->outer_hops = s->scope->level - s->hidden->scope->level;
        s->outer_slot = s->hidden->slot;
    }
}

static void mark_stored(struct resolver *rs, struct symbol *s)
{
    if (s && !s->stored)
        s->stored = push(rs, &rs->scope->stores, s);
}

static void store(struct resolver *rs, struct name *name)
{
    struct symbol *s = name->visible;
    if (!is_here(rs, s)) {
        s = define(rs, name, LOAD_UNDEFINED);
        if (s)
            load_from_outside(s, LOAD_UNDEFINED);
    }
    mark_stored(rs, s);
}

static void load(struct resolver *rs, struct name *name)
{
    if (!name->visible)
        define(rs, name, LOAD_RESOLVE);
}

/* Returns its slot. */
static int declare_parameter(struct resolver *rs, struct name *name)
{
    struct symbol *s = name ? define(rs, name, LOAD_PARAMETER) : NULL;
    if (!name)
        out_of_memory(rs);
    mark_stored(rs, s);
    return s ? s->slot : -1;
}

static int declare_special(struct resolver *rs, const char *name)
{
    return declare_parameter(rs, jinja_name(rs->t, name, strlen(name)));
}

/* ---- Collecting the symbols of a scope ----------------------------------------------------------------- */

/* What only some branches store to has a value without them: from outside. */
static void note_if(struct resolver *rs, const struct node *n)
{
    note(rs, n->kid[0]);
    size_t before = rs->scope->stores.n;
    for (int i = 1; i < 4; i++)
        note(rs, n->kid[i]);
    for (size_t i = before; i < rs->scope->stores.n; i++)
        load_from_outside(rs->scope->stores.at[i], LOAD_RESOLVE);
}

static void note_node(struct resolver *rs, const struct node *n)
{
    switch (n->type) {
    case NODE_NAME:
        if (n->store)
            store(rs, n->name);
        else
            load(rs, n->name);
        return;
    case NODE_NAMESPACE_REF: load(rs, n->name); return;
    case NODE_MACRO: store(rs, n->name); return;
    case NODE_IF: note_if(rs, n); return;
    case NODE_SET:
        note(rs, n->kid[1]);
        note(rs, n->kid[0]);
        return;
    case NODE_SET_BLOCK:
    case NODE_CALL_BLOCK: note(rs, n->kid[0]); return;
    case NODE_FOR:
    case NODE_FILTER_BLOCK:
    case NODE_WITH: note(rs, n->kid[1]); return;
    case NODE_GENERATION:
    case NODE_AUTOESCAPE:
    case NODE_BLOCK: return;
    default:
        for (int i = 0; i < MAX_KIDS; i++)
            note(rs, n->kid[i]);
    }
}

static void note(struct resolver *rs, const struct node *list)
{
    for (; list && !rs->status; list = list->next)
        note_node(rs, list);
}

/* Targets of a loop or a `with`, and macro parameters: names and tuples of names. */
static void note_parameters(struct resolver *rs, const struct node *list)
{
    for (; list && !rs->status; list = list->next) {
        if (list->type == NODE_NAME)
            declare_parameter(rs, list->name);
        else
            note_parameters(rs, list->kid[0]);
    }
}

/* ---- Searching a subtree --------------------------------------------------------------------------------- */

enum { MAX_WANTED = 3 };

/* Which of some names are read before they are stored to, in the order in which Jinja's tree has its parts. */
struct search {
    const char *wanted[MAX_WANTED];
    bool stored[MAX_WANTED], found[MAX_WANTED];
};

static void search_name(struct search *s, const struct name *name, bool is_store)
{
    for (int i = 0; i < MAX_WANTED; i++) {
        if (!s->wanted[i] || !str_equals(&name->text, s->wanted[i]))
            continue;
        if (is_store)
            s->stored[i] = true;
        else if (!s->stored[i])
            s->found[i] = true;
    }
}

static void search_undeclared(struct search *s, const struct node *list)
{
    for (; list; list = list->next) {
        if (list->type == NODE_BLOCK)
            continue;
        if (list->type == NODE_NAME)
            search_name(s, list->name, list->store);
        for (int i = 0; i < MAX_KIDS; i++)
            search_undeclared(s, list->kid[i]);
    }
}

static bool uses(const struct node *list, const char *name)
{
    struct search s = {.wanted = {name}};
    search_undeclared(&s, list);
    return s.found[0];
}

/* The line of an assignment to `loop`, 0: none; and whether there is a scoped block. */
static int search_loop(const struct node *list, bool *scoped_block)
{
    int line = 0;
    for (; list && !line; list = list->next) {
        if (list->type == NODE_NAME && list->store && str_equals(&list->name->text, "loop"))
            return list->line;
        *scoped_block |= list->type == NODE_BLOCK && list->scoped;
        for (int i = 0; i < MAX_KIDS && !line; i++)
            line = search_loop(list->kid[i], scoped_block);
    }
    return line;
}

/* ---- Scopes ------------------------------------------------------------------------------------------------- */

struct opened {
    struct scope *scope;
    bool soft;
};

static struct opened open_scope(struct resolver *rs, struct scope *up)
{
    struct opened before = {rs->scope, rs->soft};
    struct scope *scope = heap_alloc(&rs->t->heap, 1, sizeof *scope);
    if (!scope) {
        out_of_memory(rs);
        return before;
    }
    *scope = (struct scope){.up = up, .number = rs->t->n_scopes++, .level = up ? up->level + 1 : 0,
                            .loop_slot = -1, .self_slot = -1, .super_slot = -1, .caller_slot = -1,
                            .kwargs_slot = -1, .varargs_slot = -1, .explicit_caller = -1};
    rs->scope = scope;
    rs->soft = false;
    return before;
}

static void close_scope(struct resolver *rs, struct opened before)
{
    if (rs->scope != before.scope)
        for (size_t i = 0; i < rs->scope->symbols.n; i++)
            rs->scope->symbols.at[i]->name->visible = rs->scope->symbols.at[i]->hidden;
    rs->scope = before.scope;
    rs->soft = before.soft;
}

/* ---- Binding names -------------------------------------------------------------------------------------------- */

static void bind_name(struct resolver *rs, struct node *n)
{
    load(rs, n->name); /* known already, but for the arguments of a set block's filter */
    const struct symbol *s = n->name->visible;
    if (!s)
        return;
    n->hops = rs->scope->level - s->scope->level;
    n->slot = s->slot;
}

static void bind_loop_scope(struct resolver *rs, struct node *n, const struct node *part, struct scope **out,
                            bool with_target)
{
    struct opened before = open_scope(rs, rs->scope);
    *out = rs->scope;
    if (with_target)
        note_parameters(rs, n->kid[0]);
    if (!rs->status && part == n->kid[2]) {
        bool scoped_block = false;
        int line = search_loop(n, &scoped_block);
        if (line)
            fail(rs, line, "Can't assign to special loop variable in for-loop target", "", "");
        if (n->recursive || scoped_block || uses(part, "loop"))
            rs->scope->loop_slot = declare_special(rs, "loop");
    }
    note(rs, part);
    if (with_target)
        bind(rs, n->kid[0]);
    bind(rs, (struct node *)part);
    close_scope(rs, before);
}

static void bind_for(struct resolver *rs, struct node *n)
{
    bind(rs, n->kid[1]);
    struct node *next = n->next;
    n->next = NULL; /* search_loop looks at this statement alone */
    bind_loop_scope(rs, n, n->kid[2], &n->scope, true);
    n->next = next;
    if (n->kid[4])
        bind_loop_scope(rs, n, n->kid[4], &n->test_scope, true);
    if (n->kid[3])
        bind_loop_scope(rs, n, n->kid[3], &n->else_scope, false);
}

/* `caller`, `kwargs` and `varargs` become parameters of a macro that reads them. */
static void declare_macro_specials(struct resolver *rs, const struct node *n, int first_kid)
{
    struct search s = {.wanted = {"caller", "kwargs", "varargs"}};
    bool own_kwargs = false, own_varargs = false;
    int n_parameters = 0, n_defaults = 0;
    for (const struct node *p = n->kid[first_kid]; p; p = p->next, n_parameters++) {
        if (str_equals(&p->name->text, "caller"))
            rs->scope->explicit_caller = n_parameters;
        own_kwargs |= str_equals(&p->name->text, "kwargs");
        own_varargs |= str_equals(&p->name->text, "varargs");
    }
    for (const struct node *d = n->kid[first_kid + 1]; d; d = d->next)
        n_defaults++;
    search_undeclared(&s, n->kid[first_kid + 2]);
    rs->scope->takes_caller = s.found[0];
    if (s.found[0] && rs->scope->explicit_caller < 0)
        rs->scope->caller_slot = declare_special(rs, "caller");
    else if (s.found[0] && rs->scope->explicit_caller < n_parameters - n_defaults)
        fail(rs, n->line, "the special \"caller\" argument must be omitted or be given a default", "", "");
    if (s.found[1] && !own_kwargs)
        rs->scope->kwargs_slot = declare_special(rs, "kwargs");
    if (s.found[2] && !own_varargs)
        rs->scope->varargs_slot = declare_special(rs, "varargs");
}

/* Parameters, defaults and body are three kids in a row. */
static void bind_macro(struct resolver *rs, struct node *n, int first_kid)
{
    struct opened before = open_scope(rs, rs->scope);
    if (!rs->status) {
        n->scope = rs->scope;
        n->scope->function = true;
        note_parameters(rs, n->kid[first_kid]);
        note(rs, n->kid[first_kid + 1]);
        note(rs, n->kid[first_kid + 2]);
        declare_macro_specials(rs, n, first_kid);
        for (int i = 0; i < 3; i++)
            bind(rs, n->kid[first_kid + i]);
    }
    close_scope(rs, before);
}

/* A scope whose parts are noted and then bound in order; of `parameters` the names are parameters. */
static void bind_inner(struct resolver *rs, struct node *n, struct node *parameters, struct node *first,
                       struct node *second)
{
    struct opened before = open_scope(rs, rs->scope);
    n->scope = rs->scope;
    if (!rs->status) {
        note_parameters(rs, parameters);
        note(rs, first);
        note(rs, second);
        bind(rs, parameters);
        bind(rs, first);
        bind(rs, second);
    }
    close_scope(rs, before);
}

static void bind_set_block(struct resolver *rs, struct node *n)
{
    struct opened before = open_scope(rs, rs->scope);
    n->scope = rs->scope;
    note(rs, n->kid[2]);
    bind(rs, n->kid[2]);
    bind(rs, n->kid[1]);
    close_scope(rs, before);
    bind(rs, n->kid[0]);
}

/* Blocks are functions of their own; their bodies are resolved later. */
static void add_block(struct resolver *rs, struct node *n)
{
    struct jinja_template *t = rs->t;
    n->within = rs->scope;
    for (size_t i = 0; i < t->n_blocks; i++)
        if (t->blocks[i]->name == n->name)
            fail(rs, n->line, "block '", n->name->text.at, "' defined twice");
    if (t->n_blocks >= 256)
        fail(rs, n->line, "more than 256 blocks", "", "");
    if (!rs->status)
        t->blocks[t->n_blocks++] = n;
}

static void bind_soft(struct resolver *rs, struct node *n)
{
    bool soft = rs->soft;
    rs->soft = true;
    for (int i = 0; i < MAX_KIDS; i++)
        bind(rs, n->kid[i]);
    rs->soft = soft;
}

static void bind_call(struct resolver *rs, struct node *n)
{
    if (n->type != NODE_CALL && !n->native && !rs->soft)
        fail(rs, n->line, n->type == NODE_FILTER ? "No filter named '" : "No test named '", n->name->text.at, "'.");
    for (int i = 0; i < MAX_KIDS; i++)
        bind(rs, n->kid[i]);
}

static void bind_node(struct resolver *rs, struct node *n)
{
    n->exports = rs->scope == rs->t->root;
    switch (n->type) {
    case NODE_NAME:
    case NODE_NAMESPACE_REF: bind_name(rs, n); return;
    case NODE_IF:
    case NODE_COND: bind_soft(rs, n); return;
    case NODE_FOR: bind_for(rs, n); return;
    case NODE_MACRO:
        bind_name(rs, n);
        bind_macro(rs, n, 0);
        return;
    case NODE_CALL_BLOCK:
        bind_macro(rs, n, 1);
        bind(rs, n->kid[0]);
        return;
    case NODE_GENERATION: bind_macro(rs, n, 1); return;
    case NODE_FILTER_BLOCK: bind_inner(rs, n, NULL, n->kid[0], n->kid[1]); return;
    case NODE_WITH:
        bind(rs, n->kid[1]);
        bind_inner(rs, n, n->kid[0], n->kid[2], NULL);
        return;
    case NODE_AUTOESCAPE: bind_inner(rs, n, NULL, n->kid[0], n->kid[1]); return;
    case NODE_SET_BLOCK: bind_set_block(rs, n); return;
    case NODE_BLOCK: add_block(rs, n); return;
    case NODE_CALL:
    case NODE_FILTER:
    case NODE_TEST: bind_call(rs, n); return;
    default:
        for (int i = 0; i < MAX_KIDS; i++)
            bind(rs, n->kid[i]);
    }
}

static void bind(struct resolver *rs, struct node *list)
{
    for (; list && !rs->status; list = list->next)
        bind_node(rs, list);
}

/* The template itself, or a block. */
static struct scope *bind_root(struct resolver *rs, struct node *body, bool block)
{
    struct opened before = open_scope(rs, NULL);
    struct scope *scope = rs->scope;
    if (rs->status)
        return NULL;
    if (!block)
        rs->t->root = scope;
    scope->function = true;
    if (uses(body, "self"))
        scope->self_slot = declare_special(rs, "self");
    if (block && uses(body, "super"))
        scope->super_slot = declare_special(rs, "super");
    note(rs, body);
    bind(rs, body);
    close_scope(rs, before);
    return scope;
}

pllm_status jinja_resolve(struct jinja_template *t, pllm_error *err)
{
    struct resolver rs = {.t = t, .err = err};
    t->blocks = heap_alloc(&t->heap, t->cap_blocks, sizeof *t->blocks);
    if (!t->blocks)
        return error_memory(err, t->source_name);
    bind_root(&rs, t->body, false);
    for (size_t i = 0; i < t->n_blocks && !rs.status; i++)
        t->blocks[i]->scope = bind_root(&rs, t->blocks[i]->kid[0], true);
    return rs.status;
}

const struct node *jinja_find_block(const struct jinja_template *t, const struct str *name)
{
    for (size_t i = 0; i < t->n_blocks; i++)
        if (t->blocks[i]->name->text.n == name->n && !memcmp(t->blocks[i]->name->text.at, name->at, name->n))
            return t->blocks[i];
    return NULL;
}
