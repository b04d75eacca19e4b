#include "cli.h"

#include "progress.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MOST_TEMPLATE_BYTES = 16 << 20 };

volatile sig_atomic_t cli_interrupted;

int cli_fail(int code, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    for (char *c = message; *c; c++) /* one line, whatever names hold */
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    fprintf(stderr, "parallm: %s\n", message);
    return code;
}

int cli_fail_error(const pllm_error *err)
{
    static const int codes[] = {
        [PLLM_OK] = EXIT_DONE,
        [PLLM_E_ARGUMENT] = EXIT_USAGE,
        [PLLM_E_IO] = EXIT_UNREADABLE,
        [PLLM_E_FORMAT] = EXIT_UNREADABLE,
        [PLLM_E_UNSUPPORTED] = EXIT_UNREADABLE,
        [PLLM_E_MEMORY] = EXIT_MEMORY,
        [PLLM_E_WRITE] = EXIT_UNWRITABLE,
    };
    if (cli_interrupted)
        return cli_fail(EXIT_INTERRUPTED, "interrupted");
    const struct option_def *option = err->status == PLLM_E_ARGUMENT ? option_of_message(err->message) : NULL;
    char retold[sizeof err->message + 8];
    if (option)
        option_retell(retold, sizeof retold, option, err->message);
    return cli_fail(codes[err->status], "%s", option ? retold : err->message);
}

/* ---- Ctrl-C ------------------------------------------------------------------------------------------ */

static volatile sig_atomic_t ends_at_once = 1;
static bool clears_line; /* there may be a line of progress */

/* With nothing that a signal's handler may not call. */
static void end_now(void)
{
    static const char word[] = "\r\033[Kparallm: interrupted\n";
    const size_t skipped = clears_line ? 0 : strlen("\r\033[K");
    ssize_t written = write(STDERR_FILENO, word + skipped, sizeof word - 1 - skipped);
    (void)written; /* there is nobody left to tell */
    _exit(EXIT_INTERRUPTED);
}

static void on_interrupt(int number)
{
    (void)number;
    cli_interrupted = 1;
    if (ends_at_once)
        end_now();
}

void cli_catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESETHAND};
    clears_line = progress_wanted(false);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write, with its own exit code */
}

void cli_end_at_once(bool on)
{
    ends_at_once = on;
    if (on && cli_interrupted) /* while it was off */
        end_now();
}

double cli_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

uint64_t cli_peak_rss(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
#ifdef __APPLE__
    return (uint64_t)usage.ru_maxrss;
#else
    return (uint64_t)usage.ru_maxrss * 1024;
#endif
}

/* Reads f to its end; NULL with errno set on failure. */
static char *read_all(FILE *f, size_t limit, size_t *n)
{
    size_t used = 0, room = 4096;
    char *text = malloc(room + 1);
    while (text) {
        used += fread(text + used, 1, room - used, f);
        if (used < room && !ferror(f)) {
            text[used] = 0;
            *n = used;
            return text;
        }
        if (!ferror(f)) /* else errno says what fread met */
            errno = EFBIG;
        char *grown = !ferror(f) && room < limit ? realloc(text, 2 * room + 1) : NULL;
        if (!grown)
            free(text);
        text = grown;
        room *= 2;
    }
    return NULL;
}

int cli_read_file(const char *path, size_t limit, char **text, size_t *n)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    char *all = f ? read_all(f, limit, n) : NULL;
    int reason = errno;
    if (f && f != stdin)
        fclose(f);
    if (!all)
        return cli_fail(reason == ENOMEM ? EXIT_MEMORY : EXIT_UNREADABLE, "%s: %s", path, strerror(reason));
    *text = all;
    return EXIT_DONE;
}

int cli_open_template(pllm_template **out, const char *path)
{
    char *source;
    size_t n;
    pllm_error err;
    int code = cli_read_file(path, MOST_TEMPLATE_BYTES, &source, &n);
    if (code)
        return code;
    pllm_status status = pllm_template_open(out, source, n, path, &err);
    free(source);
    return status ? cli_fail_error(&err) : EXIT_DONE;
}

/* ---- Models ------------------------------------------------------------------------------------------ */

