/* Functions that every template has. */
#include "text/jinja/run.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_RANGE = 100000 }; /* the sandbox's own */

static bool global_range(struct jinja_run *r, const struct bound *b, struct value *out)
{
    int64_t start, stop, step;
    if (!bound_int(r, b, 0, 0, &start) || !bound_int(r, b, 1, 0, &stop) || !bound_int(r, b, 2, 1, &step))
        return false;
    if (!bound_has(b, 1)) {
        stop = start;
        start = 0;
    }
    if (step == 0)
        return jinja_fail(r, "ValueError: range() arg 3 must not be zero");
    if (!value_range(r, start, stop, step, out))
        return false;
    if (out->range->n > MAX_RANGE)
        return jinja_fail(r, "OverflowError: Range too big. The sandbox blocks ranges larger than %d.", MAX_RANGE);
    return true;
}

/* What dict() takes: a dict, or pairs. */
static bool update(struct jinja_run *r, struct dict *d, struct value from)
{
    struct list *pairs, *pair;
    if (from.kind == V_DICT && !value_view(r, from.dict, VIEW_ITEMS, &from))
        return false;
    if (!value_items(r, from, &pairs))
        return false;
    for (size_t i = 0; i < pairs->n; i++) {
        if (!value_is_iterable(pairs->at[i]))
            return jinja_fail(r, "TypeError: cannot convert dictionary update sequence element #%zu to a sequence", i);
        if (!value_items(r, pairs->at[i], &pair))
            return false;
        if (pair->n != 2)
            return jinja_fail(r, "ValueError: dictionary update sequence element #%zu has length %zu; 2 is required", i,
                              pair->n);
        if (!dict_set(r, d, pair->at[0], pair->at[1]))
            return false;
    }
    return true;
}

static bool make_dict(struct jinja_run *r, const struct arguments *a, struct dict **out)
{
    struct dict *d = *out = dict_new(r);
    if (!d)
        return false;
    if (a->n > 1)
        return jinja_fail(r, "TypeError: dict expected at most 1 argument, got %zu", a->n);
    if (a->n && !update(r, d, a->at[0]))
        return false;
    for (size_t i = 0; i < a->n_keywords; i++)
        if (!dict_set(r, d, value_of_str(a->keywords[i].name), a->keywords[i].value))
            return false;
    return true;
}

static bool global_dict(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct dict *d;
    if (!make_dict(r, b->all, &d))
        return false;
    *out = value_of_dict(d);
    return true;
}

static bool global_namespace(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct dict *d;
    if (!make_dict(r, b->all, &d))
        return false;
    for (size_t i = 0; i < d->n; i++)
        if (d->at[i].key.kind == V_STR && d->at[i].key.str->n && d->at[i].key.str->at[0] == '_')
            return jinja_fail(r, "a namespace cannot have the underscore-prefixed attribute '%.*s'",
                              (int)d->at[i].key.str->n, d->at[i].key.str->at);
    *out = (struct value){.kind = V_NAMESPACE, .dict = d};
    return true;
}

static bool global_cycler(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct cycler *c = run_alloc(r, 1, sizeof *c);
    struct list *items = c ? list_new(r, b->all->n) : NULL;
    if (!items)
        return false;
    if (b->all->n_keywords)
        return jinja_fail(r, "TypeError: cycler() takes no keyword arguments");
    if (!b->all->n)
        return jinja_fail(r, "RuntimeError: at least one item has to be provided");
    for (size_t i = 0; i < b->all->n; i++)
        if (!list_add(r, items, b->all->at[i]))
            return false;
    *c = (struct cycler){items, 0};
    *out = (struct value){.kind = V_CYCLER, .cycler = c};
    return true;
}

static bool global_joiner(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct joiner *j = run_alloc(r, 1, sizeof *j);
    struct value separator = b->arg[0];
    if (!j || (!bound_has(b, 0) && !value_text(r, ", ", &separator)))
        return false;
    *j = (struct joiner){separator, false};
    *out = (struct value){.kind = V_JOINER, .joiner = j};
    return true;
}

/* Text that the template's author wants to be shown: the whole error. */
static bool global_raise_exception(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct value text;
    (void)out;
    if (!value_to_str(r, b->arg[0], &text))
        return false;
    const size_t n = text.str->n, most = sizeof r->error.message; /* no NUL need stand behind the text */
    return jinja_fail(r, "%.*s", (int)(n < most ? n : most), text.str->at);
}

static bool global_strftime_now(struct jinja_run *r, const struct bound *b, struct value *out)
{
    struct str *format;
    size_t mark = r->scratch.n;
    if (!bound_text(r, b, 0, &format) || !run_tick(r, format->n))
        return false;
    if (!civil_format(&r->scratch, &r->now, format->at, format->n))
        return jinja_no_memory(r);
    return run_take(r, mark, out);
}

static bool global_lipsum(struct jinja_run *r, const struct bound *b, struct value *out)
{
    (void)b;
    (void)out;
    return jinja_fail(r, "lipsum() is not supported: a prompt must not depend on chance");
}

const struct native jinja_globals[] = {
    {"range", "/start stop? step?", global_range},
    {"dict", "*", global_dict},
    {"namespace", "*", global_namespace},
    {"cycler", "*", global_cycler},
    {"joiner", "sep?", global_joiner},
    {"raise_exception", "message", global_raise_exception},
    {"strftime_now", "format", global_strftime_now},
    {"lipsum", "*", global_lipsum},
    {NULL, NULL, NULL},
};
