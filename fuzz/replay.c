/* Runs every file of the folders given through the fuzz target: yesterday's findings as today's test.
 *
 *     fuzz_gguf fuzz/corpus/gguf [FILE...] */
#include "fuzz.h"

#include "base/file.h"

#include <dirent.h>
#include <stdio.h>

enum { MAX_BYTES = 64 << 20 };

/* From memory of just the file's size, so that a sanitizer sees a read past its end. */
static bool run_file(const char *path)
{
    struct buf text = {0};
    pllm_error err = {0};
    if (file_read(&text, path, MAX_BYTES, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return false;
    }
    uint8_t *exact = mem_alloc(text.n, 1);
    if (exact && text.n)
        memcpy(exact, text.at, text.n);
    if (exact)
        LLVMFuzzerTestOneInput(exact, text.n);
    mem_free(exact);
    vec_fini(&text);
    return exact != NULL;
}

/* Files that ran; -1: one could not be read. */
static int run_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    int n = 0;
    for (struct dirent *e; n >= 0 && dir && (e = readdir(dir));) {
        char *path = e->d_name[0] == '.' ? NULL : file_join(folder, e->d_name);
        if (path)
            n = run_file(path) ? n + 1 : -1;
        mem_free(path);
    }
    if (dir)
        closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int n = file_kind(argv[i]) == FILE_FOLDER ? run_folder(argv[i]) : run_file(argv[i]) ? 1 : -1;
        if (n < 0)
            return 1;
        total += n;
    }
    printf("%d inputs\n", total);
    return total == 0; /* a corpus that is not there is a mistake */
}
