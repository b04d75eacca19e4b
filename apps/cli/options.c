#include "options.h"

#include "cli.h"
#include "foreign_names.h"
#include "nearest.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Is `name` (n characters) one of these words, with commas or blanks between them? */
static bool is_one_of(const char *words, const char *name, size_t n)
{
    while (words && *words) {
        size_t length = strcspn(words, ", ");
        if (length == n && strncmp(words, name, n) == 0)
            return true;
        words += length + (words[length] != 0);
    }
    return false;
}

static const struct option_def *find_long(const char *name, size_t n, unsigned command)
{
    for (struct option_walk w = {.command = command}; option_next(&w);) {
        const struct option_def *d = w.option;
        if ((strlen(d->name) == n && strncmp(d->name, name, n) == 0) || is_one_of(d->aliases, name, n))
            return d;
    }
    return NULL;
}

/* After a single dash: a letter, or an alias of two. */
static const struct option_def *find_short(const char *name, size_t n, unsigned command)
{
    for (struct option_walk w = {.command = command}; option_next(&w);) {
        const struct option_def *d = w.option;
        if ((n == 1 && d->letter == name[0]) || (n == 2 && is_one_of(d->aliases, name, n)))
            return d;
    }
    return NULL;
}

static bool is_within(const struct option_def *d, size_t from, size_t end)
{
    return d->offset >= from && d->offset < end;
}

/* Its name where it is a field: a switch that an option turns off is called by what it is. */
static const char *name_of_field(const struct option_def *d)
{
    return d->kind == OPTION_NO_FLAG ? d->name + strlen("no-") : d->name;
}

/* Is it the option's name with underscores for dashes? */
static bool is_spelled(const struct option_def *d, const char *field, size_t n)
{
    const char *name = name_of_field(d);
    for (size_t i = 0; i < n; i++)
        if (name[i] != (field[i] == '_' ? '-' : field[i]))
            return false;
    return name[n] == 0;
}

const char *option_field_name(const struct option_def *d)
{
    const size_t from = offsetof(struct options, sampling), end = from + sizeof(struct sampling_fields);
    return is_within(d, from, end) ? name_of_field(d) : NULL;
}

/* The first option of any command whose place in struct options is from `from` on, before `end`, and that is spelled so. */
static const struct option_def *find_field(size_t from, size_t end, const char *field, size_t n)
{
    for (int i = 0; i < n_options; i++)
        if (is_within(&option_table[i], from, end) && is_spelled(&option_table[i], field, n))
            return &option_table[i];
    return NULL;
}

const struct option_def *option_of_field(const char *json_name)
{
    const size_t from = offsetof(struct options, sampling), end = from + sizeof(struct sampling_fields);
    return find_field(from, end, json_name, strlen(json_name));
}

const struct option_def *option_called(const char *json_name)
{
    char name[32];
    size_t n = strlen(json_name);
    if (n >= sizeof name)
        return NULL;
    for (size_t i = 0; i <= n; i++)
        name[i] = json_name[i] == '_' ? '-' : json_name[i];
    for (int i = 0; i < n_options; i++)
        if (option_field_name(&option_table[i]) && is_one_of(option_table[i].aliases, name, n))
            return &option_table[i];
    return NULL;
}

const struct option_def *option_of_message(const char *message)
{
    const size_t n = strcspn(message, ":"), type = offsetof(struct options, type);
    const struct option_def *d =
        find_field(offsetof(struct options, threads), offsetof(struct options, chat_template), message, n);
    return d ? d : find_field(type, type + 1, message, n);
}

const struct option_def *option_of_lines(const char *message)
{
    return find_field(offsetof(struct options, sampling), offsetof(struct options, system), message, strcspn(message, ":[."));
}

static const char *dashes(const struct option_def *d)
{
    return d->name[1] ? "--" : "-"; /* -n has no longer name */
}

void option_retell(char *out, size_t size, const struct option_def *d, const char *message)
{
    snprintf(out, size, "%s%s%s", dashes(d), d->name, message + strcspn(message, ":[."));
}

static bool complain(const struct option_def *d, const char *value, const char *wanted)
{
    cli_fail(EXIT_USAGE, "%s%s: is \"%s\", wanted %s", dashes(d), d->name, value, wanted);
    return false;
}

void option_range(char *out, size_t size, const struct option_def *d)
{
    snprintf(out, size, d->kind == OPTION_NUMBER     ? "a number from %.9g to %.9g"
                        : d->kind == OPTION_AUTO_INT ? "auto or a whole number from %.0f to %.0f"
                                                     : "a whole number from %.0f to %.0f",
             d->least, d->most);
}

