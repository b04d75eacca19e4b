#include "options.h"

#include "cli.h"
#include "nearest.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static bool for_command(const struct option_def *d, unsigned command)
{
    return (d->commands & command) != 0;
}

/* Is `name` (n characters) one of the comma-separated aliases? */
static bool is_alias(const char *aliases, const char *name, size_t n)
{
    while (aliases && *aliases) {
        size_t length = strcspn(aliases, ",");
        if (length == n && strncmp(aliases, name, n) == 0)
            return true;
        aliases += length + (aliases[length] == ',');
    }
    return false;
}

static const struct option_def *find_long(const char *name, size_t n, unsigned command)
{
    for (int i = 0; i < n_options; i++) {
        const struct option_def *d = &option_table[i];
        bool same = strlen(d->name) == n && strncmp(d->name, name, n) == 0;
        if (for_command(d, command) && (same || is_alias(d->aliases, name, n)))
            return d;
    }
    return NULL;
}

/* After a single dash: a letter, or an alias of two. */
static const struct option_def *find_short(const char *name, size_t n, unsigned command)
{
    for (int i = 0; i < n_options; i++) {
        const struct option_def *d = &option_table[i];
        bool same = (n == 1 && d->letter == name[0]) || (n == 2 && is_alias(d->aliases, name, n));
        if (for_command(d, command) && same)
            return d;
    }
    return NULL;
}

const struct option_def *option_of_field(const char *json_name)
{
    for (int i = 0; i < n_options; i++) {
        const struct option_def *d = &option_table[i];
        const char *a = d->kind == OPTION_NO_FLAG ? d->name + strlen("no-") : d->name, *b = json_name;
        while (*a && (*a == *b || (*a == '-' && *b == '_')))
            a++, b++;
        bool is_field = d->offset >= offsetof(struct options, sampling) &&
                        d->offset < offsetof(struct options, sampling) + sizeof(struct sampling_fields);
        if (is_field && !*a && !*b)
            return d;
    }
    return NULL;
}

static bool complain(const struct option_def *d, const char *value, const char *wanted)
{
    cli_fail(EXIT_USAGE, "--%s: is \"%s\", wanted %s", d->name, value, wanted);
    return false;
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
    snprintf(wanted, sizeof wanted, "a whole number from %.0f to %.0f", d->least, d->most);
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
    snprintf(wanted, sizeof wanted, "a number from %g to %g", d->least, d->most);
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

static bool set_dtype(const struct option_def *d, pllm_dtype *out, const char *value)
{
    static const struct {
        const char *name;
        pllm_dtype dtype;
    } types[] = {
        {"auto", PLLM_DTYPE_AUTO},   {"f32", PLLM_DTYPE_F32},   {"float32", PLLM_DTYPE_F32},
        {"float", PLLM_DTYPE_F32},   {"f16", PLLM_DTYPE_F16},   {"float16", PLLM_DTYPE_F16},
        {"half", PLLM_DTYPE_F16},    {"bf16", PLLM_DTYPE_BF16}, {"bfloat16", PLLM_DTYPE_BF16},
        {"int8", PLLM_DTYPE_INT8},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(value, types[i].name) == 0) {
            *out = types[i].dtype;
            return true;
        }
    return complain(d, value, "auto, f32, f16, bf16 or int8");
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
    case OPTION_LIST:
        return add_to_list(at, value);
    case OPTION_TEXT:
        *(const char **)at = value;
        return true;
    }
    return false;
}

/* Says that there is no such option, and which one may have been meant. */
static void complain_of_name(const char *word, size_t n, unsigned command)
{
    struct nearest best = {0};
    for (int i = 0; i < n_options; i++)
        if (n > 2 && for_command(&option_table[i], command))
            nearest_consider(&best, word + 2, n - 2, option_table[i].name);
    if (best.word)
        cli_fail(EXIT_USAGE, "%.*s: is no option of this command, did you mean --%s?", (int)n, word, best.word);
    else
        cli_fail(EXIT_USAGE, "%.*s: is no option of this command, wanted one of those in its --help", (int)n, word);
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
        complain_of_name(word, (size_t)(name - word) + n, command);
        return false;
    }
    bool is_flag = d->kind == OPTION_FLAG || d->kind == OPTION_NO_FLAG;
    if (name[n] == '=')
        value = name + n + 1;
    if (is_flag && value)
        return complain(d, value, "no value");
    if (!is_flag && !value) {
        if (*i + 1 >= argc) {
            cli_fail(EXIT_USAGE, "--%s: has no value, wanted %s", d->name, d->argument);
            return false;
        }
        value = argv[++*i];
    }
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
        } else if (takes_model && !o->model) {
            o->model = argv[i];
        } else if (o->n_words == n_words) {
            cli_fail(EXIT_USAGE, "%s: is one word too many; see --help", argv[i]);
            return false;
        } else {
            o->words[o->n_words++] = argv[i];
        }
    }
    return true;
}

void options_fini(struct options *o)
{
    free(o->lora.at);
    free(o->prompts.at);
    free(o->stop.at);
    free(o->bad_words.at);
}
