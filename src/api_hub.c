/* Where a model is: a path, or a name that the hub layer finds in the local cache or downloads. */
#include "api.h"

#include "base/file.h"
#include "base/mem.h"
#include "hub/hub.h"

#include <stdio.h>
#include <string.h>

pllm_pull_options pllm_pull_options_default(void)
{
    return (pllm_pull_options){.offline = false};
}

static pllm_status get(char **out, const struct hub_request *request, bool offline, pllm_error *err)
{
    struct hub_settings settings;
    struct hub_request r = *request;
    pllm_status status = hub_settings_read(&settings, err);
    if (status)
        return status;
    settings.offline = settings.offline || offline;
    r.settings = &settings;
    status = hub_get(out, &r, err);
    hub_settings_fini(&settings);
    return status;
}

pllm_status api_resolve(char **out, const char *path, const pllm_model_options *o, enum api_want want, pllm_error *err)
{
    struct hub_name name;
    if (!path || !*path) /* NULL: of an environment variable that is not there, say */
        return error_set(err, PLLM_E_IO, "path: is %s, wanted that of a model, or its name as org/model", path ? "\"\"" : "NULL");
    if (file_kind(path) != FILE_ABSENT) {
        char *copy = mem_strdup(path);
        if (!copy)
            return error_memory(err, path);
        *out = copy;
        return PLLM_OK;
    }
    if (!hub_name_parse(&name, path) || !hub_name_is_model(&name))
        return error_set(err, PLLM_E_IO, "%s: no such file or folder, and no name of a model as org/model", path);
    const struct hub_request r = {.name = &name,
                                  .want = want == API_MODEL ? HUB_MODEL : HUB_TOKENIZER,
                                  .progress = o->progress,
                                  .user = o->progress_user};
    return get(out, &r, o->offline, err);
}

/* The name with the options' revision and file, which its own may not contradict. */
static pllm_status read_name(struct hub_name *out, const char *name, const pllm_pull_options *o, pllm_error *err)
{
    struct hub_name n;
    if (!name || !*name)
        return error_set(err, PLLM_E_IO, "name: is %s, wanted that of a model as org/model", name ? "\"\"" : "NULL");
    if (!hub_name_parse(&n, name))
        return error_set(err, PLLM_E_IO,
                         "%s: is no name of a model, wanted one as org/model, org/model:Q4_K_M or org/model@revision", name);
    if (o->revision && !hub_is_revision(o->revision, strlen(o->revision)))
        return error_set(err, PLLM_E_IO, "revision: is \"%s\", wanted a branch, tag or commit", o->revision);
    if (o->file && !hub_is_path(o->file, strlen(o->file)))
        return error_set(err, PLLM_E_IO, "file: is \"%s\", wanted the path of a file in the repository", o->file);
    if (o->file && (n.file[0] || n.tag[0]))
        return error_set(err, PLLM_E_ARGUMENT, "file: is \"%s\", but %s names one already", o->file, name);
    if (o->revision)
        snprintf(n.revision, sizeof n.revision, "%s", o->revision);
    if (o->file)
        snprintf(n.file, sizeof n.file, "%s", o->file);
    *out = n;
    return PLLM_OK;
}

pllm_status pllm_pull(char **path, const char *name, const pllm_pull_options *options, pllm_error *err)
{
    const pllm_pull_options o = options ? *options : pllm_pull_options_default();
    struct hub_name n;
    pllm_status status = read_name(&n, name, &o, err);
    if (status)
        return status;
    const struct hub_request r = {
        .name = &n, .want = HUB_MODEL, .refresh = true, .progress = o.progress, .user = o.progress_user};
    return get(path, &r, o.offline, err);
}
