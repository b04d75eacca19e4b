/* The lists of a request: "stop", "stop_token_ids", "allowed_token_ids", "bad_words", "logit_bias". Those of
 * the command line are brought into their JSON form first, so that there is one reader. */
#ifndef PARALLM_CLI_REQUEST_LISTS_H
#define PARALLM_CLI_REQUEST_LISTS_H

#include "request.h"

const char *request_list_name(size_t i); /* of the fields that are lists; NULL: there are no more */
bool request_list_is(const char *name); /* is it the field of a list? */

/* The command line's lists as an object. Returns an exit code, after a message. */
int request_lists_of_options(json_t **out, const struct options *o);

/* Reads all lists of r->line, or else the command line's, into r->request. */
pllm_status request_lists(struct request *r, const struct request_context *c, pllm_error *err);
void request_lists_fini(struct request *r);

#endif
