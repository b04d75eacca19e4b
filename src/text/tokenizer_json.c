/* Tokenizers from the tokenizers library's tokenizer.json, and what tokenizer_config.json adds.
 *
 * The vocabulary and the list of merges, megabytes of a large file, are cut out and read without a tree
 * (json_model.c); the rest is read as a tree. Truncation and padding are the caller's affair and not read. */
#include "base/json_pull.h"
#include "text/json_parts.h"
#include "text/settings.h"

#include <string.h>

static const char source[] = "tokenizer.json";

/* Notes a value's bytes if it is an array or object and leaves it out of *rest. */
static bool cut_value(struct json_pull *p, struct buf *rest, const char **from, const char **at, size_t *n)
{
    char open = json_pull_peek(p);
    const char *begin = p->at;
    if (!json_pull_skip(p))
        return false;
    if (*at || (open != '{' && open != '['))
        return true;
    *at = begin;
    *n = (size_t)(p->at - begin);
    bool good = buf_add(rest, *from, (size_t)(begin - *from)) && buf_add(rest, "0", 1);
    *from = p->at;
    return good;
}

/* Goes through the members of the model. */
static bool cut_model(struct json_pull *p, struct buf *rest, const char **from, struct json_large *large)
{
    if (json_pull_peek(p) != '{')
        return json_pull_skip(p);
    json_pull_enter(p, '{');
    while (json_pull_next(p, '}')) {
        const char *key;
        size_t n;
        if (!json_pull_string(p, &key, &n) || !json_pull_colon(p))
            return false;
        bool good = n == 5 && memcmp(key, "vocab", 5) == 0    ? cut_value(p, rest, from, &large->vocab, &large->n_vocab)
                    : n == 6 && memcmp(key, "merges", 6) == 0 ? cut_value(p, rest, from, &large->merges, &large->n_merges)
                                                              : json_pull_skip(p);
        if (!good)
            return false;
    }
    return !p->wrong;
}

/* Splits the file in the large values and the rest. False: it is malformed, or no memory; the tree's reader says
 * what is wrong with the whole. */
static bool cut_file(const char *json, size_t n, struct buf *rest, struct json_large *large)
{
    struct json_pull p = json_pull_over(json, n);
    const char *from = json;
    bool good = json_pull_enter(&p, '{');
    while (good && json_pull_next(&p, '}')) {
        const char *key;
        size_t length;
        good = json_pull_string(&p, &key, &length) && json_pull_colon(&p);
        bool model = good && length == 5 && memcmp(key, "model", 5) == 0 && !large->vocab && !large->merges;
        good = good && (model ? cut_model(&p, rest, &from, large) : json_pull_skip(&p));
    }
    good = good && !p.wrong && buf_add(rest, from, (size_t)(json + n - from));
    json_pull_fini(&p);
    return good;
}

/* ---- Post-processors -------------------------------------------------------------------------------- */

static pllm_status push_id(ids_vec *ids, const struct json *at, pllm_error *err)
{
    int64_t id;
    pllm_status status = json_as_int(at, 0, STRTAB_MAX - 1, &id, err);
    if (!status && !vec_push(ids, (int32_t)id))
        status = error_memory(err, "tokenizer.json: post_processor");
    return status;
}

/* Puts `outer` before the ids that are there, or behind them. */
static pllm_status wrap(ids_vec *ids, const ids_vec *outer, bool before, pllm_error *err)
{
    if (outer->n == 0)
        return PLLM_OK;
    if (!vec_reserve(ids, outer->n))
        return error_memory(err, "tokenizer.json: post_processor");
    size_t at = before ? 0 : ids->n;
    memmove(ids->at + at + outer->n, ids->at + at, (ids->n - at) * sizeof *ids->at);
    memcpy(ids->at + at, outer->at, outer->n * sizeof *ids->at);
    ids->n += outer->n;
    return PLLM_OK;
}

