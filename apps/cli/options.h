/* The options of all commands: one table (option_table.c), from which parsing and --help (help.c) come. The sampling
 * options are also the fields of input lines, spelled with underscores (request.c). */
#ifndef PARALLM_CLI_OPTIONS_H
#define PARALLM_CLI_OPTIONS_H

#include "parallm.h"

#include <stdio.h>

/* Commands, as bits: an option belongs to several. */
enum command_bit {
    FOR_GENERATE = 1 << 0,
    FOR_SCORE = 1 << 1,
    FOR_CHAT = 1 << 2,
    FOR_BENCH = 1 << 3,
    FOR_PLAN = 1 << 4,
    FOR_TOKENIZE = 1 << 5,
    FOR_RENDER = 1 << 6,
    FOR_QUANTIZE = 1 << 7,
    FOR_PULL = 1 << 8,
    FOR_LINES = FOR_GENERATE | FOR_SCORE,  /* JSON lines in and out, through an engine */
    FOR_SAMPLING = FOR_GENERATE | FOR_CHAT,
    FOR_RUNNING = FOR_GENERATE | FOR_SCORE | FOR_CHAT | FOR_BENCH | FOR_PLAN, /* an engine is opened or planned */
    FOR_MODEL = FOR_RUNNING | FOR_QUANTIZE,
};
#define FOR_ALL (~0U)

struct string_list {
    const char **at; /* pointers into argv */
    size_t n;
};

/* How answers are drawn: numbers and switches; lists are in struct options, or in a line's JSON. */
struct sampling_fields {
    double temperature, top_p, min_p, typical_p, repetition_penalty, presence_penalty, frequency_penalty;
    double xtc_probability, xtc_threshold, dry_multiplier, dry_base;
    int64_t top_k, repetition_context_size, dry_allowed_length, dry_range;
    int64_t max_tokens, min_tokens, n, logprobs, prompt_logprobs, priority;
    int64_t seed; /* -1: none was given */
    bool ignore_eos, include_stop_str_in_output, skip_special_tokens;
};

struct options {
    const char *model;
    const char *words[2]; /* further words, as OUT of quantize; while they are read, the model may be among them */
    int n_words;
    bool help;
    /* The run. */
    int64_t threads, max_num_seqs, max_model_len, max_num_batched_tokens, kv_cache_memory; /* 0: chosen */
    pllm_dtype dtype, kv_cache_dtype, activations;
    const char *quantize, *isa, *chat_template;
    struct string_list lora;
    bool quiet, json, no_prefix_caching;
    /* Input and output. */
    const char *input, *output;
    const char *text_file; /* score --text FILE */
    struct string_list prompts;
    bool text, no_chat_template, ordered, stream;
    /* Sampling. */
    struct sampling_fields sampling;
    bool sampling_given[sizeof(struct sampling_fields)]; /* at the offset of each that the command line set */
    const char *generation_config;                       /* "auto": what the model says goes before our defaults */
    struct string_list stop, bad_words;
    const char *stop_token_ids, *allowed_token_ids, *logit_bias; /* read by request.c */
    const char *system;
    /* score, bench, tokenize, render, quantize, pull. */
    bool perplexity, no_special, parse_special, decode;
    int64_t top, prompt_tokens, gen_tokens, repeat;
    const char *parallel, *plot, *template_file, *type, *revision, *file;
    bool force;
};

enum option_kind {
    OPTION_FLAG,     /* bool: true */
    OPTION_NO_FLAG,  /* bool: false */
    OPTION_INT,      /* int64_t */
    OPTION_AUTO_INT, /* int64_t, "auto" is 0 */
    OPTION_NUMBER,   /* double */
    OPTION_BYTES,    /* int64_t */
    OPTION_DTYPE,    /* pllm_dtype */
    OPTION_CHOICE,   /* const char *, one of option_values */
    OPTION_TEXT,     /* const char * */
    OPTION_LIST,     /* struct string_list */
};

struct option_def {
    const char *name;      /* without dashes */
    char letter;           /* or 0 */
    const char *aliases;   /* "parallel,np", or NULL; those of two letters need a single dash only */
    enum option_kind kind;
    const char *argument;  /* what help calls its value; NULL for flags */
    size_t offset;         /* of the value in struct options */
    double least, most;    /* OPTION_INT, OPTION_NUMBER */
    unsigned commands;
    const char *help;
};

extern const struct option_def option_table[];
extern const int n_options;

/* The options of a command, one after another in the order of --help; begins as {.command = its bit}. */
struct option_walk {
    unsigned command;
    int next;
    const char *shown, *current;
    const struct option_def *option;
    const char *heading; /* to be written above the option; NULL: it stands under the one before */
};

bool option_next(struct option_walk *w); /* false: there are no more */

/* "a whole number from 1 to 5": what an option with a number may be. */
void option_range(char *out, size_t size, const struct option_def *d);

/* The words of which the option's value is one, with blanks between them; NULL: it is not one of a few. */
const char *option_values(const struct option_def *d);

/* Fills *o with the defaults, then from the words after the command's name: at most n_words of them besides
 * options, the first of which is the model where takes_model. False: the reason is on standard error. */
bool options_parse(struct options *o, unsigned command, bool takes_model, int n_words, int argc, char **argv);
void options_fini(struct options *o);

/* The option with this JSON spelling ("top_p") among struct sampling_fields; NULL: there is none. */
const struct option_def *option_of_field(const char *json_name);

/* Its name among the fields of a line, but for dashes instead of underscores; NULL: it is not among struct sampling_fields. */
const char *option_field_name(const struct option_def *d);

/* The option among struct sampling_fields with this JSON spelling of one of its aliases ("repeat_penalty"); NULL: there is none. */
const struct option_def *option_called(const char *json_name);

/* The option that the library's message begins with ("max_model_len: is ..."), of a model or an engine, or of what is said of
 * all lines ("top_p: is ...", "stop[0]: is ..."); NULL: it names none. */
const struct option_def *option_of_message(const char *message);
const struct option_def *option_of_lines(const char *message);

/* The message with the option in the place of the field: "--max-model-len: is ..." */
void option_retell(char *out, size_t size, const struct option_def *d, const char *message);

#endif
