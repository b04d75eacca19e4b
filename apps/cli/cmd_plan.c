/* parallm plan: what a model is, and the memory that a run will need. */
#include "cli.h"
#include "terminal.h"

#include <string.h>

static double mib(uint64_t bytes)
{
    return (double)bytes / 1048576;
}

/* "name          value", with the words that do not fit a terminal below the value, or a little in where that is narrow. */
static void put_line(const char *line, size_t n, int width)
{
    enum { LEAST_BESIDE = 24 };
    char text[256];
    size_t begin = strcspn(line, " ");
    while (begin < n && (line[begin] != ' ' || line[begin + 1] != ' ')) /* a name may be two words */
        begin++;
    while (begin < n && line[begin] == ' ')
        begin++;
    snprintf(text, sizeof text, "%.*s", (int)(n - begin), line + begin);
    printf("%.*s", (int)begin, line);
    terminal_words(stdout, text, (int)begin, width < (int)begin + LEAST_BESIDE ? 2 : (int)begin, width);
}

static void put_description(const char *text, int width)
{
    while (*text) {
        const size_t n = strcspn(text, "\n");
        put_line(text, n, width);
        text += n + (text[n] != 0);
    }
    putchar('\n');
}

/* An amount of memory and what is to be said of it. */
static void put_bytes(int width, const char *name, uint64_t bytes, const char *note)
{
    enum { NOTE = 28, LEAST_BESIDE = 24 };
    const bool below = width && width < NOTE + LEAST_BESIDE;
    printf("%-11s %10.1f MiB", name, mib(bytes));
    if (*note)
        fputs(below ? "\n  " : "  ", stdout);
    terminal_words(stdout, note, below ? 2 : NOTE, below ? 2 : NOTE, width);
}

static void print_text(const pllm_plan *p, const char *description)
{
    char note[160] = "";
    const int width = terminal_columns(stdout);
    put_description(description, width);
    put_bytes(width, "weights", p->weight_bytes, "");
    snprintf(note, sizeof note, "%d blocks of %d tokens, in memory once they are used", (int)p->kv_blocks, (int)p->kv_block_tokens);
    put_bytes(width, "KV cache", p->kv_cache_bytes, note);
    snprintf(note, sizeof note, "up to %d rows in a step", (int)p->max_num_batched_tokens);
    put_bytes(width, "scratch", p->scratch_bytes, note);
    put_bytes(width, "other", p->other_bytes, "");
    snprintf(note, sizeof note, "at most, of %.1f MiB at hand%s", mib(p->available_bytes),
             p->peak_bytes > p->available_bytes ? ": too much" : "");
    put_bytes(width, "peak", p->peak_bytes, p->available_bytes ? note : "");
    putchar('\n');
    snprintf(note, sizeof note, "up to %d sequences decode at once; %d with %d tokens each fit into the KV cache at the same time",
             (int)p->max_num_seqs, (int)p->sequences_that_fit, (int)p->max_model_len);
    terminal_words(stdout, note, 0, 0, width);
}

static void print_json(const pllm_plan *p)
{
    printf("{\"weight_bytes\": %llu, \"kv_cache_bytes\": %llu, \"scratch_bytes\": %llu, \"other_bytes\": %llu",
           (unsigned long long)p->weight_bytes, (unsigned long long)p->kv_cache_bytes,
           (unsigned long long)p->scratch_bytes, (unsigned long long)p->other_bytes);
    printf(", \"peak_bytes\": %llu, \"kv_bytes_per_sequence\": %llu, \"available_bytes\": %llu",
           (unsigned long long)p->peak_bytes, (unsigned long long)p->kv_bytes_per_sequence,
           (unsigned long long)p->available_bytes);
    printf(", \"kv_blocks\": %d, \"kv_block_tokens\": %d, \"max_num_seqs\": %d, \"max_num_batched_tokens\": %d",
           (int)p->kv_blocks, (int)p->kv_block_tokens, (int)p->max_num_seqs, (int)p->max_num_batched_tokens);
    printf(", \"max_model_len\": %d, \"sequences_that_fit\": %d}\n", (int)p->max_model_len,
           (int)p->sequences_that_fit);
}

int cmd_plan(struct options *o)
{
    pllm_model_options model_options = cli_model_options(o);
    pllm_engine_options engine_options = cli_engine_options(o);
    pllm_plan plan;
    char *description;
    struct loading loading;
    pllm_error err;
    cli_catch_interrupts();
    cli_loading_begin(&loading, &model_options, o);
    pllm_status status = pllm_plan_run(o->model, &model_options, &engine_options, &plan, &description, &err);
    loading_end(&loading);
    if (status)
        return cli_fail_error(&err);
    if (o->json)
        print_json(&plan);
    else
        print_text(&plan, description);
    pllm_free(description);
    return EXIT_DONE;
}
