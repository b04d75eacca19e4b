/* Calls: arguments to parameters, of our own functions and of the template's macros. */
#include "text/jinja/run.h"

#include <string.h>

const struct native *native_find(const struct native *table, const char *name, size_t n)
{
    for (; table->name; table++)
        if (!strncmp(table->name, name, n) && !table->name[n])
            return table;
    return NULL;
}

const struct native *jinja_filter(const char *name, size_t n)
{
    static const struct native *const tables[] = {jinja_text_filters,   jinja_list_filters, jinja_map_filters,
                                                  jinja_number_filters, jinja_html_filters, jinja_layout_filters};
    const struct native *f = NULL;
    for (size_t i = 0; !f && i < sizeof tables / sizeof *tables; i++)
        f = native_find(tables[i], name, n);
    return f;
}

const struct native *jinja_test(const char *name, size_t n)
{
    return native_find(jinja_tests, name, n);
}

/* ---- Our own functions --------------------------------------------------------------------------------- */

/* The next of the parameter names; false at the end. */
static bool next_parameter(const char **at, const char **name, size_t *n, bool *optional)
{
    while (**at == ' ')
        ++*at;
    if (!**at)
        return false;
    *name = *at;
    *n = strcspn(*at, " ?");
    *at += *n;
    *optional = **at == '?';
    *at += *optional;
    return true;
}

static const struct keyword *find_keyword(const struct arguments *a, const char *name, size_t n)
{
    for (size_t i = 0; i < a->n_keywords; i++)
        if (a->keywords[i].name->n == n && !memcmp(a->keywords[i].name->at, name, n))
            return &a->keywords[i];
    return NULL;
}

static bool bind_parameters(struct jinja_run *r, const struct native *f, const struct arguments *a, struct bound *b)
{
    const char *at = f->parameters, *name;
    size_t n, n_parameters = 0, n_matched = 0;
    bool optional, by_position = *at == '/';
    at += by_position;
    for (; next_parameter(&at, &name, &n, &optional); n_parameters++) {
        const struct keyword *k = by_position ? NULL : find_keyword(a, name, n);
        if (k && n_parameters < a->n)
            return jinja_fail(r, "TypeError: %s() got multiple values for argument '%.*s'", f->name, (int)n, name);
        if (n_parameters < a->n)
            b->arg[n_parameters] = a->at[n_parameters];
        else if (k)
            b->arg[n_parameters] = k->value;
        else if (optional)
            b->arg[n_parameters] = VALUE_MISSING;
        else
            return jinja_fail(r, "TypeError: %s() missing required argument '%.*s'", f->name, (int)n, name);
        n_matched += k != NULL;
    }
    if (a->n > n_parameters)
        return jinja_fail(r, "TypeError: %s() takes at most %zu arguments (%zu given)", f->name, n_parameters, a->n);
    if (n_matched < a->n_keywords)
        return jinja_fail(r, "TypeError: %s() got an unexpected keyword argument", f->name);
    return true;
}

bool native_call(struct jinja_run *r, const struct native *f, struct value self, const struct arguments *a,
                 struct value *out)
{
    struct bound b;
    b.self = self;
    b.all = a;
    if ((f->parameters[0] != '*' && !bind_parameters(r, f, a, &b)) || !run_tick(r, 2) || !run_enter(r))
        return false;
    bool ok = f->call(r, &b, out);
    run_leave(r);
    return ok;
}

bool bound_int(struct jinja_run *r, const struct bound *b, int i, int64_t otherwise, int64_t *out)
{
    struct value v = b->arg[i];
    if (v.kind == V_UNDEFINED)
        return undefined_fail(r, v);
    if (v.kind != V_MISSING && !value_is_int(v))
        return jinja_fail(r, "TypeError: '%s' object cannot be interpreted as an integer", value_type(v));
    *out = v.kind == V_MISSING ? otherwise : value_as_int(v);
    return true;
}

bool bound_text(struct jinja_run *r, const struct bound *b, int i, struct str **out)
{
    struct value v = b->arg[i];
    if (v.kind != V_STR)
        return jinja_fail(r, "TypeError: expected str, got %s", value_type(v));
    *out = v.str;
    return true;
}

bool bound_str(struct jinja_run *r, const struct bound *b, int i, struct str **out)
{
    *out = NULL;
    return b->arg[i].kind == V_MISSING || b->arg[i].kind == V_NONE || bound_text(r, b, i, out);
}

bool bound_flag(const struct bound *b, int i)
{
    return value_truth(b->arg[i]);
}

/* ---- Macros ------------------------------------------------------------------------------------------------- */

/* Whether one of the parameters after the first n_given takes it. */
static bool takes_keyword(const struct keyword *k, const struct node *parameters, size_t n_given)
{
    for (size_t i = 0; parameters; parameters = parameters->next, i++)
        if (i >= n_given && str_equals(k->name, parameters->name->text.at) && k->name->n == parameters->name->text.n)
            return true;
    return false;
}

/* Keywords that no parameter takes: an error, or what `kwargs` holds. */
static bool bind_other_keywords(struct jinja_run *r, const struct macro *m, const struct node *parameters,
                                const struct arguments *a, struct frame *f)
{
    const struct scope *s = m->node->scope;
    struct dict *others = s->kwargs_slot >= 0 ? dict_new(r) : NULL;
    const char *name = m->node->type == NODE_MACRO ? m->node->name->text.at : "anonymous";
    if (s->kwargs_slot >= 0 && !others)
        return false;
    for (size_t i = 0; i < a->n_keywords; i++) {
        const struct keyword *k = &a->keywords[i];
        if (takes_keyword(k, parameters, a->n))
            continue;
        if (s->caller_slot >= 0 && str_equals(k->name, "caller"))
            continue;
        if (!others)
            return jinja_fail(r, "TypeError: macro '%s' takes no keyword argument '%s'", name, k->name->at);
        if (!dict_set(r, others, value_of_str(k->name), k->value))
            return false;
    }
    if (others)
        f->slots[s->kwargs_slot] = value_of_dict(others);
    return true;
}

