/* Statements. */
#include "text/jinja/run.h"

#include <string.h>

/* ---- Assignment ---------------------------------------------------------------------------------------- */

static bool assign(struct jinja_run *r, struct frame *f, const struct node *target, struct value v, bool exports);

static bool assign_tuple(struct jinja_run *r, struct frame *f, const struct node *target, struct value v, bool exports)
{
    struct list *items;
    size_t n = 0;
    for (const struct node *item = target->kid[0]; item; item = item->next)
        n++;
    if (!value_is_iterable(v))
        return jinja_fail(r, "TypeError: cannot unpack non-iterable %s object", value_type(v));
    if (!value_items(r, v, &items))
        return false;
    if (items->n > n)
        return jinja_fail(r, "ValueError: too many values to unpack (expected %zu)", n);
    if (items->n < n)
        return jinja_fail(r, "ValueError: not enough values to unpack (expected %zu, got %zu)", n, items->n);
    n = 0;
    for (const struct node *item = target->kid[0]; item; item = item->next)
        if (!assign(r, f, item, items->at[n++], exports))
            return false;
    return true;
}

static bool assign_attribute(struct jinja_run *r, struct frame *f, const struct node *target, struct value v)
{
    for (int hop = 0; hop < target->hops; hop++)
        f = f->up;
    struct value space = f->slots[target->slot];
    if (space.kind != V_NAMESPACE)
        return jinja_fail(r, "cannot assign attribute on non-namespace object");
    if (target->attribute->text.at[0] == '_')
        return jinja_fail(r, "a namespace cannot have the underscore-prefixed attribute '%s'",
                          target->attribute->text.at);
    return dict_set(r, space.dict, value_of_str(&target->attribute->text), v);
}

static bool assign(struct jinja_run *r, struct frame *f, const struct node *target, struct value v, bool exports)
{
    if (target->type == NODE_TUPLE)
        return assign_tuple(r, f, target, v, exports);
    if (target->type == NODE_NAMESPACE_REF)
        return assign_attribute(r, f, target, v);
    f->slots[target->slot] = v;
    return !exports || dict_set(r, r->exported, value_of_str(&target->name->text), v);
}

/* Before the right side is evaluated, as Jinja does: what has attributes assigned must be namespaces. */
static bool check_namespaces(struct jinja_run *r, const struct frame *f, const struct node *target)
{
    const struct frame *at = f;
    if (target->type == NODE_TUPLE) {
        for (const struct node *item = target->kid[0]; item; item = item->next)
            if (!check_namespaces(r, f, item))
                return false;
        return true;
    }
    if (target->type != NODE_NAMESPACE_REF)
        return true;
    for (int hop = 0; hop < target->hops; hop++)
        at = at->up;
    return at->slots[target->slot].kind == V_NAMESPACE ||
           jinja_fail(r, "cannot assign attribute on non-namespace object");
}

static bool exec_set(struct jinja_run *r, struct frame *f, const struct node *n)
{
    struct value v;
    return check_namespaces(r, f, n->kid[0]) && eval(r, f, n->kid[1], &v) &&
           assign(r, f, n->kid[0], v, n->exports);
}

/* ---- Captures -------------------------------------------------------------------------------------------- */

static bool print(struct jinja_run *r, struct value v)
{
    return value_print(r, &r->out, v);
}

static bool take_output(struct jinja_run *r, size_t mark, struct value *out)
{
    bool ok = value_str(r, r->out.at ? r->out.at + mark : "", r->out.n - mark, out);
    r->out.n = mark;
    return ok;
}

bool exec_capture(struct jinja_run *r, struct frame *f, const struct node *list, struct value *out)
{
    size_t mark = r->out.n;
    return exec(r, f, list) == FLOW_ON && take_output(r, mark, out);
}

/* Filters of a block, innermost first: the innermost one has no value of its own. */
static bool apply_filters(struct jinja_run *r, struct frame *f, const struct node *n, struct value text,
                          struct value *out)
{
    struct arguments a;
    struct value self = text;
    if (!n->native)
        return jinja_fail(r, "No filter named '%s' found.", n->name->text.at);
    if (n->kid[0] && !apply_filters(r, f, n->kid[0], text, &self))
        return false;
    return eval_arguments(r, f, n, 0, &a) && native_call(r, n->native, self, &a, out);
}

static struct frame *enter_loaded(struct jinja_run *r, const struct scope *scope, struct frame *up)
{
    struct frame *f = frame_enter(r, scope, up);
    return f && frame_load(r, scope, f) ? f : NULL;
}

