#include "batch.h"

#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW_LINES = 4096, /* the more, the more neighbours stand together */
    READ_AT_ONCE = 256, /* lines between two steps, so that computing starts before the window is full */
    MOST_BYTES = 64 << 20, /* held; one line more may be */
};

/* ---- Jobs -------------------------------------------------------------------------------------------- */

static struct job **bucket_of(struct batch *b, uint64_t id)
{
    return &b->buckets[id % (sizeof b->buckets / sizeof *b->buckets)];
}

static struct job *find(struct batch *b, uint64_t id)
{
    struct job *job = *bucket_of(b, id);
    while (job && job->id != id)
        job = job->chain;
    return job;
}

static void sample_fini(struct sample *s)
{
    buffer_fini(&s->text);
    buffer_fini(&s->piece);
    buffer_fini(&s->token_ids);
    buffer_fini(&s->logprobs);
    buffer_fini(&s->line);
}

static void job_free(struct job *job)
{
    for (int i = 0; i < job->n_samples; i++)
        sample_fini(&job->samples[i]);
    free(job->samples);
    buffer_fini(&job->prompt_logprobs);
    buffer_fini(&job->prompt_top);
    request_fini(&job->request);
    free(job);
}

/* What a job holds is n bytes now, about. */
static void count_bytes(struct batch *b, struct job *job, size_t n)
{
    b->n_bytes += n - job->n_bytes;
    job->n_bytes = n;
}

static void append(struct batch *b, struct job *job)
{
    job->older = b->newest;
    *(b->newest ? &b->newest->newer : &b->oldest) = job;
    b->newest = job;
    b->n_jobs++;
}

static void detach(struct batch *b, struct job *job)
{
    *(job->older ? &job->older->newer : &b->oldest) = job->newer;
    *(job->newer ? &job->newer->older : &b->newest) = job->older;
    b->n_jobs--;
    count_bytes(b, job, 0);
    for (struct job **at = bucket_of(b, job->id); *at; at = &(*at)->chain)
        if (*at == job) {
            *at = job->chain;
            break;
        }
    job_free(job);
}

/* ---- Writing ----------------------------------------------------------------------------------------- */

void batch_begin_line(struct buffer *line, const struct job *job, int index)
{
    char *id = job->request.id ? json_dumps(job->request.id, JSON_ENCODE_ANY) : NULL;
    line->failed |= job->request.id && !id;
    if (id)
        buffer_printf(line, "{\"id\": %s", id);
    else
        buffer_printf(line, "{\"id\": %zu", job->number);
    if (index >= 0)
        buffer_printf(line, ", \"index\": %d", index);
    free(id);
}

/* The field that a message begins with: "stop[1]: wanted ...". 0: it names none. */
static size_t field_length(const char *message)
{
    size_t n = 0;
    while (isalnum((unsigned char)message[n]) || (message[n] && strchr("_[].", message[n])))
        n++;
    return message[n] == ':' && message[n + 1] == ' ' ? n : 0;
}

/* The engine's message with the field by the name that the line gives it. */
static void in_words_of_line(char *out, size_t size, const struct job *job, const char *message)
{
    const bool continued = json_object_get(job->request.line, "continuation_token_ids") != NULL;
    size_t i;
    int n = 0;
    if (sscanf(message, "tokens[%zu]%n", &i, &n) == 1 && n > 0)
        snprintf(out, size, "%s[%zu]%s", continued && i >= job->from ? "continuation_token_ids" : "prompt_token_ids",
                 continued && i >= job->from ? i - job->from : i, message + n);
    else if (strncmp(message, "adapter: ", 9) == 0)
        snprintf(out, size, "lora: %s", message + 9);
    else
        snprintf(out, size, "%s", message);
}

static void write_error(struct batch *b, struct job *job, const pllm_error *err)
{
    struct sample *s = &job->samples[0];
    char message[sizeof err->message + 32];
    in_words_of_line(message, sizeof message, job, err->message);
    size_t n = field_length(message);
    s->finished = true;
    job->n_left = 0;
    b->n_errors++;
    if (b->kind->plain) {
        cli_fail(EXIT_SOME_ERRORS, "%s", message);
        return;
    }
    batch_begin_line(&s->line, job, 0);
    buffer_puts(&s->line, ", \"finish_reason\": \"error\", \"error\": {\"message\": ");
    buffer_json_string(&s->line, message, strlen(message));
    buffer_puts(&s->line, ", \"param\": ");
    if (n)
        buffer_json_string(&s->line, message, n);
    else
        buffer_puts(&s->line, "null");
    buffer_puts(&s->line, "}}");
}

