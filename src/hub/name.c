#include "hub/name.h"

#include "base/ascii.h"

#include <string.h>
#include <strings.h>

static bool is_visible(char c)
{
    return (unsigned char)c > ' ' && c != 127;
}

/* The hub's own rule for each half of "org/model"; "--" would be taken for the "/" in the cache's folder names. */
static bool is_word(const char *text, size_t n)
{
    if (n < 1 || n > 96 || text[0] == '-' || text[0] == '.' || text[n - 1] == '-' || text[n - 1] == '.')
        return false;
    for (size_t i = 0; i < n; i++) {
        bool twice = i > 0 && (text[i] == '-' || text[i] == '.') && text[i - 1] == text[i];
        if (twice || (!ascii_is_alnum(text[i]) && !strchr("._-", text[i])))
            return false;
    }
    return true;
}

bool hub_is_path(const char *text, size_t n)
{
    size_t part = 0; /* where the current part begins */
    if (n == 0 || n >= HUB_FILE_SIZE)
        return false;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && text[i] != '/') {
            if ((unsigned char)text[i] < ' ' || text[i] == 127 || text[i] == '\\')
                return false;
            continue;
        }
        const size_t length = i - part;
        if (length == 0 || length > 255 || (text[part] == '.' && (length == 1 || (length == 2 && text[part + 1] == '.'))))
            return false;
        part = i + 1;
    }
    return true;
}

bool hub_is_revision(const char *text, size_t n)
{
    if (n >= HUB_REVISION_SIZE || !hub_is_path(text, n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_visible(text[i]) || strchr("~^:?*[@", text[i]))
            return false;
    return true;
}

bool hub_is_commit(const char *text, size_t n)
{
    if (n < 1 || n >= HUB_COMMIT_SIZE)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!ascii_is_alnum(text[i]))
            return false;
    return true;
}

bool hub_ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), n_end = strlen(end);
    return n >= n_end && strcasecmp(text + n - n_end, end) == 0;
}

static bool is_tag(const char *text, size_t n)
{
    if (n < 1 || n >= HUB_TAG_SIZE)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!ascii_is_alnum(text[i]) && !strchr("._-", text[i]))
            return false;
    return true;
}

static bool copy(char *out, size_t size, const char *text, size_t n)
{
    if (n >= size)
        return false;
    memcpy(out, text, n);
    out[n] = '\0';
    return true;
}

/* ":TAG" at the end of text[0..n): *n is what is left. False: there is something else, or a second one. */
static bool take_tag(struct hub_name *out, const char *text, size_t *n)
{
    const char *colon = memchr(text, ':', *n);
    if (!colon)
        return true;
    const size_t n_tag = *n - (size_t)(colon + 1 - text);
    *n = (size_t)(colon - text);
    return !out->tag[0] && is_tag(colon + 1, n_tag) && copy(out->tag, sizeof out->tag, colon + 1, n_tag);
}

/* "org/model" or "org/model/file" */
static bool take_repo(struct hub_name *out, const char *text, size_t n)
{
    const char *slash = memchr(text, '/', n);
    if (!slash || !is_word(text, (size_t)(slash - text)))
        return false;
    const char *model = slash + 1, *end = text + n;
    const char *file = memchr(model, '/', (size_t)(end - model));
    const size_t n_model = (size_t)((file ? file : end) - model);
    if (!is_word(model, n_model) || !copy(out->repo, sizeof out->repo, text, (size_t)(model - text) + n_model))
        return false;
    if (!file)
        return !hub_ends_with(out->repo, ".gguf");
    const size_t n_file = (size_t)(end - file) - 1;
    return hub_is_path(file + 1, n_file) && copy(out->file, sizeof out->file, file + 1, n_file);
}

bool hub_name_parse(struct hub_name *out, const char *text)
{
    *out = (struct hub_name){.revision = "main"};
    const char *at = strchr(text, '@');
    size_t n = at ? (size_t)(at - text) : strlen(text);
    if (at) {
        size_t n_revision = strlen(at + 1);
        if (!take_tag(out, at + 1, &n_revision) || !hub_is_revision(at + 1, n_revision) ||
            !copy(out->revision, sizeof out->revision, at + 1, n_revision))
            return false;
    }
    if (!take_tag(out, text, &n) || !take_repo(out, text, n))
        return false;
    return !(out->tag[0] && out->file[0]);
}

bool hub_name_is_model(const struct hub_name *name)
{
    return !name->file[0] || hub_ends_with(name->file, ".gguf");
}
