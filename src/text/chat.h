/* Chat templates: the checkpoint's own Jinja, run by an interpreter without access to anything outside,
 * with limits on steps, depth and output. Immutable after opening; any number of threads may render. */
#ifndef PARALLM_TEXT_CHAT_H
#define PARALLM_TEXT_CHAT_H

#include "base/error.h"
#include "base/json.h"
#include "base/vec.h"

struct chat_template;

/* `name` is used in messages; both are copied. PLLM_E_FORMAT: the template does not parse. */
pllm_status chat_template_open(struct chat_template **out, const char *source, size_t n, const char *name,
                               pllm_error *err);
void chat_template_close(struct chat_template *t);
const char *chat_template_source(const struct chat_template *t, size_t *n);

/* Renders at the end of *text. `variables` is an object: messages, tools, documents, add_generation_prompt, bos_token,
 * eos_token, date (what strftime_now sees) and whatever else the template reads. bos and eos (may be NULL) stand in
 * where it has none. PLLM_E_ARGUMENT: raise_exception or a limit or a Python-like error at run time. */
pllm_status chat_render(const struct chat_template *t, const struct json *variables, const char *bos, const char *eos,
                        struct buf *text, pllm_error *err);

#endif
