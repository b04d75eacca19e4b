/* What stands behind the public handles: shared by the files of the api layer (src/api_*.c), which alone see both
 * parallm.h and the layers. */
#ifndef PARALLM_API_H
#define PARALLM_API_H

#include "base/error.h"
#include "base/pool.h"
#include "base/vec.h"
#include "text/chat.h"
#include "text/tokenizer.h"

#include "model/model.h"

/* Our own metadata: tokens that scores would merge and the tokenizer does not (struct gguf_vocab). */
#define API_UNMERGED_KEY "parallm.unmerged_tokens"

struct checkpoint;
struct engine;

struct pllm_template {
    struct jinja_template *jinja;
};

struct named_template {
    char *name; /* NULL: the default one */
    pllm_template *chat_template;
};

struct pllm_tokenizer {
    struct tokenizer *tokenizer;
    VEC(struct named_template) templates;
};

struct pllm_model {
    struct model *model;
    pllm_tokenizer *tokenizer; /* NULL: the checkpoint has none */
    int32_t *end_tokens;       /* all of them: of the config, the generation config and the vocabulary */
    size_t n_end_tokens;
    char *path;                /* of the checkpoint, which keeps pointing to it */
};

struct pllm_engine {
    struct engine *engine;
    const pllm_model *model;
};

/* The tokenizer (and templates) of an opened checkpoint: of the GGUF's metadata, or of the folder's files. *out is NULL where
 * a folder has none. api_text.c. */
pllm_status api_tokenizer_of(pllm_tokenizer **out, const struct checkpoint *c, pllm_error *err);

/* api_folder.c: the same for a folder, into *t, whose tokenizer stays NULL where there is none. */
pllm_status api_tokenizer_of_folder(pllm_tokenizer *t, const char *folder, pllm_error *err);
/* Parses a template and adds it; `where` is for messages, `name` NULL: the default one. */
pllm_status api_add_template(pllm_tokenizer *t, const char *source, size_t n, const char *where, const char *name,
                             pllm_error *err);

/* A path as it is, or a Hugging Face name as what it stands for in the cache, downloaded if need be (*out: mem_free).
 * api_hub.c. */
enum api_want { API_MODEL, API_TOKENIZER /* of a folder, only the files that say something of text */ };
pllm_status api_resolve(char **out, const char *path, const pllm_model_options *o, enum api_want want, pllm_error *err);

/* api_model.c: options in the layers' terms, and a checkpoint from a path or name; *path_of must outlive it. */
struct model_options api_model_options(const pllm_model_options *o, struct pool *pool);
pllm_status api_check_model_options(const pllm_model_options *o, pllm_error *err);
pllm_status api_checkpoint(struct checkpoint **out, char **path_of, const char *path, const pllm_model_options *o,
                           pllm_error *err);

/* api_info.c */
pllm_status api_model_text(const struct model *m, char **text, pllm_error *err);

#endif
