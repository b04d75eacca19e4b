/* How fast text becomes tokens, on one thread, through the public header:
 *
 *     text MODEL load             seconds to open the tokenizer
 *     text MODEL encode FILE      seconds to encode the file as one text, and as many texts, a line each
 *
 * Prints seconds and the number of tokens. bench/text.py runs it beside the package tokenizers. */
#include "bench.h"

#include <parallm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const pllm_error *err)
{
    fprintf(stderr, "text: %s: %s\n", what, err ? err->message : "wrong usage, see the head of bench/text.c");
    exit(1);
}

static char *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END))
        die(path, &(pllm_error){.message = "cannot be read"});
    *n = (size_t)ftell(f);
    rewind(f);
    char *text = malloc(*n + 1);
    if (!text || fread(text, 1, *n, f) != *n)
        die(path, &(pllm_error){.message = "cannot be read"});
    fclose(f);
    return text;
}

static size_t encode(const pllm_tokenizer *t, const char *text, size_t n)
{
    int32_t *ids;
    size_t n_ids;
    pllm_error err;
    if (pllm_tokenize(t, text, n, false, true, &ids, &n_ids, &err))
        die("encode", &err);
    pllm_free(ids);
    return n_ids;
}

static size_t encode_lines(const pllm_tokenizer *t, const char *text, size_t n)
{
    size_t n_ids = 0;
    for (const char *end = text + n, *next; text < end; text = next) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        next = newline ? newline + 1 : end;
        n_ids += encode(t, text, (size_t)(next - text));
    }
    return n_ids;
}

int main(int argc, char **argv)
{
    pllm_tokenizer *t;
    pllm_error err;
    if (argc < 3 || (strcmp(argv[2], "load") && (strcmp(argv[2], "encode") || argc < 4)))
        die("arguments", NULL);
    double start = bench_now();
    if (pllm_tokenizer_open(&t, argv[1], &err))
        die(argv[1], &err);
    printf("load %.4f\n", bench_now() - start);
    if (argc > 3) {
        size_t n, n_ids;
        char *text = read_file(argv[3], &n);
        start = bench_now();
        n_ids = encode(t, text, n);
        printf("whole %.4f %zu\n", bench_now() - start, n_ids);
        start = bench_now();
        n_ids = encode_lines(t, text, n);
        printf("lines %.4f %zu\n", bench_now() - start, n_ids);
        free(text);
    }
    pllm_tokenizer_close(t);
    return 0;
}
