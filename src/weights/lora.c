/* Reads an adapter's matrices. Names are
 *     PEFT    base_model.model.model.layers.N.MODULE.lora_A.weight [rank, in], ....lora_B.weight [out, rank]
 *     mlx_lm  model.layers.N.MODULE.lora_a [in, rank], ....lora_b [rank, out]
 * and a fused module (q|k|v, gate|up) becomes one matrix pair for each of its parts: A is the same, B is cut. */
#include "weights/lora.h"

#include "base/file.h"
#include "weights/lora_config.h"
#include "weights/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Modules by their names in a layer, with the parts that they consist of. */
static const struct module {
    const char *name;
    int n_parts;
    enum lora_module part[3];
} modules[] = {
    {"self_attn.q_proj", 1, {LORA_Q}},
    {"self_attn.k_proj", 1, {LORA_K}},
    {"self_attn.v_proj", 1, {LORA_V}},
    {"self_attn.o_proj", 1, {LORA_O}},
    {"self_attn.qkv_proj", 3, {LORA_Q, LORA_K, LORA_V}},
    {"mlp.gate_proj", 1, {LORA_GATE}},
    {"mlp.up_proj", 1, {LORA_UP}},
    {"mlp.down_proj", 1, {LORA_DOWN}},
    {"mlp.gate_up_proj", 2, {LORA_GATE, LORA_UP}},
};

struct reader {
    struct adapter *adapter;
    const struct lora_shape *shape;
    struct lora_config config;
    struct stored_list list;
    struct arena arena;
    const char *source; /* the weights' file */
    pllm_error *err;
};

/* ---- Names -------------------------------------------------------------------------------------- */

/* Endings of A and B. */
static const char *const endings[2][2] = {{".lora_A.weight", ".lora_B.weight"}, {".lora_a", ".lora_b"}};

struct target {
    char name[STORED_NAME]; /* "model.layers.0.self_attn.q_proj" */
    int layer;
    const struct module *module;
    bool is_b;
};

static pllm_status refuse(const struct reader *r, const char *name, const char *text)
{
    return error_set(r->err, PLLM_E_FORMAT, "%s: tensor %s: %s", r->source, name, text);
}

/* Takes the number of "model.layers.7.mlp.up_proj" off; NULL: it is no such name. */
static const char *read_layer(const char *name, int *layer)
{
    static const char head[] = "model.layers.";
    if (strncmp(name, head, sizeof head - 1) != 0)
        return NULL;
    name += sizeof head - 1;
    int digits = 0;
    *layer = 0;
    for (; *name >= '0' && *name <= '9' && digits < 9; name++, digits++)
        *layer = *layer * 10 + (*name - '0');
    return digits && *name == '.' ? name + 1 : NULL;
}

/* The layer and the module of t->name; `name` is the tensor's, for messages. */
static pllm_status find_module(const struct reader *r, const char *name, struct target *t)
{
    const char *module = read_layer(t->name, &t->layer);
    if (!module)
        return refuse(r, name, "is in no layer of the model");
    if (t->layer >= r->shape->n_layers)
        return error_set(r->err, PLLM_E_FORMAT, "%s: tensor %s: is for layer %d, but the model has %d layers", r->source,
                         name, t->layer, r->shape->n_layers);
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        if (strcmp(modules[i].name, module) == 0) {
            t->module = &modules[i];
            return PLLM_OK;
        }
    return refuse(r, name, "is for a module that cannot be adapted");
}

static pllm_status read_target(const struct reader *r, const char *name, struct target *t)
{
    static const char peft[] = "base_model.model.";
    const char *begin = name, *const *ending = endings[r->config.mlx];
    if (!r->config.mlx && strncmp(name, peft, sizeof peft - 1) == 0)
        begin += sizeof peft - 1;
    for (int b = 0; b < 2; b++) {
        size_t n = strlen(begin), m = strlen(ending[b]);
        if (n <= m || strcmp(begin + n - m, ending[b]) != 0)
            continue;
        snprintf(t->name, sizeof t->name, "%.*s", (int)(n - m), begin);
        t->is_b = b;
        return find_module(r, name, t);
    }
    return error_set(r->err, PLLM_E_FORMAT, "%s: tensor %s: does not end in %s or %s", r->source, name, ending[0],
                     ending[1]);
}

/* ---- Matrices ----------------------------------------------------------------------------------- */