static int write_sample(struct batch *b, struct sample *s)
{
    int code = EXIT_DONE;
    if (!b->kind->plain || s->streamed) {
        progress_give_way(b->progress);
        code = output_line(b->output, &s->line);
    }
    b->n_samples++;
    sample_fini(s);
    s->line = (struct buffer){0};
    return code;
}

/* Writes all finished answers of a job, and lets it go if that was all. */
static int write_job(struct batch *b, struct job *job)
{
    int code = EXIT_DONE;
    for (int i = 0; i < job->n_samples && !code; i++)
        if (job->samples[i].finished)
            code = write_sample(b, &job->samples[i]);
    detach(b, job);
    return code;
}

/* In order: from the oldest line on, as far as lines are complete. */
static int write_in_order(struct batch *b)
{
    int code = EXIT_DONE;
    while (b->oldest && b->oldest->n_left == 0 && !code)
        code = write_job(b, b->oldest);
    return code;
}

static int write_finished(struct batch *b, struct job *job, struct sample *s)
{
    if (b->ordered) {
        count_bytes(b, job, job->n_bytes + s->line.n);
        return write_in_order(b);
    }
    int code = write_sample(b, s);
    s->finished = false; /* written */
    if (job->n_left == 0)
        detach(b, job);
    return code;
}

/* ---- Reading ----------------------------------------------------------------------------------------- */

static bool submit(struct batch *b, struct job *job, pllm_error *err)
{
    const pllm_request *r = &job->request.request;
    struct sample *grown = NULL;
    if (r->n > 1) {
        grown = calloc((size_t)r->n, sizeof *grown);
        if (!grown)
            return !request_fail(err, PLLM_E_MEMORY, "n: not enough memory for %d answers", (int)r->n);
    }
    if (pllm_submit(b->engine, r, &job->id, err)) {
        free(grown);
        return false;
    }
    if (grown) {
        free(job->samples);
        job->samples = grown;
        job->n_samples = r->n;
    }
    job->chain = *bucket_of(b, job->id);
    *bucket_of(b, job->id) = job;
    b->n_submitted += (size_t)job->n_samples;
    if (r->max_tokens > b->progress->longest)
        b->progress->longest = r->max_tokens;
    b->prompt_tokens += r->n_tokens;
    count_bytes(b, job, r->n_tokens * sizeof *r->tokens); /* the engine's copy */
    if (!b->kind->keeps_prompt)
        request_drop_prompt(&job->request);
    return true;
}

/* The line is an error. */
static int refuse(struct batch *b, struct job *job, const pllm_error *err)
{
    write_error(b, job, err);
    return write_finished(b, job, &job->samples[0]);
}

/* Hands what is gathered to the engine, neighbours together. */
static int submit_gathered(struct batch *b)
{
    int code = EXIT_DONE;
    gather_sort(&b->gathered);
    for (size_t i = 0; i < b->gathered.n && !code; i++) {
        struct job *job = b->gathered.at[i];
        pllm_error err = {0};
        if (submit(b, job, &err))
            continue;
        b->n_pending -= (size_t)job->n_left;
        code = refuse(b, job, &err);
    }
    b->gathered.n = 0;
    return code;
}

static int take_line(struct batch *b, const char *line, size_t n, bool too_long)
{
    pllm_error err = {0};
    struct job *job = calloc(1, sizeof *job);
    if (job)
        job->samples = calloc(1, sizeof *job->samples);
    if (!job || !job->samples) {
        free(job);
        return cli_fail(EXIT_MEMORY, "%s: not enough memory for line %zu", b->lines->name, b->lines->number);
    }
    job->n_samples = 1;
    job->number = b->lines->number - 1;
    append(b, job);
    b->n_lines++;
    if (too_long)
        request_fail(&err, PLLM_E_ARGUMENT, "the line is too long, wanted at most 64 MiB");
    if (too_long || b->kind->read(job, b->context, line, n, &err))
        return refuse(b, job, &err);
    if (!gather_add(&b->gathered, job)) {
        request_fail(&err, PLLM_E_MEMORY, "not enough memory for the line");
        return refuse(b, job, &err);
    }
    job->n_left = job->request.request.n > 1 ? job->request.request.n : 1;
    b->n_pending += (size_t)job->n_left;
    count_bytes(b, job, 2 * n + job->request.request.n_tokens * sizeof(int32_t)); /* as JSON, as text, as tokens */
    return EXIT_DONE;
}

