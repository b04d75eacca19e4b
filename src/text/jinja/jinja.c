#include "text/jinja/jinja.h"

#include "base/locale.h"
#include "text/jinja/run.h"
#include "text/jinja/text.h"

#include <string.h>

/* Real templates have up to 30 KB and take some thousand steps; what a long conversation needs stays far below. */
enum { MAX_SOURCE_BYTES = 4 << 20, MAX_TREE_BYTES = 512 << 20, MAX_HEAP_BYTES = 256 << 20, MAX_OUTPUT_BYTES = 64 << 20 };
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* many short runs find more than few long ones */
static const int64_t max_steps = 200 * 1000;
#else
static const int64_t max_steps = 20 * 1000 * 1000;
#endif

/* ---- Templates -------------------------------------------------------------------------------------------- */

/* Newlines as \n; one at the end is not part of the template. */
static size_t normalize(char *out, const char *source, size_t n)
{
    size_t written = 0;
    for (size_t i = 0; i < n; i++) {
        bool cr = source[i] == '\r';
        if (cr && i + 1 < n && source[i + 1] == '\n')
            continue;
        out[written++] = cr ? '\n' : source[i];
    }
    return written && out[written - 1] == '\n' ? written - 1 : written;
}

static pllm_status open_into(struct jinja_template *t, const char *source, size_t n, const char *name, pllm_error *err)
{
    t->heap.limit = MAX_TREE_BYTES;
    t->source_name = mem_strdup(name);
    t->text = mem_alloc(n + 1, 1);
    t->normalized = mem_alloc(n + 1, 1);
    if (!t->source_name || !t->text || !t->normalized || !strtab_init(&t->name_ids, 0))
        return error_memory(err, name);
    if (n)
        memcpy(t->text, source, n);
    t->text[n] = '\0';
    t->n_text = n;
    if (utf8_valid(source, n) != n)
        return error_set(err, PLLM_E_FORMAT, "%s: is not UTF-8", name);
    pllm_status status = jinja_parse(t, t->normalized, normalize(t->normalized, source, n), err);
    return status ? status : jinja_resolve(t, err);
}

pllm_status jinja_open(struct jinja_template **out, const char *source, size_t n, const char *name, pllm_error *err)
{
    if (n > MAX_SOURCE_BYTES)
        return error_set(err, PLLM_E_FORMAT, "%s: a template of %zu bytes, at most %d are read", name, n,
                         MAX_SOURCE_BYTES);
    struct jinja_template *t = mem_zalloc(1, sizeof *t);
    if (!t)
        return error_memory(err, name);
    const locale_t before = locale_enter_c();
    pllm_status status = open_into(t, source, n, name, err);
    locale_leave(before);
    if (status)
        jinja_close(t);
    else
        *out = t;
    return status;
}

void jinja_close(struct jinja_template *t)
{
    if (!t)
        return;
    heap_fini(&t->heap);
    strtab_fini(&t->name_ids);
    vec_fini(&t->names);
    mem_free(t->source_name);
    mem_free(t->text);
    mem_free(t->normalized);
    mem_free(t);
}

const char *jinja_source(const struct jinja_template *t, size_t *n)
{
    *n = t->n_text;
    return t->text;
}

/* ---- Values from JSON ------------------------------------------------------------------------------------------ */

static bool from_json(struct jinja_run *r, const struct json *j, struct value *out);

static bool object_from_json(struct jinja_run *r, const struct json *j, struct value *out)
{
    struct json member;
    void *cursor = NULL;
    struct dict *d = dict_new(r);
    while (d && json_next(j, &cursor, &member)) {
        struct value v;
        if (!from_json(r, &member, &v) || !dict_set_text(r, d, member.key, v))
            return false;
    }
    *out = value_of_dict(d);
    return d != NULL;
}

static bool array_from_json(struct jinja_run *r, const struct json *j, struct value *out)
{
    size_t n = json_size(j);
    struct list *l = list_new(r, n);
    for (size_t i = 0; l && i < n; i++) {
        struct json item = json_item(j, i);
        struct value v;
        if (!from_json(r, &item, &v) || !list_add(r, l, v))
            return false;
    }
    *out = value_of_list(l);
    return l != NULL;
}

