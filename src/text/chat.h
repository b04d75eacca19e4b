/* Chat templates: the checkpoint's own Jinja, run by an interpreter without access to anything outside,
 * with limits on steps, depth and output. Immutable after opening; any number of threads may render. */
#ifndef PARALLM_TEXT_CHAT_H
#define PARALLM_TEXT_CHAT_H

#include "base/error.h"
#include "base/json.h"
#include "base/vec.h"
#include "text/jinja/jinja.h"

/* Renders at the end of *text. `variables` is an object: messages, tools, documents, add_generation_prompt, bos_token,
 * eos_token, date (what strftime_now sees) and whatever else the template reads. bos and eos (may be NULL) stand in
 * where it has none. PLLM_E_ARGUMENT: raise_exception or a limit or a Python-like error at run time. */
pllm_status chat_render(const struct jinja_template *t, const struct json *variables, const char *bos, const char *eos,
                        struct buf *text, pllm_error *err);

#endif
