/* parallm plan: what a model is, and the memory that a run will need. */
#include "cli.h"

#include <string.h>

static double mib(uint64_t bytes)
{
    return (double)bytes / 1048576;
}

static void print_text(const pllm_plan *p, const char *description)
{
    size_t n = strlen(description);
    printf("%s%s\n", description, n && description[n - 1] != '\n' ? "\n" : "");
    printf("weights     %10.1f MiB\n", mib(p->weight_bytes));
    printf("KV cache    %10.1f MiB  %d blocks of %d tokens, in memory once they are used\n", mib(p->kv_cache_bytes), (int)p->kv_blocks,
           (int)p->kv_block_tokens);
    printf("scratch     %10.1f MiB  up to %d rows in a step\n", mib(p->scratch_bytes),
           (int)p->max_num_batched_tokens);
    printf("other       %10.1f MiB\n", mib(p->other_bytes));
    printf("peak        %10.1f MiB", mib(p->peak_bytes));
    if (p->available_bytes)
        printf("  at most, of %.1f MiB at hand%s", mib(p->available_bytes),
               p->peak_bytes > p->available_bytes ? ": too much" : "");
    printf("\n\nup to %d sequences decode at once; %d with %d tokens each fit into the KV cache at the same time\n",
           (int)p->max_num_seqs, (int)p->sequences_that_fit, (int)p->max_model_len);
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
