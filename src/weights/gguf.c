/* Reads a GGUF file's description; gguf_value.c looks values up afterwards.
 *
 * The format (ggml's docs/gguf.md): "GGUF", version, number of tensors, number of metadata values; the values
 * (key, type, payload); the tensors (name, dimensions fastest first, type, offset); padding up to the alignment;
 * the tensors' bytes. All numbers are little-endian, strings stand behind an 8-byte length. */
#include "weights/gguf.h"

#include "base/cursor.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    MAX_KEY = 65535,             /* the format's own limit */
    MAX_NAME = 255,              /* the format says 64; some tools write longer ones */
    MAX_TEXT_BYTES = 64 << 20,   /* of all copied strings: names and chat templates are far smaller */
    MAX_ALIGNMENT = 1 << 20,
    DEFAULT_ALIGNMENT = 32,
    MIN_VALUE_BYTES = 8 + 1 + 4 + 1,      /* the shortest metadata value ... */
    MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8, /* ... and tensor description: they bound the counts */
};

struct reader {
    struct gguf *g;
    struct cursor c;
    pllm_error *err;
};

/* ---- Tensor types ------------------------------------------------------------------------------- */

/* ggml's numbers. Those with a name only are known, but nothing that we compute with. */
static const struct {
    const char *name;
    enum block_type type;
} tensor_types[] = {
    [0] = {"F32", TYPE_F32},      [1] = {"F16", TYPE_F16},        [2] = {"Q4_0", TYPE_Q4_0},
    [3] = {"Q4_1", TYPE_Q4_1},    [6] = {"Q5_0", TYPE_Q5_0},      [7] = {"Q5_1", TYPE_Q5_1},
    [8] = {"Q8_0", TYPE_Q8_0},    [9] = {"Q8_1", TYPE_COUNT},     [10] = {"Q2_K", TYPE_Q2_K},
    [11] = {"Q3_K", TYPE_Q3_K},   [12] = {"Q4_K", TYPE_Q4_K},     [13] = {"Q5_K", TYPE_Q5_K},
    [14] = {"Q6_K", TYPE_Q6_K},   [15] = {"Q8_K", TYPE_COUNT},    [16] = {"IQ2_XXS", TYPE_COUNT},
    [17] = {"IQ2_XS", TYPE_COUNT}, [18] = {"IQ3_XXS", TYPE_COUNT}, [19] = {"IQ1_S", TYPE_COUNT},
    [20] = {"IQ4_NL", TYPE_IQ4_NL}, [21] = {"IQ3_S", TYPE_COUNT}, [22] = {"IQ2_S", TYPE_COUNT},
    [23] = {"IQ4_XS", TYPE_IQ4_XS}, [24] = {"I8", TYPE_COUNT},    [25] = {"I16", TYPE_COUNT},
    [26] = {"I32", TYPE_COUNT},   [27] = {"I64", TYPE_COUNT},     [28] = {"F64", TYPE_COUNT},
    [29] = {"IQ1_M", TYPE_COUNT}, [30] = {"BF16", TYPE_BF16},     [34] = {"TQ1_0", TYPE_COUNT},
    [35] = {"TQ2_0", TYPE_COUNT}, [39] = {"MXFP4", TYPE_COUNT},
};

static pllm_status find_type(const struct reader *r, const char *tensor, uint32_t number, enum block_type *out)
{
    const char *name = number < sizeof tensor_types / sizeof *tensor_types ? tensor_types[number].name : NULL;
    if (!name)
        return error_set(r->err, PLLM_E_FORMAT, "%s: tensor %s: type %" PRIu32 " is none of GGUF's", r->g->source,
                         tensor, number);
    if (tensor_types[number].type == TYPE_COUNT)
        return error_set(r->err, PLLM_E_UNSUPPORTED, "%s: tensor %s: type %s (%" PRIu32 ") is not supported",
                         r->g->source, tensor, name, number);
    *out = tensor_types[number].type;
    return PLLM_OK;
}

uint32_t gguf_type_number(enum block_type type)
{
    const uint32_t n = sizeof tensor_types / sizeof *tensor_types;
    for (uint32_t i = 0; i < n; i++)
        if (type < TYPE_MLX && tensor_types[i].name && tensor_types[i].type == type)
            return i;
    return UINT32_MAX;
}

/* ---- Pieces ------------------------------------------------------------------------------------- */

