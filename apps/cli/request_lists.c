#include "request_lists.h"

#include "cli.h"
#include "request_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *request_list_name(size_t i)
{
    static const char *const names[] = {"stop", "stop_token_ids", "allowed_token_ids", "bad_words", "logit_bias"};
    return i < sizeof names / sizeof *names ? names[i] : NULL;
}

bool request_list_is(const char *name)
{
    for (size_t i = 0; request_list_name(i); i++)
        if (strcmp(name, request_list_name(i)) == 0)
            return true;
    return false;
}

void request_lists_fini(struct request *r)
{
    free(r->stop);
    free(r->stop_tokens);
    free(r->allowed_tokens);
    free(r->bad_words);
    free(r->bad_word_lengths);
    free(r->logit_bias);
}

/* ---- From the command line --------------------------------------------------------------------------- */

static json_t *strings(const struct string_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < list->n; i++)
        if (json_array_append_new(array, json_string(list->at[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static const char *first_of(const struct string_list *list)
{
    return list->n ? list->at[0] : NULL;
}

/* "5,17" */
static json_t *ids_of(const char *text)
{
    json_t *array = json_array();
    while (array && *text) {
        char *end;
        errno = 0;
        long long id = strtoll(text, &end, 10);
        if (errno || end == text || (*end && (*end != ',' || !end[1]))) {
            json_decref(array);
            return NULL;
        }
        json_array_append_new(array, json_integer(id));
        text = end + (*end == ',');
    }
    return array;
}

/* "5:-100,17:0.5", or the JSON object itself. */
static json_t *bias_of(const char *text)
{
    if (*text == '{')
        return json_loads(text, 0, NULL);
    json_t *object = json_object();
    while (object && *text) {
        char key[24], *end;
        size_t n = strcspn(text, ":");
        double x = text[n] ? strtod(text + n + 1, &end) : 0;
        if (n == 0 || n >= sizeof key || !text[n] || end == text + n + 1 || (*end && (*end != ',' || !end[1]))) {
            json_decref(object);
            return NULL;
        }
        memcpy(key, text, n);
        key[n] = 0;
        if (json_object_set_new(object, key, json_real(x)) != 0) { /* JSON has no infinity, and no NaN */
            json_decref(object);
            return NULL;
        }
        text = end + (*end == ',');
    }
    return object;
}

int request_lists_of_options(json_t **out, const struct options *o)
{
    struct {
        const char *name, *option, *text, *wanted; /* text NULL: it was not given */
        json_t *value;
    } lists[] = {
        {"stop", "--stop", first_of(&o->stop), "UTF-8 text", o->stop.n ? strings(&o->stop) : NULL},
        {"bad_words", "--bad-words", first_of(&o->bad_words), "UTF-8 text", o->bad_words.n ? strings(&o->bad_words) : NULL},
        {"stop_token_ids", "--stop-token-ids", o->stop_token_ids, "token ids, as 5,17",
         o->stop_token_ids ? ids_of(o->stop_token_ids) : NULL},
        {"allowed_token_ids", "--allowed-token-ids", o->allowed_token_ids, "token ids, as 5,17",
         o->allowed_token_ids ? ids_of(o->allowed_token_ids) : NULL},
        {"logit_bias", "--logit-bias", o->logit_bias, "ID:X, as 5:-100,17:0.5",
         o->logit_bias ? bias_of(o->logit_bias) : NULL},
    };
    json_t *object = json_object();
    int code = EXIT_DONE;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (lists[i].text && !lists[i].value && !code)
            code = cli_fail(EXIT_USAGE, "%s: is \"%s\", wanted %s", lists[i].option, lists[i].text, lists[i].wanted);
        else if (lists[i].value)
            json_object_set_new(object, lists[i].name, lists[i].value);
    }
    if (code)
        json_decref(object);
    else
        *out = object;
    return code;
}

/* ---- Into a request ---------------------------------------------------------------------------------- */

pllm_status request_token_ids(json_t *list, const char *name, int32_t **out, size_t *n, pllm_error *err)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list))
        return request_unlike(err, name, list, "a list of token ids");
    int32_t *ids = malloc((count + 1) * sizeof *ids);
    if (!ids)
        return request_fail(err, PLLM_E_MEMORY, "%s: not enough memory", name);
    for (size_t i = 0; i < count; i++) {
        json_t *id = json_array_get(list, i);
        json_int_t value = json_integer_value(id);
        if (!json_is_integer(id) || value < 0 || value > INT32_MAX) {
            free(ids);
            return request_unlike_item(err, name, i, id, "a token id");
        }
        ids[i] = (int32_t)value;
    }
    *out = ids;
    *n = count;
    return PLLM_OK;
}

