/* Making values: the heap, strings, lists, undefined and the small objects. */
#include "text/jinja/run.h"
#include "text/jinja/text.h"

#include <string.h>

enum { CHUNK_BYTES = 64 << 10, PIECE_ALIGN = 16 };

void *heap_alloc(struct heap *h, size_t n, size_t size)
{
    size_t bytes;
    if (!mem_mul(n, size, &bytes) || bytes > h->limit - h->bytes) {
        h->over_limit = true;
        return NULL;
    }
    bytes = mem_round_up(bytes ? bytes : 1, PIECE_ALIGN);
    if ((size_t)(h->end - h->at) < bytes) {
        bool own = bytes > CHUNK_BYTES / 4; /* a chunk of its own: the rest of the present one stays in use */
        char *chunk = arena_alloc(&h->arena, own ? bytes : CHUNK_BYTES, 1);
        if (!chunk)
            return NULL;
        if (own) {
            h->bytes = h->limit - h->bytes > bytes ? h->bytes + bytes : h->limit;
            return chunk;
        }
        h->at = chunk;
        h->end = chunk + CHUNK_BYTES;
    }
    void *piece = h->at;
    h->at += bytes;
    h->bytes = h->limit - h->bytes > bytes ? h->bytes + bytes : h->limit;
    return piece;
}

void heap_fini(struct heap *h)
{
    arena_fini(&h->arena);
    *h = (struct heap){0};
}

void *run_alloc(struct jinja_run *r, size_t n, size_t size)
{
    void *piece = heap_alloc(&r->heap, n, size);
    if (!piece)
        jinja_no_memory(r);
    return piece;
}

bool value_str_view(struct jinja_run *r, const char *at, size_t n, struct value *out)
{
    struct str *s = run_alloc(r, 1, sizeof *s);
    if (!s)
        return false;
    *s = (struct str){.at = at, .n = n, .n_chars = n <= 1 ? n : SIZE_MAX};
    *out = value_of_str(s);
    return true;
}

bool value_str(struct jinja_run *r, const char *at, size_t n, struct value *out)
{
    char *copy = run_alloc(r, n + 1, 1);
    if (!copy)
        return false;
    if (n)
        memcpy(copy, at, n);
    copy[n] = '\0';
    return run_tick(r, n / 64) && value_str_view(r, copy, n, out);
}

bool value_text(struct jinja_run *r, const char *text, struct value *out)
{
    return value_str(r, text, strlen(text), out);
}

bool value_markup(struct jinja_run *r, struct value str, bool markup, struct value *out)
{
    if (str.str->markup == markup) {
        *out = str;
        return true;
    }
    if (!value_str_view(r, str.str->at, str.str->n, out))
        return false;
    out->str->n_chars = str.str->n_chars;
    out->str->markup = markup;
    return true;
}

bool run_take(struct jinja_run *r, size_t mark, struct value *out)
{
    bool ok = value_str(r, r->scratch.at ? r->scratch.at + mark : "", r->scratch.n - mark, out);
    r->scratch.n = mark;
    return ok;
}

bool run_take_markup(struct jinja_run *r, size_t mark, bool markup, struct value *out)
{
    if (!run_take(r, mark, out))
        return false;
    out->str->markup = markup;
    return true;
}

bool run_put(struct jinja_run *r, const char *at, size_t n)
{
    return buf_add(&r->scratch, at, n) || jinja_no_memory(r);
}

/* Where strings that were built by appending end, and how far their memory goes. */
struct str_room {
    char *used, *end;
};

static bool concat_in_new_room(struct jinja_run *r, const struct str *a, const struct str *b, struct str *out)
{
    size_t n = a->n + b->n, cap = n < 128 ? 0 : n; /* short strings are seldom appended to */
    struct str_room *room = run_alloc(r, 1, sizeof *room);
    char *text = room ? run_alloc(r, n + cap, 1) : NULL;
    if (!text)
        return false;
    memcpy(text, a->at, a->n);
    memcpy(text + a->n, b->at, b->n);
    *room = (struct str_room){text + n, text + n + cap};
    *out = (struct str){.at = text, .n = n, .n_chars = SIZE_MAX, .room = room};
    return run_tick(r, n / 64);
}

