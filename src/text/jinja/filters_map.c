/* Filters that apply other filters and tests to each item. Jinja's are lazy: what fails for an item fails when somebody reads
 * that far. Here they are computed at once, and the failure is kept for the reader. */
#include "text/jinja/path.h"
#include "text/jinja/run.h"

#include <string.h>

/* What is done to each item. */
struct each {
    const struct native *native; /* NULL: nothing beyond the path */
    struct arguments arguments;
    struct list *path; /* to go from the item first, or NULL */
    struct value otherwise;
};

static bool apply(struct jinja_run *r, const struct each *e, struct value item, struct value *out)
{
    *out = item;
    if (e->path && !path_follow(r, item, e->path, e->otherwise, out))
        return false;
    return !e->native || native_call(r, e->native, *out, &e->arguments, out);
}

static bool find_native(struct jinja_run *r, struct value name, bool filter, const struct native **out)
{
    if (name.kind != V_STR)
        return jinja_fail(r, "No %s named by a '%s'.", filter ? "filter" : "test", value_type(name));
    *out = (filter ? jinja_filter : jinja_test)(name.str->at, name.str->n);
    return *out || jinja_fail(r, "No %s named '%.*s'.", filter ? "filter" : "test", (int)name.str->n, name.str->at);
}

/* map('filter', arguments ...) or map(attribute='a.b', default=x) */
static bool prepare_map(struct jinja_run *r, const struct arguments *a, struct each *e)
{
    *e = (struct each){.arguments = *a};
    const struct keyword *attribute = NULL;
    for (size_t i = 0; !a->n && i < a->n_keywords; i++)
        if (str_equals(a->keywords[i].name, "attribute"))
            attribute = &a->keywords[i];
    if (!attribute && !a->n)
        return jinja_fail(r, "FilterArgumentError: map requires a filter argument");
    if (!attribute) {
        e->arguments.at++;
        e->arguments.n--;
        return find_native(r, a->at[0], true, &e->native);
    }
    for (size_t i = 0; i < a->n_keywords; i++) {
        if (str_equals(a->keywords[i].name, "default"))
            e->otherwise = a->keywords[i].value;
        else if (&a->keywords[i] != attribute)
            return jinja_fail(r, "FilterArgumentError: Unexpected keyword argument '%s'", a->keywords[i].name->at);
    }
    return path_parse(r, attribute->value, &e->path);
}

/* select('test', arguments ...), selectattr('attribute', 'test', arguments ...); without a test: truth. */
static bool prepare_select(struct jinja_run *r, const struct arguments *a, bool attribute, struct each *e)
{
    *e = (struct each){.arguments = *a};
    if (attribute && !a->n)
        return jinja_fail(r, "FilterArgumentError: Missing parameter for attribute name");
    if (attribute && !path_parse(r, a->at[0], &e->path))
        return false;
    size_t skip = attribute;
    if (a->n == skip)
        return true;
    e->arguments.at += skip + 1;
    e->arguments.n -= skip + 1;
    return find_native(r, a->at[skip], false, &e->native);
}

enum what { MAP, SELECT, REJECT };

static bool apply_all(struct jinja_run *r, const struct each *e, enum what what, const struct list *items,
                      struct list *kept)
{
    for (size_t i = 0; i < items->n; i++) {
        struct value v;
        if (!apply(r, e, items->at[i], &v))
            return false;
        if (what == MAP ? !list_add(r, kept, v)
                        : value_truth(v) == (what == SELECT) && !list_add(r, kept, items->at[i]))
            return false;
    }
    return run_tick(r, 1);
}

/* An iterator of what came out; a failure, even of the arguments, is its own. */
static bool iterate(struct jinja_run *r, const struct bound *b, enum what what, bool attribute, struct value *out)
{
    struct list *items, *kept = list_new(r, 0);
    struct each e;
    const char *failure = NULL;
    size_t mark = r->scratch.n;
    if (!kept || !value_iterator(r, kept, "generator", out))
        return false;
    if (!value_truth(b->self))
        return true;
    bool ok = what == MAP ? prepare_map(r, b->all, &e) : prepare_select(r, b->all, attribute, &e);
    ok = ok && value_items_until(r, b->self, &items, &failure) && apply_all(r, &e, what, items, kept);
    if (!ok) {
        failure = jinja_defer_failure(r);
        r->scratch.n = mark;
        if (!failure)
            return false;
    }
    out->iterator->failure = failure;
    return true;
}

static bool filter_map(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return iterate(r, b, MAP, false, out);
}

static bool filter_select(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return iterate(r, b, SELECT, false, out);
}

static bool filter_reject(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return iterate(r, b, REJECT, false, out);
}

static bool filter_selectattr(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return iterate(r, b, SELECT, true, out);
}

static bool filter_rejectattr(struct jinja_run *r, const struct bound *b, struct value *out)
{
    return iterate(r, b, REJECT, true, out);
}

const struct native jinja_map_filters[] = {
    {"map", "*", filter_map},
    {"select", "*", filter_select},
    {"reject", "*", filter_reject},
    {"selectattr", "*", filter_selectattr},
    {"rejectattr", "*", filter_rejectattr},
    {NULL, NULL, NULL},
};