static pllm_status set_stop(struct request *r, json_t *list, pllm_error *err)
{
    size_t n = json_is_string(list) ? 1 : json_array_size(list);
    if (!json_is_string(list) && !json_is_array(list))
        return request_unlike(err, "stop", list, "a string or a list of strings");
    r->stop = malloc((n + 1) * sizeof *r->stop);
    if (!r->stop)
        return request_fail(err, PLLM_E_MEMORY, "stop: not enough memory");
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_is_string(list) ? list : json_array_get(list, i);
        const char *text = json_string_value(one);
        if (!text || !*text || strlen(text) != json_string_length(one))
            return request_unlike_item(err, "stop", i, one, "a string that is not empty and has no NUL");
        r->stop[i] = text;
    }
    r->request.stop = r->stop;
    r->request.n_stop = n;
    return PLLM_OK;
}

static pllm_status set_bias(struct request *r, json_t *object, pllm_error *err)
{
    const char *key;
    json_t *value;
    size_t n = 0;
    if (!json_is_object(object))
        return request_unlike(err, "logit_bias", object, "an object, as {\"5\": -100}");
    r->logit_bias = malloc((json_object_size(object) + 1) * sizeof *r->logit_bias);
    if (!r->logit_bias)
        return request_fail(err, PLLM_E_MEMORY, "logit_bias: not enough memory");
    json_object_foreach(object, key, value)
    {
        char *end;
        errno = 0;
        long long token = strtoll(key, &end, 10);
        char field[64];
        const size_t shown = request_shown(key, 40);
        snprintf(field, sizeof field, "logit_bias.%.*s%s", (int)shown, key, key[shown] ? "..." : "");
        if (errno || end == key || *end || token < 0 || token > INT32_MAX)
            return request_fail(err, PLLM_E_ARGUMENT, "%s: is no token id, wanted one, as {\"5\": -100}", field);
        if (!json_is_number(value))
            return request_unlike(err, field, value, "a number");
        r->logit_bias[n++] = (pllm_bias){.token = (int32_t)token, .bias = (float)json_number_value(value)};
    }
    r->request.sampling.logit_bias = r->logit_bias;
    r->request.sampling.n_logit_bias = n;
    return PLLM_OK;
}

/* The line's list of that name, or else the command line's; NULL: neither. */
static json_t *list_of(const struct request *r, const struct request_context *c, const char *name)
{
    json_t *list = json_object_get(r->line, name);
    if (!list)
        list = json_object_get(c->lists, name);
    return json_is_null(list) ? NULL : list;
}

pllm_status request_lists(struct request *r, const struct request_context *c, pllm_error *err)
{
    json_t *stop = list_of(r, c, "stop"), *stop_tokens = list_of(r, c, "stop_token_ids");
    json_t *allowed = list_of(r, c, "allowed_token_ids"), *bad = list_of(r, c, "bad_words");
    json_t *bias = list_of(r, c, "logit_bias");
    pllm_sampling *s = &r->request.sampling;
    pllm_status status = stop ? set_stop(r, stop, err) : PLLM_OK;
    if (!status && stop_tokens)
        status = request_token_ids(stop_tokens, "stop_token_ids", &r->stop_tokens, &r->request.n_stop_tokens, err);
    if (!status && allowed)
        status = request_token_ids(allowed, "allowed_token_ids", &r->allowed_tokens, &s->n_allowed_tokens, err);
    if (!status && bias)
        status = set_bias(r, bias, err);
    if (!status && bad)
        status = request_bad_words(r, c, bad, err);
    if (!status && allowed && s->n_allowed_tokens == 0) /* the library would read it as: all */
        status = request_fail(err, PLLM_E_ARGUMENT, "allowed_token_ids: is empty, wanted at least one token");
    r->request.stop_tokens = r->stop_tokens;
    s->allowed_tokens = r->allowed_tokens;
    return status;
}
