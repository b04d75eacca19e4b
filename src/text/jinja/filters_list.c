/* Filters over sequences, and those of any value. */
#include "base/rng.h"
#include "text/jinja/path.h"
#include "text/jinja/run.h"
#include "text/jinja/sort.h"
#include "text/jinja/str.h"

#include <string.h>

static bool filter_default(struct jinja_run *r, const struct bound *b, struct value *out)
{
    bool absent = b->self.kind == V_UNDEFINED || (bound_flag(b, 1) && !value_truth(b->self));
    *out = b->self;
    if (absent && !bound_has(b, 0))
        return value_text(r, "", out);
    if (absent)
        *out = b->arg[0];
    return true;
}

static bool filter_length(struct jinja_run *r, const struct bound *b, struct value *out)
{
    int64_t n;
    if (!value_length(r, b->self, &n))
        return false;
    *out = value_int(n);
    return true;
}

static bool copy_items(struct jinja_run *r, struct value v, struct list **out)
{
    struct list *items, *copy = *out = list_new(r, 0);
    if (!copy || !value_items(r, v, &items))
        return false;
    for (size_t i = 0; i < items->n; i++)
        if (!list_add(r, copy, items->at[i]))
            return false;
    return true;
}

static bool filter_list(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *copy;
    if (!copy_items(r, b->self, &copy))
        return false;
    *out = value_of_list(copy);
    return true;
}

static bool first_of_iterator(struct jinja_run *r, struct iterator *i, struct value *out)
{
    if (i->at < i->items->n) {
        *out = i->items->at[i->at++];
        return true;
    }
    return i->failure ? jinja_fail_deferred(r, i->failure)
                      : value_undefined_hint(r, "No first item, sequence was empty.", out);
}

static bool filter_first(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *items;
    if (b->self.kind == V_ITER)
        return first_of_iterator(r, b->self.iterator, out);
    if (!value_items(r, b->self, &items))
        return false;
    if (!items->n)
        return value_undefined_hint(r, "No first item, sequence was empty.", out);
    *out = items->at[0];
    return true;
}

static bool is_reversible(struct value v)
{
    return v.kind == V_UNDEFINED || (v.kind >= V_STR && v.kind <= V_VIEW);
}

static bool filter_last(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *items;
    if (!is_reversible(b->self))
        return jinja_fail(r, "TypeError: '%s' object is not reversible", value_type(b->self));
    if (!value_items(r, b->self, &items))
        return false;
    if (!items->n)
        return value_undefined_hint(r, "No last item, sequence was empty.", out);
    *out = items->at[items->n - 1];
    return true;
}

static bool filter_random(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *items;
    int64_t n;
    if (b->self.kind == V_DICT || b->self.kind == V_VIEW)
        return jinja_fail(r, "TypeError: '%s' object is not a sequence", value_type(b->self));
    if (!value_length(r, b->self, &n) || !value_items(r, b->self, &items))
        return false;
    if (!items->n)
        return value_undefined_hint(r, "No random item, sequence was empty.", out);
    *out = items->at[rng_fresh_seed() % items->n];
    return true;
}

static const char *reversed_type(struct value v)
{
    switch (v.kind) {
    case V_LIST: return "list_reverseiterator";
    case V_DICT: return "dict_reversekeyiterator";
    case V_RANGE: return "range_iterator";
    default: return "reversed";
    }
}

/* A string backwards, an iterator over a sequence, a list of an iterator. */
static bool filter_reverse(struct jinja_run *r, const struct bound *b, struct value *out)
{
    const struct value backwards[3] = {VALUE_NONE, VALUE_NONE, value_int(-1)};
    struct list *copy;
    if (b->self.kind == V_STR)
        return value_slice(r, b->self, backwards, out);
    if (!value_is_iterable(b->self))
        return jinja_fail(r, "FilterArgumentError: argument must be iterable");
    if (!copy_items(r, b->self, &copy) || !value_slice(r, value_of_list(copy), backwards, out))
        return false;
    return !is_reversible(b->self) || value_iterator(r, out->list, reversed_type(b->self), out);
}

