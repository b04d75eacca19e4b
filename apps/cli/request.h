/* From a line of input to a request: the prompt as tokens, how to draw, when to stop. What a line does not say,
 * the command line says. */
#ifndef PARALLM_CLI_REQUEST_H
#define PARALLM_CLI_REQUEST_H

#include "cli.h"

#include <jansson.h>

/* What turns a line's text into tokens, and what the command line says of all lines. */
struct request_context {
    const pllm_tokenizer *tokenizer;    /* NULL: the model has none, and takes token ids alone */
    const pllm_template *chat_template; /* the model's, or own_template */
    pllm_template *own_template;        /* of --chat-template; ChatML where the model has none */
    bool knows_chat;                    /* the template is the model's or the user's: plain texts are messages */
    const struct options *options;
    struct sampling_fields sampling; /* of a line that says nothing: the command line's, the model's with --generation-config auto */
    struct adapter_name adapter; /* of a line that names none */
    json_t *lists; /* the command line's lists as fields of a line: "stop", "logit_bias" ... */
    bool plain;    /* lines are texts, not JSON */
};

int request_context_init(struct request_context *c, const pllm_model *model, const struct options *o);
void request_context_fini(struct request_context *c);

/* A line as read. `request` points into what is kept here. */
struct request {
    pllm_request request;
    json_t *line; /* the whole object, NULL for a plain text; strings of the request point into it */
    json_t *id;   /* the line's "id", part of `line`; NULL: it has none */
    char *text;          /* the prompt's, from "prompt" or rendered from "messages" (free); NULL: it came as ids */
    size_t n_text;
    bool add_special;    /* the text was tokenized with special tokens round it */
    int32_t *tokens;     /* of the text (pllm_free) */
    int32_t *prompt_ids; /* of "prompt_token_ids" */
    const char **stop; /* strings owned by `line` or the context */
    int32_t *stop_tokens, *allowed_tokens, *bad_words;
    size_t *bad_word_lengths;
    pllm_bias *logit_bias;
};

/* Reads a line. On failure *err is the line's error, "FIELD: what is wrong", and r->id is set where the line
 * has one. request_fini in either case. */
pllm_status request_read(struct request *r, const struct request_context *c, const char *line, size_t n,
                         pllm_error *err);
void request_fini(struct request *r);
/* Lets the prompt go, which the engine has copied; stop strings and the id stay. */
void request_drop_prompt(struct request *r);

/* Steps of it, for `score`. Parses the line into r->line and r->id. */
pllm_status request_parse(struct request *r, const char *line, size_t n, pllm_error *err);
/* Sets the prompt from "prompt", "messages" or "prompt_token_ids". */
pllm_status request_prompt(struct request *r, const struct request_context *c, pllm_error *err);
/* Sets the prompt to a text. add_special: with the begin and end tokens that the tokenizer's configuration asks for. */
pllm_status request_text(struct request *r, const struct request_context *c, const char *text, size_t n,
                         bool add_special, pllm_error *err);
/* Sets the adapter from "lora", or else the context's. */
pllm_status request_adapter(struct request *r, const struct request_context *c, pllm_error *err);
/* The field of the line; NULL: there is none, or it is null. */
json_t *request_field(const struct request *r, const char *name);
/* Reads a list of token ids (malloc); `name` is for the message. */
pllm_status request_token_ids(json_t *list, const char *name, int32_t **out, size_t *n, pllm_error *err);

/* PLLM_E_ARGUMENT, "FIELD: is VALUE, wanted WANTED", with a long value cut; NULL is missing. */
pllm_status request_unlike(pllm_error *err, const char *field, const json_t *value, const char *wanted);

/* The same of the list's item: "LIST[i]: is ..." */
pllm_status request_unlike_item(pllm_error *err, const char *list, size_t i, const json_t *value, const char *wanted);

/* How many bytes of `text` to show, at most `most`: all, or so many that the cut is between two characters. */
size_t request_shown(const char *text, size_t most);

/* Fills a pllm_error; returns `status`. */
pllm_status request_fail(pllm_error *err, pllm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
