/* The fields of a line that say how answers are drawn: those that are numbers and switches; and what may have been meant by
 * a field that is none. */
#ifndef PARALLM_CLI_REQUEST_FIELDS_H
#define PARALLM_CLI_REQUEST_FIELDS_H

#include "request.h"

/* The fields that a line may have. */
struct field_set {
    const char *command;      /* whose lines they are, for messages */
    const char *const *names; /* [n_names] */
    size_t n_names;
    bool sampling;      /* and those of sampling and of lists (request_lists.h) */
    const char *wanted; /* what to tell of a name that is like none of them; or NULL */
};

/* Sets *s from the line's sampling fields. A field nobody knows is an error. */
pllm_status request_fields(struct sampling_fields *s, json_t *line, pllm_error *err);

/* PLLM_E_ARGUMENT where `name` is none of the set's fields: "NAME: is no field that ...", and which one may have been meant. */
pllm_status request_check_name(const struct field_set *set, const char *name, pllm_error *err);

#endif