bool value_concat(struct jinja_run *r, const struct str *a, const struct str *b, struct value *out)
{
    struct str *s = run_alloc(r, 1, sizeof *s);
    if (!s)
        return false;
    struct str_room *room = a->room;
    if (room && a->at + a->n == room->used && (size_t)(room->end - room->used) >= b->n) {
        memcpy(room->used, b->at, b->n);
        room->used += b->n;
        *s = (struct str){.at = a->at, .n = a->n + b->n, .n_chars = SIZE_MAX, .room = room};
        if (!run_tick(r, b->n / 64))
            return false;
    } else if (!concat_in_new_room(r, a, b, s)) {
        return false;
    }
    if (a->n_chars != SIZE_MAX && b->n_chars != SIZE_MAX)
        s->n_chars = a->n_chars + b->n_chars;
    *out = value_of_str(s);
    return true;
}

size_t str_length(struct str *s)
{
    if (s->n_chars == SIZE_MAX)
        s->n_chars = char_count(s->at, s->n);
    return s->n_chars;
}

size_t str_offset(struct str *s, size_t index)
{
    if (str_length(s) == s->n)
        return index;
    const char *p = s->at;
    while (index--)
        char_next(&p);
    return (size_t)(p - s->at);
}

bool str_equals(const struct str *s, const char *text)
{
    return s->n == strlen(text) && !memcmp(s->at, text, s->n);
}

struct list *list_new(struct jinja_run *r, size_t cap)
{
    struct list *l = run_alloc(r, 1, sizeof *l);
    struct value *at = l ? run_alloc(r, cap, sizeof *at) : NULL;
    if (!at)
        return NULL;
    *l = (struct list){.at = at, .cap = cap};
    return l;
}

bool list_add(struct jinja_run *r, struct list *l, struct value v)
{
    if (l->n == l->cap) {
        size_t cap = l->cap * 2 + 4;
        struct value *at = run_alloc(r, cap, sizeof *at);
        if (!at)
            return false;
        if (l->n)
            memcpy(at, l->at, l->n * sizeof *at);
        l->at = at;
        l->cap = cap;
    }
    l->at[l->n++] = v;
    return run_tick(r, 1);
}

struct list *list_pair(struct jinja_run *r, struct value a, struct value b)
{
    struct list *l = list_new(r, 2);
    return l && list_add(r, l, a) && list_add(r, l, b) ? l : NULL;
}

static bool make_undefined(struct jinja_run *r, struct undefined content, struct value *out)
{
    struct undefined *u = run_alloc(r, 1, sizeof *u);
    if (!u)
        return false;
    *u = content;
    *out = (struct value){.kind = V_UNDEFINED, .undefined = u};
    return true;
}

bool value_undefined_name(struct jinja_run *r, struct str *name, struct value *out)
{
    return make_undefined(r, (struct undefined){.name = value_of_str(name)}, out);
}

bool value_undefined_in(struct jinja_run *r, struct value object, struct value name, struct value *out)
{
    return make_undefined(r, (struct undefined){.object = object, .name = name}, out);
}

bool value_undefined_hint(struct jinja_run *r, const char *hint, struct value *out)
{
    return make_undefined(r, (struct undefined){.hint = hint}, out);
}

bool value_unsafe(struct jinja_run *r, struct value object, struct value name, struct value *out)
{
    return make_undefined(r, (struct undefined){.object = object, .name = name, .unsafe = true}, out);
}

bool value_iterator(struct jinja_run *r, struct list *items, const char *type, struct value *out)
{
    struct iterator *i = run_alloc(r, 1, sizeof *i);
    if (!i)
        return false;
    *i = (struct iterator){.items = items, .type = type};
    *out = (struct value){.kind = V_ITER, .iterator = i};
    return true;
}

bool value_range(struct jinja_run *r, int64_t start, int64_t stop, int64_t step, struct value *out)
{
    struct range *range = run_alloc(r, 1, sizeof *range);
    if (!range)
        return false;
    uint64_t span = 0, stride = step < 0 ? 0 - (uint64_t)step : (uint64_t)step;
    if (step > 0 ? start < stop : start > stop)
        span = step > 0 ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop;
    uint64_t n = span / stride + (span % stride != 0);
    *range = (struct range){start, stop, step, n > INT64_MAX ? INT64_MAX : (int64_t)n};
    *out = (struct value){.kind = V_RANGE, .range = range};
    return true;
}

bool value_view(struct jinja_run *r, struct dict *d, enum view_of of, struct value *out)
{
    struct view *v = run_alloc(r, 1, sizeof *v);
    if (!v)
        return false;
    *v = (struct view){d, of};
    *out = (struct value){.kind = V_VIEW, .view = v};
    return true;
}

bool value_method(struct jinja_run *r, const struct native *native, struct value self, struct value *out)
{
    struct method *m = run_alloc(r, 1, sizeof *m);
    if (!m)
        return false;
    *m = (struct method){native, self};
    *out = (struct value){.kind = V_NATIVE, .method = m};
    return true;
}
