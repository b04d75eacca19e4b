/* A Hugging Face folder: config.json, generation_config.json, and one safetensors file or several with an index. */
#include "weights/config.h"
#include "weights/reader.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

enum { MAX_CONFIG = 4 << 20, MAX_INDEX = 64 << 20, MAX_NAMED = 4 };

/* "folder/name" in the checkpoint's memory, as messages and json values keep it. */
static pllm_status join(struct checkpoint *c, const char *name, const char **out, pllm_error *err)
{
    char *joined = file_join(c->path, name);
    size_t n = joined ? strlen(joined) + 1 : 0;
    char *copy = joined ? arena_alloc(&c->arena, n, 1) : NULL;
    if (copy)
        *out = memcpy(copy, joined, n);
    mem_free(joined);
    return copy ? PLLM_OK : error_memory(err, name);
}

static pllm_status parse_file(struct json *out, const char *path, size_t limit, pllm_error *err)
{
    struct buf text = {0};
    pllm_status status = file_read(&text, path, limit, err);
    if (!status)
        status = json_parse(out, text.at, text.n, path, err);
    vec_fini(&text);
    return status;
}

static bool ends_with(const char *name, const char *ending)
{
    const size_t n = strlen(name), n_ending = strlen(ending);
    return n >= n_ending && strcmp(name + n - n_ending, ending) == 0;
}

/* The files of the folder with one of these endings (the last is NULL), as "a, b, c, d, ..."; the text is NULL if there are none.
 * False: no memory. */
static bool name_files(struct buf *out, const char *folder, const char *const *endings)
{
    DIR *dir = opendir(folder);
    bool good = true;
    int n = 0;
    for (struct dirent *e; dir && good && (e = readdir(dir));) {
        const char *const *ending = endings;
        while (*ending && !ends_with(e->d_name, *ending))
            ending++;
        if (*ending && n++ <= MAX_NAMED)
            good = buf_printf(out, "%s%s", n > 1 ? ", " : "", n <= MAX_NAMED ? e->d_name : "...");
    }
    if (dir)
        closedir(dir);
    return good;
}

/* Says what a folder without config.json has instead: people put GGUF files of several types side by side. */
static pllm_status refuse_folder(const char *folder, pllm_error *err)
{
    static const char *const gguf[] = {".gguf", NULL};
    struct buf names = {0};
    pllm_status status =
        !name_files(&names, folder, gguf) ? error_memory(err, folder)
        : !names.n ? error_set(err, PLLM_E_IO, "%s: is a folder without config.json, "
                               "wanted one with config.json and safetensors, or a .gguf file", folder)
                   : error_set(err, PLLM_E_IO, "%s: is a folder without config.json; name one of its GGUF files: %s", folder, names.at);
    vec_fini(&names);
    return status;
}

/* The same of one without weights: older checkpoints have pickled ones, which run code when they are read. */
static pllm_status refuse_weights(const char *folder, pllm_error *err)
{
    static const char *const pickled[] = {".bin", ".pth", ".pt", NULL};
    struct buf names = {0};
    const char *what = "holds neither model.safetensors nor model.safetensors.index.json";
    pllm_status status = !name_files(&names, folder, pickled) ? error_memory(err, folder)
                         : !names.n ? error_set(err, PLLM_E_IO, "%s: %s", folder, what)
                                    : error_set(err, PLLM_E_IO, "%s: %s; pickled weights are not read, wanted safetensors: %s", folder,
                                                what, names.at);
    vec_fini(&names);
    return status;
}

static pllm_status read_configs(struct checkpoint *c, pllm_error *err)
{
    const char *path;
    struct json top;
    pllm_status status = join(c, "config.json", &path, err);
    if (!status && file_kind(path) == FILE_ABSENT)
        return refuse_folder(c->path, err);
    if (!status)
        status = parse_file(&top, path, MAX_CONFIG, err);
    if (!status)
        status = config_from_json(&c->config, top, err);
    if (!status)
        status = join(c, "generation_config.json", &path, err);
    if (status || file_kind(path) == FILE_ABSENT)
        return status;
    status = parse_file(&top, path, MAX_CONFIG, err);
    if (status)
        return status;
    c->generation = top;
    return json_want(&c->generation, J_OBJECT, err);
}

/* ---- Shards ------------------------------------------------------------------------------------- */

static pllm_status read_weights(struct checkpoint *c, struct stored_list *list, const char *path, int *file,
                                pllm_error *err)
{
    pllm_status status = checkpoint_map(c, path, file, err);
    if (status)
        return status;
    const struct file_map *map = &c->files.at[*file];
    return safetensors_read(list, &c->arena, map->bytes, map->n, path, *file, err);
}

