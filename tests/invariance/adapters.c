#include "adapters.h"

#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N_ADAPTERS = 2 };

static const struct {
    const char *name;
    int rank;
} adapters[N_ADAPTERS] = {{"first", 3}, {"second", 16}};

static char root[] = "/tmp/parallm-adapters-XXXXXX";

static void path_of(char *out, size_t n, int i, const char *file)
{
    snprintf(out, n, "%s/%s%s", root, adapters[i].name, file);
}

/* Entries of the header, then the values: A [rank, in] and B [out, rank] of each layer's q_proj and o_proj. */
static size_t write_header(char *out, size_t room, const pllm_model_info *info, int rank)
{
    const int heads = info->n_heads * info->head_dim;
    size_t n = (size_t)snprintf(out, room, "{"), at = 0;
    for (int layer = 0; layer < info->n_layers; layer++)
        for (int k = 0; k < 4; k++) {
            int in = k < 2 ? info->hidden_size : heads, outs = k < 2 ? heads : info->hidden_size;
            int rows = k % 2 ? outs : rank, cols = k % 2 ? rank : in;
            size_t bytes = (size_t)rows * (size_t)cols * 4;
            n += (size_t)snprintf(out + n, room - n,
                                  "%s\"base_model.model.model.layers.%d.self_attn.%c_proj.lora_%c.weight\": {\"dtype\": \"F32\","
                                  " \"shape\": [%d, %d], \"data_offsets\": [%zu, %zu]}",
                                  at ? ", " : "", layer, k < 2 ? 'q' : 'o', k % 2 ? 'B' : 'A', rows, cols, at, at + bytes);
            at += bytes;
        }
    n += (size_t)snprintf(out + n, room - n, "}");
    return at;
}

static bool write_weights(const char *path, const pllm_model_info *info, int rank)
{
    static char header[1 << 18];
    size_t bytes = write_header(header, sizeof header, info, rank);
    uint64_t length = strlen(header);
    FILE *f = fopen(path, "wb");
    if (!f)
        return false;
    bool ok = fwrite(&length, sizeof length, 1, f) == 1 && fwrite(header, length, 1, f) == 1;
    for (uint32_t i = 0; ok && i < bytes / 4; i++) {
        float value = (float)(rng_uniform(7, (uint32_t)rank, i, 0) - 0.5) * 0.2f;
        ok = fwrite(&value, sizeof value, 1, f) == 1;
    }
    return fclose(f) == 0 && ok;
}

static bool write_adapter(int i, const pllm_model_info *info)
{
    char path[256];
    path_of(path, sizeof path, i, "");
    if (mkdir(path, 0700) != 0)
        return false;
    path_of(path, sizeof path, i, "/adapter_config.json");
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    fprintf(f, "{\"peft_type\": \"LORA\", \"r\": %d, \"lora_alpha\": %d}", adapters[i].rank, 2 * adapters[i].rank);
    if (fclose(f) != 0)
        return false;
    path_of(path, sizeof path, i, "/adapter_model.safetensors");
    return write_weights(path, info, adapters[i].rank);
}

bool adapters_make(const pllm_model_info *info)
{
    bool ok = mkdtemp(root) != NULL;
    for (int i = 0; ok && i < N_ADAPTERS; i++)
        ok = write_adapter(i, info);
    return ok;
}

pllm_status adapters_load(pllm_engine *engine, pllm_error *err)
{
    pllm_status status = PLLM_OK;
    for (int i = 0; !status && i < N_ADAPTERS; i++) {
        char path[256];
        path_of(path, sizeof path, i, "");
        status = pllm_adapter_add(engine, adapters[i].name, path, err);
    }
    return status;
}

void adapters_remove(void)
{
    static const char *const files[] = {"/adapter_model.safetensors", "/adapter_config.json", ""};
    for (int i = 0; i < N_ADAPTERS; i++)
        for (int k = 0; k < 3; k++) {
            char path[256];
            path_of(path, sizeof path, i, files[k]);
            remove(path);
        }
    remove(root);
}