static bool filter_join(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct value separator = b->arg[0], item;
    struct list *items, *path, *texts = list_new(r, 0);
    bool follows = bound_has(b, 1) && b->arg[1].kind != V_NONE;
    if (!texts || (!bound_has(b, 0) && !value_text(r, "", &separator)) || !value_to_str(r, separator, &separator) ||
        !path_parse(r, b->arg[1], &path) || !value_items(r, b->self, &items))
        return false;
    for (size_t i = 0; i < items->n; i++) {
        item = items->at[i];
        if ((follows && !path_follow(r, item, path, VALUE_MISSING, &item)) || !value_to_str(r, item, &item) ||
            !list_add(r, texts, item))
            return false;
    }
    return str_join(r, separator.str, texts, out);
}

/* ---- Keys: unique, min, max, sum ------------------------------------------------------------------------- */

/* What is compared for each item: its attribute, in lower case unless `exact`. */
static bool keys_of(struct jinja_run *r, const struct list *items, struct value attribute, struct value otherwise,
                    bool exact, struct list **out)
{
    struct list *path, *keys = *out = list_new(r, items->n);
    if (!keys || !path_parse(r, attribute, &path))
        return false;
    for (size_t i = 0; i < items->n; i++) {
        struct value key;
        if (!path_follow(r, items->at[i], path, otherwise, &key) || (!exact && !ignore_case(r, &key)) ||
            !list_add(r, keys, key))
            return false;
    }
    return true;
}

static bool filter_unique(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *items, *keys, *kept = list_new(r, 0);
    struct dict *seen = dict_new(r);
    if (!kept || !seen || !value_items(r, b->self, &items) ||
        !keys_of(r, items, b->arg[1], VALUE_MISSING, bound_flag(b, 0), &keys))
        return false;
    for (size_t i = 0; i < items->n; i++) {
        size_t before = seen->n;
        if (!dict_set(r, seen, keys->at[i], VALUE_NONE) || (seen->n > before && !list_add(r, kept, items->at[i])))
            return false;
    }
    return value_iterator(r, kept, "generator", out);
}

static bool extreme(struct jinja_run *r, const struct bound *b, enum order op, struct value *out)
{
    struct list *items, *keys;
    size_t best = 0;
    if (!value_items(r, b->self, &items))
        return false;
    if (!items->n)
        return value_undefined_hint(r, "No aggregated item, sequence was empty.", out);
    if (!keys_of(r, items, b->arg[1], VALUE_MISSING, bound_flag(b, 0), &keys))
        return false;
    for (size_t i = 1; i < items->n; i++) {
        bool better;
        if (!run_tick(r, 1) || !value_order(r, keys->at[i], keys->at[best], op, &better))
            return false;
        best = better ? i : best;
    }
    *out = items->at[best];
    return true;
}

static bool filter_min(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return extreme(r, b, ORDER_LT, out);
}

static bool filter_max(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return extreme(r, b, ORDER_GT, out);
}

static bool filter_sum(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *items, *path;
    struct value sum = bound_has(b, 1) ? b->arg[1] : value_int(0), item;
    bool follows = bound_has(b, 0) && b->arg[0].kind != V_NONE;
    if (sum.kind == V_STR)
        return jinja_fail(r, "TypeError: sum() can't sum strings [use ''.join(seq) instead]");
    if (!value_items(r, b->self, &items) || !path_parse(r, b->arg[0], &path))
        return false;
    for (size_t i = 0; i < items->n; i++) {
        item = items->at[i];
        if ((follows && !path_follow(r, item, path, VALUE_MISSING, &item)) || !op_binary(r, OP_ADD, sum, item, &sum))
            return false;
    }
    *out = sum;
    return true;
}

