/* Stored tensors become the checkpoint's: plain ones as they are, MLX's triples (weight in packed 32-bit words,
 * scales, biases) as one matrix of TYPE_MLX.
 *
 * config.json's "quantization" has bits, group_size and mode for all modules, and objects under the names of
 * modules that differ. Element j of a row is bits [j * bits, (j+1) * bits) of the row's words, low bits first;
 * its value is scale * integer + bias of its group. */
#include "base/json.h"
#include "base/span.h"
#include "weights/config.h"
#include "weights/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- Settings ----------------------------------------------------------------------------------- */

/* "quantization", or the copy of it that mlx_lm writes as "quantization_config"; other tools' settings under
 * that name are refused, as their weights mean something else. */
static pllm_status find_settings(const struct json *top, struct json *out, pllm_error *err)
{
    *out = json_get(top, "quantization");
    if (json_kind(out) > J_NULL)
        return json_want(out, J_OBJECT, err);
    *out = json_get(top, "quantization_config");
    if (json_kind(out) <= J_NULL)
        return PLLM_OK;
    const struct json method = json_get(out, "quant_method");
    const char *name;
    size_t n;
    if (json_kind(&method) <= J_NULL)
        return json_want(out, J_OBJECT, err);
    if (json_as_string(&method, &name, &n, err))
        return PLLM_E_FORMAT;
    return json_unsupported(&method, err, "is \"%s\", which is not supported", name);
}

static pllm_status one_of(const struct json *at, const int *allowed, const char *wanted, int *out, pllm_error *err)
{
    int64_t value;
    pllm_status status = json_as_int(at, 0, INT32_MAX, &value, err);
    if (status)
        return status;
    for (; *allowed; allowed++)
        if (value == *allowed) {
            *out = *allowed;
            return PLLM_OK;
        }
    return json_error(at, err, "is %" PRId64 ", wanted %s", value, wanted);
}

/* Bits and group of the module that owns `weight`. */
static pllm_status settings_of(const struct json *all, const char *weight, struct matrix_rows *m, pllm_error *err)
{
    static const int bits[] = {2, 3, 4, 5, 6, 8, 0}, groups[] = {32, 64, 128, 0};
    char module[STORED_NAME];
    snprintf(module, sizeof module, "%.*s", (int)(strlen(weight) - strlen(".weight")), weight);
    const struct json own = json_get(all, module);
    const struct json *from = json_kind(&own) == J_OBJECT ? &own : all;
    const struct json mode = json_get(from, "mode");
    const char *name = "affine";
    size_t n;
    pllm_status status = PLLM_OK;
    if (json_kind(&mode) > J_NULL)
        status = json_as_string(&mode, &name, &n, err);
    if (!status && strcmp(name, "affine") != 0)
        status = json_unsupported(&mode, err, "is \"%s\", wanted \"affine\"", name);
    const struct json at = json_get(from, "bits"), group = json_get(from, "group_size");
    if (!status)
        status = one_of(&at, bits, "2, 3, 4, 5, 6 or 8", &m->bits, err);
    return status ? status : one_of(&group, groups, "32, 64 or 128", &m->group, err);
}

/* ---- A triple ----------------------------------------------------------------------------------- */

/* Pieces of a message's beginning: whose tensor it is. */
static pllm_status tensor_error(const struct checkpoint *c, const struct stored *s, pllm_error *err, const char *text)
{
    return error_set(err, PLLM_E_FORMAT, "%s: tensor %s: %s", c->path, s->name, text);
}

/* The scales or biases of a weight: its name with another ending, its shape with one value per group. */
static pllm_status find_part(const struct checkpoint *c, const struct stored_list *list, const struct stored *weight,
                             const struct tensor *t, const char *ending, const struct stored **out, pllm_error *err)
{
    char name[STORED_NAME + 8], found[128], wanted[128];
    snprintf(name, sizeof name, "%.*s%s", (int)(strlen(weight->name) - strlen("weight")), weight->name, ending);
    const struct stored *s = stored_find(list, name);
    if (!s)
        return error_set(err, PLLM_E_FORMAT, "%s: tensor %s: is missing, but %s is quantized", c->path, name,
                         weight->name);
    struct stored want = *weight;
    want.shape[want.n_dims - 1] = t->m.cols / t->m.group;
    if (s->n_dims != want.n_dims || memcmp(s->shape, want.shape, sizeof *s->shape * (size_t)s->n_dims) != 0)
        return error_set(err, PLLM_E_FORMAT, "%s: tensor %s: has shape %s, wanted %s: a value per %d of %" PRId64 " inputs",
                         c->path, name, stored_shape(s, found, sizeof found),
                         stored_shape(&want, wanted, sizeof wanted), t->m.group, t->m.cols);
    if (s->dtype->type == TYPE_COUNT)
        return error_set(err, PLLM_E_FORMAT, "%s: tensor %s: is %s, wanted F32, F16 or BF16", c->path, name,
                         s->dtype->name);
    *out = s;
    return PLLM_OK;
}

