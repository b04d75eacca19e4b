/* What the hub and the user say: a first line that is a name, header lines up to an empty one, then a listing, from which
 * files are chosen. */
#include "fuzz.h"

#include "hub/cache.h"
#include "hub/files.h"
#include "hub/http_headers.h"

#include <stdlib.h>
#include <string.h>

/* The line at *at, which moves behind it. */
static size_t take_line(const char **at, const char *end, const char **line)
{
    const char *feed = memchr(*at, '\n', (size_t)(end - *at));
    *line = *at;
    *at = feed ? feed + 1 : end;
    return (size_t)((feed ? feed : end) - *line);
}

/* Whatever passed the checks stays inside the cache. */
static void check_path(const char *path)
{
    if (path[0] == '/' || strcmp(path, "..") == 0 || strncmp(path, "../", 3) == 0 || strstr(path, "/../"))
        abort();
}

static void choose(const struct hub_name *name, const char *json, size_t n)
{
    struct hub_files f;
    struct hub_choice c;
    pllm_error err;
    if (hub_files_parse(&f, json, n, "listing", &err))
        return;
    for (size_t i = 0; i < f.at.n; i++)
        check_path(f.at.at[i].name);
    check_path(f.commit);
    if (!hub_choose(&c, &f, name, n % 2 ? HUB_MODEL : HUB_TOKENIZER, &err) && c.main)
        fuzz_touch((const uint8_t *)c.main, strlen(c.main));
    hub_files_fini(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *at = (const char *)bytes, *end = at + n, *line;
    struct hub_name name;
    struct http_answer a = {0};
    char text[3000];
    size_t length = take_line(&at, end, &line);
    if (length >= sizeof text)
        return 0;
    memcpy(text, line, length);
    text[length] = '\0';
    const bool is_name = hub_name_parse(&name, text);
    if (is_name) {
        check_path(name.repo);
        check_path(name.revision);
        check_path(name.file);
    }
    while ((length = take_line(&at, end, &line)) > 0)
        http_read_header(&a, line, length);
    if (hub_is_etag(a.etag, strlen(a.etag)))
        check_path(a.etag);
    if (is_name)
        choose(&name, at, (size_t)(end - at));
    return 0;
}
