/* parallm chat: a conversation in the terminal, streamed. Ctrl-C stops an answer, and between answers the
 * program. */
#include "buffer.h"
#include "cli.h"
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct chat {
    pllm_engine *engine;
    struct request_context context;
    const struct options *options;
    json_t *messages;
    bool on_terminal;
};

static const char help[] = "/reset  forget the conversation\n"
                           "/exit   leave (so does the end of the input)\n"
                           "/help   this text\n"
                           "Ctrl-C  stop an answer\n";

/* One message more; false: it is not UTF-8, or there is no memory. */
static bool add_message(struct chat *c, const char *role, const char *text, size_t n)
{
    return json_array_append_new(c->messages, json_pack("{ssss%}", "role", role, "content", text, n)) == 0;
}

static void forget_last(struct chat *c)
{
    json_array_remove(c->messages, json_array_size(c->messages) - 1);
}

static int reset(struct chat *c)
{
    const char *system = c->options->system;
    json_array_clear(c->messages);
    if (system && !add_message(c, "system", system, strlen(system)))
        return cli_fail(EXIT_USAGE, "--system: is not valid UTF-8");
    return EXIT_DONE;
}

/* A line without its end; NULL at the end of the input, and after Ctrl-C. */
static char *read_line(const struct chat *c)
{
    char *line = NULL;
    size_t room = 0;
    if (c->on_terminal) {
        fputs("> ", stdout);
        fflush(stdout);
    }
    ssize_t n = getline(&line, &room, stdin);
    if (n < 0) {
        free(line);
        return NULL;
    }
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        line[--n] = 0;
    return line;
}

/* The request that answers the conversation so far. */
static pllm_status read_request(struct chat *c, struct request *r, pllm_error *err)
{
    json_t *line = json_pack("{sO}", "messages", c->messages);
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    json_decref(line);
    if (!text)
        return request_fail(err, PLLM_E_MEMORY, "messages: not enough memory");
    pllm_status status = request_read(r, &c->context, text, strlen(text), err);
    free(text);
    return status;
}

/* What ended an answer; an error: why. */
struct ending {
    pllm_finish how;
    char why[256];
};

/* Standard output takes no more; what it took of the answer may stand on the terminal that this goes to. */
static int fail_output(const struct buffer *answer)
{
    const int reason = errno;
    if (answer->n && isatty(STDERR_FILENO))
        fputc('\n', stderr);
    return cli_fail(EXIT_UNWRITABLE, "standard output: %s", strerror(reason));
}

/* Steps until the answer is complete or Ctrl-C stops it; what is shown is appended to `answer`. */
static int stream(struct chat *c, uint64_t id, struct buffer *answer, struct ending *end)
{
    *end = (struct ending){.how = PLLM_FINISH_NONE};
    while (end->how == PLLM_FINISH_NONE) {
        const pllm_event *events;
        size_t n;
        pllm_error err;
        if (cli_interrupted) {
            pllm_cancel(c->engine, id);
            cli_interrupted = 0;
            cli_catch_interrupts();
            break;
        }
        pllm_status status = pllm_step(c->engine, &events, &n, &err);
        if (status && cli_interrupted)
            continue;
        if (status) {
            if (answer->n) /* what is said next begins a line */
                puts("");
            fflush(stdout);
            return cli_fail_error(&err);
        }
        for (size_t i = 0; i < n; i++) {
            if (events[i].n_text)
                fwrite(events[i].text, 1, events[i].n_text, stdout);
            buffer_add(answer, events[i].text, events[i].n_text);
            if (events[i].kind == PLLM_EVENT_FINISH)
                end->how = events[i].finish;
            if (events[i].kind == PLLM_EVENT_FINISH && events[i].error)
                snprintf(end->why, sizeof end->why, "%s", events[i].error);
        }
        if (fflush(stdout) != 0)
            return fail_output(answer);
    }
    putchar('\n');
    return EXIT_DONE;
}

static int remember(struct chat *c, const struct buffer *text, const struct ending *end)
{
    if (end->how == PLLM_FINISH_ERROR) {
        forget_last(c);
        return cli_fail(EXIT_DONE, "%s", end->why);
    }
    if (text->failed || !add_message(c, "assistant", text->n ? text->at : "", text->n))
        return cli_fail(EXIT_MEMORY, "answer: not enough memory to remember it");
    if (end->how == PLLM_FINISH_LENGTH && !c->options->quiet)
        fputs("parallm: the answer is cut: by --max-tokens, or as the context is full, which /reset empties\n", stderr);
    return EXIT_DONE;
}

/* Says something, and adds it with its answer to the conversation. What cannot be answered is not added. */
static int answer(struct chat *c, const char *said)
{
    struct request r;
    struct buffer text = {0};
    uint64_t id;
    struct ending end;
    pllm_error err;
    if (!add_message(c, "user", said, strlen(said)))
        return cli_fail(EXIT_DONE, "input: is not valid UTF-8");
    pllm_status status = read_request(c, &r, &err);
    if (!status)
        status = pllm_submit(c->engine, &r.request, &id, &err);
    request_fini(&r);
    if (status) {
        forget_last(c);
        cli_fail_error(&err);
        return status == PLLM_E_MEMORY ? EXIT_MEMORY : EXIT_DONE;
    }
    int code = stream(c, id, &text, &end);
    if (!code)
        code = remember(c, &text, &end);
    buffer_fini(&text);
    return code;
}

static int converse(struct chat *c)
{
    int code = EXIT_DONE;
    char *line;
    cli_end_at_once(false); /* from here on it ends an answer first */
    if (c->on_terminal && !c->options->quiet)
        puts("/help tells what can be done.");
    while (!code && (line = read_line(c))) {
        bool leaves = strcmp(line, "/exit") == 0 || strcmp(line, "/quit") == 0;
        if (strcmp(line, "/help") == 0)
            fputs(help, stdout);
        else if (strcmp(line, "/reset") == 0)
            code = reset(c);
        else if (line[0] == '/' && line[1] && !leaves && !strchr(line, ' '))
            printf("%s: is no command; /help lists them\n", line);
        else if (line[0] && !leaves)
            code = answer(c, line);
        free(line);
        if (leaves)
            break;
    }
    if (cli_interrupted)
        putchar('\n');
    return code ? code : cli_interrupted ? EXIT_INTERRUPTED : EXIT_DONE;
}

static int with_model(struct chat *c, const pllm_model *model, const struct options *o)
{
    int code = request_context_init(&c->context, model, o);
    if (code)
        return code;
    code = cli_only_adapter(&c->context.adapter, o);
    if (code) {
        request_context_fini(&c->context);
        return code;
    }
    c->messages = json_array();
    code = cli_open_engine(&c->engine, model, o);
    if (!code && !c->messages)
        code = cli_fail(EXIT_MEMORY, "chat: not enough memory");
    if (!code)
        code = reset(c);
    if (!code)
        code = converse(c);
    json_decref(c->messages);
    pllm_engine_close(c->engine);
    request_context_fini(&c->context);
    return code;
}

int cmd_chat(struct options *o)
{
    struct chat c = {.options = o, .on_terminal = isatty(STDIN_FILENO)};
    pllm_model *model;
    cli_catch_interrupts();
    if (!o->max_num_seqs)
        o->max_num_seqs = 1;
    int code = cli_open_model(&model, o);
    if (code)
        return code;
    code = with_model(&c, model, o);
    pllm_model_close(model);
    return code;
}
