/* pllm_quantize: any checkpoint as a GGUF file of another type. */
#include "api.h"

#include "base/ascii.h"
#include "base/file.h"
#include "base/file_out.h"
#include "base/mem.h"
#include "base/platform.h"
#include "base/utf8.h"
#include "model/export.h"
#include "text/vocab_out.h"
#include "weights/gguf_out.h"
#include "weights/tensor.h"

#include <stdio.h>
#include <string.h>

enum { COMMIT_HASH = 40 };

/* Everything that one call holds. */
struct quantizing {
    struct checkpoint *checkpoint; /* until the model takes it over */
    char *path;
    struct model *model;
    pllm_tokenizer *tokenizer; /* NULL: of a GGUF, or none */
    struct export export;
    struct gguf_out head;
    struct buf name; /* with a NUL behind it */
};

static void finish(struct quantizing *q)
{
    export_fini(&q->export);
    gguf_out_fini(&q->head);
    pllm_tokenizer_close(q->tokenizer);
    model_close(q->model);
    checkpoint_close(q->checkpoint);
    vec_fini(&q->name);
    mem_free(q->path);
}

/* ---- Names ------------------------------------------------------------------------------------------ */

static bool is_hash(const char *text, size_t n)
{
    bool hex = n == COMMIT_HASH;
    for (size_t i = 0; i < n && hex; i++)
        hex = ascii_hex_value(text[i]) >= 0;
    return hex;
}

/* Whether a part of the path, counted from the last one, is one of the two inside a model's folder in the cache. */
static bool is_inside(int up, const char *part, size_t n)
{
    static const char snapshots[] = "snapshots";
    return up == 0 ? is_hash(part, n) : up == 1 && n == sizeof snapshots - 1 && memcmp(part, snapshots, n) == 0;
}

/* The last part of the path; of a snapshot in the cache, the model's ("models--OWNER--NAME/snapshots/HASH"). Whole, whatever its
 * length; GGUF has text in UTF-8 alone. */
static pllm_status choose_name(struct quantizing *q, pllm_error *err)
{
    const char *end = q->path + strlen(q->path), *begin;
    for (int up = 0;; up++) {
        while (end > q->path && end[-1] == '/')
            end--;
        begin = end;
        while (begin > q->path && begin[-1] != '/')
            begin--;
        if (begin == q->path || !is_inside(up, begin, (size_t)(end - begin)))
            break;
        end = begin;
    }
    for (const char *p = begin; p + 1 < end; p++)
        if (p[0] == '-' && p[1] == '-')
            begin = p + 2;
    const bool ok = utf8_repair(&q->name, begin, (size_t)(end - begin)) && buf_terminate(&q->name);
    return ok ? PLLM_OK : error_memory(err, "a name");
}

/* Readers are to take it for Phi-3 (gguf_name_is_phi3). */
static pllm_status name_phi3(struct quantizing *q, pllm_error *err)
{
    static const char prefix[] = "Phi-3 ";
    struct buf longer = {0};
    if (gguf_name_is_phi3(q->name.at))
        return PLLM_OK;
    const bool ok = buf_add(&longer, prefix, sizeof prefix - 1) && buf_add(&longer, q->name.at, q->name.n) && buf_terminate(&longer);
    vec_fini(&q->name);
    q->name = longer;
    return ok ? PLLM_OK : error_memory(err, "a name");
}

/* ---- The tokenizer ------------------------------------------------------------------------------------ */

static void put_id(struct gguf_out *g, const char *key, int64_t id)
{
    if (id >= 0)
        gguf_out_u32(g, key, (uint32_t)id);
}