void cli_loading_begin(struct loading *l, pllm_model_options *options, const struct options *o)
{
    loading_begin(l, o->quiet);
    options->progress = loading_progress;
    options->progress_user = l;
}

pllm_model_options cli_model_options(const struct options *o)
{
    pllm_model_options m = pllm_model_options_default();
    m.threads = (int32_t)o->threads;
    m.dtype = o->dtype;
    m.activations = o->activations;
    m.quantize = o->quantize;
    m.isa = o->isa;
    return m;
}

/* A step of many rows through a large model takes seconds. */
static bool go_on(void *user, const char *what, uint64_t done, uint64_t total)
{
    (void)user, (void)what, (void)done, (void)total;
    return !cli_interrupted;
}

pllm_engine_options cli_engine_options(const struct options *o)
{
    pllm_engine_options e = pllm_engine_options_default();
    e.threads = (int32_t)o->threads;
    e.max_num_seqs = (int32_t)o->max_num_seqs;
    e.max_num_batched_tokens = (int32_t)o->max_num_batched_tokens;
    e.max_model_len = (int32_t)o->max_model_len;
    e.kv_cache_dtype = o->kv_cache_dtype;
    e.kv_cache_memory = (uint64_t)o->kv_cache_memory;
    e.enable_prefix_caching = !o->no_prefix_caching;
    e.progress = go_on;
    return e;
}

int cli_open_model(pllm_model **model, const struct options *o)
{
    struct loading loading;
    pllm_model_options options = cli_model_options(o);
    pllm_error err;
    cli_loading_begin(&loading, &options, o);
    pllm_status status = pllm_model_open(model, o->model, &options, &err);
    loading_end(&loading);
    return status ? cli_fail_error(&err) : EXIT_DONE;
}

int cli_open_tokenizer(pllm_tokenizer **tokenizer, const struct options *o)
{
    pllm_error err;
    pllm_status status = pllm_tokenizer_open(tokenizer, o->model, &err);
    return status ? cli_fail_error(&err) : EXIT_DONE;
}

/* "NAME=PATH" */
static int split_adapter(struct adapter_name *name, const char **path, const char *word)
{
    size_t n = strcspn(word, "=");
    if (n == 0 || n >= sizeof name->text || !word[n])
        return cli_fail(EXIT_USAGE, "--lora: is \"%s\", wanted NAME=PATH", word);
    memcpy(name->text, word, n);
    name->text[n] = 0;
    *path = word + n + 1;
    return EXIT_DONE;
}

static int add_adapter(pllm_engine *engine, const char *word)
{
    struct adapter_name name;
    const char *path = NULL;
    pllm_error err;
    int code = split_adapter(&name, &path, word);
    return code ? code : pllm_adapter_add(engine, name.text, path, &err) ? cli_fail_error(&err) : EXIT_DONE;
}

int cli_only_adapter(struct adapter_name *name, const struct options *o)
{
    const char *path;
    *name = (struct adapter_name){0};
    if (o->lora.n > 1)
        return cli_fail(EXIT_USAGE, "--lora: is given %zu times, wanted once where no line can name one of them", o->lora.n);
    return o->lora.n ? split_adapter(name, &path, o->lora.at[0]) : EXIT_DONE;
}

/* Whoever does not know would take an answer that the cache ends for a finished one. */
static void warn_of_little_room(const pllm_engine *engine, const struct options *o)
{
    const pllm_plan p = pllm_engine_plan(engine);
    if (p.sequences_that_fit < 1 && !o->quiet)
        fprintf(stderr, "parallm: KV cache: has room for %lld tokens, less than a sequence of %d (--kv-cache-memory, --max-model-len)\n",
                (long long)p.kv_blocks * p.kv_block_tokens, (int)p.max_model_len);
}

int cli_open_engine(pllm_engine **engine, const pllm_model *model, const struct options *o)
{
    pllm_engine_options options = cli_engine_options(o);
    pllm_engine *opened;
    pllm_error err;
    if (pllm_engine_open(&opened, model, &options, &err))
        return cli_fail_error(&err);
    warn_of_little_room(opened, o);
    for (size_t i = 0; i < o->lora.n; i++) {
        int code = add_adapter(opened, o->lora.at[i]);
        if (code) {
            pllm_engine_close(opened);
            return code;
        }
    }
    *engine = opened;
    return EXIT_DONE;
}