/* ---- Sorting, grouping -------------------------------------------------------------------------------------- */

/* "age,name": a list of keys for each item, as Python compares lists. */
static bool multi_keys(struct jinja_run *r, const struct list *items, struct value attribute, bool exact,
                       struct list **out)
{
    static struct str comma = STR_LITERAL(",");
    struct value attributes = value_of_list(list_new(r, 1));
    struct list *keys = *out = list_new(r, items->n), *column;
    if (!keys || !attributes.list)
        return false;
    if (attribute.kind == V_STR ? !str_split(r, attribute.str, &comma, -1, false, &attributes)
                                : !list_add(r, attributes.list, attribute))
        return false;
    for (size_t i = 0; i < items->n; i++) {
        struct list *row = list_new(r, attributes.list->n);
        if (!row || !list_add(r, keys, value_of_list(row)))
            return false;
    }
    for (size_t a = 0; a < attributes.list->n; a++) {
        if (!keys_of(r, items, attributes.list->at[a], VALUE_MISSING, exact, &column))
            return false;
        for (size_t i = 0; i < items->n; i++)
            if (!list_add(r, keys->at[i].list, column->at[i]))
                return false;
    }
    return true;
}

static bool filter_sort(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *items, *keys;
    if (!copy_items(r, b->self, &items) || !multi_keys(r, items, b->arg[2], bound_flag(b, 1), &keys) ||
        !sort_values(r, items, keys, bound_flag(b, 0)))
        return false;
    *out = value_of_list(items);
    return true;
}

static bool filter_dictsort(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct value pairs;
    struct list *items, *keys = list_new(r, 0);
    bool by_value = b->arg[1].kind == V_STR && str_equals(b->arg[1].str, "value");
    if (bound_has(b, 1) && !by_value && !(b->arg[1].kind == V_STR && str_equals(b->arg[1].str, "key")))
        return jinja_fail(r, "FilterArgumentError: You can only sort by either \"key\" or \"value\"");
    if (b->self.kind == V_UNDEFINED)
        return undefined_fail(r, b->self);
    if (b->self.kind != V_DICT)
        return jinja_fail(r, "AttributeError: '%s' object has no attribute 'items'", value_type(b->self));
    if (!keys || !value_view(r, b->self.dict, VIEW_ITEMS, &pairs) || !value_items(r, pairs, &items))
        return false;
    for (size_t i = 0; i < items->n; i++) {
        struct value key = items->at[i].list->at[by_value];
        if ((!bound_flag(b, 0) && !ignore_case(r, &key)) || !list_add(r, keys, key))
            return false;
    }
    *out = value_of_list(items);
    return sort_values(r, items, keys, bound_flag(b, 2));
}

static bool add_group(struct jinja_run *r, struct list *groups, struct value grouper, struct list *members)
{
    struct list *group = list_pair(r, grouper, value_of_list(members));
    if (!group)
        return false;
    group->group = true;
    return list_add(r, groups, value_of_tuple(group));
}

/* Sorted first, so that there is one group for each key; named by the key of its first member. */
static bool filter_groupby(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *items, *keys, *path, *groups = list_new(r, 0), *members = NULL;
    bool exact = bound_flag(b, 2), same = false;
    if (!groups || !copy_items(r, b->self, &items) || !keys_of(r, items, b->arg[0], b->arg[1], exact, &keys) ||
        !path_parse(r, b->arg[0], &path) || !sort_values(r, items, keys, false))
        return false;
    for (size_t i = 0; i < items->n; i++) {
        struct value grouper;
        if (i && !value_equal(r, keys->at[i - 1], keys->at[i], &same))
            return false;
        if (!same && (!(members = list_new(r, 0)) || !path_follow(r, items->at[i], path, b->arg[1], &grouper) ||
                      !add_group(r, groups, grouper, members)))
            return false;
        if (!list_add(r, members, items->at[i]))
            return false;
    }
    *out = value_of_list(groups);
    return true;
}

