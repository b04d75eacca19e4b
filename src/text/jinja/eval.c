/* Expressions. */
#include "text/jinja/run.h"

static bool eval_name(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    for (int hop = 0; hop < n->hops; hop++)
        f = f->up;
    *out = f->slots[n->slot];
    return out->kind != V_MISSING || value_undefined_name(r, &n->name->text, out);
}

static bool eval_items(struct jinja_run *r, struct frame *f, const struct node *first, struct list **out)
{
    struct list *l = *out = list_new(r, 0);
    for (const struct node *n = first; l && n; n = n->next) {
        struct value v;
        if (!eval(r, f, n, &v) || !list_add(r, l, v))
            return false;
    }
    return l != NULL;
}

static bool eval_dict(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct dict *d = dict_new(r);
    for (const struct node *pair = n->kid[0]; d && pair; pair = pair->next) {
        struct value key, v;
        if (!eval(r, f, pair->kid[0], &key) || !eval(r, f, pair->kid[1], &v) || !dict_set(r, d, key, v))
            return false;
    }
    *out = value_of_dict(d);
    return d != NULL;
}

static bool eval_concat(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value sum, item, text;
    if (!eval(r, f, n->kid[0], &item) || !value_to_str(r, item, &sum))
        return false;
    for (const struct node *kid = n->kid[0]->next; kid; kid = kid->next)
        if (!eval(r, f, kid, &item) || !value_to_str(r, item, &text) ||
            !value_concat(r, sum.str, text.str, &sum))
            return false;
    *out = sum;
    return true;
}

static bool compare(struct jinja_run *r, enum compare_op op, struct value a, struct value b, bool *out)
{
    static const enum order orders[] = {
        [CMP_LT] = ORDER_LT, [CMP_LE] = ORDER_LE, [CMP_GT] = ORDER_GT, [CMP_GE] = ORDER_GE};
    bool ok;
    switch (op) {
    case CMP_EQ:
    case CMP_NE:
        ok = value_equal(r, a, b, out);
        *out ^= op == CMP_NE;
        return ok;
    case CMP_IN:
    case CMP_NOT_IN:
        ok = value_contains(r, b, a, out);
        *out ^= op == CMP_NOT_IN;
        return ok;
    default: return value_order(r, a, b, orders[op], out);
    }
}

/* a < b < c: each is evaluated once, and none after the first that does not hold. */
static bool eval_compare(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value left, right;
    bool holds = true;
    if (!eval(r, f, n->kid[0], &left))
        return false;
    for (const struct node *operand = n->kid[1]; operand && holds; operand = operand->next) {
        if (!eval(r, f, operand->kid[0], &right) || !compare(r, operand->op, left, right, &holds))
            return false;
        left = right;
    }
    *out = value_bool(holds);
    return true;
}

/* `and` and `or` give one of their operands. */
static bool eval_logic(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    if (!eval(r, f, n->kid[0], out))
        return false;
    return value_truth(*out) == (n->type == NODE_OR) || eval(r, f, n->kid[1], out);
}

static bool eval_condition(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value condition;
    if (!eval(r, f, n->kid[0], &condition))
        return false;
    if (value_truth(condition))
        return eval(r, f, n->kid[1], out);
    if (n->kid[2])
        return eval(r, f, n->kid[2], out);
    return value_undefined_hint(
        r, "the inline if-expression evaluated to false and no else section was defined.", out);
}

static bool eval_item(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value object, key, bounds[3];
    const struct node *slice = n->kid[1];
    if (!eval(r, f, n->kid[0], &object))
        return false;
    if (slice->type != NODE_SLICE)
        return eval(r, f, slice, &key) && value_item(r, object, key, out);
    for (int i = 0; i < 3; i++) {
        bounds[i] = VALUE_NONE;
        if (slice->kid[i] && !eval(r, f, slice->kid[i], &bounds[i]))
            return false;
    }
    return value_slice(r, object, bounds, out);
}

static bool eval_binary(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value a, b;
    return eval(r, f, n->kid[0], &a) && eval(r, f, n->kid[1], &b) && op_binary(r, n->op, a, b, out);
}

/* ---- Calls ------------------------------------------------------------------------------------------- */

static bool add_keyword(struct jinja_run *r, struct arguments *a, size_t cap, struct str *name, struct value v)
{
    for (size_t i = 0; i < a->n_keywords; i++)
        if (str_equals(a->keywords[i].name, name->at) && a->keywords[i].name->n == name->n)
            return jinja_fail(r, "TypeError: got multiple values for keyword argument '%s'", name->at);
    if (a->n_keywords < cap)
        a->keywords[a->n_keywords++] = (struct keyword){name, v};
    return run_tick(r, 1 + a->n_keywords);
}

static bool add_dict_keywords(struct jinja_run *r, struct arguments *a, size_t cap, const struct dict *d)
{
    for (size_t i = 0; i < d->n; i++) {
        if (d->at[i].key.kind != V_STR)
            return jinja_fail(r, "TypeError: keywords must be strings");
        if (!add_keyword(r, a, cap, d->at[i].key.str, d->at[i].value))
            return false;
    }
    return true;
}

