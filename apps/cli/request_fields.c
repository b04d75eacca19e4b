#include "request_fields.h"

#include "foreign_names.h"
#include "nearest.h"
#include "request_lists.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* ---- Values ------------------------------------------------------------------------------------------ */

static pllm_status number_of(double *out, const struct option_def *d, const char *name, json_t *value, pllm_error *err)
{
    double x = json_number_value(value);
    bool whole = d->kind == OPTION_NUMBER || x == floor(x);
    if (json_is_number(value) && x >= d->least && x <= d->most && whole) {
        *out = x;
        return PLLM_OK;
    }
    char wanted[96];
    option_range(wanted, sizeof wanted, d);
    request_unlike(err, name, value, wanted);
    return PLLM_E_ARGUMENT;
}

static pllm_status set_field(struct sampling_fields *s, const struct option_def *d, const char *name, json_t *value,
                             pllm_error *err)
{
    void *at = (char *)s + (d->offset - offsetof(struct options, sampling));
    double x;
    if (d->kind == OPTION_FLAG || d->kind == OPTION_NO_FLAG) {
        if (!json_is_boolean(value))
            return request_unlike(err, name, value, "true or false");
        *(bool *)at = json_is_true(value);
        return PLLM_OK;
    }
    pllm_status status = number_of(&x, d, name, value, err);
    if (status)
        return status;
    if (d->kind == OPTION_NUMBER)
        *(double *)at = x;
    else
        *(int64_t *)at = json_is_integer(value) ? (int64_t)json_integer_value(value) : (int64_t)x;
    return PLLM_OK;
}

/* ---- Names ------------------------------------------------------------------------------------------- */

static bool is_in(const struct field_set *set, const char *name)
{
    for (size_t i = 0; i < set->n_names; i++)
        if (strcmp(name, set->names[i]) == 0)
            return true;
    return set->sampling && (option_of_field(name) || request_list_is(name));
}

/* The field that is called or spelt most like it, with dashes for some of its underscores; NULL: none is like it. */
static const char *find_like(const struct field_set *set, const char *name)
{
    const struct option_def *d = set->sampling ? option_called(name) : NULL;
    struct nearest best = {0};
    if (d)
        return option_field_name(d);
    for (size_t i = 0; i < set->n_names; i++)
        nearest_consider(&best, name, strlen(name), set->names[i]);
    for (int i = 0; set->sampling && i < n_options; i++)
        if (option_field_name(&option_table[i]))
            nearest_consider(&best, name, strlen(name), option_field_name(&option_table[i]));
    for (size_t i = 0; set->sampling && request_list_name(i); i++)
        nearest_consider(&best, name, strlen(name), request_list_name(i));
    return best.word;
}

static pllm_status unknown(const struct field_set *set, const char *name, pllm_error *err)
{
    enum { SHOWN = 60 };
    const struct foreign_name *foreign = foreign_name_find(name, strlen(name));
    const bool has = foreign && foreign->meant && is_in(set, foreign->meant);
    const char *const like = has ? foreign->meant : foreign ? NULL : find_like(set, name);
    const char *const advice = foreign && foreign->advice ? foreign->advice : set->wanted;
    const char *const text = *name ? name : "\"\"";
    const size_t n = request_shown(text, SHOWN);
    char meant[64], shown[SHOWN + 4];
    snprintf(shown, sizeof shown, "%.*s%s", (int)n, text, text[n] ? "..." : "");
    if (!like)
        return request_fail(err, PLLM_E_ARGUMENT, "%s: is no field that %s knows%s%s", shown, set->command, advice ? ", " : "",
                            advice ? advice : "");
    snprintf(meant, sizeof meant, "%s", like);
    for (char *c = meant; *c; c++)
        if (*c == '-')
            *c = '_';
    return request_fail(err, PLLM_E_ARGUMENT, "%s: is no field that %s knows, did you mean %s?", shown, set->command, meant);
}

pllm_status request_check_name(const struct field_set *set, const char *name, pllm_error *err)
{
    return is_in(set, name) ? PLLM_OK : unknown(set, name, err);
}

pllm_status request_fields(struct sampling_fields *s, json_t *line, pllm_error *err)
{
    static const char *const names[] = {"id", "prompt", "messages", "prompt_token_ids", "lora", "tools", "documents",
                                        "chat_template_kwargs"};
    static const struct field_set set = {.command = "parallm", .names = names, .n_names = sizeof names / sizeof *names,
                                         .sampling = true};
    const char *name;
    json_t *value;
    json_object_foreach(line, name, value)
    {
        const struct option_def *d = option_of_field(name);
        pllm_status status = request_check_name(&set, name, err);
        if (!status && d && !json_is_null(value))
            status = set_field(s, d, name, value, err);
        if (status)
            return status;
    }
    return PLLM_OK;
}