static bool atom_from_json(struct jinja_run *r, const struct json *j, struct value *out)
{
    const char *text;
    size_t n;
    bool b;
    int64_t i;
    double f;
    switch (json_kind(j)) {
    case J_STRING: return !json_as_string(j, &text, &n, NULL) && value_str_view(r, text, n, out);
    case J_BOOL: *out = value_bool(!json_as_bool(j, &b, NULL) && b); return true;
    case J_INT: *out = value_int(json_as_int(j, INT64_MIN, INT64_MAX, &i, NULL) ? 0 : i); return true;
    case J_REAL: *out = value_float(json_as_number(j, &f, NULL) ? 0 : f); return true;
    default: *out = VALUE_NONE; return true;
    }
}

static bool from_json(struct jinja_run *r, const struct json *j, struct value *out)
{
    enum json_kind kind = json_kind(j);
    if (kind != J_OBJECT && kind != J_ARRAY)
        return atom_from_json(r, j, out);
    if (!run_enter(r))
        return false;
    bool ok = kind == J_OBJECT ? object_from_json(r, j, out) : array_from_json(r, j, out);
    run_leave(r);
    return ok;
}

/* ---- Rendering --------------------------------------------------------------------------------------------------- */

static bool define_variables(struct jinja_run *r, const struct jinja_variable *variables, size_t n)
{
    r->variables = dict_new(r);
    r->exported = dict_new(r);
    if (!r->variables || !r->exported)
        return false;
    for (const struct native *f = jinja_globals; f->name; f++) {
        struct value v;
        if (!value_method(r, f, VALUE_MISSING, &v) || !dict_set_text(r, r->variables, f->name, v))
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct jinja_variable *variable = &variables[i];
        struct value v = VALUE_NONE;
        if (variable->value.node ? !from_json(r, &variable->value, &v)
                                 : variable->text && !value_text(r, variable->text, &v))
            return false;
        if (!dict_set_text(r, r->variables, variable->name, v))
            return false;
    }
    return true;
}

static bool run(struct jinja_run *r, const struct jinja_variable *variables, size_t n)
{
    const struct jinja_template *t = r->t;
    size_t spare_bytes = (size_t)t->n_scopes * sizeof *r->spare;
    r->spare = run_alloc(r, 1, spare_bytes);
    if (!r->spare || !define_variables(r, variables, n))
        return false;
    memset(r->spare, 0, spare_bytes);
    struct frame *root = frame_enter(r, t->root, NULL);
    if (!root || !frame_load(r, t->root, root))
        return false;
    if (t->root->self_slot >= 0)
        root->slots[t->root->self_slot] = (struct value){.kind = V_SELF};
    return exec(r, root, t->body) == FLOW_ON;
}

pllm_status jinja_render(const struct jinja_template *t, const struct jinja_variable *variables, size_t n,
                         const struct civil_time *now, struct buf *text, pllm_error *err)
{
    char here;
    struct jinja_run r = {.t = t, .heap = {.limit = MAX_HEAP_BYTES}, .now = *now, .steps = max_steps,
                          .max_output = MAX_OUTPUT_BYTES, .line = 1, .stack = &here};
    pllm_status status = PLLM_OK;
    const locale_t before = locale_enter_c();
    bool ok = run(&r, variables, n);
    locale_leave(before);
    ok = ok && run_fits(&r, r.out.n);
    if (!ok && !r.failed) /* whoever gave up without a reason had no memory */
        jinja_no_memory(&r);
    if (!ok)
        status = error_set(err, r.error.status, "%s", r.error.message);
    else if (!vec_reserve(text, r.out.n + 1) || !buf_add(text, r.out.at, r.out.n) || !buf_terminate(text))
        status = error_memory(err, t->source_name); /* of the room alone: then *text is untouched */
    vec_fini(&r.out);
    vec_fini(&r.scratch);
    heap_fini(&r.heap);
    return status;
}
