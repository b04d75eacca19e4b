/* What values mean: type, truth, equality, order, membership, iteration. */
#include "text/jinja/value.h"

#include "text/jinja/run.h"
#include "text/jinja/text.h"

#include <string.h>

const char *value_type(struct value v)
{
    static const char *const names[] = {
        [V_MISSING] = "missing", [V_UNDEFINED] = "Undefined", [V_NONE] = "NoneType",  [V_BOOL] = "bool",
        [V_INT] = "int",         [V_FLOAT] = "float",         [V_STR] = "str",        [V_LIST] = "list",
        [V_TUPLE] = "tuple",     [V_DICT] = "dict",           [V_RANGE] = "range",    [V_NAMESPACE] = "Namespace",
        [V_LOOP] = "LoopContext", [V_MACRO] = "Macro",        [V_NATIVE] = "function", [V_CYCLER] = "Cycler",
        [V_JOINER] = "Joiner",   [V_SELF] = "TemplateReference", [V_BLOCK] = "BlockReference",
    };
    static const char *const views[] = {"dict_keys", "dict_values", "dict_items"};
    if (v.kind == V_VIEW)
        return views[v.view->of];
    if (v.kind == V_ITER)
        return v.iterator->type;
    if (v.kind == V_STR && v.str->markup)
        return "Markup";
    return names[v.kind];
}

bool value_truth(struct value v)
{
    switch (v.kind) {
    case V_MISSING:
    case V_UNDEFINED:
    case V_NONE: return false;
    case V_BOOL: return v.boolean;
    case V_INT: return v.integer != 0;
    case V_FLOAT: return v.real != 0;
    case V_STR: return v.str->n > 0;
    case V_LIST:
    case V_TUPLE: return v.list->n > 0;
    case V_DICT: return v.dict->n > 0;
    case V_RANGE: return v.range->n > 0;
    case V_VIEW: return v.view->dict->n > 0;
    case V_LOOP: return v.loop->items->n > 0;
    default: return true;
    }
}

/* Small integers, and strings of at most one character, are single objects in CPython too; others are compared by address,
 * where a template can hardly tell. */
bool value_identical(struct value a, struct value b)
{
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case V_NONE: return true;
    case V_BOOL: return a.boolean == b.boolean;
    case V_INT: return a.integer == b.integer;
    case V_FLOAT: return a.real == b.real;
    case V_STR: return a.str == b.str || (a.str->n == b.str->n && !memcmp(a.str->at, b.str->at, a.str->n));
    case V_TUPLE: return a.list == b.list || (!a.list->n && !b.list->n);
    default: return a.dict == b.dict;
    }
}

bool undefined_fail(struct jinja_run *r, struct value v)
{
    const struct undefined *u = v.undefined;
    if (u->hint)
        return jinja_fail(r, "%s", u->hint);
    const char *type = value_type(u->object);
    if (u->object.kind == V_MISSING)
        return jinja_fail(r, "'%.*s' is undefined", (int)u->name.str->n, u->name.str->at);
    if (u->unsafe)
        return jinja_fail(r, "access to attribute '%.*s' of '%s' object is unsafe", (int)u->name.str->n,
                          u->name.str->at, type);
    const char *of = u->object.kind == V_NONE ? "" : " object";
    if (u->object.kind == V_NONE)
        type = "None";
    if (u->name.kind == V_STR)
        return jinja_fail(r, "'%s%s' has no attribute '%.*s'", type, of, (int)u->name.str->n, u->name.str->at);
    size_t mark = r->scratch.n;
    if (!value_repr(r, &r->scratch, u->name) || !buf_terminate(&r->scratch))
        return jinja_no_memory(r);
    jinja_fail(r, "%s%s has no element %s", type, of, r->scratch.at + mark);
    r->scratch.n = mark;
    return false;
}

static bool equal_lists(struct jinja_run *r, const struct list *a, const struct list *b, bool *out)
{
    *out = a->n == b->n;
    for (size_t i = 0; *out && i < a->n; i++)
        if (!run_tick(r, 1) || !value_equal(r, a->at[i], b->at[i], out))
            return false;
    return true;
}

