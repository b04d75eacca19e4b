/* obj.name, obj[key], obj[a:b:c], as Jinja's immutable sandbox has them: a dot asks for an attribute first and for an item
 * then, brackets the other way round; what would change an object, and Python's internals, are undefined values that complain
 * about safety when they are used. */
#include "text/jinja/run.h"
#include "text/jinja/text.h"

#include <string.h>

static bool is_one_of(const struct str *name, const char *const *list)
{
    for (; *list; list++)
        if (str_equals(name, *list))
            return true;
    return false;
}

/* Attributes that every Python object of ours has; none may be touched. */
static bool is_internal(const struct str *name)
{
    static const char *const names[] = {
        "__class__", "__delattr__", "__dir__", "__doc__", "__eq__", "__format__", "__ge__", "__getattribute__",
        "__getstate__", "__gt__", "__hash__", "__init__", "__init_subclass__", "__le__", "__lt__", "__ne__", "__new__",
        "__reduce__", "__reduce_ex__", "__repr__", "__setattr__", "__sizeof__", "__str__", "__subclasshook__",
        "__add__", "__contains__", "__getitem__", "__iter__", "__len__", "__mul__", "__rmul__", "__mod__", "__call__",
        "__globals__", "__code__", "__dict__", "__module__", "__setitem__", "__delitem__", NULL};
    return name->n > 4 && name->at[0] == '_' && name->at[1] == '_' && is_one_of(name, names);
}

static bool changes_object(enum value_kind kind, const struct str *name)
{
    static const char *const of_list[] = {"append", "clear",  "pop",  "reverse", "insert",
                                          "sort",   "extend", "remove", NULL};
    static const char *const of_dict[] = {"clear", "pop", "popitem", "setdefault", "update", NULL};
    return (kind == V_LIST && is_one_of(name, of_list)) || (kind == V_DICT && is_one_of(name, of_dict));
}

static const struct native *find_method(struct value object, const struct str *name)
{
    static const struct native *const tables[] = {
        [V_STR] = jinja_str_methods,    [V_LIST] = jinja_list_methods,   [V_TUPLE] = jinja_list_methods,
        [V_DICT] = jinja_dict_methods,  [V_INT] = jinja_int_methods,     [V_BOOL] = jinja_int_methods,
        [V_FLOAT] = jinja_float_methods, [V_RANGE] = jinja_list_methods, [V_VIEW] = jinja_view_methods,
        [V_LOOP] = jinja_loop_methods,  [V_CYCLER] = jinja_cycler_methods, [V_BLOCK] = NULL,
    };
    if (object.kind == V_STR && object.str->markup) {
        const struct native *f = native_find(jinja_markup_methods, name->at, name->n);
        if (f)
            return f;
    }
    if (object.kind == V_NATIVE && !strcmp(object.method->native->name, "dict"))
        return str_equals(name, "fromkeys") ? native_find(jinja_dict_methods, "fromkeys", 8) : NULL;
    const struct native *table = tables[object.kind];
    if (object.kind != V_LIST && table == jinja_list_methods && str_equals(name, "copy"))
        return NULL;
    return table ? native_find(table, name->at, name->n) : NULL;
}

/* ---- Attributes that are not methods ---------------------------------------------------------------- */

static bool number_attribute(struct value v, const struct str *name, struct value *out)
{
    if (str_equals(name, "real") || (v.kind != V_FLOAT && str_equals(name, "numerator")))
        *out = v.kind == V_BOOL ? value_int(v.boolean) : v;
    else if (str_equals(name, "imag"))
        *out = v.kind == V_FLOAT ? value_float(0) : value_int(0);
    else if (v.kind != V_FLOAT && str_equals(name, "denominator"))
        *out = value_int(1);
    else
        return false;
    return true;
}

static bool range_attribute(const struct range *range, const struct str *name, struct value *out)
{
    static const char *const names[] = {"start", "stop", "step"};
    const int64_t values[] = {range->start, range->stop, range->step};
    for (int i = 0; i < 3; i++)
        if (str_equals(name, names[i])) {
            *out = value_int(values[i]);
            return true;
        }
    return false;
}