static bool add_listed_arguments(struct jinja_run *r, struct frame *f, const struct node *list,
                                 const struct list *more, struct arguments *out)
{
    for (const struct node *arg = list; arg; arg = arg->next)
        if (!eval(r, f, arg, &out->at[out->n++]))
            return false;
    for (size_t i = 0; more && i < more->n; i++)
        out->at[out->n++] = more->at[i];
    return true;
}

static size_t count_nodes(const struct node *list)
{
    size_t n = 0;
    for (; list; list = list->next)
        n++;
    return n;
}

bool eval_arguments(struct jinja_run *r, struct frame *f, const struct node *call, size_t n_extra,
                    struct arguments *out)
{
    struct list *more = NULL;
    struct value v;
    struct dict *more_keywords = NULL;
    if (call->kid[3] && (!eval(r, f, call->kid[3], &v) || !value_items(r, v, &more)))
        return false;
    if (call->kid[4]) {
        if (!eval(r, f, call->kid[4], &v))
            return false;
        if (v.kind != V_DICT)
            return jinja_fail(r, "TypeError: argument after ** must be a mapping, not %s", value_type(v));
        more_keywords = v.dict;
    }
    size_t n = count_nodes(call->kid[1]) + (more ? more->n : 0);
    size_t cap = count_nodes(call->kid[2]) + (more_keywords ? more_keywords->n : 0) + n_extra;
    *out = (struct arguments){.at = n ? run_alloc(r, n, sizeof *out->at) : NULL,
                              .keywords = cap ? run_alloc(r, cap, sizeof *out->keywords) : NULL};
    if ((n && !out->at) || (cap && !out->keywords) || !add_listed_arguments(r, f, call->kid[1], more, out))
        return false;
    for (const struct node *k = call->kid[2]; k; k = k->next)
        if (!eval(r, f, k->kid[0], &v) || !add_keyword(r, out, cap, &k->name->text, v))
            return false;
    return !more_keywords || add_dict_keywords(r, out, cap, more_keywords);
}

static bool eval_call(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value callee;
    struct arguments a;
    if (!eval(r, f, n->kid[0], &callee) || !eval_arguments(r, f, n, 0, &a))
        return false;
    r->line = n->line;
    return value_call(r, callee, &a, out);
}

/* A filter or a test. */
static bool eval_native(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value self;
    struct arguments a;
    if (!n->native)
        return jinja_fail(r, "No %s named '%s' found.", n->type == NODE_FILTER ? "filter" : "test",
                          n->name->text.at);
    if (!eval(r, f, n->kid[0], &self) || !eval_arguments(r, f, n, 0, &a))
        return false;
    r->line = n->line;
    if (!native_call(r, n->native, self, &a, out))
        return false;
    if (n->type == NODE_TEST)
        *out = value_bool(value_truth(*out));
    return true;
}

static bool eval_not(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value v;
    if (!eval(r, f, n->kid[0], &v))
        return false;
    *out = value_bool(!value_truth(v));
    return true;
}

static bool eval_list(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct list *l;
    if (!eval_items(r, f, n->kid[0], &l))
        return false;
    *out = n->type == NODE_TUPLE ? value_of_tuple(l) : value_of_list(l);
    return true;
}

static bool eval_nested(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value v;
    switch (n->type) {
    case NODE_TUPLE:
    case NODE_LIST: return eval_list(r, f, n, out);
    case NODE_DICT: return eval_dict(r, f, n, out);
    case NODE_CONCAT: return eval_concat(r, f, n, out);
    case NODE_BINARY: return eval_binary(r, f, n, out);
    case NODE_AND:
    case NODE_OR: return eval_logic(r, f, n, out);
    case NODE_NOT: return eval_not(r, f, n, out);
    case NODE_NEG:
    case NODE_POS: return eval(r, f, n->kid[0], &v) && op_unary(r, n->type, v, out);
    case NODE_COMPARE: return eval_compare(r, f, n, out);
    case NODE_COND: return eval_condition(r, f, n, out);
    case NODE_ATTRIBUTE: return eval(r, f, n->kid[0], &v) && value_attribute(r, v, &n->name->text, out);
    case NODE_ITEM: return eval_item(r, f, n, out);
    case NODE_CALL: return eval_call(r, f, n, out);
    default: return eval_native(r, f, n, out);
    }
}

bool eval(struct jinja_run *r, struct frame *f, const struct node *n, struct value *out)
{
    r->line = n->line;
    if (!run_tick(r, 1))
        return false;
    if (n->type == NODE_CONST) {
        *out = n->value;
        return true;
    }
    if (n->type == NODE_NAME)
        return eval_name(r, f, n, out);
    if (!run_enter(r))
        return false;
    bool ok = eval_nested(r, f, n, out);
    run_leave(r);
    return ok;
}