static bool set_int(const struct option_def *d, int64_t *out, const char *value)
{
    char *end, wanted[96];
    errno = 0;
    long long n = strtoll(value, &end, 10);
    if (errno == 0 && end != value && !*end && (double)n >= d->least && (double)n <= d->most) {
        *out = n;
        return true;
    }
    option_range(wanted, sizeof wanted, d);
    return complain(d, value, wanted);
}

static bool set_number(const struct option_def *d, double *out, const char *value)
{
    char *end, wanted[96];
    double x = strtod(value, &end);
    if (end != value && !*end && x >= d->least && x <= d->most) {
        *out = x;
        return true;
    }
    option_range(wanted, sizeof wanted, d);
    return complain(d, value, wanted);
}

/* Powers of 1024 with an i, of 1000 without. */
static bool set_bytes(const struct option_def *d, int64_t *out, const char *value)
{
    static const struct {
        const char *name;
        double factor;
    } units[] = {
        {"", 1},       {"B", 1},       {"k", 1e3},      {"K", 1e3},      {"kB", 1e3},     {"KB", 1e3},
        {"M", 1e6},    {"MB", 1e6},    {"G", 1e9},      {"GB", 1e9},     {"T", 1e12},     {"TB", 1e12},
        {"Ki", 0x1p10}, {"KiB", 0x1p10}, {"Mi", 0x1p20}, {"MiB", 0x1p20}, {"Gi", 0x1p30}, {"GiB", 0x1p30},
        {"Ti", 0x1p40}, {"TiB", 0x1p40},
    };
    char *end;
    double x = strtod(value, &end);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (end != value && strcmp(end, units[i].name) == 0 && x * units[i].factor >= 1 &&
            x * units[i].factor < 0x1p62) {
            *out = (int64_t)(x * units[i].factor);
            return true;
        }
    return complain(d, value, "an amount of memory, as 4GiB or 500MB");
}

/* "auto bf16 f16" -> "auto, bf16 or f16" */
static void spell_choice(char *out, size_t size, const char *words)
{
    size_t n = 0;
    for (const char *last = strrchr(words, ' '); *words && n + 5 < size; words++)
        if (*words == ' ')
            n += (size_t)snprintf(out + n, size - n, "%s", words == last ? " or " : ", ");
        else
            out[n++] = *words;
    out[n] = 0;
}

static bool set_dtype(const struct option_def *d, pllm_dtype *out, const char *value)
{
    static const struct {
        const char *name, *word; /* what is typed; the name in option_values */
        pllm_dtype dtype;
    } types[] = {
        {"auto", "auto", PLLM_DTYPE_AUTO},  {"f32", "f32", PLLM_DTYPE_F32},    {"float32", "f32", PLLM_DTYPE_F32},
        {"float", "f32", PLLM_DTYPE_F32},   {"f16", "f16", PLLM_DTYPE_F16},    {"float16", "f16", PLLM_DTYPE_F16},
        {"half", "f16", PLLM_DTYPE_F16},    {"bf16", "bf16", PLLM_DTYPE_BF16}, {"bfloat16", "bf16", PLLM_DTYPE_BF16},
        {"int8", "int8", PLLM_DTYPE_INT8},
    };
    char wanted[64];
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(value, types[i].name) == 0 && is_one_of(option_values(d), types[i].word, strlen(types[i].word))) {
            *out = types[i].dtype;
            return true;
        }
    spell_choice(wanted, sizeof wanted, option_values(d));
    return complain(d, value, wanted);
}

static bool set_choice(const struct option_def *d, const char **out, const char *value)
{
    char wanted[64];
    *out = value;
    if (is_one_of(option_values(d), value, strlen(value)))
        return true;
    spell_choice(wanted, sizeof wanted, option_values(d));
    return complain(d, value, wanted);
}

static bool add_to_list(struct string_list *list, const char *value)
{
    const char **grown = realloc(list->at, (list->n + 1) * sizeof *grown);
    if (!grown) {
        cli_fail(EXIT_MEMORY, "options: not enough memory");
        return false;
    }
    list->at = grown;
    list->at[list->n++] = value;
    return true;
}

static bool set_value(const struct option_def *d, struct options *o, const char *value)
{
    void *at = (char *)o + d->offset;
    switch (d->kind) {
    case OPTION_FLAG:
    case OPTION_NO_FLAG:
        *(bool *)at = d->kind == OPTION_FLAG;
        return true;
    case OPTION_AUTO_INT:
        if (strcmp(value, "auto") == 0) {
            *(int64_t *)at = 0;
            return true;
        }
        return set_int(d, at, value);
    case OPTION_INT:
        return set_int(d, at, value);
    case OPTION_NUMBER:
        return set_number(d, at, value);
    case OPTION_BYTES:
        return set_bytes(d, at, value);
    case OPTION_DTYPE:
        return set_dtype(d, at, value);
    case OPTION_CHOICE:
        return set_choice(d, at, value);
    case OPTION_LIST:
        return add_to_list(at, value);
    case OPTION_TEXT:
        if (!*value && strncmp(d->argument, "FILE", 4) == 0)
            return complain(d, value, "the name of a file");
        *(const char **)at = value;
        return true;
    }
    return false;
}

