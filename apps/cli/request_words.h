/* Words that an answer must not have, as the tokens that would write them. */
#ifndef PARALLM_CLI_REQUEST_WORDS_H
#define PARALLM_CLI_REQUEST_WORDS_H

#include "request.h"

/* Sets the request's bad words from "bad_words", a list of strings. */
pllm_status request_bad_words(struct request *r, const struct request_context *c, json_t *list, pllm_error *err);

#endif