static bool bind_other_arguments(struct jinja_run *r, const struct macro *m, size_t n_parameters,
                                 const struct arguments *a, struct frame *f)
{
    const struct scope *s = m->node->scope;
    const char *name = m->node->type == NODE_MACRO ? m->node->name->text.at : "anonymous";
    if (s->caller_slot >= 0) {
        const struct keyword *caller = find_keyword(a, "caller", 6);
        struct value *slot = &f->slots[s->caller_slot];
        if (caller && caller->value.kind != V_NONE)
            *slot = caller->value;
        else if (!value_undefined_hint(r, "No caller defined", slot))
            return false;
    }
    if (s->varargs_slot < 0)
        return a->n <= n_parameters ||
               jinja_fail(r, "TypeError: macro '%s' takes not more than %zu argument(s)", name, n_parameters);
    struct list *rest = list_new(r, 0);
    for (size_t i = n_parameters; rest && i < a->n; i++)
        if (!list_add(r, rest, a->at[i]))
            return false;
    f->slots[s->varargs_slot] = value_of_tuple(rest);
    return rest != NULL;
}

/* Values for the parameters from left to right; a default may use those before it. */
static bool bind_macro_parameters(struct jinja_run *r, const struct macro *m, const struct node *parameters,
                                  const struct node *defaults, const struct arguments *a, struct frame *f)
{
    size_t n = 0, n_parameters = 0, n_defaults = 0;
    for (const struct node *p = parameters; p; p = p->next, n++) {
        const struct keyword *k = find_keyword(a, p->name->text.at, p->name->text.n);
        if (n < a->n)
            f->slots[p->slot] = a->at[n];
        else if (k)
            f->slots[p->slot] = k->value;
    }
    n_parameters = n;
    for (const struct node *d = defaults; d; d = d->next)
        n_defaults++;
    if (!bind_other_keywords(r, m, parameters, a, f) ||
        !bind_other_arguments(r, m, n_parameters, a, f))
        return false;
    n = 0;
    for (const struct node *p = parameters; p; p = p->next, n++) {
        const struct node *with = n + n_defaults >= n_parameters ? defaults : NULL;
        struct value *slot = &f->slots[p->slot], v;
        if (with)
            defaults = defaults->next;
        if (slot->kind != V_MISSING)
            continue;
        if (with ? !eval(r, f, with, &v) : !value_undefined_name(r, &p->name->text, &v))
            return false;
        *slot = v;
    }
    return true;
}

static bool call_macro(struct jinja_run *r, const struct macro *m, const struct arguments *a, struct value *out)
{
    const struct node *n = m->node, *const *kids = (const struct node *const *)&n->kid[n->type == NODE_MACRO ? 0 : 1];
    struct frame *f = frame_enter(r, n->scope, m->frame);
    if (!f || !frame_load(r, n->scope, f) || !bind_macro_parameters(r, m, kids[0], kids[1], a, f) ||
        !exec_capture(r, f, kids[2], out))
        return false;
    frame_leave(r, n->scope, f);
    return true;
}

/* ---- Anything ------------------------------------------------------------------------------------------------ */

static bool call_loop(struct jinja_run *r, const struct loop *l, const struct arguments *a, struct value *out)
{
    size_t mark = r->out.n;
    if (!l->body)
        return jinja_fail(r, "TypeError: The loop must have the 'recursive' marker to be called recursively.");
    if (a->n != 1 || a->n_keywords)
        return jinja_fail(r, "TypeError: loop() takes one argument");
    if (!exec_loop(r, l->frame, l->body, a->at[0], l->depth0 + 1))
        return false;
    bool ok = value_str(r, r->out.at ? r->out.at + mark : "", r->out.n - mark, out);
    r->out.n = mark;
    return ok;
}

static bool call_block(struct jinja_run *r, const struct node *block, const struct arguments *a, struct value *out)
{
    size_t mark = r->out.n;
    if (a->n || a->n_keywords)
        return jinja_fail(r, "TypeError: a block takes no arguments");
    if (!exec_block(r, block, NULL))
        return false;
    bool ok = value_str(r, r->out.at ? r->out.at + mark : "", r->out.n - mark, out);
    r->out.n = mark;
    return ok;
}

static bool call_joiner(struct jinja_run *r, struct joiner *j, const struct arguments *a, struct value *out)
{
    if (a->n || a->n_keywords)
        return jinja_fail(r, "TypeError: a joiner takes no arguments");
    *out = j->separator;
    if (!j->used && !value_text(r, "", out))
        return false;
    j->used = true;
    return true;
}

bool value_call(struct jinja_run *r, struct value callee, const struct arguments *a, struct value *out)
{
    bool ok;
    if (!run_enter(r))
        return false;
    switch (callee.kind) {
    case V_NATIVE: ok = native_call(r, callee.method->native, callee.method->self, a, out); break;
    case V_MACRO: ok = call_macro(r, callee.macro, a, out); break;
    case V_LOOP: ok = call_loop(r, callee.loop, a, out); break;
    case V_BLOCK: ok = call_block(r, callee.block, a, out); break;
    case V_JOINER: ok = call_joiner(r, callee.joiner, a, out); break;
    case V_UNDEFINED: ok = undefined_fail(r, callee); break;
    default: ok = jinja_fail(r, "TypeError: '%s' object is not callable", value_type(callee));
    }
    run_leave(r);
    return ok;
}
