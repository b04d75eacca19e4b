#include "summary.h"

#include "cli.h"

#include <errno.h>
#include <string.h>

static double per_second(uint64_t n, double seconds)
{
    return seconds > 0 ? (double)n / seconds : 0;
}

static void print_json(FILE *out, const struct summary *s)
{
    const pllm_stats *t = &s->stats;
    fprintf(out, "{\"prompts\": %zu, \"samples\": %zu, \"errors\": %zu", s->prompts, s->samples, s->errors);
    fprintf(out, ", \"prompt_tokens\": %llu, \"completion_tokens\": %llu", (unsigned long long)s->prompt_tokens,
            (unsigned long long)t->completion_tokens);
    fprintf(out, ", \"prefill_tokens_computed\": %llu, \"cached_tokens\": %llu",
            (unsigned long long)t->prefill_tokens_computed, (unsigned long long)t->cached_tokens);
    fprintf(out, ", \"load_seconds\": %.6f, \"wall_seconds\": %.6f", s->load_seconds, s->wall_seconds);
    fprintf(out, ", \"prompt_tokens_per_second\": %.3f, \"generation_tokens_per_second\": %.3f",
            per_second(s->prompt_tokens, s->wall_seconds), per_second(t->completion_tokens, s->wall_seconds));
    fprintf(out, ", \"peak_rss_bytes\": %llu, \"max_running\": %d, \"preemptions\": %llu, \"steps\": %llu}\n",
            (unsigned long long)cli_peak_rss(), (int)t->max_running, (unsigned long long)t->preemptions,
            (unsigned long long)t->steps);
}

/* Nothing of what there was nothing of: scoring generates no tokens. */
static void print_tokens(const char *what, uint64_t n, uint64_t n_cached, double seconds)
{
    if (!n)
        return;
    fprintf(stderr, "%-10s %10llu %-6s  %10.1f tokens/s", what, (unsigned long long)n, n == 1 ? "token" : "tokens",
            per_second(n, seconds));
    if (n_cached)
        fprintf(stderr, "  (%llu from the cache)", (unsigned long long)n_cached);
    fputc('\n', stderr);
}

static void print_text(const struct summary *s)
{
    const pllm_stats *t = &s->stats;
    fprintf(stderr, "%zu prompt%s, %zu answer%s", s->prompts, s->prompts == 1 ? "" : "s", s->samples,
            s->samples == 1 ? "" : "s");
    if (s->errors)
        fprintf(stderr, ", %zu with errors", s->errors);
    fprintf(stderr, " in %.2f s (and %.2f s to load)", s->wall_seconds, s->load_seconds);
    if (t->max_running)
        fprintf(stderr, ", up to %d at once", (int)t->max_running);
    fputc('\n', stderr);
    print_tokens("prompt", s->prompt_tokens, t->cached_tokens, s->wall_seconds);
    print_tokens("generated", t->completion_tokens, 0, s->wall_seconds);
    fprintf(stderr, "peak memory %.1f MiB", (double)cli_peak_rss() / 1048576);
    if (t->preemptions)
        fprintf(stderr, ", %llu preemptions", (unsigned long long)t->preemptions);
    fputc('\n', stderr);
}

int summary_print(const struct summary *s, const struct options *o, bool stdout_free)
{
    if (!o->json && !o->quiet)
        print_text(s);
    if (!o->json)
        return EXIT_DONE;
    FILE *out = stdout_free ? stdout : stderr;
    print_json(out, s);
    return fflush(out) != 0 ? cli_fail(EXIT_UNWRITABLE, "standard output: %s", strerror(errno)) : EXIT_DONE;
}