/* Sizes of the unpacked matrix, from those of its words. */
static pllm_status unpack_shape(const struct checkpoint *c, const struct stored *s, struct tensor *t, pllm_error *err)
{
    const int64_t words = s->shape[s->n_dims - 1];
    if (words > INT64_MAX / 32 || words * 32 % t->m.bits || words * 32 / t->m.bits % t->m.group)
        return error_set(err, PLLM_E_FORMAT, "%s: tensor %s: rows of %" PRId64 " words are no groups of %d values of %d bits",
                         c->path, s->name, words, t->m.group, t->m.bits);
    t->n_dims = s->n_dims;
    t->m.type = TYPE_MLX;
    t->m.rows = 1;
    for (int i = 0; i < s->n_dims; i++)
        t->shape[i] = s->shape[i];
    for (int i = 0; i < s->n_dims - 1; i++)
        t->m.rows *= s->shape[i]; /* cannot overflow: the file holds that many words */
    t->m.cols = t->shape[t->n_dims - 1] = words * 32 / t->m.bits;
    t->m.row_bytes = (size_t)words * 4;
    t->m.data = s->data;
    return PLLM_OK;
}

static pllm_status take_quantized(const struct checkpoint *c, const struct stored_list *list,
                                  const struct json *settings, const struct stored *s, struct tensor *t,
                                  pllm_error *err)
{
    const struct stored *scales, *biases;
    if (!settings->node)
        return tensor_error(c, s, err, "is U32, but config.json has no \"quantization\"");
    if (s->n_dims < 2 || s->n_dims > TENSOR_DIMS)
        return tensor_error(c, s, err, "is U32, wanted a matrix of packed words");
    pllm_status status = settings_of(settings, s->name, &t->m, err);
    if (!status)
        status = unpack_shape(c, s, t, err);
    if (!status)
        status = find_part(c, list, s, t, "scales", &scales, err);
    if (!status)
        status = find_part(c, list, s, t, "biases", &biases, err);
    if (!status && scales->dtype != biases->dtype)
        status = tensor_error(c, biases, err, "has another type than its scales");
    if (status)
        return status;
    t->m.scales = scales->data;
    t->m.biases = biases->data;
    t->m.scale_type = scales->dtype->type;
    return PLLM_OK;
}

/* ---- All of them -------------------------------------------------------------------------------- */

/* Scales or biases of a quantized weight: taken with it. */
static bool is_part(const struct stored_list *list, const struct stored *s)
{
    char name[STORED_NAME + 8];
    if (!text_ends_in(s->name, ".scales") && !text_ends_in(s->name, ".biases"))
        return false;
    snprintf(name, sizeof name, "%.*s.weight", (int)(strlen(s->name) - strlen(".scales")), s->name);
    const struct stored *weight = stored_find(list, name);
    return weight && strcmp(weight->dtype->name, "U32") == 0;
}

static pllm_status take_plain(const struct checkpoint *c, const struct stored *s, struct tensor *t, pllm_error *err)
{
    size_t bytes;
    char why[TENSOR_WHY];
    t->n_dims = s->n_dims;
    memcpy(t->shape, s->shape, sizeof t->shape);
    if (!tensor_layout(t, s->dtype->type, &bytes, why))
        return tensor_error(c, s, err, why);
    t->m.data = s->data;
    return PLLM_OK;
}

/* Buffers that some checkpoints carry along (positions, masks, parts of image models) are no weights of ours. */
static bool is_weight(const struct stored *s)
{
    return text_ends_in(s->name, "weight") || text_ends_in(s->name, "bias");
}

static pllm_status take(struct checkpoint *c, const struct stored_list *list, const struct json *settings,
                        const struct stored *s, pllm_error *err)
{
    struct tensor t = {.name = s->name, .file = s->file};
    pllm_status status;
    if (is_part(list, s))
        return PLLM_OK;
    if (strcmp(s->dtype->name, "U32") == 0 && text_ends_in(s->name, ".weight"))
        status = take_quantized(c, list, settings, s, &t, err);
    else if (s->dtype->type == TYPE_COUNT && is_weight(s))
        return error_set(err, PLLM_E_UNSUPPORTED, "%s: tensor %s: is %s, wanted F32, F16 or BF16", c->path, s->name,
                         s->dtype->name);
    else if (s->dtype->type == TYPE_COUNT || s->n_dims > TENSOR_DIMS)
        return PLLM_OK;
    else
        status = take_plain(c, s, &t, err);
    if (!status && !vec_push(&c->tensors, t))
        status = error_memory(err, c->path);
    return status;
}

pllm_status checkpoint_take_stored(struct checkpoint *c, const struct stored_list *list, pllm_error *err)
{
    const struct json top = config_json(c->config);
    struct json settings;
    pllm_status status = find_settings(&top, &settings, err);
    for (size_t i = 0; !status && i < list->at.n; i++)
        status = take(c, list, &settings, &list->at.at[i], err);
    return status;
}
