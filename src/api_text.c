/* pllm_tokenizer: from a GGUF file's metadata. */
#include "api.h"

#include "base/mem.h"
#include "weights/gguf.h"
#include "weights/tensor.h"

#include <stdio.h>
#include <string.h>

/* ---- GGUF ---------------------------------------------------------------------------------------- */

/* What gguf_* copied, to be freed when the tokenizer is made. */
struct vocab_arrays {
    struct text_span *tokens, *merges;
    float *scores;
    int32_t *types, *unmerged;
    size_t n_scores, n_types;
};

static void free_arrays(struct vocab_arrays *a)
{
    mem_free(a->tokens);
    mem_free(a->merges);
    mem_free(a->scores);
    mem_free(a->types);
    mem_free(a->unmerged);
}

static pllm_status read_arrays(struct vocab_arrays *a, struct gguf_vocab *v, const struct gguf *g, pllm_error *err)
{
    pllm_status status = gguf_strings(g, "tokenizer.ggml.tokens", &a->tokens, &v->n_tokens, err);
    if (!status)
        status = gguf_strings(g, "tokenizer.ggml.merges", &a->merges, &v->n_merges, err);
    if (!status)
        status = gguf_floats(g, "tokenizer.ggml.scores", &a->scores, &a->n_scores, err);
    if (!status)
        status = gguf_ints(g, "tokenizer.ggml.token_type", &a->types, &a->n_types, err);
    if (!status)
        status = gguf_ints(g, API_UNMERGED_KEY, &a->unmerged, &v->n_unmerged, err);
    if (status)
        return status;
    if (!v->n_tokens)
        return error_set(err, PLLM_E_FORMAT, "%s: tokenizer.ggml.tokens: is missing", g->source);
    if (a->scores && a->n_scores != v->n_tokens)
        return error_set(err, PLLM_E_FORMAT, "%s: tokenizer.ggml.scores: has %zu numbers, wanted %zu, one for each token",
                         g->source, a->n_scores, v->n_tokens);
    if (a->types && a->n_types != v->n_tokens)
        return error_set(err, PLLM_E_FORMAT,
                         "%s: tokenizer.ggml.token_type: has %zu numbers, wanted %zu, one for each token", g->source,
                         a->n_types, v->n_tokens);
    v->tokens = a->tokens;
    v->merges = a->merges;
    v->scores = a->scores;
    v->types = a->types;
    v->unmerged = a->unmerged;
    return PLLM_OK;
}

static pllm_status read_ids(struct gguf_vocab *v, const struct gguf *g, pllm_error *err)
{
    const struct {
        const char *key;
        int64_t *out;
    } ids[] = {{"tokenizer.ggml.bos_token_id", &v->bos},
               {"tokenizer.ggml.eos_token_id", &v->eos},
               {"tokenizer.ggml.unknown_token_id", &v->unk}};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        pllm_status status = gguf_int(g, ids[i].key, 0, (int64_t)v->n_tokens - 1, -1, ids[i].out, err);
        if (status)
            return status;
    }
    return PLLM_OK;
}

static pllm_status read_flags(struct gguf_vocab *v, const struct gguf *g, pllm_error *err)
{
    const struct {
        const char *key;
        int *out;
    } flags[] = {{"tokenizer.ggml.add_bos_token", &v->add_bos},
                 {"tokenizer.ggml.add_eos_token", &v->add_eos},
                 {"tokenizer.ggml.add_space_prefix", &v->add_space_prefix}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        int64_t value;
        pllm_status status = gguf_int(g, flags[i].key, 0, 1, -1, &value, err);
        if (status)
            return status;
        *flags[i].out = (int)value;
    }
    return PLLM_OK;
}

static pllm_status tokenizer_of_gguf(struct tokenizer **out, const struct gguf *g, pllm_error *err)
{
    struct gguf_vocab v = {0};
    struct vocab_arrays arrays = {0};
    size_t n;
    pllm_status status = gguf_text(g, "tokenizer.ggml.model", &v.model, &n, err);
    if (!status && !v.model)
        status = error_set(err, PLLM_E_FORMAT, "%s: tokenizer.ggml.model: is missing", g->source);
    if (!status && strcmp(v.model, "none") == 0)
        return PLLM_OK;
    if (!status)
        status = gguf_text(g, "tokenizer.ggml.pre", &v.pre, &n, err);
    if (!status)
        status = gguf_text(g, "general.name", &v.name, &n, err);
    if (!status)
        status = read_arrays(&arrays, &v, g, err);
    if (!status)
        status = read_ids(&v, g, err);
    if (!status)
        status = read_flags(&v, g, err);
    if (!status)
        status = tokenizer_from_gguf(out, &v, err);
    free_arrays(&arrays);
    return status;
}

/* ---- Chat templates ----------------------------------------------------------------------------- */

/* Takes the template over; name (copied) NULL: the default one. */
static pllm_status add_template(pllm_tokenizer *t, pllm_template *chat_template, const char *name, pllm_error *err)
{
    struct named_template entry = {.name = name ? mem_strdup(name) : NULL, .chat_template = chat_template};
    if ((name && !entry.name) || !vec_push(&t->templates, entry)) {
        mem_free(entry.name);
        pllm_template_close(chat_template);
        return error_memory(err, "chat template");
    }
    return PLLM_OK;
}