static bool loop_number(const struct loop *l, const struct str *name, struct value *out)
{
    const int64_t i = (int64_t)l->index0, n = (int64_t)l->items->n;
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"index", i + 1},      {"index0", i},         {"length", n},       {"revindex", n - i},
                   {"revindex0", n - i - 1}, {"depth", l->depth0 + 1}, {"depth0", l->depth0}};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        if (str_equals(name, numbers[k].name)) {
            *out = value_int(numbers[k].value);
            return true;
        }
    return false;
}

static bool loop_attribute(struct jinja_run *r, const struct loop *l, const struct str *name, struct value *out,
                           bool *found)
{
    bool last = l->index0 + 1 >= l->items->n;
    bool asks_length = str_equals(name, "length") || str_equals(name, "revindex") || str_equals(name, "revindex0");
    bool asks_next = str_equals(name, "last") || str_equals(name, "nextitem");
    *found = true;
    if (l->failure && (asks_length || (asks_next && last)))
        return jinja_fail_deferred(r, l->failure);
    if (loop_number(l, name, out))
        return true;
    if (str_equals(name, "first"))
        *out = value_bool(l->index0 == 0);
    else if (str_equals(name, "last"))
        *out = value_bool(last);
    else if (str_equals(name, "nextitem") && last)
        return value_undefined_hint(r, "there is no next item", out);
    else if (str_equals(name, "nextitem"))
        *out = l->items->at[l->index0 + 1];
    else if (str_equals(name, "previtem") && l->index0 == 0)
        return value_undefined_hint(r, "there is no previous item", out);
    else if (str_equals(name, "previtem"))
        *out = l->items->at[l->index0 - 1];
    else
        *found = false;
    return true;
}

static bool macro_arguments(struct jinja_run *r, const struct node *first, struct value *out)
{
    struct list *names = list_new(r, 0);
    for (const struct node *p = first; names && p; p = p->next)
        if (!list_add(r, names, value_of_str(&p->name->text)))
            return false;
    *out = value_of_tuple(names);
    return names != NULL;
}

static bool macro_attribute(struct jinja_run *r, const struct macro *m, const struct str *name, struct value *out,
                            bool *found)
{
    const struct scope *s = m->node->scope;
    bool named = m->node->type == NODE_MACRO;
    *found = true;
    if (str_equals(name, "name"))
        *out = named ? value_of_str(&m->node->name->text) : VALUE_NONE;
    else if (str_equals(name, "arguments"))
        return macro_arguments(r, m->node->kid[named ? 0 : 1], out);
    else if (str_equals(name, "catch_kwargs"))
        *out = value_bool(s->kwargs_slot >= 0);
    else if (str_equals(name, "catch_varargs"))
        *out = value_bool(s->varargs_slot >= 0);
    else if (str_equals(name, "caller"))
        *out = value_bool(s->takes_caller);
    else if (str_equals(name, "explicit_caller"))
        *out = value_bool(s->explicit_caller >= 0);
    else
        *found = false;
    return true;
}

static bool cycler_attribute(const struct cycler *c, const struct str *name, struct value *out)
{
    if (str_equals(name, "current"))
        *out = c->items->at[c->at];
    else if (str_equals(name, "items"))
        *out = value_of_tuple(c->items);
    else if (str_equals(name, "pos"))
        *out = value_int((int64_t)c->at);
    else
        return false;
    return true;
}

static bool joiner_attribute(const struct joiner *j, const struct str *name, struct value *out)
{
    if (str_equals(name, "sep"))
        *out = j->separator;
    else if (str_equals(name, "used"))
        *out = value_bool(j->used);
    else
        return false;
    return true;
}

static bool group_attribute(const struct list *group, const struct str *name, struct value *out)
{
    bool grouper = str_equals(name, "grouper");
    if (!group->group || (!grouper && !str_equals(name, "list")))
        return false;
    *out = group->at[grouper ? 0 : 1];
    return true;
}