/* Files that the index has named so far. */
struct shard {
    const char *name; /* the index's memory */
    int file;
};
typedef VEC(struct shard) shard_vec;

/* A shard lies in the folder itself: a name that leads elsewhere is an attack, or damage. */
static pllm_status shard_name(const struct json *at, const char **out, pllm_error *err)
{
    const char *name;
    size_t n;
    pllm_status status = json_as_string(at, &name, &n, err);
    if (status)
        return status;
    if (n == 0 || strlen(name) != n || name[0] == '.' || strpbrk(name, "/\\"))
        return json_error(at, err, "is \"%s\", wanted the name of a file in this folder", name);
    *out = name;
    return PLLM_OK;
}

/* The number of the file that a weight_map entry names, which is read when it is met first. */
static pllm_status find_shard(struct checkpoint *c, struct stored_list *list, shard_vec *shards,
                              const struct json *entry, int *file, pllm_error *err)
{
    const char *name, *path;
    pllm_status status = shard_name(entry, &name, err);
    for (size_t i = shards->n; !status && i-- > 0;)
        if (strcmp(shards->at[i].name, name) == 0) {
            *file = shards->at[i].file;
            return PLLM_OK;
        }
    if (!status)
        status = join(c, name, &path, err);
    if (!status && file_kind(path) == FILE_ABSENT)
        return json_error(entry, err, "names %s, which is not there", name);
    if (!status)
        status = read_weights(c, list, path, file, err);
    if (!status && !vec_push(shards, (struct shard){name, *file}))
        status = error_memory(err, name);
    return status;
}

static pllm_status read_shards(struct checkpoint *c, struct stored_list *list, const struct json *map, pllm_error *err)
{
    shard_vec shards = {0};
    void *cursor = NULL;
    struct json entry;
    int file;
    pllm_status status = json_want(map, J_OBJECT, err);
    while (!status && json_next(map, &cursor, &entry))
        status = find_shard(c, list, &shards, &entry, &file, err);
    vec_fini(&shards);
    return status;
}

/* What the index promises must be there: a shard from another download would go unnoticed else. */
static pllm_status check_index(const struct stored_list *list, const struct json *map, pllm_error *err)
{
    void *cursor = NULL;
    struct json entry;
    while (json_next(map, &cursor, &entry)) {
        const char *name;
        const struct stored *s = stored_find(list, entry.key);
        pllm_status status = shard_name(&entry, &name, err);
        if (!status && !s)
            status = json_error(&entry, err, "no file holds this tensor, wanted it in %s", name);
        if (status)
            return status;
    }
    return PLLM_OK;
}

static pllm_status sort_stored(const struct checkpoint *c, struct stored_list *list, pllm_error *err)
{
    const char *twice;
    if (stored_sort(list, &twice))
        return PLLM_OK;
    return error_set(err, PLLM_E_FORMAT, "%s: tensor %s: is in two files", c->path, twice);
}

static pllm_status read_index(struct checkpoint *c, struct stored_list *list, const char *path, pllm_error *err)
{
    struct json top;
    pllm_status status = parse_file(&top, path, MAX_INDEX, err);
    if (status)
        return status;
    const struct json map = json_get(&top, "weight_map");
    status = json_want(&top, J_OBJECT, err);
    if (!status)
        status = read_shards(c, list, &map, err);
    if (!status)
        status = sort_stored(c, list, err);
    if (!status)
        status = check_index(list, &map, err);
    json_free(&top);
    return status;
}

/* A single file is taken before an index, as transformers does. */
static pllm_status read_stored(struct checkpoint *c, struct stored_list *list, pllm_error *err)
{
    const char *path;
    int file;
    pllm_status status = join(c, "model.safetensors", &path, err);
    if (status)
        return status;
    if (file_kind(path) != FILE_ABSENT) {
        status = read_weights(c, list, path, &file, err);
        return status ? status : sort_stored(c, list, err);
    }
    status = join(c, "model.safetensors.index.json", &path, err);
    if (!status && file_kind(path) == FILE_ABSENT)
        status = refuse_weights(c->path, err);
    return status ? status : read_index(c, list, path, err);
}

pllm_status checkpoint_read_folder(struct checkpoint *c, pllm_error *err)
{
    struct stored_list list = {0};
    c->format = CHECKPOINT_HF;
    pllm_status status = read_configs(c, err);
    if (!status)
        status = read_stored(c, &list, err);
    if (!status)
        status = checkpoint_take_stored(c, &list, err);
    vec_fini(&list.at);
    return status;
}
