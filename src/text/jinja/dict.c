/* Dicts: entries in the order of insertion, and beyond a few of them an index by hash. */
#include "text/jinja/run.h"

#include <string.h>

enum { FEW_ENTRIES = 8 };

static uint64_t hash_bytes(const char *at, size_t n)
{
    uint64_t h = 0xCBF29CE484222325u; /* FNV-1a; a dict of chosen collisions costs its maker steps */
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)at[i]) * 0x100000001B3u;
    return h ^ h >> 29;
}

static uint64_t hash_number(struct value v)
{
    double f = value_as_float(v);
    uint64_t bits = 0;
    if (v.kind == V_FLOAT && f >= -0x1p62 && f <= 0x1p62 && f == (double)(int64_t)f)
        bits = (uint64_t)(int64_t)f; /* 2 and 2.0 are one key */
    else if (v.kind == V_FLOAT)
        memcpy(&bits, &f, sizeof bits);
    else
        bits = (uint64_t)value_as_int(v);
    return (bits ^ bits >> 31) * 0x9E3779B97F4A7C15u;
}

bool value_hash(struct jinja_run *r, struct value v, uint64_t *out)
{
    switch (v.kind) {
    case V_STR: *out = hash_bytes(v.str->at, v.str->n); return run_tick(r, v.str->n / 16);
    case V_INT:
    case V_BOOL:
    case V_FLOAT: *out = hash_number(v); return true;
    case V_LIST:
    case V_DICT:
    case V_VIEW: return jinja_fail(r, "TypeError: unhashable type: '%s'", value_type(v));
    case V_TUPLE: break;
    case V_NONE:
    case V_UNDEFINED: *out = 0x51ED270B + (uint64_t)v.kind; return true;
    default: *out = (uint64_t)(uintptr_t)v.dict >> 4; return true;
    }
    if (!run_enter(r))
        return false;
    uint64_t h = 0x345678;
    bool ok = true;
    for (size_t i = 0; ok && i < v.list->n; i++) {
        uint64_t item = 0;
        ok = run_tick(r, 1) && value_hash(r, v.list->at[i], &item);
        h = (h ^ item) * 0x9E3779B97F4A7C15u;
    }
    run_leave(r);
    *out = h;
    return ok;
}

struct dict *dict_new(struct jinja_run *r)
{
    struct dict *d = run_alloc(r, 1, sizeof *d);
    if (d)
        *d = (struct dict){0};
    return d;
}

/* Doubles the index, at most half full. */
static bool dict_reindex(struct jinja_run *r, struct dict *d)
{
    size_t n = d->n_index ? d->n_index * 2 : 4 * FEW_ENTRIES;
    uint32_t *index = run_alloc(r, n, sizeof *index);
    if (!index || !run_tick(r, n / 8))
        return false;
    memset(index, 0, n * sizeof *index);
    for (size_t i = 0; i < d->n; i++) {
        size_t at = d->at[i].hash & (n - 1);
        while (index[at])
            at = (at + 1) & (n - 1);
        index[at] = (uint32_t)i + 1;
    }
    d->index = index;
    d->n_index = n;
    return true;
}

static bool same_key(struct jinja_run *r, const struct dict_entry *e, struct value key, uint64_t hash, bool *same)
{
    *same = false;
    if (e->hash != hash)
        return true;
    if (e->key.kind == V_STR && key.kind == V_STR) {
        *same = e->key.str->n == key.str->n && !memcmp(e->key.str->at, key.str->at, key.str->n);
        return true;
    }
    return value_equal(r, e->key, key, same);
}

/* The entry of that key, or -1. */
static bool find(struct jinja_run *r, const struct dict *d, struct value key, uint64_t hash, ptrdiff_t *entry)
{
    bool same = false;
    *entry = -1;
    if (!d->index) {
        for (size_t i = 0; i < d->n && !same; i++) {
            if (!same_key(r, &d->at[i], key, hash, &same))
                return false;
            if (same)
                *entry = (ptrdiff_t)i;
        }
        return true;
    }
    for (size_t at = hash & (d->n_index - 1); d->index[at] && !same; at = (at + 1) & (d->n_index - 1)) {
        ptrdiff_t i = (ptrdiff_t)d->index[at] - 1;
        if (!run_tick(r, 1) || !same_key(r, &d->at[i], key, hash, &same))
            return false;
        if (same)
            *entry = i;
    }
    return true;
}

bool dict_find(struct jinja_run *r, const struct dict *d, struct value key, struct value **out)
{
    uint64_t hash = 0;
    ptrdiff_t entry;
    if (!value_hash(r, key, &hash) || !find(r, d, key, hash, &entry))
        return false;
    *out = entry < 0 ? NULL : &d->at[entry].value;
    return true;
}

struct value *dict_find_str(struct jinja_run *r, const struct dict *d, const char *at, size_t n)
{
    uint64_t hash = hash_bytes(at, n);
    size_t probe = hash & (d->n_index - 1);
    r->steps -= (int64_t)(n / 16);
    for (size_t i = 0; d->index ? d->index[probe] != 0 : i < d->n; i++, probe = (probe + 1) & (d->n_index - 1)) {
        struct dict_entry *e = &d->at[d->index ? d->index[probe] - 1 : i];
        r->steps--; /* whoever works next notices */
        if (e->hash == hash && e->key.kind == V_STR && e->key.str->n == n && !memcmp(e->key.str->at, at, n))
            return &e->value;
    }
    return NULL;
}

static bool dict_append(struct jinja_run *r, struct dict *d, struct dict_entry e)
{
    if (d->n == d->cap) {
        size_t cap = d->cap * 2 + 4;
        struct dict_entry *at = run_alloc(r, cap, sizeof *at);
        if (!at)
            return false;
        if (d->n)
            memcpy(at, d->at, d->n * sizeof *at);
        d->at = at;
        d->cap = cap;
    }
    d->at[d->n++] = e;
    if (d->n > FEW_ENTRIES && d->n * 2 > d->n_index)
        return dict_reindex(r, d);
    if (d->index) {
        size_t at = e.hash & (d->n_index - 1);
        while (d->index[at])
            at = (at + 1) & (d->n_index - 1);
        d->index[at] = (uint32_t)d->n;
    }
    return true;
}

bool dict_set(struct jinja_run *r, struct dict *d, struct value key, struct value v)
{
    uint64_t hash = 0;
    ptrdiff_t entry;
    if (!run_tick(r, 1) || !value_hash(r, key, &hash) || !find(r, d, key, hash, &entry))
        return false;
    if (entry < 0)
        return dict_append(r, d, (struct dict_entry){key, v, hash});
    d->at[entry].value = v;
    return true;
}

bool dict_set_text(struct jinja_run *r, struct dict *d, const char *key, struct value v)
{
    struct value name;
    return value_text(r, key, &name) && dict_set(r, d, name, v);
}

struct dict *dict_copy(struct jinja_run *r, const struct dict *d)
{
    struct dict *copy = dict_new(r);
    for (size_t i = 0; copy && i < d->n; i++)
        if (!dict_append(r, copy, d->at[i]) || !run_tick(r, 1))
            return NULL;
    return copy;
}