static bool equal_dicts(struct jinja_run *r, const struct dict *a, const struct dict *b, bool *out)
{
    *out = a->n == b->n;
    for (size_t i = 0; *out && i < a->n; i++) {
        struct value *other;
        if (!run_tick(r, 1) || !dict_find(r, b, a->at[i].key, &other))
            return false;
        *out = other != NULL;
        if (other && !value_equal(r, a->at[i].value, *other, out))
            return false;
    }
    return true;
}

/* Keys and items compare as sets. */
static bool equal_views(struct jinja_run *r, const struct view *a, const struct view *b, bool *out)
{
    *out = a->of == b->of && a->of != VIEW_VALUES && a->dict->n == b->dict->n;
    if (*out && a->of == VIEW_ITEMS)
        return equal_dicts(r, a->dict, b->dict, out);
    for (size_t i = 0; *out && i < a->dict->n; i++) {
        struct value *other;
        if (!run_tick(r, 1) || !dict_find(r, b->dict, a->dict->at[i].key, &other))
            return false;
        *out = other != NULL;
    }
    return true;
}

static bool equal_ranges(const struct range *a, const struct range *b)
{
    return a->n == b->n && (a->n == 0 || (a->start == b->start && (a->n == 1 || a->step == b->step)));
}

static bool equal_numbers(struct value a, struct value b)
{
    if (value_is_int(a) && value_is_int(b))
        return value_as_int(a) == value_as_int(b);
    if (a.kind == V_FLOAT && b.kind == V_FLOAT)
        return a.real == b.real;
    struct value i = a.kind == V_FLOAT ? b : a;
    double f = a.kind == V_FLOAT ? a.real : b.real;
    return f >= -0x1p63 && f < 0x1p63 && f == (double)(int64_t)f && (int64_t)f == value_as_int(i);
}

static bool equal_containers(struct jinja_run *r, struct value a, struct value b, bool *out)
{
    if (!run_enter(r))
        return false;
    bool ok = true;
    if (value_is_sequence(a))
        ok = equal_lists(r, a.list, b.list, out);
    else if (a.kind == V_DICT)
        ok = equal_dicts(r, a.dict, b.dict, out);
    else
        ok = equal_views(r, a.view, b.view, out);
    run_leave(r);
    return ok;
}

bool value_equal(struct jinja_run *r, struct value a, struct value b, bool *out)
{
    *out = false;
    if (value_is_number(a) && value_is_number(b)) {
        *out = equal_numbers(a, b);
        return true;
    }
    if (a.kind != b.kind)
        return true;
    switch (a.kind) {
    case V_UNDEFINED:
    case V_NONE: *out = true; return true;
    case V_STR:
        *out = a.str->n == b.str->n && !memcmp(a.str->at, b.str->at, a.str->n);
        return run_tick(r, a.str->n / 64);
    case V_LIST:
    case V_TUPLE:
    case V_DICT:
    case V_VIEW: return equal_containers(r, a, b, out);
    case V_RANGE: *out = equal_ranges(a.range, b.range); return true;
    default: *out = a.dict == b.dict; return true;
    }
}

static bool holds(enum order op, int sign)
{
    switch (op) {
    case ORDER_LT: return sign < 0;
    case ORDER_LE: return sign <= 0;
    case ORDER_GT: return sign > 0;
    default: return sign >= 0;
    }
}

/* Integers against floats exactly, as Python does. */
static bool order_numbers(struct value a, struct value b, enum order op)
{
    if (value_is_int(a) && value_is_int(b)) {
        int64_t x = value_as_int(a), y = value_as_int(b);
        return holds(op, (x > y) - (x < y));
    }
    double x = value_as_float(a), y = value_as_float(b);
    if (x != x || y != y)
        return false;
    int sign = (x > y) - (x < y);
    if (sign == 0 && a.kind != b.kind && x >= -0x1p63 && x < 0x1p63) {
        int64_t i = a.kind == V_FLOAT ? (int64_t)x : value_as_int(a);
        int64_t j = b.kind == V_FLOAT ? (int64_t)y : value_as_int(b);
        sign = (i > j) - (i < j);
    }
    return holds(op, sign);
}

