/* A name of the hub becomes a path: of the folder of a snapshot in the Hugging Face cache, or of a GGUF file in it. What is
 * not there yet is downloaded into it, unless that is switched off. */
#ifndef PARALLM_HUB_HUB_H
#define PARALLM_HUB_HUB_H

#include "hub/files.h"
#include "hub/name.h"
#include "hub/settings.h"

struct hub_request {
    const struct hub_settings *settings;
    const struct hub_name *name;
    enum hub_want want;
    bool refresh;           /* ask the hub what the revision stands for today, even where the cache has all */
    pllm_progress progress; /* bytes to download; or NULL */
    void *user;
};

/* *path: mem_free. A model that is complete in the cache takes no connection; one that may lack a tokenizer is taken from
 * there if the hub cannot be reached. */
pllm_status hub_get(char **path, const struct hub_request *r, pllm_error *err);

#endif
