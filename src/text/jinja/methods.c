/* Methods of everything but strings. */
#include "text/jinja/run.h"

#include <math.h>

/* ---- Lists, tuples, ranges ---------------------------------------------------------------------------------- */

static bool list_count(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *items;
    int64_t n = 0;
    if (!value_items(r, b->self, &items))
        return false;
    for (size_t i = 0; i < items->n; i++) {
        bool same;
        if (!run_tick(r, 1) || !value_equal(r, items->at[i], b->arg[0], &same))
            return false;
        n += same;
    }
    return give(out, value_int(n));
}

static int64_t clamp(int64_t i, int64_t n)
{
    i += i < 0 ? n : 0;
    return i < 0 ? 0 : i > n ? n : i;
}

static bool list_index(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *items;
    int64_t start, stop;
    if (!value_items(r, b->self, &items) || !bound_int(r, b, 1, 0, &start) ||
        !bound_int(r, b, 2, INT64_MAX, &stop))
        return false;
    stop = clamp(stop, (int64_t)items->n);
    for (int64_t i = clamp(start, (int64_t)items->n); i < stop; i++) {
        bool same;
        if (!run_tick(r, 1) || !value_equal(r, items->at[i], b->arg[0], &same))
            return false;
        if (same)
            return give(out, value_int(i));
    }
    return jinja_fail(r, "ValueError: the value is not in the %s", value_type(b->self));
}

static bool list_copy(struct jinja_run *r, const struct bound *b, struct value *out)
{
    const struct value all[3] = {VALUE_NONE, VALUE_NONE, VALUE_NONE};
    return value_slice(r, b->self, all, out);
}

/* ---- Dicts ------------------------------------------------------------------------------------------------------ */

static bool dict_get(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct value *found;
    if (!dict_find(r, b->self.dict, b->arg[0], &found))
        return false;
    return give(out, found ? *found : bound_has(b, 1) ? b->arg[1] : VALUE_NONE);
}

static bool dict_keys(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return value_view(r, b->self.dict, VIEW_KEYS, out);
}

static bool dict_values(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return value_view(r, b->self.dict, VIEW_VALUES, out);
}

static bool dict_items(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return value_view(r, b->self.dict, VIEW_ITEMS, out);
}

static bool dict_copied(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct dict *d = dict_copy(r, b->self.dict);
    *out = value_of_dict(d);
    return d != NULL;
}

static bool dict_fromkeys(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *keys;
    struct dict *d = dict_new(r);
    if (!d || !value_items(r, b->arg[0], &keys))
        return false;
    for (size_t i = 0; i < keys->n; i++)
        if (!dict_set(r, d, keys->at[i], bound_has(b, 1) ? b->arg[1] : VALUE_NONE))
            return false;
    return give(out, value_of_dict(d));
}

static bool view_isdisjoint(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *items;
    bool found = false;
    if (!value_items(r, b->arg[0], &items))
        return false;
    for (size_t i = 0; !found && i < items->n; i++)
        if (!run_tick(r, 1) || !value_contains(r, b->self, items->at[i], &found))
            return false;
    return give(out, value_bool(!found));
}

/* ---- Numbers ------------------------------------------------------------------------------------------------------ */

static uint64_t magnitude(int64_t i)
{
    return i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
}

static bool int_bit_length(struct jinja_run *r, const struct bound *b, struct value *out)
{
    uint64_t m = magnitude(value_as_int(b->self));
    (void)r;
    return give(out, value_int(m ? 64 - __builtin_clzll(m) : 0));
}

static bool int_bit_count(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give(out, value_int(__builtin_popcountll(magnitude(value_as_int(b->self)))));
}

static bool int_conjugate(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give(out, value_int(value_as_int(b->self)));
}

static bool int_as_integer_ratio(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct list *pair = list_pair(r, value_int(value_as_int(b->self)), value_int(1));
    *out = value_of_tuple(pair);
    return pair != NULL;
}

static bool float_is_integer(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give(out, value_bool(isfinite(b->self.real) && floor(b->self.real) == b->self.real));
}

static bool float_conjugate(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    return give(out, b->self);
}

/* ---- loop, cycler ---------------------------------------------------------------------------------------------------- */

static bool loop_cycle(struct jinja_run *r, const struct bound *b, struct value *out)
{
    const struct arguments *a = b->all;
    if (a->n_keywords)
        return jinja_fail(r, "TypeError: loop.cycle() takes no keyword arguments");
    if (!a->n)
        return jinja_fail(r, "TypeError: no items for cycling given");
    return give(out, a->at[b->self.loop->index0 % a->n]);
}

/* Whether the arguments differ from those of the last call. */
static bool loop_changed(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct loop *l = b->self.loop;
    struct list *now = list_new(r, b->all->n);
    bool same;
    if (b->all->n_keywords)
        return jinja_fail(r, "TypeError: loop.changed() takes no keyword arguments");
    for (size_t i = 0; now && i < b->all->n; i++)
        if (!list_add(r, now, b->all->at[i]))
            return false;
    if (!now || !value_equal(r, l->last_changed, value_of_tuple(now), &same))
        return false;
    l->last_changed = value_of_tuple(now);
    return give(out, value_bool(!same));
}

static bool cycler_next(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct cycler *c = b->self.cycler;
    (void)r;
    *out = c->items->at[c->at];
    c->at = (c->at + 1) % c->items->n;
    return true;
}

static bool cycler_reset(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)r;
    b->self.cycler->at = 0;
    return give(out, VALUE_NONE);
}

const struct native jinja_list_methods[] = {
    {"index", "/value start? stop?", list_index},
    {"count", "/value", list_count},
    {"copy", "/", list_copy},
    {NULL, NULL, NULL},
};

const struct native jinja_dict_methods[] = {
    {"get", "/key default?", dict_get},
    {"items", "/", dict_items},
    {"keys", "/", dict_keys},
    {"values", "/", dict_values},
    {"copy", "/", dict_copied},
    {"fromkeys", "/iterable value?", dict_fromkeys},
    {NULL, NULL, NULL},
};

const struct native jinja_view_methods[] = {
    {"isdisjoint", "/other", view_isdisjoint},
    {NULL, NULL, NULL},
};

const struct native jinja_int_methods[] = {
    {"bit_length", "/", int_bit_length},
    {"bit_count", "/", int_bit_count},
    {"conjugate", "/", int_conjugate},
    {"as_integer_ratio", "/", int_as_integer_ratio},
    {NULL, NULL, NULL},
};

const struct native jinja_float_methods[] = {
    {"is_integer", "/", float_is_integer},
    {"conjugate", "/", float_conjugate},
    {NULL, NULL, NULL},
};

const struct native jinja_loop_methods[] = {
    {"cycle", "*", loop_cycle},
    {"changed", "*", loop_changed},
    {NULL, NULL, NULL},
};

const struct native jinja_cycler_methods[] = {
    {"next", "/", cycler_next},
    {"reset", "/", cycler_reset},
    {NULL, NULL, NULL},
};
