/* What all commands share: how they fail, open a model, and hear Ctrl-C. */
#ifndef PARALLM_CLI_CLI_H
#define PARALLM_CLI_CLI_H

#include "loading.h"
#include "options.h"

#include <signal.h>

enum exit_code {
    EXIT_DONE = 0,
    EXIT_SOME_ERRORS = 1, /* done, but some lines had errors */
    EXIT_USAGE = 2,
    EXIT_UNREADABLE = 3, /* the model, an adapter or another input file cannot be read or is malformed */
    EXIT_MEMORY = 4,
    EXIT_UNWRITABLE = 5, /* output could not be written */
    EXIT_INTERRUPTED = 130,
};

/* Writes "parallm: ..." as one line to standard error; returns `code`. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with the library's message, in which a field is called by its option; the exit code is that of its status, or of an
 * interrupt. */
int cli_fail_error(const pllm_error *err);

/* From here on Ctrl-C ends the program at once, with its word and exit code, whatever it is at. */
void cli_catch_interrupts(void);

/* Switched off while there is output to keep or a file to remove: then Ctrl-C sets cli_interrupted, and only a second one ends
 * the program. */
void cli_end_at_once(bool on);
extern volatile sig_atomic_t cli_interrupted;

double cli_seconds(void); /* of a clock that only moves forward */
uint64_t cli_peak_rss(void);

/* A text file of at most `limit` bytes as one allocation (free), with a NUL behind it. */
int cli_read_file(const char *path, size_t limit, char **text, size_t *n);

/* A chat template from a file; `*out` is set on EXIT_DONE only. */
int cli_open_template(pllm_template **out, const char *path);

pllm_model_options cli_model_options(const struct options *o);
pllm_engine_options cli_engine_options(const struct options *o);

/* Lets `options` report to a progress line (loading.h), which also hears Ctrl-C; loading_end clears it. */
void cli_loading_begin(struct loading *l, pllm_model_options *options, const struct options *o);

/* The model, with a progress line on a terminal if that takes over a second, and an engine with its
 * adapters. They return an exit code; what is opened is set on EXIT_DONE only. */
int cli_open_model(pllm_model **model, const struct options *o);
int cli_open_engine(pllm_engine **engine, const pllm_model *model, const struct options *o);

/* A model's tokenizer alone. */
int cli_open_tokenizer(pllm_tokenizer **tokenizer, const struct options *o);

struct adapter_name {
    char text[256]; /* "": none */
};

/* The adapter of --lora for a prompt that has no field "lora": there may be one. */
int cli_only_adapter(struct adapter_name *name, const struct options *o);

/* The commands, with the words after their name parsed. They return the exit code. */
int cmd_generate(struct options *o);
int cmd_score(struct options *o);
int cmd_chat(struct options *o);
int cmd_bench(struct options *o);
int cmd_plan(struct options *o);
int cmd_tokenize(struct options *o);
int cmd_render(struct options *o);
int cmd_quantize(struct options *o);
int cmd_pull(struct options *o);

#endif