static bool data_attribute(struct jinja_run *r, struct value object, struct str *name, struct value *out, bool *found)
{
    struct value *entry;
    *found = false;
    switch (object.kind) {
    case V_UNDEFINED: return undefined_fail(r, object);
    case V_INT:
    case V_BOOL:
    case V_FLOAT: *found = number_attribute(object, name, out); return true;
    case V_TUPLE: *found = group_attribute(object.list, name, out); return true;
    case V_RANGE: *found = range_attribute(object.range, name, out); return true;
    case V_LOOP: return loop_attribute(r, object.loop, name, out, found);
    case V_MACRO: return macro_attribute(r, object.macro, name, out, found);
    case V_CYCLER: *found = cycler_attribute(object.cycler, name, out); return true;
    case V_JOINER: *found = joiner_attribute(object.joiner, name, out); return true;
    case V_BLOCK:
        *found = str_equals(name, "super");
        return !*found || value_undefined_hint(r, "there is no parent block of that name.", out);
    case V_NAMESPACE:
        if (!dict_find(r, object.dict, value_of_str(name), &entry))
            return false;
        *found = entry != NULL;
        if (entry)
            *out = *entry;
        return true;
    default: return true;
    }
}

bool value_own_attribute(struct jinja_run *r, struct value object, struct str *name, struct value *out, bool *found)
{
    *found = true;
    if (is_internal(name) || changes_object(object.kind, name))
        return value_unsafe(r, object, value_of_str(name), out);
    const struct native *method = find_method(object, name);
    if (method)
        return value_method(r, method, object, out);
    return data_attribute(r, object, name, out, found);
}

/* ---- Items ---------------------------------------------------------------------------------------------- */

static bool block_item(struct jinja_run *r, const struct str *name, struct value *out)
{
    const struct node *block = jinja_find_block(r->t, name);
    if (block)
        *out = (struct value){.kind = V_BLOCK, .block = block};
    return block != NULL;
}

/* A character, or an element; false: out of range. */
static bool indexed_item(struct jinja_run *r, struct value object, int64_t i, struct value *out)
{
    int64_t n;
    if (!value_length(r, object, &n))
        return false;
    i += i < 0 ? n : 0;
    if (i < 0 || i >= n)
        return false;
    if (object.kind == V_RANGE) {
        *out = value_int(object.range->start + i * object.range->step);
    } else if (object.kind == V_STR) {
        size_t begin = str_offset(object.str, (size_t)i);
        const char *end = object.str->at + begin;
        char_next(&end);
        if (!value_str_view(r, object.str->at + begin, (size_t)(end - object.str->at) - begin, out))
            return false;
        out->str->n_chars = 1;
        out->str->markup = object.str->markup;
        return object.str->n_chars == object.str->n || run_tick(r, begin / 16);
    } else {
        *out = object.list->at[i];
    }
    return true;
}

/* obj[key] of Python; *found is false where that is an error that the sandbox swallows. */
static bool own_item(struct jinja_run *r, struct value object, struct value key, struct value *out, bool *found)
{
    struct value *entry = NULL;
    *found = false;
    switch (object.kind) {
    case V_UNDEFINED: return undefined_fail(r, object);
    case V_DICT:
        if (!dict_find(r, object.dict, key, &entry) && !jinja_defer_failure(r)) /* an unhashable key */
            return false;
        *found = entry != NULL;
        if (entry)
            *out = *entry;
        return true;
    case V_STR:
    case V_LIST:
    case V_TUPLE:
    case V_RANGE: *found = value_is_int(key) && indexed_item(r, object, value_as_int(key), out); return !r->failed;
    case V_SELF: *found = key.kind == V_STR && block_item(r, key.str, out); return true;
    default: return true;
    }
}

bool value_item(struct jinja_run *r, struct value object, struct value key, struct value *out)
{
    bool found;
    if (!own_item(r, object, key, out, &found))
        return false;
    if (!found && key.kind == V_STR && !value_own_attribute(r, object, key.str, out, &found))
        return false;
    return found || value_undefined_in(r, object, key, out);
}

bool value_attribute(struct jinja_run *r, struct value object, struct str *name, struct value *out)
{
    bool found;
    if (!value_own_attribute(r, object, name, out, &found))
        return false;
    if (!found && !own_item(r, object, value_of_str(name), out, &found))
        return false;
    return found || value_undefined_in(r, object, value_of_str(name), out);
}

/* ---- Slices ------------------------------------------------------------------------------------------------ */

struct slice {
    int64_t start, stop, step, n;
};