static pllm_status wrap_both(struct tokenizer *t, const ids_vec *before, const ids_vec *after, pllm_error *err)
{
    pllm_status status = wrap(&t->prefix, before, true, err);
    return status ? status : wrap(&t->suffix, after, false, err);
}

/* The ids of a template's special token. */
static pllm_status special_ids(ids_vec *ids, const struct json *at, const struct json *item, pllm_error *err)
{
    const char *name;
    size_t n;
    struct json tokens = json_get(at, "special_tokens");
    pllm_status status = json_need_text(item, "id", &name, &n, err);
    if (status)
        return status;
    struct json token = json_get(&tokens, name), list = json_get(&token, "ids");
    if (json_kind(&token) == J_ABSENT)
        return json_error(item, err, "names \"%.64s\", which special_tokens does not define", name);
    status = json_want(&list, J_ARRAY, err);
    for (size_t i = 0; i < json_size(&list) && !status; i++) {
        struct json id = json_item(&list, i);
        status = push_id(ids, &id, err);
    }
    return status;
}

/* One item of a template: tokens, or the place of the text. */
static pllm_status template_item(const struct json *at, const struct json *item, ids_vec *ids, bool *is_text, pllm_error *err)
{
    struct json special = json_get(item, "SpecialToken"), sequence = json_get(item, "Sequence");
    const char *name;
    size_t n;
    *is_text = false;
    if (json_kind(&special) == J_OBJECT)
        return special_ids(ids, at, &special, err);
    pllm_status status = json_want(&sequence, J_OBJECT, err);
    if (!status)
        status = json_need_text(&sequence, "id", &name, &n, err);
    if (!status && strcmp(name, "A") != 0)
        status = json_error(&sequence, err, "names the text \"%.16s\", wanted A", name);
    *is_text = !status;
    return status;
}

static pllm_status read_template(struct tokenizer *t, const struct json *at, pllm_error *err)
{
    struct json single = json_get(at, "single");
    ids_vec before = {0}, after = {0};
    int n_texts = 0;
    pllm_status status = json_want(&single, J_ARRAY, err);
    for (size_t i = 0; i < json_size(&single) && !status; i++) {
        struct json item = json_item(&single, i);
        bool is_text;
        status = template_item(at, &item, n_texts ? &after : &before, &is_text, err);
        n_texts += !status && is_text;
    }
    if (!status && n_texts != 1)
        status = json_error(&single, err, "has the text %d times, wanted once", n_texts);
    if (!status)
        status = wrap_both(t, &before, &after, err);
    vec_fini(&before);
    vec_fini(&after);
    return status;
}

/* {"cls": ["<s>", 0], "sep": ["</s>", 2]}: cls text sep. */
static pllm_status read_cls_sep(struct tokenizer *t, const struct json *at, pllm_error *err)
{
    struct json cls = json_get(at, "cls"), sep = json_get(at, "sep");
    struct json cls_id = json_item(&cls, 1), sep_id = json_item(&sep, 1);
    ids_vec before = {0}, after = {0};
    pllm_status status = push_id(&before, &cls_id, err);
    if (!status)
        status = push_id(&after, &sep_id, err);
    if (!status)
        status = wrap_both(t, &before, &after, err);
    vec_fini(&before);
    vec_fini(&after);
    return status;
}

static pllm_status read_processor(struct tokenizer *t, const struct json *at, int depth, pllm_error *err);

static pllm_status read_processors(struct tokenizer *t, const struct json *at, int depth, pllm_error *err)
{
    struct json members = json_get(at, "processors");
    pllm_status status = json_want(&members, J_ARRAY, err);
    for (size_t i = 0; i < json_size(&members) && !status; i++) {
        struct json member = json_item(&members, i);
        status = read_processor(t, &member, depth + 1, err);
    }
    return status;
}