/* Tokens that end an answer, besides the tokenizer's own: GGUF has two places more. */
static pllm_status put_end_tokens(struct quantizing *q, int64_t eos, pllm_error *err)
{
    static const char *const keys[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id"};
    token_vec ids = {0};
    size_t used = 0;
    pllm_status status = checkpoint_end_tokens(q->model->checkpoint, &ids, err);
    if (!status && eos >= 0)
        put_id(&q->head, keys[used++], eos);
    for (size_t i = 0; i < ids.n && !status; i++) {
        if (ids.at[i] == eos || ids.at[i] >= q->model->desc->vocab)
            continue;
        if (used == sizeof keys / sizeof *keys)
            status = error_set(err, PLLM_E_UNSUPPORTED,
                               "%s: eos_token_id: more than %zu tokens end an answer, which GGUF cannot say", q->path, used);
        else
            put_id(&q->head, keys[used++], ids.at[i]);
    }
    vec_fini(&ids);
    return status;
}

static void put_arrays(struct gguf_out *g, const struct gguf_vocab *v)
{
    gguf_out_text(g, "tokenizer.ggml.model", v->model, strlen(v->model));
    gguf_out_text(g, "tokenizer.ggml.pre", v->pre ? v->pre : "default", strlen(v->pre ? v->pre : "default"));
    gguf_out_texts(g, "tokenizer.ggml.tokens", v->tokens, v->n_tokens);
    gguf_out_i32s(g, "tokenizer.ggml.token_type", v->types, v->n_tokens);
    if (v->scores)
        gguf_out_f32s(g, "tokenizer.ggml.scores", v->scores, v->n_tokens);
    if (v->merges)
        gguf_out_texts(g, "tokenizer.ggml.merges", v->merges, v->n_merges);
    if (v->n_unmerged)
        gguf_out_i32s(g, API_UNMERGED_KEY, v->unmerged, v->n_unmerged);
    gguf_out_bool(g, "tokenizer.ggml.add_bos_token", v->add_bos > 0);
    gguf_out_bool(g, "tokenizer.ggml.add_eos_token", v->add_eos > 0);
    gguf_out_bool(g, "tokenizer.ggml.add_space_prefix", v->add_space_prefix > 0);
    put_id(g, "tokenizer.ggml.bos_token_id", v->bos);
    put_id(g, "tokenizer.ggml.unknown_token_id", v->unk);
}

/* The default template, and others as "tokenizer.chat_template.NAME". */
static pllm_status put_templates(struct gguf_out *g, const pllm_tokenizer *t, pllm_error *err)
{
    struct text_span *names = mem_alloc(t->templates.n, sizeof *names);
    size_t n_names = 0;
    if (!names)
        return error_memory(err, "chat templates");
    for (size_t i = 0; i < t->templates.n; i++) {
        const struct named_template *entry = &t->templates.at[i];
        char key[128] = "tokenizer.chat_template";
        size_t n;
        const char *source = pllm_template_source(entry->chat_template, &n);
        if (entry->name) {
            snprintf(key, sizeof key, "tokenizer.chat_template.%.64s", entry->name);
            names[n_names++] = (struct text_span){entry->name, strlen(entry->name)};
        }
        gguf_out_text(g, key, source, n);
    }
    if (n_names)
        gguf_out_texts(g, "tokenizer.chat_templates", names, n_names);
    mem_free(names);
    return PLLM_OK;
}

/* Of a folder; a GGUF's own is among the metadata that are copied. */
static pllm_status put_tokenizer(struct quantizing *q, pllm_error *err)
{
    struct vocab_out v;
    if (q->model->checkpoint->gguf)
        return PLLM_OK;
    if (!q->tokenizer) {
        gguf_out_text(&q->head, "tokenizer.ggml.model", "none", strlen("none"));
        return put_end_tokens(q, -1, err);
    }
    pllm_status status = vocab_out_open(&v, q->tokenizer->tokenizer, (size_t)q->model->desc->vocab, q->name.at, err);
    if (status)
        return error_prefix(err, status, q->path);
    put_arrays(&q->head, &v.vocab);
    status = put_end_tokens(q, v.vocab.eos, err);
    vocab_out_fini(&v);
    return status ? status : put_templates(&q->head, q->tokenizer, err);
}

/* ---- The whole ------------------------------------------------------------------------------------------ */

/* Reads and checks everything but the weights' values. */
static pllm_status describe(struct quantizing *q, const char *path, const pllm_model_options *o, pllm_error *err)
{
    struct model_options mo = api_model_options(o, NULL);
    uint64_t bytes;
    mo.quantize = NULL;
    mo.activations = ACTIVATIONS_F32; /* every type has such a form: nothing will be computed */
    pllm_status status = api_check_model_options(o, err);
    if (!status)
        status = api_checkpoint(&q->checkpoint, &q->path, path, o, err);
    if (!status && !q->checkpoint->gguf)
        status = api_tokenizer_of(&q->tokenizer, q->checkpoint, err);
    if (status)
        return status;
    struct checkpoint *c = q->checkpoint;
    q->checkpoint = NULL; /* taken over, also on failure */
    return model_describe(&q->model, &bytes, c, &mo, err);
}

static pllm_status make_head(struct quantizing *q, const struct mix *mix, struct buf *head, pllm_error *err)
{
    pllm_status status = choose_name(q, err);
    if (!status && q->tokenizer && tokenizer_takes_space_after(q->tokenizer->tokenizer))
        status = name_phi3(q, err);
    if (!status)
        status = export_open(&q->export, q->model, mix, err);
    if (!status) {
        export_metadata(&q->export, &q->head, q->name.at);
        status = put_tokenizer(q, err);
    }
    if (!status)
        status = export_prove(&q->export, &q->head, err);
    if (!status)
        status = export_tensors(&q->export, &q->head, err);
    return status ? status : gguf_out_head(&q->head, head, err);
}

static pllm_status write_file(const struct quantizing *q, const struct buf *head, const char *out_path,
                              const pllm_model_options *o, pllm_error *err)
{
    const struct export_progress progress = {.call = o->progress, .user = o->progress_user};
    struct file_out file;
    struct pool *pool = NULL;
    const enum file_kind old = file_kind(out_path);
    if (old == FILE_FOLDER || old == FILE_OTHER) /* the new file would take a device's place */
        return error_set(err, PLLM_E_WRITE, "%s: is no regular file, wanted the name of the file to write", out_path);
    pllm_status status = file_out_open(&file, out_path, err);
    if (status)
        return status;
    status = pool_open(&pool, pool_choose_threads(o->threads, platform_cores()), err);
    if (!status)
        status = file_out_write(&file, head->at, head->n, err);
    if (!status)
        status = export_write(&q->export, &file, pool, &progress, err);
    pool_close(pool);
    if (!status)
        return file_out_commit(&file, err);
    file_out_abandon(&file);
    return status;
}

pllm_status pllm_quantize(const char *path, const char *out_path, const char *type, const pllm_model_options *options,
                          pllm_error *err)
{
    const pllm_model_options o = options ? *options : pllm_model_options_default();
    const struct mix *mix = mix_find(type);
    struct quantizing q = {0};
    struct buf head = {0};
    if (!mix)
        return error_set(err, PLLM_E_ARGUMENT, "type: is \"%s\", wanted %s", type, mix_names);
    pllm_status status = describe(&q, path, &o, err);
    if (!status)
        status = make_head(&q, mix, &head, err);
    if (!status)
        status = write_file(&q, &head, out_path, &o, err);
    vec_fini(&head);
    finish(&q);
    return status;
}
