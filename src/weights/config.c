#include "weights/config.h"

#include "base/mem.h"
#include "weights/config_keys.h"
#include "weights/gguf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 6 };

struct config {
    struct json top;         /* of config.json; node NULL for GGUF */
    const struct gguf *gguf; /* or NULL */
    const char *arch;        /* GGUF's general.architecture */
    pllm_error error;        /* the first; status PLLM_OK: none */
};

/* ---- Open, close, errors ------------------------------------------------------------------------ */

pllm_status config_from_json(struct config **out, struct json top, pllm_error *err)
{
    struct config *c = NULL;
    pllm_status status = json_want(&top, J_OBJECT, err);
    if (!status && !(c = mem_zalloc(1, sizeof *c)))
        status = error_memory(err, top.key);
    if (status) {
        json_free(&top);
        return status;
    }
    c->top = top;
    *out = c;
    return PLLM_OK;
}

pllm_status config_from_gguf(struct config **out, const struct gguf *gguf, pllm_error *err)
{
    static const char key[] = "general.architecture";
    const char *arch;
    size_t n;
    pllm_status status = gguf_text(gguf, key, &arch, &n, err);
    if (status)
        return status;
    if (!arch)
        return error_set(err, PLLM_E_FORMAT, "%s: %s: is missing, wanted a string", gguf->source, key);
    if (n == 0 || n > 64 || strlen(arch) != n)
        return error_set(err, PLLM_E_FORMAT, "%s: %s: is no name of 1 to 64 bytes", gguf->source, key);
    struct config *c = mem_zalloc(1, sizeof *c);
    if (!c)
        return error_memory(err, gguf->source);
    c->gguf = gguf;
    c->arch = arch;
    *out = c;
    return PLLM_OK;
}

void config_close(struct config *c)
{
    if (!c)
        return;
    if (c->top.node)
        json_free(&c->top);
    mem_free(c);
}

pllm_status config_status(const struct config *c, pllm_error *err)
{
    if (c->error.status)
        return error_set(err, c->error.status, "%s", c->error.message);
    return PLLM_OK;
}

static void keep(struct config *c, const pllm_error *err)
{
    if (!c->error.status && err->status)
        c->error = *err;
}

bool config_is_gguf(const struct config *c)
{
    return c->gguf != NULL;
}

struct json config_json(const struct config *c)
{
    return c->top;
}

/* ---- Finding ------------------------------------------------------------------------------------ */

/* Where a key leads: into config.json, with the values on the way (they name the place in messages), or to a
 * value of GGUF. Both NULL: absent. */
struct place {
    struct json way[MAX_DEPTH + 1];
    const struct json *json;
    const struct gguf_value *value;
    char name[CONFIG_KEY_MAX]; /* the key as this file spells it; `way` points into it */
};

/* Follows the dotted path in p->name from p->way[0]. What must be an object and is not ends the search with an
 * error, as all of its members would be missed in silence. */
static void walk(struct config *c, struct place *p)
{
    struct json *at = p->way;
    for (char *part = p->name, *dot; part && at < p->way + MAX_DEPTH; part = dot ? dot + 1 : NULL) {
        pllm_error err = {0};
        if (json_kind(at) <= J_NULL)
            return;
        json_want(at, J_OBJECT, &err);
        keep(c, &err);
        dot = strchr(part, '.');
        if (dot)
            *dot = '\0';
        at[1] = json_get(at, part);
        at++;
    }
    p->json = json_kind(at) <= J_NULL ? NULL : at;
}

/* The spellings below `root`, the top or a member of it. */
static void find_below(struct config *c, const char *key, struct json root, struct place *p)
{
    for (size_t i = 0; !p->json && config_spelling(key, i, p->name); i++) {
        p->way[0] = root;
        walk(c, p);
    }
}

static void find_json(struct config *c, const char *key, struct place *p)
{
    find_below(c, key, c->top, p);
    if (p->json)
        return;
    /* Models with images keep the language model's description apart. */
    struct json text = json_get(&c->top, "text_config");
    if (json_kind(&text) == J_OBJECT)
        find_below(c, key, text, p);
}

static void find(struct config *c, const char *key, struct place *p)
{
    p->json = NULL;
    p->value = NULL;
    if (!c->gguf) {
        find_json(c, key, p);
        return;
    }
    for (size_t i = 0; !p->value && config_gguf_key(key, c->arch, i, p->name); i++)
        p->value = gguf_find(c->gguf, p->name);
}

