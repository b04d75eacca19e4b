#include "hub/settings.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The value of a variable; NULL where it is unset or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static bool is_true(const char *value)
{
    return value && (strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0 ||
                     strcasecmp(value, "on") == 0);
}

/* A path that may begin with "~/". NULL: no memory. */
static char *expand(const char *path)
{
    const char *home = variable("HOME");
    return path[0] == '~' && path[1] == '/' && home ? file_join(home, path + 2) : mem_strdup(path);
}

/* HF_HOME or its default. */
static pllm_status find_home(char **out, pllm_error *err)
{
    const char *given = variable("HF_HOME"), *caches = variable("XDG_CACHE_HOME"), *home = variable("HOME");
    char *path = NULL;
    if (given)
        path = expand(given);
    else if (caches)
        path = file_join(caches, "huggingface");
    else if (home)
        path = file_join(home, ".cache/huggingface");
    else
        return error_set(err, PLLM_E_IO, "HOME: is not set, wanted a folder for the cache (HF_HOME names another)");
    *out = path;
    return path ? PLLM_OK : error_memory(err, "HF_HOME");
}

static pllm_status read_cache(struct hub_settings *s, const char *home, pllm_error *err)
{
    const char *given = variable("HF_HUB_CACHE");
    s->cache = given ? expand(given) : file_join(home, "hub");
    return s->cache ? PLLM_OK : error_memory(err, "HF_HUB_CACHE");
}

static bool is_header_text(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 127)
            return false;
    return true;
}

static pllm_status read_endpoint(struct hub_settings *s, pllm_error *err)
{
    const char *given = variable("HF_ENDPOINT");
    const char *url = given ? given : "https://huggingface.co";
    size_t n = strlen(url);
    if ((strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) || !is_header_text(url))
        return error_set(err, PLLM_E_IO, "HF_ENDPOINT: is \"%s\", wanted a URL as https://huggingface.co", url);
    while (n && url[n - 1] == '/')
        n--;
    s->endpoint = mem_strndup(url, n);
    return s->endpoint ? PLLM_OK : error_memory(err, "HF_ENDPOINT");
}

/* What `hf auth login` leaves behind: a file with the token and perhaps a line feed. */
static pllm_status read_token_file(struct hub_settings *s, const char *home, pllm_error *err)
{
    enum { MOST = 4096 };
    const char *given = variable("HF_TOKEN_PATH");
    struct buf text = {0};
    bool ok = true;
    char *path = given ? expand(given) : file_join(home, "token");
    if (!path)
        return error_memory(err, "token");
    if (file_kind(path) == FILE_REGULAR && file_read(&text, path, MOST, NULL) == PLLM_OK) {
        while (text.n && strchr("\r\n\t ", text.at[text.n - 1]))
            text.at[--text.n] = '\0';
        if (text.n && is_header_text(text.at))
            ok = (s->token = mem_strdup(text.at)) != NULL;
    }
    vec_fini(&text);
    mem_free(path);
    return ok ? PLLM_OK : error_memory(err, "token"); /* a file nobody can read is no token: most models need none */
}

static pllm_status read_token(struct hub_settings *s, const char *home, pllm_error *err)
{
    const char *given = variable("HF_TOKEN");
    if (!given)
        given = variable("HUGGING_FACE_HUB_TOKEN");
    if (!given)
        return read_token_file(s, home, err);
    if (!is_header_text(given))
        return error_set(err, PLLM_E_IO, "HF_TOKEN: holds a character that no token has, wanted hf_...");
    s->token = mem_strdup(given);
    return s->token ? PLLM_OK : error_memory(err, "HF_TOKEN");
}

pllm_status hub_settings_read(struct hub_settings *out, pllm_error *err)
{
    struct hub_settings s = {.offline = is_true(variable("HF_HUB_OFFLINE")) || is_true(variable("TRANSFORMERS_OFFLINE"))};
    char *home = NULL;
    pllm_status status = find_home(&home, err);
    if (!status)
        status = read_cache(&s, home, err);
    if (!status)
        status = read_endpoint(&s, err);
    if (!status)
        status = read_token(&s, home, err);
    mem_free(home);
    if (status)
        hub_settings_fini(&s);
    else
        *out = s;
    return status;
}

void hub_settings_fini(struct hub_settings *s)
{
    mem_free(s->cache);
    mem_free(s->endpoint);
    mem_free(s->token);
    *s = (struct hub_settings){0};
}