/* A body in a scope of its own whose text is captured; what it prints is lost when a loop is left from inside it. */
static enum flow capture_inner(struct jinja_run *r, struct frame *f, const struct node *n, const struct node *body,
                               const struct node *filter, struct value *out)
{
    size_t mark = r->out.n;
    struct frame *inner = enter_loaded(r, n->scope, f);
    if (!inner)
        return FLOW_FAILED;
    enum flow flow = exec(r, inner, body);
    if (flow == FLOW_BREAK || flow == FLOW_CONTINUE)
        r->out.n = mark;
    if (flow == FLOW_ON && (!take_output(r, mark, out) || (filter && !apply_filters(r, inner, filter, *out, out))))
        flow = FLOW_FAILED;
    frame_leave(r, n->scope, inner);
    return flow;
}

static enum flow exec_set_block(struct jinja_run *r, struct frame *f, const struct node *n)
{
    struct value text;
    enum flow flow = capture_inner(r, f, n, n->kid[2], n->kid[1], &text);
    if (flow == FLOW_ON && !assign(r, f, n->kid[0], text, n->exports))
        return FLOW_FAILED;
    return flow;
}

static enum flow exec_filter_block(struct jinja_run *r, struct frame *f, const struct node *n)
{
    struct value text;
    enum flow flow = capture_inner(r, f, n, n->kid[0], n->kid[1], &text);
    return flow == FLOW_ON && !print(r, text) ? FLOW_FAILED : flow;
}

/* ---- Scopes, branches --------------------------------------------------------------------------------------- */

static enum flow exec_if(struct jinja_run *r, struct frame *f, const struct node *n)
{
    const struct node *branch = n;
    while (branch) {
        struct value condition;
        if (!eval(r, f, branch->kid[0], &condition))
            return FLOW_FAILED;
        if (value_truth(condition))
            return exec(r, f, branch->kid[1]);
        branch = branch == n ? n->kid[2] : branch->next;
    }
    return exec(r, f, n->kid[3]);
}

static enum flow exec_with(struct jinja_run *r, struct frame *f, const struct node *n)
{
    struct frame *inner = enter_loaded(r, n->scope, f);
    if (!inner)
        return FLOW_FAILED;
    enum flow flow = FLOW_ON;
    const struct node *value = n->kid[1];
    for (const struct node *target = n->kid[0]; target && flow == FLOW_ON; target = target->next) {
        struct value v;
        if (!eval(r, f, value, &v) || !assign(r, inner, target, v, false))
            flow = FLOW_FAILED;
        value = value->next;
    }
    if (flow == FLOW_ON)
        flow = exec(r, inner, n->kid[2]);
    frame_leave(r, n->scope, inner);
    return flow;
}

static enum flow exec_autoescape(struct jinja_run *r, struct frame *f, const struct node *n)
{
    struct value on;
    struct frame *inner = enter_loaded(r, n->scope, f);
    if (!inner || !eval(r, inner, n->kid[0], &on))
        return FLOW_FAILED;
    if (value_truth(on)) {
        jinja_fail(r, "autoescape is not supported: prompts are not HTML");
        return FLOW_FAILED;
    }
    enum flow flow = exec(r, inner, n->kid[1]);
    frame_leave(r, n->scope, inner);
    return flow;
}

/* ---- Loops ------------------------------------------------------------------------------------------------------ */

/* The items for which the loop's condition holds, in a list; those of a target with several names as tuples. */
static bool filter_items(struct jinja_run *r, struct frame *f, const struct node *n, struct list *items,
                         struct list **out)
{
    struct frame *inner = enter_loaded(r, n->test_scope, f);
    struct list *kept = *out = inner ? list_new(r, 0) : NULL;
    if (!kept)
        return false;
    for (size_t i = 0; i < items->n; i++) {
        struct value condition, item = items->at[i];
        if (!assign(r, inner, n->kid[0], item, false) || !eval(r, inner, n->kid[4], &condition))
            return false;
        if (!value_truth(condition))
            continue;
        struct list *parts = NULL;
        if (n->kid[0]->type == NODE_TUPLE && (!value_items(r, item, &parts) || !list_add(r, kept, value_of_tuple(parts))))
            return false;
        if (!parts && !list_add(r, kept, item))
            return false;
    }
    frame_leave(r, n->test_scope, inner);
    return true;
}

