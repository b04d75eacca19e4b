/* The tokenizer and chat templates of a folder, and of a path of either kind. */
#include "api.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "weights/tensor.h"

#include <stdio.h>
#include <string.h>

enum { MAX_FILE_BYTES = 512 << 20 }; /* the largest known tokenizer.json has 35 MB */

/* Reads folder/name; *found says whether it is there. */
static pllm_status read_file(struct buf *out, const char *folder, const char *name, bool *found, pllm_error *err)
{
    char *path = file_join(folder, name);
    if (!path)
        return error_memory(err, name);
    *found = file_kind(path) != FILE_ABSENT;
    pllm_status status = *found ? file_read(out, path, MAX_FILE_BYTES, err) : PLLM_OK;
    mem_free(path);
    return status;
}

/* The files of a folder that say something of text. */
struct text_files {
    struct buf tokenizer, pieces, template, config_text, special_text;
    bool has_tokenizer, has_pieces, has_template;
    struct json config, special; /* absent where there is no such file */
};

static void free_files(struct text_files *f)
{
    json_free(&f->config);
    json_free(&f->special);
    vec_fini(&f->tokenizer);
    vec_fini(&f->pieces);
    vec_fini(&f->config_text);
    vec_fini(&f->special_text);
    vec_fini(&f->template);
}

static pllm_status read_json(struct json *out, struct buf *text, const char *folder, const char *name, pllm_error *err)
{
    bool found;
    pllm_status status = read_file(text, folder, name, &found, err);
    return status || !found ? status : json_parse(out, text->at, text->n, name, err);
}

static pllm_status read_files(struct text_files *f, const char *folder, pllm_error *err)
{
    pllm_status status = read_file(&f->tokenizer, folder, "tokenizer.json", &f->has_tokenizer, err);
    if (!status && !f->has_tokenizer)
        status = read_file(&f->pieces, folder, "tokenizer.model", &f->has_pieces, err);
    if (!status)
        status = read_json(&f->config, &f->config_text, folder, "tokenizer_config.json", err);
    if (!status)
        status = read_json(&f->special, &f->special_text, folder, "special_tokens_map.json", err);
    if (!status)
        status = read_file(&f->template, folder, "chat_template.jinja", &f->has_template, err);
    return status;
}

static pllm_status open_tokenizer(pllm_tokenizer *t, const struct text_files *f, pllm_error *err)
{
    const struct tokenizer_settings settings = {.config = f->config, .special = f->special};
    if (f->has_tokenizer)
        return tokenizer_from_json(&t->tokenizer, f->tokenizer.at, f->tokenizer.n, &settings, err);
    if (f->has_pieces)
        return tokenizer_from_sentencepiece(&t->tokenizer, f->pieces.at, f->pieces.n, &settings, err);
    return PLLM_OK;
}

static pllm_status add_named(pllm_tokenizer *t, const struct json *entry, pllm_error *err)
{
    const struct json name = json_get(entry, "name"), source = json_get(entry, "template");
    const char *label, *text;
    size_t n_label, n;
    pllm_status status = json_as_string(&name, &label, &n_label, err);
    if (!status)
        status = json_as_string(&source, &text, &n, err);
    return status ? status : api_add_template(t, text, n, label, label, err);
}

/* tokenizer_config.json's "chat_template": a text, or a list of {name, template}. */
static pllm_status templates_of_config(pllm_tokenizer *t, const struct json *config, pllm_error *err)
{
    const struct json list = json_get(config, "chat_template");
    const enum json_kind kind = json_kind(&list);
    pllm_status status = PLLM_OK;
    const char *text;
    size_t n;
    if (kind == J_STRING) {
        status = json_as_string(&list, &text, &n, err);
        return status ? status : api_add_template(t, text, n, "tokenizer_config.json: chat_template", NULL, err);
    }
    if (kind != J_ABSENT && kind != J_NULL && kind != J_ARRAY)
        return json_error(&list, err, "is neither a string nor an array of {name, template}");
    for (size_t i = 0; kind == J_ARRAY && i < json_size(&list) && !status; i++) {
        const struct json entry = json_item(&list, i);
        status = add_named(t, &entry, err);
    }
    return status;
}

pllm_status api_tokenizer_of_folder(pllm_tokenizer *t, const char *folder, pllm_error *err)
{
    struct text_files f = {0};
    pllm_status status = read_files(&f, folder, err);
    if (!status)
        status = open_tokenizer(t, &f, err);
    if (status)
        error_prefix(err, status, folder);
    else if (f.has_template)
        status = api_add_template(t, f.template.at, f.template.n, "chat_template.jinja", NULL, err);
    else
        status = templates_of_config(t, &f.config, err);
    free_files(&f);
    return status;
}

/* A folder with nothing but a tokenizer is no checkpoint: it is read by itself. */
static pllm_status open_folder(pllm_tokenizer **out, const char *path, pllm_error *err)
{
    pllm_tokenizer *t = mem_zalloc(1, sizeof *t);
    if (!t)
        return error_memory(err, "tokenizer");
    pllm_status status = api_tokenizer_of_folder(t, path, err);
    if (!status && !t->tokenizer)
        status = error_set(err, PLLM_E_IO, "%s: has neither tokenizer.json nor tokenizer.model", path);
    if (status)
        pllm_tokenizer_close(t);
    else
        *out = t;
    return status;
}

pllm_status pllm_tokenizer_open(pllm_tokenizer **out, const char *path, pllm_error *err)
{
    const pllm_model_options o = pllm_model_options_default();
    struct checkpoint *c = NULL;
    char *resolved = NULL;
    pllm_status status = api_resolve(&resolved, path, &o, API_TOKENIZER, err);
    if (status)
        return status;
    if (file_kind(resolved) == FILE_FOLDER) {
        status = open_folder(out, resolved, err);
    } else {
        status = checkpoint_open(&c, resolved, err);
        pllm_tokenizer *t = NULL;
        if (!status)
            status = api_tokenizer_of(&t, c, err);
        if (!status && !t)
            status = error_set(err, PLLM_E_FORMAT, "%s: has no tokenizer", resolved);
        if (!status)
            *out = t;
        checkpoint_close(c);
    }
    mem_free(resolved);
    return status;
}