static int64_t clamp_bound(int64_t i, int64_t n, bool backwards)
{
    if (i < 0)
        i = i + n < 0 ? (backwards ? -1 : 0) : i + n;
    return i >= n ? (backwards ? n - 1 : n) : i;
}

static bool slice_of(struct jinja_run *r, const struct value bounds[3], int64_t n, struct slice *out)
{
    for (int i = 0; i < 3; i++)
        if (bounds[i].kind != V_NONE && !value_is_int(bounds[i]))
            return jinja_fail(r, "TypeError: slice indices must be integers or None");
    int64_t step = bounds[2].kind == V_NONE ? 1 : value_as_int(bounds[2]);
    if (step == 0)
        return jinja_fail(r, "ValueError: slice step cannot be zero");
    if (step < -INT64_MAX)
        step = -INT64_MAX;
    bool back = step < 0;
    int64_t start = back ? n - 1 : 0, stop = back ? -1 : n;
    if (bounds[0].kind != V_NONE)
        start = clamp_bound(value_as_int(bounds[0]), n, back);
    if (bounds[1].kind != V_NONE)
        stop = clamp_bound(value_as_int(bounds[1]), n, back);
    int64_t span = back ? start - stop : stop - start, stride = back ? -step : step;
    *out = (struct slice){start, stop, step, span > 0 ? (span - 1) / stride + 1 : 0};
    return true;
}

static bool slice_str(struct jinja_run *r, struct str *s, struct slice slice, struct value *out)
{
    if (!run_tick(r, s->n / 32))
        return false;
    if (slice.step == 1 || slice.n == 0) {
        size_t begin = slice.n ? str_offset(s, (size_t)slice.start) : 0;
        size_t end = slice.n ? str_offset(s, (size_t)(slice.start + slice.n)) : 0;
        if (!value_str_view(r, s->at + begin, end - begin, out))
            return false;
        out->str->n_chars = (size_t)slice.n;
        out->str->markup = s->markup;
        return true;
    }
    struct value all = value_of_str(s);
    struct list *chars;
    size_t mark = r->scratch.n;
    if (!value_items(r, all, &chars))
        return false;
    for (int64_t i = 0; i < slice.n; i++) {
        const struct str *c = chars->at[slice.start + i * slice.step].str;
        if (!run_put(r, c->at, c->n))
            return false;
    }
    return run_take_markup(r, mark, s->markup, out);
}

static bool slice_list(struct jinja_run *r, struct value v, struct slice slice, struct value *out)
{
    struct list *l = list_new(r, (size_t)slice.n);
    for (int64_t i = 0; l && i < slice.n; i++)
        if (!list_add(r, l, v.list->at[slice.start + i * slice.step]))
            return false;
    *out = v.kind == V_TUPLE ? value_of_tuple(l) : value_of_list(l);
    return l != NULL;
}

/* Its ends are where the bounds lead, which may be a step beyond the range. */
static bool slice_range(struct jinja_run *r, const struct range *range, struct slice slice, struct value *out)
{
    int64_t start, stop, step;
    if (__builtin_mul_overflow(range->step, slice.step, &step) || __builtin_mul_overflow(slice.start, range->step, &start) ||
        __builtin_add_overflow(start, range->start, &start) || __builtin_mul_overflow(slice.stop, range->step, &stop) ||
        __builtin_add_overflow(stop, range->start, &stop))
        return jinja_fail(r, "OverflowError: an integer does not fit in 64 bits");
    return value_range(r, start, stop, step, out);
}

bool value_slice(struct jinja_run *r, struct value object, const struct value bounds[3], struct value *out)
{
    int64_t n;
    struct slice slice = {0};
    if (object.kind == V_UNDEFINED)
        return undefined_fail(r, object);
    if (object.kind == V_DICT)
        return jinja_fail(r, "TypeError: unhashable type: 'slice'");
    if (object.kind != V_STR && !value_is_sequence(object) && object.kind != V_RANGE)
        return jinja_fail(r, "TypeError: '%s' object is not subscriptable", value_type(object));
    if (!value_length(r, object, &n) || !slice_of(r, bounds, n, &slice))
        return false;
    if (object.kind == V_STR)
        return slice_str(r, object.str, slice, out);
    return object.kind == V_RANGE ? slice_range(r, object.range, slice, out) : slice_list(r, object, slice, out);
}
