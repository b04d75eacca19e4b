/* A render's limits, failures and frames. */
#include "text/jinja/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* CPython stops at 1000 nested calls of its own, of which a call of a macro takes about five. */
enum { MAX_RUN_DEPTH = 2000, MAX_STACK_BYTES = 400 << 10 };

bool jinja_fail(struct jinja_run *r, const char *format, ...)
{
    if (r->failed)
        return false;
    r->failed = true;
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    error_set(&r->error, PLLM_E_ARGUMENT, "%s: line %d: %s", r->t->source_name, r->line, text);
    return false;
}

bool jinja_no_memory(struct jinja_run *r)
{
    if (r->failed)
        return false;
    if (r->heap.over_limit)
        jinja_fail(r, "the template needs more than %zu MiB of memory", r->heap.limit >> 20);
    else
        error_memory(&r->error, r->t->source_name);
    r->failed = r->final = true;
    return false;
}

const char *jinja_defer_failure(struct jinja_run *r)
{
    if (r->final)
        return NULL;
    struct value copy;
    r->failed = false;
    if (!value_text(r, r->error.message, &copy))
        return NULL;
    return copy.str->at;
}

bool jinja_fail_deferred(struct jinja_run *r, const char *message)
{
    if (!r->failed)
        error_set(&r->error, PLLM_E_ARGUMENT, "%s", message);
    r->failed = true;
    return false;
}

bool run_tick(struct jinja_run *r, size_t n)
{
    if (r->failed)
        return false;
    r->steps -= n < INT32_MAX ? (int64_t)n : INT32_MAX;
    if (r->steps > 0)
        return true;
    jinja_fail(r, "the template takes too many steps");
    r->final = true;
    return false;
}

bool run_fits(struct jinja_run *r, size_t n)
{
    return n <= r->max_output || jinja_fail(r, "the text is longer than %zu bytes", r->max_output);
}

bool run_enter(struct jinja_run *r)
{
    char here; /* an address in the present stack frame: how far down we are */
    size_t used = (size_t)((uintptr_t)r->stack > (uintptr_t)&here ? (uintptr_t)r->stack - (uintptr_t)&here
                                                                  : (uintptr_t)&here - (uintptr_t)r->stack);
    if (r->depth >= MAX_RUN_DEPTH || used > MAX_STACK_BYTES) {
        jinja_fail(r, "RecursionError: nested too deeply");
        r->final = true;
        return false;
    }
    r->depth++;
    return !r->failed || (r->depth--, false);
}

struct frame *frame_enter(struct jinja_run *r, const struct scope *scope, struct frame *up)
{
    size_t n = scope->symbols.n;
    struct frame *f = r->spare[scope->number];
    if (f)
        r->spare[scope->number] = f->next_spare;
    else
        f = run_alloc(r, 1, sizeof *f + n * sizeof f->slots[0]);
    if (!f)
        return NULL;
    f->up = up;
    f->captured = false;
    for (size_t i = 0; i < n; i++)
        f->slots[i] = VALUE_MISSING;
    return f;
}

/* A frame that a macro can still see keeps what a function had set; what was local to a loop is gone. */
void frame_leave(struct jinja_run *r, const struct scope *scope, struct frame *f)
{
    if (!f->captured) {
        f->next_spare = r->spare[scope->number];
        r->spare[scope->number] = f;
    } else if (!scope->function) {
        for (size_t i = 0; i < scope->symbols.n; i++)
            f->slots[i] = VALUE_MISSING;
    }
}

static struct value resolve(struct jinja_run *r, const struct str *name)
{
    const struct value *v = dict_find_str(r, r->exported, name->at, name->n);
    if (!v)
        v = dict_find_str(r, r->variables, name->at, name->n);
    return v ? *v : VALUE_MISSING;
}

bool frame_load(struct jinja_run *r, const struct scope *scope, struct frame *f)
{
    for (size_t i = 0; i < scope->symbols.n; i++) {
        const struct symbol *s = scope->symbols.at[i];
        const struct frame *outer = f;
        switch (s->load) {
        case LOAD_PARAMETER: break;
        case LOAD_UNDEFINED: f->slots[i] = VALUE_MISSING; break;
        case LOAD_RESOLVE: f->slots[i] = resolve(r, &s->name->text); break;
        case LOAD_ALIAS:
            for (int hop = 0; hop < s->outer_hops; hop++)
                outer = outer->up;
            f->slots[i] = outer->slots[s->outer_slot];
        }
    }
    return run_tick(r, 1 + scope->symbols.n / 4);
}
