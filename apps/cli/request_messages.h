/* Prompts by the chat template: "messages" of a line, and plain texts as what a user says. */
#ifndef PARALLM_CLI_REQUEST_MESSAGES_H
#define PARALLM_CLI_REQUEST_MESSAGES_H

#include "request.h"

/* The model's own template, or that of --chat-template. Returns an exit code, after a message. */
int request_template_open(struct request_context *c);
void request_template_close(struct request_context *c);

/* Sets the prompt to a conversation; a template writes the special tokens itself. */
pllm_status request_messages(struct request *r, const struct request_context *c, json_t *messages, pllm_error *err);
/* Sets the prompt to a text of --prompt or --text: what a user says, where the model has a template. */
pllm_status request_plain(struct request *r, const struct request_context *c, const char *text, size_t n,
                          pllm_error *err);

#endif
