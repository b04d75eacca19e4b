/* Where a model is: a path, or a name that the hub layer finds in the local cache or downloads. */
#include "api.h"

#include "base/file.h"
#include "base/mem.h"

pllm_status api_resolve(char **out, const char *path, const pllm_model_options *o, pllm_error *err)
{
    (void)o;
    if (file_kind(path) == FILE_ABSENT)
        return error_set(err, PLLM_E_IO, "%s: no such file or folder", path);
    *out = mem_strdup(path);
    return *out ? PLLM_OK : error_memory(err, path);
}