pllm_status api_add_template(pllm_tokenizer *t, const char *source, size_t n, const char *where, const char *name,
                             pllm_error *err)
{
    pllm_template *chat_template;
    pllm_status status = pllm_template_open(&chat_template, source, n, where, err);
    return status ? status : add_template(t, chat_template, name, err);
}

/* "tokenizer.chat_templates" lists names; each has its template under the name. One that is not there is no error. */
static pllm_status named_templates(pllm_tokenizer *t, const struct gguf *g, pllm_error *err)
{
    struct text_span *names = NULL;
    size_t n_names = 0, n;
    pllm_status status = gguf_strings(g, "tokenizer.chat_templates", &names, &n_names, err);
    for (size_t i = 0; !status && i < n_names; i++) {
        char key[128], name[65];
        const char *source = NULL;
        snprintf(name, sizeof name, "%.*s", (int)(names[i].n < 64 ? names[i].n : 64), names[i].at);
        snprintf(key, sizeof key, "tokenizer.chat_template.%s", name);
        status = gguf_text(g, key, &source, &n, err);
        if (!status && source)
            status = api_add_template(t, source, n, key, name, err);
    }
    mem_free(names);
    return status;
}

static pllm_status templates_of_gguf(pllm_tokenizer *t, const struct gguf *g, pllm_error *err)
{
    const char *source;
    size_t n;
    pllm_status status = gguf_text(g, "tokenizer.chat_template", &source, &n, err);
    if (!status && source)
        status = api_add_template(t, source, n, "tokenizer.chat_template", NULL, err);
    return status ? status : named_templates(t, g, err);
}

/* ---- Public -------------------------------------------------------------------------------------- */

pllm_status api_tokenizer_of(pllm_tokenizer **out, const struct checkpoint *c, pllm_error *err)
{
    pllm_tokenizer *t = mem_zalloc(1, sizeof *t);
    if (!t)
        return error_memory(err, "tokenizer");
    pllm_status status = c->gguf ? tokenizer_of_gguf(&t->tokenizer, c->gguf, err)
                                 : api_tokenizer_of_folder(t, c->path, err);
    if (!status && c->gguf)
        status = templates_of_gguf(t, c->gguf, err);
    if (status || !t->tokenizer) {
        pllm_tokenizer_close(t);
        return status;
    }
    *out = t;
    return PLLM_OK;
}

void pllm_tokenizer_close(pllm_tokenizer *t)
{
    if (!t)
        return;
    while (t->templates.n) {
        struct named_template last = vec_pop(&t->templates);
        mem_free(last.name);
        pllm_template_close(last.chat_template);
    }
    vec_fini(&t->templates);
    tokenizer_close(t->tokenizer);
    mem_free(t);
}

pllm_status pllm_tokenize(const pllm_tokenizer *t, const char *text, size_t n_text, bool add_special, bool parse_special,
                          int32_t **tokens, size_t *n_tokens, pllm_error *err)
{
    ids_vec ids = {0};
    pllm_status status = vec_reserve(&ids, 1) ? tokenizer_encode(t->tokenizer, &ids, text, n_text, add_special,
                                                                 parse_special, err)
                                              : error_memory(err, "tokens");
    if (status) {
        vec_fini(&ids);
        return status;
    }
    *tokens = ids.at;
    *n_tokens = ids.n;
    return PLLM_OK;
}

/* An id that no token has would be lost in silence. */
static pllm_status check_ids(const struct tokenizer *t, const int32_t *ids, size_t n, pllm_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!tokenizer_token(t, ids[i]).at)
            return error_set(err, PLLM_E_ARGUMENT, "token_ids[%zu]: is %d, which is no token of the vocabulary of %zu", i,
                             (int)ids[i], tokenizer_size(t));
    return PLLM_OK;
}

pllm_status pllm_detokenize(const pllm_tokenizer *t, const int32_t *tokens, size_t n_tokens, bool skip_special, char **text,
                            size_t *n_text, pllm_error *err)
{
    struct buf b = {0};
    pllm_status status = check_ids(t->tokenizer, tokens, n_tokens, err);
    if (!status)
        status = tokenizer_decode(t->tokenizer, &b, tokens, n_tokens, skip_special, err);
    if (!status && !buf_terminate(&b))
        status = error_memory(err, "text");
    if (status) {
        vec_fini(&b);
        return status;
    }
    *text = b.at;
    *n_text = b.n;
    return PLLM_OK;
}

const char *pllm_token_text(const pllm_tokenizer *t, int32_t token, size_t *n_text)
{
    const struct text_span text = tokenizer_token(t->tokenizer, token);
    if (text.at)
        *n_text = text.n;
    return text.at;
}

int32_t pllm_token_id(const pllm_tokenizer *t, const char *text, size_t n_text)
{
    return tokenizer_find(t->tokenizer, text, n_text);
}

size_t pllm_vocab_size(const pllm_tokenizer *t)
{
    return tokenizer_size(t->tokenizer);
}

int32_t pllm_bos_token(const pllm_tokenizer *t)
{
    return tokenizer_bos(t->tokenizer);
}

int32_t pllm_eos_token(const pllm_tokenizer *t)
{
    return tokenizer_eos(t->tokenizer);
}
