/* Where the cache is, and how the hub is reached: read from the environment, by the names that other tools use. */
#ifndef PARALLM_HUB_SETTINGS_H
#define PARALLM_HUB_SETTINGS_H

#include "base/error.h"

#include <stdbool.h>

struct hub_settings {
    char *cache;    /* HF_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub or ~/.cache/huggingface/hub */
    char *endpoint; /* HF_ENDPOINT or https://huggingface.co; no "/" at its end */
    char *token;    /* HF_TOKEN, or what a login left in HF_HOME/token; NULL: none. Never shown */
    bool offline;   /* HF_HUB_OFFLINE */
};

pllm_status hub_settings_read(struct hub_settings *out, pllm_error *err);
void hub_settings_fini(struct hub_settings *s);

#endif