void config_fail(struct config *c, pllm_status status, const char *key, const char *format, ...)
{
    char text[320], name[CONFIG_KEY_MAX];
    if (c->error.status)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!c->gguf || !config_gguf_key(key, c->arch, 0, name))
        snprintf(name, sizeof name, "%s", key);
    error_set(&c->error, status, "%s: %s: %s", c->gguf ? c->gguf->source : c->top.key, name, text);
}

bool config_has(struct config *c, const char *key)
{
    struct place p;
    find(c, key, &p);
    return p.json || p.value;
}

bool config_is_null(struct config *c, const char *key)
{
    struct json text = json_get(&c->top, "text_config"), below = json_get(&text, key), at = json_get(&c->top, key);
    return !c->gguf && (json_kind(&at) == J_NULL || (json_kind(&at) == J_ABSENT && json_kind(&below) == J_NULL));
}

/* ---- Integers ----------------------------------------------------------------------------------- */

/* GGUF's value, or the one that all elements of its array have. */
static pllm_status gguf_same_int(const struct gguf *g, const struct gguf_value *v, int64_t lo, int64_t hi,
                                 int64_t *out, pllm_error *err)
{
    int64_t first, other;
    if (!v->is_array || v->n == 0 || !gguf_int_at(v, 0, &first))
        return gguf_int(g, v->key, lo, hi, lo, out, err);
    for (uint64_t i = 1; i < v->n; i++)
        if (!gguf_int_at(v, i, &other) || other != first)
            return error_set(err, PLLM_E_UNSUPPORTED, "%s: %s: differs between layers", g->source, v->key);
    if (first < lo || first > hi)
        return error_set(err, PLLM_E_FORMAT, "%s: %s: is %lld, wanted %lld to %lld", g->source, v->key,
                         (long long)first, (long long)lo, (long long)hi);
    *out = first;
    return PLLM_OK;
}

/* The vocabulary's size is the length of its list. */
static pllm_status gguf_count(const struct gguf *g, const struct gguf_value *v, int64_t lo, int64_t hi, int64_t *out,
                              pllm_error *err)
{
    char found[64];
    if (!v->is_array || v->type != GGUF_STRING)
        return error_set(err, PLLM_E_FORMAT, "%s: %s: is %s, wanted an array of strings", g->source, v->key,
                         gguf_describe(v, found, sizeof found));
    if (v->n < (uint64_t)lo || v->n > (uint64_t)hi)
        return error_set(err, PLLM_E_FORMAT, "%s: %s: has %llu elements, wanted %lld to %lld", g->source, v->key,
                         (unsigned long long)v->n, (long long)lo, (long long)hi);
    *out = (int64_t)v->n;
    return PLLM_OK;
}

static int64_t read_int(struct config *c, const struct place *p, int64_t lo, int64_t hi)
{
    pllm_error err = {0};
    int64_t value = lo;
    if (p->json)
        json_as_int(p->json, lo, hi, &value, &err);
    else if (strcmp(p->name, CONFIG_GGUF_TOKENS) == 0)
        gguf_count(c->gguf, p->value, lo, hi, &value, &err);
    else
        gguf_same_int(c->gguf, p->value, lo, hi, &value, &err);
    keep(c, &err);
    return value;
}

int64_t config_int(struct config *c, const char *key, int64_t lo, int64_t hi)
{
    struct place p;
    find(c, key, &p);
    if (p.json || p.value)
        return read_int(c, &p, lo, hi);
    config_fail(c, PLLM_E_FORMAT, key, "is missing");
    return lo;
}

int64_t config_int_or(struct config *c, const char *key, int64_t lo, int64_t hi, int64_t fallback)
{
    struct place p;
    find(c, key, &p);
    return p.json || p.value ? read_int(c, &p, lo, hi) : fallback;
}

/* ---- Numbers, booleans -------------------------------------------------------------------------- */

static double read_float(struct config *c, const struct place *p)
{
    pllm_error err = {0};
    double value = 1;
    if (p->json) {
        json_as_number(p->json, &value, &err);
    } else if (p->value->is_array || !gguf_float_at(p->value, 0, &value)) {
        char found[64];
        error_set(&err, PLLM_E_FORMAT, "%s: %s: is %s, wanted a number", c->gguf->source, p->value->key,
                  gguf_describe(p->value, found, sizeof found));
    } else if (!isfinite(value)) {
        error_set(&err, PLLM_E_FORMAT, "%s: %s: is %g, wanted a finite number", c->gguf->source, p->value->key, value);
        value = 1;
    }
    keep(c, &err);
    return value;
}