static pllm_status ends_inside(const struct reader *r, const char *what)
{
    return error_set(r->err, PLLM_E_FORMAT, "%s: ends inside %s, at byte %zu of %zu", r->g->source, what,
                     cursor_offset(&r->c), cursor_offset(&r->c) + cursor_left(&r->c));
}

static bool take_string(struct cursor *c, struct text_span *out)
{
    struct cursor at = *c;
    uint64_t n;
    const uint8_t *bytes;
    if (!cursor_u64(&at, &n) || !cursor_take(&at, n, &bytes))
        return false;
    *out = (struct text_span){(const char *)bytes, (size_t)n};
    *c = at;
    return true;
}

/* A copy with a NUL behind it, in the arena. */
static pllm_status copy_text(const struct reader *r, struct text_span s, const char **out)
{
    struct gguf *g = r->g;
    if (s.n > MAX_TEXT_BYTES - g->text_bytes)
        return error_set(r->err, PLLM_E_FORMAT, "%s: metadata hold more than %d bytes of text", g->source,
                         MAX_TEXT_BYTES);
    char *copy = arena_alloc(&g->arena, s.n + 1, 1);
    if (!copy)
        return error_memory(r->err, g->source);
    memcpy(copy, s.at, s.n);
    copy[s.n] = '\0';
    g->text_bytes += s.n;
    *out = copy;
    return PLLM_OK;
}

/* A key or a tensor's name: they end up in messages and comparisons, so they are plain ASCII. */
static pllm_status take_name(struct reader *r, const char *what, size_t limit, const char **out)
{
    struct text_span s;
    if (!take_string(&r->c, &s))
        return ends_inside(r, what);
    if (s.n == 0 || s.n > limit)
        return error_set(r->err, PLLM_E_FORMAT, "%s: %s has %zu bytes, wanted 1 to %zu", r->g->source, what, s.n,
                         limit);
    for (size_t i = 0; i < s.n; i++)
        if (s.at[i] < 0x20 || s.at[i] > 0x7E)
            return error_set(r->err, PLLM_E_FORMAT, "%s: %s \"%.*s\" has the byte 0x%02X, wanted printable ASCII",
                             r->g->source, what, (int)i, s.at, (uint8_t)s.at[i]);
    return copy_text(r, s, out);
}

/* ---- Metadata ----------------------------------------------------------------------------------- */

static const uint8_t value_bytes[GGUF_TYPES] = {
    [GGUF_U8] = 1,  [GGUF_I8] = 1,  [GGUF_U16] = 2, [GGUF_I16] = 2,  [GGUF_U32] = 4, [GGUF_I32] = 4,
    [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};

static pllm_status take_type(struct reader *r, const char *key, enum gguf_type *out)
{
    uint32_t type;
    if (!cursor_u32(&r->c, &type))
        return ends_inside(r, key);
    if (type >= GGUF_TYPES)
        return error_set(r->err, PLLM_E_FORMAT, "%s: %s: value type %" PRIu32 " is unknown, wanted 0 to %d",
                         r->g->source, key, type, GGUF_TYPES - 1);
    *out = (enum gguf_type)type;
    return PLLM_OK;
}

/* The payload: v->n elements of v->type. */
static pllm_status take_elements(struct reader *r, struct gguf_value *v)
{
    const uint8_t *begin = r->c.at;
    struct text_span s;
    if (v->type == GGUF_STRING) {
        for (uint64_t i = 0; i < v->n; i++)
            if (!take_string(&r->c, &s))
                return ends_inside(r, v->key);
    } else if (v->n > cursor_left(&r->c) / value_bytes[v->type] || !cursor_skip(&r->c, v->n * value_bytes[v->type])) {
        return ends_inside(r, v->key);
    }
    v->bytes = begin;
    v->n_bytes = (size_t)(r->c.at - begin);
    return v->type == GGUF_STRING && !v->is_array ? copy_text(r, s, &v->text) : PLLM_OK;
}

static pllm_status read_value(struct reader *r)
{
    struct gguf_value v = {.n = 1};
    pllm_status status = take_name(r, "a metadata key", MAX_KEY, &v.key);
    if (!status)
        status = take_type(r, v.key, &v.type);
    if (!status && v.type == GGUF_ARRAY) {
        v.is_array = true;
        status = take_type(r, v.key, &v.type);
        if (!status && v.type == GGUF_ARRAY)
            status = error_set(r->err, PLLM_E_UNSUPPORTED, "%s: %s: is an array of arrays", r->g->source, v.key);
        if (!status && !cursor_u64(&r->c, &v.n))
            status = ends_inside(r, v.key);
    }
    if (!status)
        status = take_elements(r, &v);
    if (!status && !vec_push(&r->g->values, v))
        status = error_memory(r->err, r->g->source);
    return status;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct gguf_value *)a)->key, ((const struct gguf_value *)b)->key);
}