static pllm_status check_values(const struct reader *r, const struct stored *s, const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return error_set(r->err, PLLM_E_FORMAT, "%s: tensor %s: holds %g, wanted finite values", r->source, s->name,
                             (double)values[i]);
    r->adapter->bytes += n * sizeof *values;
    return PLLM_OK;
}

static struct matrix_rows rows_of(const struct stored *s)
{
    return (struct matrix_rows){.type = s->dtype->type, .rows = s->shape[0], .cols = s->shape[1], .data = s->data,
                                .row_bytes = (size_t)s->shape[1] * s->dtype->bytes};
}

/* A as [rank][in]; mlx_lm has it the other way round. */
static pllm_status read_a(const struct reader *r, const struct stored *s, struct lora_matrix *m)
{
    const struct matrix_rows from = rows_of(s);
    const size_t in = (size_t)m->in, n = (size_t)m->rank * in;
    m->a = mem_alloc(n, sizeof *m->a);
    if (!m->a)
        return error_memory(r->err, s->name);
    for (int k = 0; k < m->rank; k++)
        if (!r->config.mlx)
            matrix_dequantize(m->a + (size_t)k * in, &from, k, 0, m->in);
        else
            for (int i = 0; i < m->in; i++)
                matrix_dequantize(m->a + (size_t)k * in + i, &from, i, k, 1);
    return check_values(r, s, m->a, n);
}

/* B's outputs from first_out on, in panels. PEFT's rows are outputs, mlx_lm's columns. */
static pllm_status read_b(const struct reader *r, const struct stored *s, struct lora_matrix *m, int first_out,
                          struct interleaved heads)
{
    const struct matrix_rows from = rows_of(s);
    const size_t n = (size_t)lora_panels(m->out) * (size_t)m->rank * LORA_PANEL;
    float row[LORA_MAX_RANK];
    m->b = mem_zalloc(n, sizeof *m->b);
    if (!m->b)
        return error_memory(r->err, s->name);
    for (int j = 0; j < m->out; j++) {
        const int64_t out = first_out + interleaved_row(heads, j);
        float *to = lora_b(m, j);
        if (!r->config.mlx)
            matrix_dequantize(row, &from, out, 0, m->rank);
        else
            for (int k = 0; k < m->rank; k++)
                matrix_dequantize(&row[k], &from, k, out, 1);
        for (int k = 0; k < m->rank; k++)
            to[k * LORA_PANEL] = row[k];
    }
    return check_values(r, s, m->b, n);
}

static pllm_status check_shape(const struct reader *r, const struct stored *s, int rows, int cols)
{
    char found[96];
    const int want[2] = {r->config.mlx ? cols : rows, r->config.mlx ? rows : cols};
    if (s->dtype->type == TYPE_COUNT)
        return error_set(r->err, PLLM_E_FORMAT, "%s: tensor %s: is %s, wanted F32, F16 or BF16", r->source, s->name,
                         s->dtype->name);
    if (s->n_dims != 2 || s->shape[0] != want[0] || s->shape[1] != want[1])
        return error_set(r->err, PLLM_E_FORMAT, "%s: tensor %s: has shape %s, wanted [%d, %d]", r->source, s->name,
                         stored_shape(s, found, sizeof found), want[0], want[1]);
    return PLLM_OK;
}

/* One part of a module: all of A, and B's rows from first_out on. */
static pllm_status read_part(const struct reader *r, const struct target *t, enum lora_module part, int rank,
                             float scale, const struct stored *a, const struct stored *b, int first_out)
{
    struct lora_matrix *m = &r->adapter->at[t->layer * LORA_MODULES + (int)part];
    if (m->rank)
        return refuse(r, a->name, "adapts what another tensor adapts already");
    *m = (struct lora_matrix){.rank = rank, .in = r->shape->in[part], .out = r->shape->out[part], .scale = scale};
    const bool rotates = part == LORA_Q || part == LORA_K;
    pllm_status status = read_a(r, a, m);
    return status ? status : read_b(r, b, m, first_out, rotates ? r->shape->heads : (struct interleaved){0});
}