/* ---- Rows and columns ------------------------------------------------------------------------------------------ */

static bool filter_batch(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *items, *rows = list_new(r, 0), *row = list_new(r, 0);
    int64_t count;
    if (!rows || !row || !bound_int(r, b, 0, 0, &count) || !value_items(r, b->self, &items))
        return false;
    for (size_t i = 0; i < items->n; i++) {
        if ((int64_t)row->n == count && (!list_add(r, rows, value_of_list(row)) || !(row = list_new(r, 0))))
            return false;
        if (!list_add(r, row, items->at[i]))
            return false;
    }
    bool fills = row->n && bound_has(b, 1) && b->arg[1].kind != V_NONE;
    while (fills && (int64_t)row->n < count)
        if (!list_add(r, row, b->arg[1]))
            return false;
    if (row->n && !list_add(r, rows, value_of_list(row)))
        return false;
    return value_iterator(r, rows, "generator", out);
}

static bool filter_slice(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *items, *columns = list_new(r, 0);
    int64_t n;
    if (!columns || !bound_int(r, b, 0, 0, &n) || !value_items(r, b->self, &items))
        return false;
    if (n == 0)
        return jinja_fail(r, "ZeroDivisionError: integer division or modulo by zero");
    int64_t each = n > 0 ? (int64_t)items->n / n : 0, extra = n > 0 ? (int64_t)items->n % n : 0, at = 0;
    for (int64_t i = 0; i < n; i++) {
        struct list *column = list_new(r, 0);
        if (!column || !list_add(r, columns, value_of_list(column)))
            return false;
        for (int64_t k = 0; k < each + (i < extra); k++)
            if (!list_add(r, column, items->at[at++]))
                return false;
        if (i >= extra && bound_has(b, 1) && b->arg[1].kind != V_NONE && !list_add(r, column, b->arg[1]))
            return false;
    }
    return value_iterator(r, columns, "generator", out);
}

/* ---- Dicts, attributes ----------------------------------------------------------------------------------------- */

static bool filter_items(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct value pairs;
    struct list *items = list_new(r, 0);
    if (b->self.kind != V_DICT && b->self.kind != V_UNDEFINED)
        return jinja_fail(r, "TypeError: Can only get item pairs from a mapping.");
    if (b->self.kind == V_DICT &&
        (!value_view(r, b->self.dict, VIEW_ITEMS, &pairs) || !value_items(r, pairs, &items)))
        return false;
    return items && value_iterator(r, items, "generator", out);
}

static bool filter_attr(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct str *name;
    bool found;
    if (!bound_text(r, b, 0, &name) || !value_own_attribute(r, b->self, name, out, &found))
        return false;
    return found || value_undefined_in(r, b->self, b->arg[0], out);
}

const struct native jinja_list_filters[] = {
    {"default", "default_value? boolean?", filter_default},
    {"d", "default_value? boolean?", filter_default},
    {"length", "", filter_length},
    {"count", "", filter_length},
    {"list", "", filter_list},
    {"first", "", filter_first},
    {"last", "", filter_last},
    {"random", "", filter_random},
    {"reverse", "", filter_reverse},
    {"join", "d? attribute?", filter_join},
    {"unique", "case_sensitive? attribute?", filter_unique},
    {"min", "case_sensitive? attribute?", filter_min},
    {"max", "case_sensitive? attribute?", filter_max},
    {"sum", "attribute? start?", filter_sum},
    {"sort", "reverse? case_sensitive? attribute?", filter_sort},
    {"dictsort", "case_sensitive? by? reverse?", filter_dictsort},
    {"groupby", "attribute default? case_sensitive?", filter_groupby},
    {"batch", "linecount fill_with?", filter_batch},
    {"slice", "slices fill_with?", filter_slice},
    {"items", "", filter_items},
    {"attr", "name", filter_attr},
    {NULL, NULL, NULL},
};