static pllm_status read_values(struct reader *r, uint64_t n)
{
    struct gguf *g = r->g;
    for (uint64_t i = 0; i < n; i++) {
        pllm_status status = read_value(r);
        if (status)
            return status;
    }
    if (g->values.n)
        qsort(g->values.at, g->values.n, sizeof *g->values.at, by_key);
    for (size_t i = 1; i < g->values.n; i++)
        if (strcmp(g->values.at[i - 1].key, g->values.at[i].key) == 0)
            return error_set(r->err, PLLM_E_FORMAT, "%s: %s: occurs twice", g->source, g->values.at[i].key);
    return PLLM_OK;
}

/* ---- Tensors ------------------------------------------------------------------------------------ */

/* A tensor's description as the file has it; its bytes are found when all are read. */
struct placed {
    uint64_t offset;
    size_t bytes;
};
typedef VEC(struct placed) placed_vec;

/* The file lists the dimension that runs fastest first. */
static pllm_status take_shape(struct reader *r, struct tensor *t)
{
    uint32_t n;
    if (!cursor_u32(&r->c, &n))
        return ends_inside(r, t->name);
    if (n < 1 || n > TENSOR_DIMS)
        return error_set(r->err, PLLM_E_FORMAT, "%s: tensor %s: has %" PRIu32 " dimensions, wanted 1 to %d",
                         r->g->source, t->name, n, TENSOR_DIMS);
    t->n_dims = (int)n;
    for (int i = t->n_dims; i-- > 0;) {
        uint64_t size;
        if (!cursor_u64(&r->c, &size))
            return ends_inside(r, t->name);
        if (size < 1 || size > INT64_MAX)
            return error_set(r->err, PLLM_E_FORMAT, "%s: tensor %s: dimension %d is %" PRIu64 ", wanted 1 to 2^63-1",
                             r->g->source, t->name, t->n_dims - 1 - i, size);
        t->shape[i] = (int64_t)size;
    }
    return PLLM_OK;
}

static pllm_status read_tensor(struct reader *r, placed_vec *places)
{
    struct tensor t = {0};
    struct placed at;
    uint32_t number;
    enum block_type type;
    char why[TENSOR_WHY];
    pllm_status status = take_name(r, "a tensor's name", MAX_NAME, &t.name);
    if (!status)
        status = take_shape(r, &t);
    if (!status && (!cursor_u32(&r->c, &number) || !cursor_u64(&r->c, &at.offset)))
        status = ends_inside(r, t.name);
    if (!status)
        status = find_type(r, t.name, number, &type);
    if (!status && !tensor_layout(&t, type, &at.bytes, why))
        status = error_set(r->err, PLLM_E_FORMAT, "%s: tensor %s: %s", r->g->source, t.name, why);
    if (!status && (!vec_push(&r->g->tensors, t) || !vec_push(places, at)))
        status = error_memory(r->err, r->g->source);
    return status;
}

static pllm_status place_tensors(struct reader *r, const placed_vec *places)
{
    struct gguf *g = r->g;
    int64_t alignment;
    pllm_status status = gguf_int(g, "general.alignment", 1, MAX_ALIGNMENT, DEFAULT_ALIGNMENT, &alignment, r->err);
    if (status)
        return status;
    if (alignment & (alignment - 1))
        return error_set(r->err, PLLM_E_FORMAT, "%s: general.alignment: is %" PRId64 ", wanted a power of two",
                         g->source, alignment);
    const size_t n = cursor_offset(&r->c) + cursor_left(&r->c);
    const size_t base = mem_round_up(cursor_offset(&r->c), (size_t)alignment);
    const size_t left = base < n ? n - base : 0;
    for (size_t i = 0; i < places->n; i++) {
        struct tensor *t = &g->tensors.at[i];
        struct placed at = places->at[i];
        if (at.offset % (uint64_t)alignment)
            return error_set(r->err, PLLM_E_FORMAT, "%s: tensor %s: offset %" PRIu64 " is no multiple of %" PRId64,
                             g->source, t->name, at.offset, alignment);
        if (at.offset > left || at.bytes > left - at.offset)
            return error_set(r->err, PLLM_E_FORMAT,
                             "%s: tensor %s: needs %zu bytes from offset %" PRIu64 " on, but the file has %zu", g->source,
                             t->name, at.bytes, at.offset, left);
        t->m.data = r->c.begin + base + at.offset;
    }
    return PLLM_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct tensor *x = *(const struct tensor *const *)a, *y = *(const struct tensor *const *)b;
    return x->m.data < y->m.data ? -1 : x->m.data > y->m.data;
}

