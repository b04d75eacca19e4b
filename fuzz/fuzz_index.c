/* A model.safetensors.index.json in a folder with two sound shards: the folder is made once. */
#include "fuzz.h"

#include "weights/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/parallm-fuzz-XXXXXX";
static const char *const names[] = {"config.json", "model.safetensors.index.json", "a.safetensors", "b.safetensors"};

static void write_file(const char *name, const void *bytes, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, n, file) != n || fclose(file))
        abort();
}

static void remove_folder(void)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* One float32 tensor, named as its file. */
static void write_shard(const char *name, char tensor)
{
    char bytes[128];
    const int n = snprintf(bytes + 8, sizeof bytes - 8,
                           "{\"%c\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [0, 4]}}", tensor);
    memset(bytes, 0, 8);
    bytes[0] = (char)n;
    memset(bytes + 8 + n, 0, 4);
    write_file(name, bytes, (size_t)n + 12);
}

static void make_folder(void)
{
    if (!mkdtemp(folder))
        abort();
    atexit(remove_folder);
    write_file(names[0], "{}", 2);
    write_shard(names[2], 'a');
    write_shard(names[3], 'b');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static bool ready;
    struct checkpoint *c;
    if (!ready)
        make_folder();
    ready = true;
    write_file(names[1], bytes, n);
    if (!checkpoint_open(&c, folder, NULL))
        checkpoint_close(c);
    return 0;
}
