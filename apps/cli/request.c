#include "request.h"

#include "cli.h"
#include "request_fields.h"
#include "request_lists.h"
#include "request_messages.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

pllm_status request_fail(pllm_error *err, pllm_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->status = status;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

size_t request_shown(const char *text, size_t most)
{
    size_t n = strnlen(text, most);
    while (text[n] && n && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

pllm_status request_unlike(pllm_error *err, const char *field, const json_t *value, const char *wanted)
{
    enum { SHOWN = 60 };
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    const char *const shown = text ? text : value ? "?" : "missing";
    const size_t n = request_shown(shown, SHOWN);
    request_fail(err, PLLM_E_ARGUMENT, "%s: is %.*s%s, wanted %s", field, (int)n, shown, shown[n] ? "..." : "", wanted);
    free(text);
    return PLLM_E_ARGUMENT;
}

pllm_status request_unlike_item(pllm_error *err, const char *list, size_t i, const json_t *value, const char *wanted)
{
    char field[64];
    snprintf(field, sizeof field, "%s[%zu]", list, i);
    return request_unlike(err, field, value, wanted);
}

/* ---- What all lines share ------------------------------------------------------------------------------ */

static void set_sampling(pllm_request *r, const struct sampling_fields *s)
{
    pllm_sampling *to = &r->sampling;
    to->temperature = (float)s->temperature;
    to->top_k = (int32_t)s->top_k;
    to->top_p = (float)s->top_p;
    to->min_p = (float)s->min_p;
    to->typical_p = (float)s->typical_p;
    to->repetition_penalty = (float)s->repetition_penalty;
    to->repetition_context_size = (int32_t)s->repetition_context_size;
    to->presence_penalty = (float)s->presence_penalty;
    to->frequency_penalty = (float)s->frequency_penalty;
    to->xtc_probability = (float)s->xtc_probability;
    to->xtc_threshold = (float)s->xtc_threshold;
    to->dry_multiplier = (float)s->dry_multiplier;
    to->dry_base = (float)s->dry_base;
    to->dry_allowed_length = (int32_t)s->dry_allowed_length;
    to->dry_range = (int32_t)s->dry_range;
    to->has_seed = s->seed >= 0;
    to->seed = to->has_seed ? (uint64_t)s->seed : 0;
    r->n = (int32_t)s->n;
    r->max_tokens = (int32_t)s->max_tokens;
    r->min_tokens = (int32_t)s->min_tokens;
    r->ignore_eos = s->ignore_eos;
    r->include_stop = s->include_stop_str_in_output;
    r->show_special = !s->skip_special_tokens;
    r->logprobs = (int32_t)s->logprobs;
    r->prompt_logprobs = (int32_t)s->prompt_logprobs;
    r->priority = (int32_t)s->priority;
}

/* What the model says of sampling takes the place of what the command line left at its default. */
static int ask_model(struct sampling_fields *s, const pllm_model *model, const struct options *o)
{
    pllm_request r = pllm_request_default();
    pllm_error err;
    set_sampling(&r, s);
    if (pllm_model_generation(model, &r, &err))
        return cli_fail_error(&err);
#define TELL(field, value) s->field = o->sampling_given[offsetof(struct sampling_fields, field)] ? s->field : (value)
    TELL(temperature, (double)r.sampling.temperature);
    TELL(top_k, r.sampling.top_k);
    TELL(top_p, (double)r.sampling.top_p);
    TELL(min_p, (double)r.sampling.min_p);
    TELL(typical_p, (double)r.sampling.typical_p);
    TELL(repetition_penalty, (double)r.sampling.repetition_penalty);
    TELL(repetition_context_size, r.sampling.repetition_context_size);
    TELL(xtc_probability, (double)r.sampling.xtc_probability);
    TELL(xtc_threshold, (double)r.sampling.xtc_threshold);
    TELL(max_tokens, r.max_tokens);
#undef TELL
    return EXIT_DONE;
}

int request_context_init(struct request_context *c, const pllm_model *model, const struct options *o)
{
    const pllm_tokenizer *tokenizer = pllm_model_tokenizer(model);
    *c = (struct request_context){.tokenizer = tokenizer, .options = o, .sampling = o->sampling, .plain = o->text || o->prompts.n};
    int code = o->generation_config && strcmp(o->generation_config, "auto") == 0 ? ask_model(&c->sampling, model, o) : EXIT_DONE;
    if (!code && c->plain)
        code = cli_only_adapter(&c->adapter, o);
    if (!code)
        code = request_template_open(c);
    if (!code)
        code = request_lists_of_options(&c->lists, o);
    if (code)
        request_context_fini(c);
    return code;
}

void request_context_fini(struct request_context *c)
{
    request_template_close(c);
    json_decref(c->lists);
}

void request_fini(struct request *r)
{
    request_drop_prompt(r);
    request_lists_fini(r);
    json_decref(r->line);
}

void request_drop_prompt(struct request *r)
{
    static const char *const names[] = {"prompt", "messages", "prompt_token_ids", "tools", "documents"};
    for (size_t i = 0; r->line && i < sizeof names / sizeof *names; i++)
        json_object_del(r->line, names[i]);
    free(r->text);
    pllm_free(r->tokens);
    free(r->prompt_ids);
    r->text = NULL;
    r->tokens = r->prompt_ids = NULL;
    r->request.tokens = NULL;
}

/* ---- The prompt -------------------------------------------------------------------------------------- */

pllm_status request_text(struct request *r, const struct request_context *c, const char *text, size_t n,
                         bool add_special, pllm_error *err)
{
    size_t n_tokens;
    if (!c->tokenizer)
        return request_fail(err, PLLM_E_ARGUMENT,
                            "prompt: the model has no tokenizer to read text with, wanted \"prompt_token_ids\"");
    pllm_status status = pllm_tokenize(c->tokenizer, text, n, add_special, true, &r->tokens, &n_tokens, err);
    if (status)
        return status;
    if (n_tokens == 0)
        return request_fail(err, PLLM_E_ARGUMENT, "prompt: is empty, wanted at least one token");
    r->request.tokens = r->tokens;
    r->request.n_tokens = n_tokens;
    r->text = malloc(n + 1);
    if (!r->text)
        return request_fail(err, PLLM_E_MEMORY, "prompt: not enough memory");
    memcpy(r->text, text, n);
    r->n_text = n;
    r->add_special = add_special;
    return PLLM_OK;
}

pllm_status request_prompt(struct request *r, const struct request_context *c, pllm_error *err)
{
    json_t *prompt = request_field(r, "prompt"), *messages = request_field(r, "messages");
    json_t *ids = request_field(r, "prompt_token_ids");
    const int n = (prompt != NULL) + (messages != NULL) + (ids != NULL);
    if (n != 1)
        return request_fail(err, PLLM_E_ARGUMENT, "prompt: %s, wanted one of \"prompt\", \"messages\" and \"prompt_token_ids\"",
                            n ? "stands there in several forms" : "is missing");
    if (messages)
        return request_messages(r, c, messages, err);
    if (ids) {
        pllm_status status = request_token_ids(ids, "prompt_token_ids", &r->prompt_ids, &r->request.n_tokens, err);
        if (!status && r->request.n_tokens == 0)
            return request_fail(err, PLLM_E_ARGUMENT, "prompt_token_ids: is empty, wanted at least one token");
        r->request.tokens = r->prompt_ids;
        return status;
    }
    if (!json_is_string(prompt))
        return request_unlike(err, "prompt", prompt, "a string");
    return request_text(r, c, json_string_value(prompt), json_string_length(prompt), true, err);
}

/* ---- The line ---------------------------------------------------------------------------------------- */

pllm_status request_parse(struct request *r, const char *line, size_t n, pllm_error *err)
{
    json_error_t why;
    r->line = json_loadb(line, n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!r->line)
        return request_fail(err, PLLM_E_FORMAT, "the line is no JSON: %s, at byte %d", why.text, why.position);
    if (!json_is_object(r->line))
        return request_unlike(err, "the line", r->line, "a JSON object");
    json_t *id = json_object_get(r->line, "id");
    if (id && !json_is_null(id) && !json_is_string(id) && !json_is_integer(id))
        return request_unlike(err, "id", id, "a string or an integer");
    r->id = json_is_null(id) ? NULL : id;
    return PLLM_OK;
}

json_t *request_field(const struct request *r, const char *name)
{
    json_t *value = json_object_get(r->line, name);
    return json_is_null(value) ? NULL : value;
}

pllm_status request_adapter(struct request *r, const struct request_context *c, pllm_error *err)
{
    json_t *lora = request_field(r, "lora");
    if (lora && !json_is_string(lora))
        return request_unlike(err, "lora", lora, "the name of an adapter");
    r->request.adapter = lora ? json_string_value(lora) : c->adapter.text[0] ? c->adapter.text : NULL;
    return PLLM_OK;
}

static bool looks_like_json(const char *line, size_t n)
{
    size_t i = 0;
    while (i < n && (line[i] == ' ' || line[i] == '\t'))
        i++;
    return i < n && (line[i] == '{' || line[i] == '[');
}

pllm_status request_read(struct request *r, const struct request_context *c, const char *line, size_t n,
                         pllm_error *err)
{
    struct sampling_fields fields = c->sampling;
    pllm_status status = PLLM_OK;
    *r = (struct request){.request = pllm_request_default()};
    if (!c->plain)
        status = request_parse(r, line, n, err);
    if (status && !json_is_object(r->line) && !looks_like_json(line, n)) {
        const size_t used = strlen(err->message);
        snprintf(err->message + used, sizeof err->message - used, "; with --text a line is a prompt");
    }
    if (!status && r->line)
        status = request_fields(&fields, r->line, err);
    if (!status)
        status = request_adapter(r, c, err);
    if (!status)
        status = c->plain ? request_plain(r, c, line, n, err) : request_prompt(r, c, err);
    if (!status)
        status = request_lists(r, c, err);
    set_sampling(&r->request, &fields);
    return status;
}