static pllm_status check_apart(const struct reader *r)
{
    const struct gguf *g = r->g;
    const struct tensor **sorted = mem_alloc(g->tensors.n, sizeof *sorted);
    pllm_status status = sorted ? PLLM_OK : error_memory(r->err, g->source);
    for (size_t i = 0; !status && i < g->tensors.n; i++)
        sorted[i] = &g->tensors.at[i];
    if (!status)
        qsort(sorted, g->tensors.n, sizeof *sorted, by_place);
    for (size_t i = 1; !status && i < g->tensors.n; i++) {
        const struct matrix_rows *m = &sorted[i - 1]->m;
        if ((size_t)(sorted[i]->m.data - m->data) < (size_t)m->rows * m->row_bytes)
            status = error_set(r->err, PLLM_E_FORMAT, "%s: tensors %s and %s share bytes", g->source,
                               sorted[i - 1]->name, sorted[i]->name);
    }
    mem_free(sorted);
    return status;
}

static pllm_status read_tensors(struct reader *r, uint64_t n)
{
    placed_vec places = {0};
    pllm_status status = PLLM_OK;
    for (uint64_t i = 0; !status && i < n; i++)
        status = read_tensor(r, &places);
    if (!status)
        status = place_tensors(r, &places);
    if (!status)
        status = check_apart(r);
    vec_fini(&places);
    return status;
}

/* ---- The file ----------------------------------------------------------------------------------- */

static pllm_status read_header(struct reader *r, uint64_t *n_tensors, uint64_t *n_values)
{
    const char *source = r->g->source;
    const uint8_t *magic;
    if (!cursor_take(&r->c, 4, &magic) || memcmp(magic, "GGUF", 4) != 0)
        return error_set(r->err, PLLM_E_FORMAT, "%s: does not begin with \"GGUF\", wanted a .gguf file, or the folder of config.json "
                         "and safetensors", source);
    uint32_t version;
    if (!cursor_u32(&r->c, &version))
        return ends_inside(r, "the header");
    if (version != 2 && version != 3)
        return error_set(r->err, version & 0xFFFF ? PLLM_E_UNSUPPORTED : PLLM_E_FORMAT,
                         "%s: GGUF version is %" PRIu32 "%s, wanted 2 or 3", source, version,
                         version & 0xFFFF ? "" : " (big-endian?)");
    if (!cursor_u64(&r->c, n_tensors) || !cursor_u64(&r->c, n_values))
        return ends_inside(r, "the header");
    if (*n_tensors > cursor_left(&r->c) / MIN_TENSOR_BYTES)
        return error_set(r->err, PLLM_E_FORMAT, "%s: claims %" PRIu64 " tensors, more than fit in its %zu bytes", source,
                         *n_tensors, cursor_left(&r->c));
    if (*n_values > cursor_left(&r->c) / MIN_VALUE_BYTES)
        return error_set(r->err, PLLM_E_FORMAT, "%s: claims %" PRIu64 " metadata values, more than fit in its %zu bytes",
                         source, *n_values, cursor_left(&r->c));
    r->g->version = version;
    return PLLM_OK;
}

pllm_status gguf_open(struct gguf **out, const uint8_t *bytes, size_t n, const char *source, pllm_error *err)
{
    struct gguf *g = mem_zalloc(1, sizeof *g);
    if (!g)
        return error_memory(err, source);
    g->source = source;
    struct reader r = {.g = g, .c = cursor_over(bytes, n), .err = err};
    uint64_t n_tensors, n_values;
    pllm_status status = read_header(&r, &n_tensors, &n_values);
    if (!status)
        status = read_values(&r, n_values);
    if (!status)
        status = read_tensors(&r, n_tensors);
    if (!status)
        *out = g;
    else
        gguf_close(g);
    return status;
}

void gguf_close(struct gguf *g)
{
    if (!g)
        return;
    vec_fini(&g->values);
    vec_fini(&g->tensors);
    arena_fini(&g->arena);
    mem_free(g);
}
