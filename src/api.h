/* What stands behind the public handles: shared by the files of the api layer (src/api_*.c), which alone see both
 * parallm.h and the layers. */
#ifndef PARALLM_API_H
#define PARALLM_API_H

#include "base/error.h"
#include "base/pool.h"
#include "base/vec.h"
#include "text/chat.h"
#include "text/tokenizer.h"

struct checkpoint;
struct engine;
struct model;

struct pllm_template {
    struct chat_template *chat;
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
};

struct pllm_engine {
    struct engine *engine;
    const pllm_model *model;
};

/* The tokenizer (and templates) of an opened checkpoint: of the GGUF's metadata, or of the folder's files. *out is NULL where
 * a folder has none. api_text.c. */
pllm_status api_tokenizer_of(pllm_tokenizer **out, const struct checkpoint *c, pllm_error *err);

#endif