static bool order_lists(struct jinja_run *r, const struct list *a, const struct list *b, enum order op, bool *out)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        bool same;
        if (!run_tick(r, 1) || !value_equal(r, a->at[i], b->at[i], &same))
            return false;
        if (!same)
            return value_order(r, a->at[i], b->at[i], op, out);
    }
    *out = holds(op, (a->n > b->n) - (a->n < b->n));
    return true;
}

bool value_order(struct jinja_run *r, struct value a, struct value b, enum order op, bool *out)
{
    static const char *const signs[] = {"<", "<=", ">", ">="};
    if (a.kind == V_UNDEFINED || b.kind == V_UNDEFINED)
        return undefined_fail(r, a.kind == V_UNDEFINED ? a : b);
    if (value_is_number(a) && value_is_number(b)) {
        *out = order_numbers(a, b, op);
        return true;
    }
    if (a.kind == V_STR && b.kind == V_STR) { /* bytes of UTF-8 have the order of code points */
        size_t n = a.str->n < b.str->n ? a.str->n : b.str->n;
        int sign = memcmp(a.str->at, b.str->at, n);
        *out = holds(op, sign ? sign : (a.str->n > b.str->n) - (a.str->n < b.str->n));
        return run_tick(r, n / 64);
    }
    if (!value_is_sequence(a) || a.kind != b.kind)
        return jinja_fail(r, "TypeError: '%s' not supported between instances of '%s' and '%s'", signs[op],
                          value_type(a), value_type(b));
    if (!run_enter(r))
        return false;
    bool ok = order_lists(r, a.list, b.list, op, out);
    run_leave(r);
    return ok;
}

static bool list_contains(struct jinja_run *r, const struct list *l, struct value item, bool *out)
{
    *out = false;
    for (size_t i = 0; !*out && i < l->n; i++)
        if (!run_tick(r, 1) || !value_equal(r, l->at[i], item, out))
            return false;
    return true;
}

static bool str_contains(struct jinja_run *r, const struct str *s, struct value item, bool *out)
{
    if (item.kind != V_STR)
        return jinja_fail(r, "TypeError: 'in <string>' requires string as left operand, not %s", value_type(item));
    *out = py_find(s->at, s->n, item.str->at, item.str->n) != NULL;
    return run_tick(r, s->n / 16);
}

static bool iterator_contains(struct jinja_run *r, struct iterator *i, struct value item, bool *out)
{
    *out = false;
    while (!*out && i->at < i->items->n)
        if (!run_tick(r, 1) || !value_equal(r, i->items->at[i->at++], item, out))
            return false;
    return *out || !i->failure || jinja_fail_deferred(r, i->failure);
}

static bool range_contains(const struct range *range, struct value item)
{
    double f = value_as_float(item);
    if (item.kind == V_FLOAT && !(f >= -0x1p63 && f < 0x1p63 && f == (double)(int64_t)f))
        return false;
    int64_t i = item.kind == V_FLOAT ? (int64_t)f : value_as_int(item);
    bool up = range->step > 0, inside = up ? i >= range->start && i < range->stop : i <= range->start && i > range->stop;
    const uint64_t first = (uint64_t)range->start, stride = up ? (uint64_t)range->step : 0 - (uint64_t)range->step;
    const uint64_t from_first = up ? (uint64_t)i - first : first - (uint64_t)i; /* may be more than INT64_MAX */
    return inside && from_first % stride == 0;
}

bool value_contains(struct jinja_run *r, struct value container, struct value item, bool *out)
{
    struct value *found;
    struct list *items;
    switch (container.kind) {
    case V_STR: return str_contains(r, container.str, item, out);
    case V_LIST:
    case V_TUPLE: return list_contains(r, container.list, item, out);
    case V_ITER: return iterator_contains(r, container.iterator, item, out);
    case V_UNDEFINED: *out = false; return true;
    case V_RANGE: *out = value_is_number(item) && range_contains(container.range, item); return true;
    case V_DICT:
        if (!dict_find(r, container.dict, item, &found))
            return false;
        *out = found != NULL;
        return true;
    case V_VIEW:
        if (container.view->of == VIEW_KEYS)
            return value_contains(r, value_of_dict(container.view->dict), item, out);
        return value_items(r, container, &items) && list_contains(r, items, item, out);
    default: return jinja_fail(r, "TypeError: argument of type '%s' is not iterable", value_type(container));
    }
}