static struct loop *new_loop(struct jinja_run *r, struct frame *f, const struct node *n, int depth0)
{
    struct loop *loop = run_alloc(r, 1, sizeof *loop);
    if (loop) {
        *loop = (struct loop){.depth0 = depth0, .body = n->recursive ? n : NULL, .frame = f};
        for (struct frame *at = f; n->recursive && at && !at->captured; at = at->up)
            at->captured = true;
    }
    return loop;
}

/* One turn. */
static enum flow exec_turn(struct jinja_run *r, struct frame *inner, const struct node *n, struct value item,
                           struct loop *loop)
{
    if (!frame_load(r, n->scope, inner))
        return FLOW_FAILED;
    if (loop)
        inner->slots[n->scope->loop_slot] = (struct value){.kind = V_LOOP, .loop = loop};
    r->line = n->line;
    if (!assign(r, inner, n->kid[0], item, false))
        return FLOW_FAILED;
    return exec(r, inner, n->kid[2]);
}

static bool exec_turns(struct jinja_run *r, struct frame *f, const struct node *n, struct list *items,
                       struct loop *loop, bool *finished_one)
{
    struct frame *inner = frame_enter(r, n->scope, f);
    enum flow flow = FLOW_ON;
    if (!inner)
        return false;
    for (size_t i = 0; i < items->n && flow != FLOW_BREAK; i++) {
        if (loop)
            loop->index0 = i;
        flow = exec_turn(r, inner, n, items->at[i], loop);
        if (flow == FLOW_FAILED)
            return false;
        *finished_one |= flow == FLOW_ON;
    }
    frame_leave(r, n->scope, inner);
    return true;
}

/* The else part runs unless a turn went through to its end (so Jinja; a loop left by `break` at once has it run too). */
static bool exec_else(struct jinja_run *r, struct frame *f, const struct node *n, enum flow *flow)
{
    struct frame *inner = enter_loaded(r, n->else_scope, f);
    *flow = inner ? exec(r, inner, n->kid[3]) : FLOW_FAILED;
    if (*flow != FLOW_FAILED)
        frame_leave(r, n->else_scope, inner);
    return *flow != FLOW_FAILED;
}

static bool run_loop(struct jinja_run *r, struct frame *f, const struct node *n, struct value over, int depth0,
                     enum flow *flow)
{
    struct list *items;
    const char *failure;
    struct loop *loop = NULL;
    bool finished_one = false;
    *flow = FLOW_ON;
    if (!value_items_until(r, over, &items, &failure) || (n->kid[4] && !filter_items(r, f, n, items, &items)))
        return false;
    if (n->scope->loop_slot >= 0) {
        if (!(loop = new_loop(r, f, n, depth0)))
            return false;
        loop->items = items;
        loop->failure = failure;
    }
    if (!exec_turns(r, f, n, items, loop, &finished_one))
        return false;
    if (failure)
        return jinja_fail_deferred(r, failure);
    return finished_one || !n->kid[3] || exec_else(r, f, n, flow);
}

bool exec_loop(struct jinja_run *r, struct frame *f, const struct node *n, struct value over, int depth0)
{
    enum flow flow;
    return run_loop(r, f, n, over, depth0, &flow);
}

static enum flow exec_for(struct jinja_run *r, struct frame *f, const struct node *n)
{
    struct value over;
    enum flow flow;
    if (!eval(r, f, n->kid[1], &over) || !run_loop(r, f, n, over, 0, &flow))
        return FLOW_FAILED;
    return flow;
}

/* ---- Macros, blocks ------------------------------------------------------------------------------------------------ */

static bool make_macro(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct macro *m = run_alloc(r, 1, sizeof *m);
    if (!m)
        return false;
    *m = (struct macro){n, f};
    for (; f && !f->captured; f = f->up)
        f->captured = true;
    *out = (struct value){.kind = V_MACRO, .macro = m};
    return true;
}

static bool exec_macro(struct jinja_run *r, struct frame *f, const struct node *n)
{
    struct value macro;
    if (!make_macro(r, f, n, &macro))
        return false;
    f->slots[n->slot] = macro;
    return !n->exports || dict_set(r, r->exported, value_of_str(&n->name->text), macro);
}