/* null or an object with "type". */
static pllm_status read_processor(struct tokenizer *t, const struct json *at, int depth, pllm_error *err)
{
    const char *type;
    pllm_status status = json_component_type(at, depth, &type, err);
    if (status || !type || strcmp(type, "ByteLevel") == 0) /* moves offsets only */
        return status;
    if (strcmp(type, "TemplateProcessing") == 0)
        return read_template(t, at, err);
    if (strcmp(type, "BertProcessing") == 0 || strcmp(type, "RobertaProcessing") == 0)
        return read_cls_sep(t, at, err);
    return strcmp(type, "Sequence") == 0 ? read_processors(t, at, depth, err)
                                         : json_unknown(at, "post-processor", type, err);
}

/* ---- Added tokens ----------------------------------------------------------------------------------- */

static pllm_status read_added(struct tokenizer *t, const struct json *at, pllm_error *err)
{
    const char *text;
    size_t n;
    int64_t id;
    struct json id_member = json_get(at, "id");
    struct added_options options = {.normalized = true};
    pllm_status status = json_want(at, J_OBJECT, err);
    if (!status)
        status = json_as_int(&id_member, 0, STRTAB_MAX - 1, &id, err); /* where it is, the library counts itself */
    if (!status)
        status = json_need_text(at, "content", &text, &n, err);
    if (!status)
        status = settings_added_options(at, &options, err);
    return status ? status : settings_add_token(t, text, n, &options, err);
}

static pllm_status read_all_added(struct tokenizer *t, const struct json *top, pllm_error *err)
{
    struct json list = json_get(top, "added_tokens");
    if (json_kind(&list) == J_ABSENT || json_kind(&list) == J_NULL)
        return PLLM_OK;
    pllm_status status = json_want(&list, J_ARRAY, err);
    for (size_t i = 0; i < json_size(&list) && !status; i++) {
        struct json item = json_item(&list, i);
        status = read_added(t, &item, err);
    }
    return status;
}

/* ---- The whole ---------------------------------------------------------------------------------------- */

static pllm_status build(struct tokenizer *t, const struct json *top, const struct json_large *large,
                         const struct tokenizer_settings *settings, pllm_error *err)
{
    struct json normalizer = json_get(top, "normalizer"), pretokenizer = json_get(top, "pre_tokenizer");
    struct json model = json_get(top, "model"), decoder = json_get(top, "decoder");
    struct json processor = json_get(top, "post_processor");
    pllm_status status = json_want(top, J_OBJECT, err);
    if (!status)
        status = json_read_normalizer(&t->normalizer, &normalizer, 0, err);
    if (!status)
        status = json_read_pretokenizer(&t->pretokenizer, &pretokenizer, 0, err);
    if (!status)
        status = json_read_model(t, &model, large, err);
    if (!status)
        status = read_all_added(t, top, err);
    if (!status)
        status = read_processor(t, &processor, 0, err);
    if (!status)
        status = json_read_decoder(&t->decoder, &decoder, 0, err);
    if (!status)
        status = settings_apply(t, settings, SETTINGS_JSON, err);
    return status ? status : tokenizer_finish(t, err);
}

pllm_status tokenizer_from_json(struct tokenizer **out, const char *json, size_t n,
                                const struct tokenizer_settings *settings, pllm_error *err)
{
    struct buf rest = {0};
    struct json_large large = {0};
    struct json top = {0};
    bool cut = cut_file(json, n, &rest, &large);
    struct tokenizer *t = tokenizer_new(ADDED_LEFTMOST);
    pllm_status status = t ? PLLM_OK : error_memory(err, source);
    if (!status)
        status = cut ? json_parse(&top, rest.at, rest.n, source, err) : json_parse(&top, json, n, source, err);
    if (!status && !cut) { /* the tree's reader liked what ours did not: no object, or no memory for the copy */
        status = json_want(&top, J_OBJECT, err);
        status = status ? status : error_memory(err, source);
        json_free(&top);
    }
    if (!status) {
        status = build(t, &top, &large, settings, err);
        json_free(&top);
    }
    vec_fini(&rest);
    if (status)
        tokenizer_close(t);
    else
        *out = t;
    return status;
}