/* Says that there is no such option as this word, of which n characters from `name` on are the name, and which one may have
 * been meant. */
static void complain_of_name(const char *word, const char *name, size_t n, unsigned command)
{
    struct nearest best = {0};
    const int n_word = (int)((size_t)(name - word) + n);
    const struct foreign_name *foreign = foreign_name_find(name, n);
    for (struct option_walk w = {.command = command}; n > 1 && option_next(&w);)
        if (foreign && foreign->meant && is_spelled(w.option, foreign->meant, strlen(foreign->meant)))
            best = (struct nearest){.word = w.option->name};
        else if (!foreign)
            nearest_consider(&best, name, n, w.option->name);
    if (best.word)
        cli_fail(EXIT_USAGE, "%.*s: is no option of this command, did you mean --%s?", n_word, word, best.word);
    else
        cli_fail(EXIT_USAGE, "%.*s: is no option of this command, wanted one of those in its --help", n_word, word);
}

/* The word behind an option, which is to be its value; NULL: there is none, or another option. */
static const char *value_behind(const struct option_def *d, unsigned command, const char *word)
{
    const bool is_option = word && strncmp(word, "--", 2) == 0 && find_long(word + 2, strlen(word + 2), command);
    if (word && !is_option)
        return word;
    cli_fail(EXIT_USAGE, "%s%s: has no value, wanted %s%s%s", dashes(d), d->name, d->argument, word ? " before " : "",
             word ? word : "");
    return NULL;
}

/* The word argv[*i], which begins with a dash; *i moves over its value. */
static bool parse_option(struct options *o, unsigned command, int argc, char **argv, int *i)
{
    const char *word = argv[*i], *value = NULL;
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    size_t n = strcspn(name, "=");
    const struct option_def *d = is_long ? find_long(name, n, command) : find_short(name, n, command);
    if (!d) {
        complain_of_name(word, name, n, command);
        return false;
    }
    bool is_flag = d->kind == OPTION_FLAG || d->kind == OPTION_NO_FLAG;
    if (name[n] == '=')
        value = name + n + 1;
    if (is_flag && value)
        return complain(d, value, "no value");
    if (!is_flag && !value) {
        value = value_behind(d, command, ++*i < argc ? argv[*i] : NULL);
        if (!value)
            return false;
    }
    if (is_within(d, offsetof(struct options, sampling), offsetof(struct options, sampling) + sizeof o->sampling))
        o->sampling_given[d->offset - offsetof(struct options, sampling)] = true;
    return set_value(d, o, value);
}

static struct options defaults(unsigned command)
{
    return (struct options){
        .sampling = {.top_p = 1,
                     .typical_p = 1,
                     .repetition_penalty = 1,
                     .xtc_threshold = 0.1,
                     .dry_base = 1.75,
                     .dry_allowed_length = 2,
                     .max_tokens = command == FOR_CHAT ? INT32_MAX : 128,
                     .n = 1,
                     .seed = -1,
                     .logprobs = -1,
                     .prompt_logprobs = -1,
                     .skip_special_tokens = true},
        .top = -1,
        .prompt_tokens = 64,
        .gen_tokens = 32,
        .repeat = 3,
        .parallel = "1,2,4,8,16,32,64",
    };
}

static bool too_many(const char *word)
{
    cli_fail(EXIT_USAGE, "%s: is one word too many; see --help", word);
    return false;
}

bool options_parse(struct options *o, unsigned command, bool takes_model, int n_words, int argc, char **argv)
{
    bool only_words = false;
    *o = defaults(command);
    for (int i = 0; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
            if (!parse_option(o, command, argc, argv, &i))
                return false;
        } else if (o->n_words == n_words + takes_model) {
            return too_many(argv[i]);
        } else {
            o->words[o->n_words++] = argv[i];
        }
    }
    if (takes_model && !o->model && o->n_words) {
        o->model = o->words[0];
        o->words[0] = o->words[1];
        o->n_words--;
    }
    return o->n_words <= n_words || too_many(o->words[n_words]);
}

void options_fini(struct options *o)
{
    free(o->lora.at);
    free(o->prompts.at);
    free(o->stop.at);
    free(o->bad_words.at);
}