static bool exec_call_block(struct jinja_run *r, struct frame *f, const struct node *n)
{
    static struct str caller = STR_LITERAL("caller");
    struct value macro, callee, text;
    struct arguments a;
    const struct node *call = n->kid[0];
    if (!make_macro(r, f, n, &macro) || !eval(r, f, call->kid[0], &callee) || !eval_arguments(r, f, call, 1, &a))
        return false;
    a.keywords[a.n_keywords++] = (struct keyword){&caller, macro};
    return value_call(r, callee, &a, &text) && print(r, text);
}

static bool exec_generation(struct jinja_run *r, struct frame *f, const struct node *n)
{
    struct value macro;
    struct arguments none = {0};
    return make_macro(r, f, n, &macro) && value_call(r, macro, &none, &macro) && print(r, macro);
}

bool exec_block(struct jinja_run *r, const struct node *n, struct dict *locals)
{
    const struct scope *scope = n->scope;
    struct dict *exported = r->exported;
    if (n->required)
        return jinja_fail(r, "Required block '%s' not found", n->name->text.at);
    if (locals)
        r->exported = locals;
    struct frame *f = enter_loaded(r, scope, NULL);
    bool ok = f != NULL;
    if (ok && scope->self_slot >= 0)
        f->slots[scope->self_slot] = (struct value){.kind = V_SELF};
    if (ok && scope->super_slot >= 0)
        ok = value_undefined_hint(r, "there is no parent block of that name.", &f->slots[scope->super_slot]);
    ok = ok && exec(r, f, n->kid[0]) == FLOW_ON;
    if (ok)
        frame_leave(r, scope, f);
    r->exported = exported;
    return ok;
}

/* The variables of a scope and of those around it, inner ones over outer ones. */
static bool add_locals(struct jinja_run *r, const struct frame *f, const struct scope *scope, struct dict *locals)
{
    if (scope->up && !add_locals(r, f->up, scope->up, locals))
        return false;
    for (size_t i = 0; i < scope->stores.n; i++) {
        const struct symbol *s = scope->stores.at[i];
        struct value v = f->slots[s->slot];
        if (v.kind != V_MISSING && !dict_set(r, locals, value_of_str(&s->name->text), v))
            return false;
    }
    return true;
}

static bool exec_block_here(struct jinja_run *r, struct frame *f, const struct node *n)
{
    if (!n->scoped)
        return exec_block(r, n, NULL);
    struct dict *locals = dict_copy(r, r->exported);
    return locals && add_locals(r, f, n->within, locals) && exec_block(r, n, locals);
}

/* ---- All of them ----------------------------------------------------------------------------------------------------- */

static enum flow on_if(bool ok)
{
    return ok ? FLOW_ON : FLOW_FAILED;
}

static bool exec_print(struct jinja_run *r, struct frame *f, const struct node *n)
{
    struct value v;
    return eval(r, f, n->kid[0], &v) && print(r, v);
}

static bool exec_load(struct jinja_run *r)
{
    return jinja_fail(r, "TypeError: no loader for this environment specified");
}

static enum flow exec_one(struct jinja_run *r, struct frame *f, const struct node *n)
{
    switch (n->type) {
    case NODE_DATA: return on_if(print(r, n->value));
    case NODE_PRINT: return on_if(exec_print(r, f, n));
    case NODE_SET: return on_if(exec_set(r, f, n));
    case NODE_SET_BLOCK: return exec_set_block(r, f, n);
    case NODE_IF: return exec_if(r, f, n);
    case NODE_FOR: return exec_for(r, f, n);
    case NODE_WITH: return exec_with(r, f, n);
    case NODE_FILTER_BLOCK: return exec_filter_block(r, f, n);
    case NODE_AUTOESCAPE: return exec_autoescape(r, f, n);
    case NODE_MACRO: return on_if(exec_macro(r, f, n));
    case NODE_CALL_BLOCK: return on_if(exec_call_block(r, f, n));
    case NODE_GENERATION: return on_if(exec_generation(r, f, n));
    case NODE_BLOCK: return on_if(exec_block_here(r, f, n));
    case NODE_BREAK: return FLOW_BREAK;
    case NODE_CONTINUE: return FLOW_CONTINUE;
    default: return on_if(exec_load(r));
    }
}

enum flow exec(struct jinja_run *r, struct frame *f, const struct node *list)
{
    if (!run_enter(r))
        return FLOW_FAILED;
    enum flow flow = FLOW_ON;
    for (; list && flow == FLOW_ON; list = list->next) {
        r->line = list->line;
        flow = run_tick(r, 1) ? exec_one(r, f, list) : FLOW_FAILED;
    }
    run_leave(r);
    return flow;
}