bool value_length(struct jinja_run *r, struct value v, int64_t *out)
{
    switch (v.kind) {
    case V_UNDEFINED: *out = 0; return true;
    case V_STR: *out = (int64_t)str_length(v.str); return run_tick(r, v.str->n_chars / 64);
    case V_LIST:
    case V_TUPLE: *out = (int64_t)v.list->n; return true;
    case V_DICT: *out = (int64_t)v.dict->n; return true;
    case V_RANGE: *out = v.range->n; return true;
    case V_VIEW: *out = (int64_t)v.view->dict->n; return true;
    case V_LOOP: *out = (int64_t)v.loop->items->n; return true;
    default: return jinja_fail(r, "TypeError: object of type '%s' has no len()", value_type(v));
    }
}

static bool str_items(struct jinja_run *r, const struct str *s, struct list *out)
{
    const char *p = s->at, *end = s->at + s->n;
    while (p < end) {
        const char *begin = p;
        struct value c;
        char_next(&p);
        if (!value_str_view(r, begin, (size_t)(p - begin), &c))
            return false;
        c.str->markup = false; /* iterating over Markup gives plain strings */
        c.str->n_chars = 1;
        if (!list_add(r, out, c))
            return false;
    }
    return true;
}

static bool view_items(struct jinja_run *r, const struct dict *d, enum view_of of, struct list *out)
{
    for (size_t i = 0; i < d->n; i++) {
        struct value v = of == VIEW_KEYS ? d->at[i].key : d->at[i].value;
        if (of == VIEW_ITEMS) {
            v = value_of_tuple(list_pair(r, d->at[i].key, d->at[i].value));
            if (!v.list)
                return false;
        }
        if (!list_add(r, out, v))
            return false;
    }
    return true;
}

static bool range_items(struct jinja_run *r, const struct range *range, struct list *out)
{
    for (int64_t i = 0; i < range->n; i++)
        if (!list_add(r, out, value_int(range->start + i * range->step)))
            return false;
    return true;
}

/* What is left of it; it is used up then. */
static struct list *iterator_items(struct jinja_run *r, struct iterator *i)
{
    struct list *rest = list_new(r, 0);
    if (!rest)
        return NULL;
    rest->at = i->items->at + i->at;
    rest->n = rest->cap = i->items->n - i->at;
    i->at = i->items->n;
    return rest;
}

/* How many items there will be; a guess for strings. */
static size_t item_count(struct value v)
{
    switch (v.kind) {
    case V_STR: return v.str->n_chars == SIZE_MAX ? v.str->n : v.str->n_chars;
    case V_DICT: return v.dict->n;
    case V_VIEW: return v.view->dict->n;
    case V_RANGE: return (size_t)v.range->n;
    default: return 0;
    }
}

bool value_items_until(struct jinja_run *r, struct value v, struct list **out, const char **failure)
{
    *failure = NULL;
    if (value_is_sequence(v)) {
        *out = v.list;
        return true;
    }
    if (v.kind == V_ITER) {
        *failure = v.iterator->failure;
        *out = iterator_items(r, v.iterator);
        return *out != NULL;
    }
    *out = list_new(r, item_count(v));
    if (!*out)
        return false;
    switch (v.kind) {
    case V_UNDEFINED: return true;
    case V_STR: return str_items(r, v.str, *out);
    case V_DICT: return view_items(r, v.dict, VIEW_KEYS, *out);
    case V_VIEW: return view_items(r, v.view->dict, v.view->of, *out);
    case V_RANGE: return range_items(r, v.range, *out);
    default: return jinja_fail(r, "TypeError: '%s' object is not iterable", value_type(v));
    }
}

bool value_items(struct jinja_run *r, struct value v, struct list **out)
{
    const char *failure;
    return value_items_until(r, v, out, &failure) && (!failure || jinja_fail_deferred(r, failure));
}

bool value_is_iterable(struct value v)
{
    return v.kind == V_UNDEFINED || (v.kind >= V_STR && v.kind <= V_ITER) || v.kind == V_LOOP;
}