double config_float(struct config *c, const char *key)
{
    struct place p;
    find(c, key, &p);
    if (p.json || p.value)
        return read_float(c, &p);
    config_fail(c, PLLM_E_FORMAT, key, "is missing");
    return 1;
}

double config_float_or(struct config *c, const char *key, double fallback)
{
    struct place p;
    find(c, key, &p);
    return p.json || p.value ? read_float(c, &p) : fallback;
}

bool config_bool_or(struct config *c, const char *key, bool fallback)
{
    struct place p;
    pllm_error err = {0};
    bool value = fallback;
    find(c, key, &p);
    if (p.json)
        json_as_bool(p.json, &value, &err);
    else if (p.value)
        value = read_int(c, &p, 0, 1) != 0;
    keep(c, &err);
    return value;
}

/* ---- Strings ------------------------------------------------------------------------------------ */

static const char *read_string(struct config *c, const struct place *p)
{
    pllm_error err = {0};
    const char *text = "";
    size_t n = 0;
    pllm_status status;
    if (p->json)
        status = json_as_string(p->json, &text, &n, &err);
    else
        status = gguf_text(c->gguf, p->value->key, &text, &n, &err);
    if (!status && strlen(text) != n)
        error_set(&err, PLLM_E_FORMAT, "%s: %s: holds a NUL", c->gguf ? c->gguf->source : c->top.key, p->name);
    keep(c, &err);
    return err.status ? "" : text;
}

const char *config_string(struct config *c, const char *key)
{
    struct place p;
    find(c, key, &p);
    if (p.json || p.value)
        return read_string(c, &p);
    config_fail(c, PLLM_E_FORMAT, key, "is missing");
    return "";
}

const char *config_string_or(struct config *c, const char *key, const char *fallback)
{
    struct place p;
    find(c, key, &p);
    return p.json || p.value ? read_string(c, &p) : fallback;
}

/* ---- Arrays ------------------------------------------------------------------------------------- */

static size_t place_size(const struct place *p)
{
    if (p->json)
        return json_kind(p->json) == J_ARRAY ? json_size(p->json) : 0;
    return p->value && p->value->is_array ? (size_t)p->value->n : 0;
}

size_t config_size(struct config *c, const char *key)
{
    struct place p;
    find(c, key, &p);
    return place_size(&p);
}

/* Finds an array that has the element; else records what is wrong. */
static bool find_element(struct config *c, const char *key, size_t index, struct place *p)
{
    find(c, key, p);
    if (index < place_size(p))
        return true;
    config_fail(c, PLLM_E_FORMAT, key, "has %zu elements, wanted at least %zu", place_size(p), index + 1);
    return false;
}

int64_t config_int_at(struct config *c, const char *key, size_t index, int64_t lo, int64_t hi)
{
    struct place p;
    pllm_error err = {0};
    int64_t value = lo;
    if (!find_element(c, key, index, &p))
        return lo;
    if (p.json) {
        struct json item = json_item(p.json, index);
        json_as_int(&item, lo, hi, &value, &err);
        keep(c, &err);
    } else if (!gguf_int_at(p.value, index, &value) || value < lo || value > hi) {
        config_fail(c, PLLM_E_FORMAT, key, "element %zu is no integer from %lld to %lld", index, (long long)lo,
                    (long long)hi);
        value = lo;
    }
    return value;
}

double config_float_at(struct config *c, const char *key, size_t index)
{
    struct place p;
    pllm_error err = {0};
    double value = 1;
    if (!find_element(c, key, index, &p))
        return 1;
    if (p.json) {
        struct json item = json_item(p.json, index);
        json_as_number(&item, &value, &err);
        keep(c, &err);
    } else if (!gguf_float_at(p.value, index, &value) || !isfinite(value)) {
        config_fail(c, PLLM_E_FORMAT, key, "element %zu is no finite number", index);
        value = 1;
    }
    return value;
}

const char *config_string_at(struct config *c, const char *key, size_t index)
{
    struct place p;
    if (!find_element(c, key, index, &p))
        return "";
    if (p.json) {
        struct json item = json_item(p.json, index);
        struct place at = {.json = &item};
        snprintf(at.name, sizeof at.name, "%s", key);
        return read_string(c, &at);
    }
    config_fail(c, PLLM_E_FORMAT, key, "element %zu is no string", index); /* GGUF has no such key */
    return "";
}
