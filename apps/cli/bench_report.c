#include "bench_report.h"

#include "terminal.h"

#include <string.h>

static bool is_float(const char *quantization)
{
    return strcmp(quantization, "f32") == 0 || strcmp(quantization, "f16") == 0 || strcmp(quantization, "bf16") == 0;
}

struct bench_limits bench_limits_of(const struct roofline *machine, const pllm_model_info *info, const struct options *o)
{
    struct bench_limits l = {.machine = *machine};
    const bool unquantized = is_float(info->quantization) || o->activations == PLLM_DTYPE_F32;
    const bool bf16 = strcmp(info->quantization, "bf16") == 0 && machine->bf16_gop_s > 0;
    l.gop_s = !unquantized ? machine->int8_gop_s : bf16 ? machine->bf16_gop_s : machine->f32_gop_s;
    l.gb_step = 1e-9 * (double)info->weight_bytes_read;
    l.gop_head = 2e-9 * (double)info->hidden_size * (double)info->vocab_size;
    l.gop_token = 2e-9 * (double)info->multiply_adds - l.gop_head;
    l.known = l.gop_s > 0 && machine->read_gb_s > 0;
    return l;
}

/* The least time for reading all weights `steps` times and multiplying `tokens` rows, `logits` of them by the head too, over
 * the time it took. */
static double fraction(const struct bench_limits *l, double steps, double tokens, double logits, double seconds)
{
    double reading = steps * l->gb_step / l->machine.read_gb_s;
    double multiplying = (tokens * l->gop_token + logits * l->gop_head) / l->gop_s;
    return (reading > multiplying ? reading : multiplying) / seconds;
}

static double prefill_fraction(const struct bench_limits *l, const struct bench_row *r, const struct options *o)
{
    double seqs = (double)r->n_seqs; /* only a prompt's last token needs logits */
    return fraction(l, 1, seqs * (double)o->prompt_tokens, seqs, r->median.prefill_seconds);
}

static double decode_fraction(const struct bench_limits *l, const struct bench_row *r)
{
    const struct bench_times *t = &r->median;
    double tokens = (double)t->decode_tokens;
    return fraction(l, (double)t->decode_steps, tokens, tokens, t->decode_seconds);
}

/* ---- For people -------------------------------------------------------------------------------------- */

enum { TABLE_WIDTH = 80 };

static bool is_narrow(void)
{
    const int width = terminal_columns(stdout);
    return width && width < TABLE_WIDTH;
}

void bench_print_heading(const struct options *o, const pllm_model_info *info, const struct bench_limits *l)
{
    char text[512];
    const int width = terminal_columns(stdout);
    snprintf(text, sizeof text, ", %s, %s: %d prompt and %d generated tokens, median of %d", info->quantization, info->isa,
             (int)o->prompt_tokens, (int)o->gen_tokens, (int)o->repeat);
    fputs(o->model, stdout); /* in one piece, whatever blanks it has */
    terminal_words(stdout, text, (int)strlen(o->model), 0, width);
    if (l->known) {
        snprintf(text, sizeof text, "this machine reads %.1f GB/s and multiplies at %.0f Gop/s", l->machine.read_gb_s, l->gop_s);
        terminal_words(stdout, text, 0, 0, width);
    }
    if (!is_narrow())
        printf("\n%10s %12s %9s %12s %9s %12s %10s\n", "sequences", "prefill t/s", "of limit", "decode t/s", "of limit", "total t/s",
               "peak MiB");
}

/* "45 %", or "-" where it is not known */
static void put_percent(char *out, size_t size, bool known, double part, const char *behind)
{
    if (known)
        snprintf(out, size, "%.0f %%%s", 100 * part, behind);
    else
        snprintf(out, size, "-");
}

static void print_narrow(const struct bench_row *r, const char *prefill, const char *decode)
{
    printf("\n%d sequence%s\n", r->n_seqs, r->n_seqs == 1 ? "" : "s");
    printf("  prefill %9.1f t/s  %s\n", r->prefill_tokens_s, prefill);
    printf("  decode  %9.1f t/s  %s\n", r->decode_tokens_s, decode);
    printf("  total   %9.1f t/s\n", r->total_tokens_s);
    printf("  peak    %9.1f MiB\n", (double)r->peak_rss_bytes / 1048576);
}

void bench_print_row(const struct bench_row *r, const struct options *o, const struct bench_limits *l)
{
    char prefill[32], decode[32];
    const bool narrow = is_narrow();
    put_percent(prefill, sizeof prefill, l->known, prefill_fraction(l, r, o), narrow ? " of limit" : "");
    put_percent(decode, sizeof decode, l->known, decode_fraction(l, r), narrow ? " of limit" : "");
    if (narrow)
        print_narrow(r, prefill, decode);
    else
        printf("%10d %12.1f %9s %12.1f %9s %12.1f %10.1f\n", r->n_seqs, r->prefill_tokens_s, prefill, r->decode_tokens_s, decode,
               r->total_tokens_s, (double)r->peak_rss_bytes / 1048576);
    fflush(stdout);
}

/* ---- For machines ------------------------------------------------------------------------------------ */

void bench_print_json(const struct bench_row *rows, int n, const struct options *o, const struct bench_limits *l)
{
    printf("{\"prompt_tokens\": %d, \"gen_tokens\": %d, \"repeat\": %d, \"read_gb_s\": %.3f, \"gop_s\": %.3f",
           (int)o->prompt_tokens, (int)o->gen_tokens, (int)o->repeat, l->machine.read_gb_s, l->gop_s);
    printf(", \"results\": [");
    for (int i = 0; i < n; i++) {
        const struct bench_row *r = &rows[i];
        printf("%s{\"parallel\": %d, \"prefill_tokens_per_second\": %.3f, \"decode_tokens_per_second\": %.3f",
               i ? ", " : "", r->n_seqs, r->prefill_tokens_s, r->decode_tokens_s);
        printf(", \"total_tokens_per_second\": %.3f, \"prefill_seconds\": %.6f, \"decode_seconds\": %.6f",
               r->total_tokens_s, r->median.prefill_seconds, r->median.decode_seconds);
        if (l->known)
            printf(", \"prefill_fraction\": %.4f, \"decode_fraction\": %.4f", prefill_fraction(l, r, o),
                   decode_fraction(l, r));
        printf(", \"peak_rss_bytes\": %llu}", (unsigned long long)r->peak_rss_bytes);
    }
    printf("]}\n");
}
