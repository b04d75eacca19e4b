#include "request_messages.h"

int request_template_open(struct request_context *c)
{
    c->chat_template = NULL;
    return 0;
}

void request_template_close(struct request_context *c)
{
    (void)c;
}

pllm_status request_messages(struct request *r, const struct request_context *c, json_t *messages, pllm_error *err)
{
    (void)r, (void)c, (void)messages;
    return request_fail(err, PLLM_E_UNSUPPORTED, "messages: this build knows no chat templates, wanted \"prompt\"");
}

pllm_status request_plain(struct request *r, const struct request_context *c, const char *text, size_t n,
                          pllm_error *err)
{
    return request_text(r, c, text, n, true, err);
}