static pllm_status read_pair(struct reader *r, const struct target *t, const struct stored *a,
                             const struct stored *b)
{
    const struct module *module = t->module;
    const int in = r->shape->in[module->part[0]];
    int rank, out = 0;
    float scale;
    for (int i = 0; i < module->n_parts; i++)
        out += r->shape->out[module->part[i]];
    if (!in || !out)
        return refuse(r, a->name, "is for a module that the model does not have");
    pllm_status status = lora_config_module(&r->config, t->name, &rank, &scale, r->err);
    if (!status)
        status = check_shape(r, a, rank, in);
    if (!status)
        status = check_shape(r, b, out, rank);
    for (int i = 0, first = 0; !status && i < module->n_parts; i++) {
        status = read_part(r, t, module->part[i], rank, scale, a, b, first);
        first += r->shape->out[module->part[i]];
    }
    return status;
}

/* ---- The folder --------------------------------------------------------------------------------- */

/* The other one of A and B. */
static const struct stored *find_partner(const struct reader *r, const struct stored *s, const struct target *t,
                                         char name[STORED_NAME + 16])
{
    const char *const *ending = endings[r->config.mlx];
    snprintf(name, STORED_NAME + 16, "%.*s%s", (int)(strlen(s->name) - strlen(ending[t->is_b])), s->name,
             ending[!t->is_b]);
    return stored_find(&r->list, name);
}

static pllm_status read_tensors(struct reader *r)
{
    pllm_status status = PLLM_OK;
    if (!r->list.at.n)
        return error_set(r->err, PLLM_E_FORMAT, "%s: holds no tensors", r->source);
    for (size_t i = 0; !status && i < r->list.at.n; i++) {
        const struct stored *s = &r->list.at.at[i];
        struct target t;
        char name[STORED_NAME + 16];
        status = read_target(r, s->name, &t);
        const struct stored *partner = status ? NULL : find_partner(r, s, &t, name);
        if (!status && !partner)
            status = error_set(r->err, PLLM_E_FORMAT, "%s: tensor %s: is missing, but %s is there", r->source, name, s->name);
        if (!status && !t.is_b)
            status = read_pair(r, &t, s, partner);
    }
    return status;
}

static pllm_status read_folder(struct reader *r, const char *config_path)
{
    struct file_map map;
    const char *twice;
    pllm_status status = lora_config_open(&r->config, config_path, r->config.mlx, r->err);
    if (!status)
        status = file_map(&map, r->source, r->err);
    if (status)
        return status;
    status = safetensors_read(&r->list, &r->arena, map.bytes, map.n, r->source, 0, r->err);
    if (!status && !stored_sort(&r->list, &twice))
        status = refuse(r, twice, "occurs twice");
    if (!status)
        status = read_tensors(r);
    file_unmap(&map);
    return status;
}

static struct adapter *adapter_new(int n_layers)
{
    struct adapter *a = mem_zalloc(1, sizeof *a);
    if (a)
        a->at = mem_zalloc((size_t)n_layers * LORA_MODULES, sizeof *a->at);
    if (a && a->at) {
        a->n_layers = n_layers;
        return a;
    }
    mem_free(a);
    return NULL;
}

pllm_status adapter_open(struct adapter **out, const char *path, const struct lora_shape *shape, pllm_error *err)
{
    struct reader r = {.shape = shape, .err = err, .adapter = adapter_new(shape->n_layers)};
    char *config = file_join(path, "adapter_config.json"), *peft = file_join(path, "adapter_model.safetensors");
    char *mlx = file_join(path, "adapters.safetensors");
    pllm_status status = r.adapter && config && peft && mlx ? PLLM_OK : error_memory(err, path);
    if (!status && file_kind(path) != FILE_FOLDER)
        status = error_set(err, PLLM_E_IO, "%s: is no folder, wanted one with adapter_config.json", path);
    if (!status) {
        r.config.mlx = file_kind(peft) == FILE_ABSENT && file_kind(mlx) != FILE_ABSENT;
        r.source = r.config.mlx ? mlx : peft;
        status = read_folder(&r, config);
    }
    if (!status)
        *out = r.adapter;
    else
        adapter_close(r.adapter);
    lora_config_close(&r.config);
    vec_fini(&r.list.at);
    arena_fini(&r.arena);
    mem_free(config);
    mem_free(peft);
    mem_free(mlx);
    return status;
}

void adapter_close(struct adapter *a)
{
    if (!a)
        return;
    for (int i = 0; i < a->n_layers * LORA_MODULES; i++) {
        mem_free(a->at[i].a);
        mem_free(a->at[i].b);
    }
    mem_free(a->at);
    mem_free(a);
}
