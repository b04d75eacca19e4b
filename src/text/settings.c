#include "text/settings.h"

#include <stdlib.h>
#include <string.h>

static pllm_status read_option(const struct json *at, const char *key, uint32_t bit, uint32_t *flags, pllm_error *err)
{
    bool value = *flags & bit;
    struct json member = json_get(at, key);
    pllm_status status = json_kind(&member) == J_ABSENT ? PLLM_OK : json_as_bool(&member, &value, err);
    if (!status)
        *flags = value ? *flags | bit : *flags & ~bit;
    return status;
}

pllm_status settings_added_options(const struct json *at, struct added_options *out, pllm_error *err)
{
    static const struct {
        const char *key;
        uint32_t bit;
    } options[] = {{"special", ADDED_SPECIAL},
                   {"single_word", ADDED_SINGLE_WORD},
                   {"lstrip", ADDED_LSTRIP},
                   {"rstrip", ADDED_RSTRIP}};
    pllm_status status = PLLM_OK;
    for (size_t i = 0; i < sizeof options / sizeof options[0] && !status; i++)
        status = read_option(at, options[i].key, options[i].bit, &out->flags, err);
    struct json normalized = json_get(at, "normalized");
    if (!status && json_kind(&normalized) != J_ABSENT)
        status = json_as_bool(&normalized, &out->normalized, err);
    return status;
}

pllm_status settings_add_token(struct tokenizer *t, const char *text, size_t n, const struct added_options *options,
                               pllm_error *err)
{
    int32_t id = strtab_find(&t->extra, text, n);
    if (n == 0 || id >= 0)
        return PLLM_OK;
    id = strtab_find(&t->vocab, text, n);
    if (id >= 0 && (size_t)id < t->flag.n && (t->flag.at[id] & TOKEN_ADDED))
        return PLLM_OK;
    if (id < 0)
        id = (int32_t)(t->vocab.n_used + t->extra.n_used);
    return tokenizer_add_token(t, id, text, n, options->flags,
                               options->normalized ? ADDED_IN_NORMALIZED : ADDED_IN_INPUT, err);
}

/* The token that a setting names, a string or {"content": ..}; *id as it is where there is none, or no such token. */
static pllm_status read_named(const struct tokenizer *t, const struct json *top, const char *key, int32_t *id, pllm_error *err)
{
    struct json member = json_get(top, key), content = json_get(&member, "content");
    const struct json *at = json_kind(&member) == J_OBJECT ? &content : &member;
    const char *text;
    size_t n;
    if (json_kind(at) == J_ABSENT || json_kind(at) == J_NULL)
        return PLLM_OK;
    pllm_status status = json_as_string(at, &text, &n, err);
    if (!status && tokenizer_find(t, text, n) >= 0)
        *id = tokenizer_find(t, text, n);
    return status;
}

struct numbered {
    int64_t id;
    struct json at;
};

static int by_id(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* {"32000": {"content": "<|end|>", "special": true, ...}, ...}, in the order of the ids. */
static pllm_status add_numbered(struct tokenizer *t, const struct json *map, pllm_error *err)
{
    VEC(struct numbered) list = {0};
    void *cursor = NULL;
    struct json member;
    pllm_status status = PLLM_OK;
    while (!status && json_next(map, &cursor, &member)) {
        char *stop;
        struct numbered item = {strtoll(member.key, &stop, 10), member};
        if (*stop || !*member.key || item.id < 0 || item.id >= STRTAB_MAX)
            status = json_error(&member, err, "is no id, wanted 0 to %d", STRTAB_MAX - 1);
        else if (!vec_push(&list, item))
            status = error_memory(err, "tokenizer_config.json");
    }
    if (list.n)
        qsort(list.at, list.n, sizeof *list.at, by_id);
    for (size_t i = 0; i < list.n && !status; i++) {
        struct added_options options = {.normalized = true};
        struct json content = json_get(&list.at[i].at, "content");
        const char *text;
        size_t n;
        status = json_as_string(&content, &text, &n, err);
        if (!status)
            status = settings_added_options(&list.at[i].at, &options, err);
        if (!status)
            status = settings_add_token(t, text, n, &options, err);
    }
    vec_fini(&list);
    return status;
}

/* Classes of transformers that put begin and end tokens themselves. */
static bool puts_ends(const char *class_name)
{
    static const char *const names[] = {"LlamaTokenizer", "GemmaTokenizer", "CodeLlamaTokenizer", "CohereTokenizer"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n = strlen(names[i]);
        if (strncmp(class_name, names[i], n) == 0 && (!class_name[n] || strcmp(class_name + n, "Fast") == 0))
            return true;
    }
    return false;
}

/* The text's end has the token exactly if it shall. */
static pllm_status put_end(ids_vec *ids, int32_t id, bool wanted, pllm_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < ids->n; i++)
        if (ids->at[i] != id)
            ids->at[kept++] = ids->at[i];
    bool had = kept < ids->n;
    if (wanted && had)
        return PLLM_OK; /* where it is, it is right */
    ids->n = kept;
    return !wanted || id < 0 || vec_push(ids, id) ? PLLM_OK : error_memory(err, "tokenizer_config.json");
}

static pllm_status apply_ends(struct tokenizer *t, const struct json *config, enum settings_kind kind, pllm_error *err)
{
    const char *class_name = "";
    size_t n;
    bool add_bos = t->prefix.n > 0, add_eos = t->suffix.n > 0;
    struct json class_member = json_get(config, "tokenizer_class"), bos = json_get(config, "add_bos_token"),
                eos = json_get(config, "add_eos_token");
    if (json_kind(&class_member) == J_STRING)
        json_as_string(&class_member, &class_name, &n, NULL);
    if (kind == SETTINGS_JSON && !puts_ends(class_name))
        return PLLM_OK;
    pllm_status status = PLLM_OK;
    if (json_kind(&bos) == J_BOOL && !(status = json_as_bool(&bos, &add_bos, err)))
        status = put_end(&t->prefix, t->bos, add_bos, err);
    if (!status && json_kind(&eos) == J_BOOL && !(status = json_as_bool(&eos, &add_eos, err)))
        status = put_end(&t->suffix, t->eos, add_eos, err);
    return status;
}

static pllm_status apply_config(struct tokenizer *t, const struct json *config, enum settings_kind kind, pllm_error *err)
{
    struct json added = json_get(config, "added_tokens_decoder");
    pllm_status status = json_want(config, J_OBJECT, err);
    if (!status && json_kind(&added) == J_OBJECT)
        status = add_numbered(t, &added, err);
    if (!status)
        status = read_named(t, config, "bos_token", &t->bos, err);
    if (!status)
        status = read_named(t, config, "eos_token", &t->eos, err);
    return status ? status : apply_ends(t, config, kind, err);
}

static pllm_status apply_special(struct tokenizer *t, const struct json *map, pllm_error *err)
{
    pllm_status status = json_want(map, J_OBJECT, err);
    if (!status)
        status = read_named(t, map, "bos_token", &t->bos, err);
    return status ? status : read_named(t, map, "eos_token", &t->eos, err);
}

pllm_status settings_apply(struct tokenizer *t, const struct tokenizer_settings *settings, enum settings_kind kind,
                           pllm_error *err)
{
    pllm_status status = PLLM_OK;
    if (settings && json_kind(&settings->special) != J_ABSENT)
        status = apply_special(t, &settings->special, err);
    if (!status && settings && json_kind(&settings->config) != J_ABSENT)
        status = apply_config(t, &settings->config, kind, err);
    return status;
}