static bool is_full(const struct batch *b)
{
    return b->n_jobs >= b->window || b->n_pending >= b->window || b->n_bytes >= MOST_BYTES;
}

static int read_ahead(struct batch *b)
{
    int code = EXIT_DONE;
    for (int i = 0; i < READ_AT_ONCE && !b->ended && !code; i++) {
        const char *line;
        size_t n;
        if (b->n_jobs && is_full(b))
            return EXIT_DONE;
        enum lines_result result = lines_next(b->lines, b->n_pending == 0, &line, &n);
        if (result == LINES_LATER)
            return EXIT_DONE;
        b->ended = result == LINES_END || result == LINES_FAILED;
        if (result == LINES_FAILED)
            return cli_fail(EXIT_UNREADABLE, "%s: %s", b->lines->name, strerror(errno));
        if (result == LINES_LONG || (result == LINES_ONE && (b->lines->given || !line_is_blank(line, n))))
            code = take_line(b, line, n, result == LINES_LONG);
    }
    return code;
}

/* ---- Running ----------------------------------------------------------------------------------------- */

static int take_event(struct batch *b, const pllm_event *e)
{
    struct job *job = find(b, e->id);
    if (!job || e->sample < 0 || e->sample >= job->n_samples)
        return EXIT_DONE;
    struct sample *s = &job->samples[e->sample];
    bool good = b->kind->event(job, s, e, b->context);
    int code = EXIT_DONE;
    s->streamed = true;
    if (s->piece.n || s->piece.failed) {
        progress_give_way(b->progress);
        code = output_piece(b->output, &s->piece);
    }
    buffer_clear(&s->piece);
    if (code || e->kind != PLLM_EVENT_FINISH)
        return code;
    b->n_errors += !good;
    b->n_pending--;
    b->n_submitted--;
    job->n_left--;
    s->finished = true;
    code = write_finished(b, job, s);
    if (!good && b->kind->plain && !code)
        cli_fail(EXIT_SOME_ERRORS, "%s", e->error);
    return code;
}

static int step(struct batch *b)
{
    const pllm_event *events;
    size_t n;
    pllm_error err;
    int code = EXIT_DONE;
    if (pllm_step(b->engine, &events, &n, &err)) {
        if (cli_interrupted) /* batch_run ends it */
            return EXIT_DONE;
        output_end_line(b->output);
        return cli_fail_error(&err);
    }
    for (size_t i = 0; i < n && !code; i++)
        code = take_event(b, &events[i]);
    pllm_stats stats = pllm_engine_stats(b->engine);
    progress_update(b->progress, b->n_samples, b->n_samples + b->n_pending, &stats);
    return code;
}

int batch_run(struct batch *b)
{
    size_t seqs = (size_t)pllm_engine_plan(b->engine).max_num_seqs;
    b->window = 4 * seqs > WINDOW_LINES ? 4 * seqs : WINDOW_LINES;
    b->low = seqs;
    int code = EXIT_DONE;
    while (!code && !cli_interrupted) {
        code = read_ahead(b);
        if (!code && b->n_submitted <= b->low)
            code = submit_gathered(b);
        if (code || (b->ended && b->n_pending == 0))
            break;
        if (b->n_pending)
            code = step(b);
    }
    /* Interrupted or failed: what is finished is kept, in order, though lines before it are not. */
    while (b->oldest) {
        int written = code == EXIT_UNWRITABLE ? (detach(b, b->oldest), EXIT_DONE) : write_job(b, b->oldest);
        code = code ? code : written;
    }
    gather_fini(&b->gathered);
    progress_end(b->progress);
    if (!code)
        code = output_end_line(b->output);
    if (code)
        return code;
    return cli_interrupted ? EXIT_INTERRUPTED : b->n_errors ? EXIT_SOME_ERRORS : EXIT_DONE;
}
