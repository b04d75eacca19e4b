/* Normalizers, pre-tokenizers and decoders of a tokenizer.json. */
#include "text/json_parts.h"
#include "base/utf8.h"

#include <string.h>

enum { MAX_DECODE_GROWTH = 64 };

/* ---- Helpers ------------------------------------------------------------------------------------- */

pllm_status json_flag(const struct json *at, const char *key, bool *out, pllm_error *err)
{
    struct json member = json_get(at, key);
    enum json_kind kind = json_kind(&member);
    return kind == J_ABSENT || kind == J_NULL ? PLLM_OK : json_as_bool(&member, out, err);
}

pllm_status json_text(const struct json *at, const char *key, const char **out, size_t *n, pllm_error *err)
{
    struct json member = json_get(at, key);
    enum json_kind kind = json_kind(&member);
    return kind == J_ABSENT || kind == J_NULL ? PLLM_OK : json_as_string(&member, out, n, err);
}

pllm_status json_need_text(const struct json *at, const char *key, const char **out, size_t *n, pllm_error *err)
{
    struct json member = json_get(at, key);
    return json_as_string(&member, out, n, err);
}

pllm_status json_component_type(const struct json *at, int depth, const char **type, pllm_error *err)
{
    size_t n;
    *type = NULL;
    if (json_kind(at) == J_NULL || json_kind(at) == J_ABSENT)
        return PLLM_OK;
    if (depth > JSON_PARTS_DEPTH)
        return json_error(at, err, "nests deeper than %d", JSON_PARTS_DEPTH);
    pllm_status status = json_want(at, J_OBJECT, err);
    return status ? status : json_need_text(at, "type", type, &n, err);
}

pllm_status json_unknown(const struct json *at, const char *what, const char *type, pllm_error *err)
{
    char path[128];
    json_path(at, path, sizeof path);
    return error_set(err, PLLM_E_UNSUPPORTED, "tokenizer.json: %s.type: \"%.64s\" is a %s that this build does not know", path,
                     type, what);
}

/* {"String": ".."} or {"Regex": ".."} */
static pllm_status read_pattern(const struct json *at, struct pattern *out, pllm_error *err)
{
    struct json pattern = json_get(at, "pattern");
    const char *text = NULL, *regex = NULL;
    size_t n = 0;
    pllm_status status = json_want(&pattern, J_OBJECT, err);
    if (!status)
        status = json_text(&pattern, "String", &text, &n, err);
    if (!status && text)
        return pattern_literal(out, text, n, err);
    if (!status)
        status = json_text(&pattern, "Regex", &regex, &n, err);
    if (status || !regex)
        return status ? status : json_error(&pattern, err, "wanted a String or a Regex");
    status = pattern_regex(out, regex, n, err);
    if (!status || status == PLLM_E_MEMORY)
        return status;
    char path[128];
    json_path(&pattern, path, sizeof path);
    error_prefix(err, status, path);
    return error_prefix(err, status, "tokenizer.json");
}

/* A kind of component and what reads it. */
typedef pllm_status read_step(void *steps, const struct json *at, int depth, pllm_error *err);

struct component {
    const char *type;
    read_step *read;
};

static pllm_status read_component(const struct component *list, const char *what, void *steps, const struct json *at,
                                  int depth, pllm_error *err)
{
    const char *type;
    pllm_status status = json_component_type(at, depth, &type, err);
    if (status || !type)
        return status;
    for (; list->type; list++)
        if (strcmp(list->type, type) == 0)
            return list->read(steps, at, depth, err);
    return json_unknown(at, what, type, err);
}

static pllm_status read_sequence(const struct component *list, const char *what, const char *key, void *steps,
                                 const struct json *at, int depth, pllm_error *err)
{
    struct json members = json_get(at, key);
    pllm_status status = json_want(&members, J_ARRAY, err);
    for (size_t i = 0; i < json_size(&members) && !status; i++) {
        struct json member = json_item(&members, i);
        status = read_component(list, what, steps, &member, depth + 1, err);
    }
    return status;
}

/* ---- Normalizers --------------------------------------------------------------------------------- */

static pllm_status push_norm(norm_steps *steps, struct norm_step step, pllm_error *err)
{
    if (vec_push(steps, step))
        return PLLM_OK;
    pattern_fini(&step.pattern);
    mem_free(step.content);
    charsmap_fini(&step.charsmap);
    return error_memory(err, "tokenizer.json: normalizer");
}

static pllm_status norm_plain(void *steps, const struct json *at, int depth, pllm_error *err)
{
    static const struct {
        const char *type;
        int kind;
    } kinds[] = {{"NFC", NORM_NFC},   {"NFD", NORM_NFD},           {"NFKC", NORM_NFKC},
                 {"NFKD", NORM_NFKD}, {"Lowercase", NORM_LOWERCASE}, {"StripAccents", NORM_STRIP_ACCENTS},
                 {"Nmt", NORM_NMT},   {"ByteLevel", NORM_BYTES}};
    const char *type = "";
    size_t n;
    (void)depth;
    pllm_status status = json_need_text(at, "type", &type, &n, err);
    struct norm_step step = {.kind = NORM_NFC};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].type, type) == 0)
            step.kind = kinds[i].kind;
    return status ? status : push_norm(steps, step, err);
}

static pllm_status norm_strip(void *steps, const struct json *at, int depth, pllm_error *err)
{
    struct norm_step step = {.kind = NORM_STRIP, .left = true, .right = true};
    (void)depth;
    pllm_status status = json_flag(at, "strip_left", &step.left, err);
    if (!status)
        status = json_flag(at, "strip_right", &step.right, err);
    return status ? status : push_norm(steps, step, err);
}

static pllm_status norm_prepend(void *steps, const struct json *at, int depth, pllm_error *err)
{
    const char *text;
    size_t n;
    (void)depth;
    pllm_status status = json_need_text(at, "prepend", &text, &n, err);
    return status ? status : norm_push_prepend(steps, text, n, err);
}

static pllm_status norm_replace(void *steps, const struct json *at, int depth, pllm_error *err)
{
    struct norm_step step = {.kind = NORM_REPLACE};
    const char *content;
    (void)depth;
    pllm_status status = json_need_text(at, "content", &content, &step.n_content, err);
    if (status)
        return status;
    step.content = mem_strndup(content, step.n_content);
    status = step.content ? read_pattern(at, &step.pattern, err) : error_memory(err, "tokenizer.json: normalizer");
    if (!status)
        return push_norm(steps, step, err);
    mem_free(step.content);
    return status;
}

static int base64_digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* The bytes behind base64 text at the end of *out. */
static pllm_status decode_base64(const struct json *at, struct buf *out, const char *text, size_t n, pllm_error *err)
{
    if (!vec_reserve(out, n))
        return error_memory(err, "tokenizer.json: normalizer");
    uint32_t bits = 0;
    int n_bits = 0;
    for (size_t i = 0; i < n && text[i] != '='; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0)
            return json_error(at, err, "is not base64");
        bits = bits << 6 | (uint32_t)digit;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out->at[out->n++] = (char)(bits >> n_bits);
        }
    }
    return PLLM_OK;
}

static pllm_status norm_precompiled(void *steps, const struct json *at, int depth, pllm_error *err)
{
    struct norm_step step = {.kind = NORM_CHARSMAP};
    struct json member = json_get(at, "precompiled_charsmap");
    struct buf bytes = {0};
    const char *text;
    size_t n;
    (void)depth;
    pllm_status status = json_as_string(&member, &text, &n, err);
    if (!status)
        status = decode_base64(&member, &bytes, text, n, err);
    if (!status && bytes.n) /* none: nothing is rewritten */
        status = charsmap_init(&step.charsmap, bytes.at, bytes.n, CHARSMAP_CLUSTERS, err);
    bool used = !status && bytes.n;
    vec_fini(&bytes);
    return used ? push_norm(steps, step, err) : status;
}

static pllm_status norm_sequence(void *steps, const struct json *at, int depth, pllm_error *err);

static const struct component normalizers[] = {
    {"Sequence", norm_sequence}, {"NFC", norm_plain},         {"NFD", norm_plain},        {"NFKC", norm_plain},
    {"NFKD", norm_plain},        {"Lowercase", norm_plain},   {"StripAccents", norm_plain}, {"Nmt", norm_plain},
    {"ByteLevel", norm_plain},   {"Strip", norm_strip},       {"Prepend", norm_prepend},  {"Replace", norm_replace},
    {"Precompiled", norm_precompiled}, {NULL, NULL},
};

static pllm_status norm_sequence(void *steps, const struct json *at, int depth, pllm_error *err)
{
    return read_sequence(normalizers, "normalizer", "normalizers", steps, at, depth, err);
}

pllm_status json_read_normalizer(norm_steps *steps, const struct json *at, int depth, pllm_error *err)
{
    return read_component(normalizers, "normalizer", steps, at, depth, err);
}

/* ---- Pre-tokenizers -------------------------------------------------------------------------------- */

static pllm_status push_pretok(pretok_steps *steps, struct pretok_step step, pllm_error *err)
{
    if (vec_push(steps, step))
        return PLLM_OK;
    pattern_fini(&step.pattern);
    return error_memory(err, "tokenizer.json: pre_tokenizer");
}

static pllm_status read_behavior(const struct json *at, enum split_behavior *out, pllm_error *err)
{
    static const char *const names[] = {[SPLIT_REMOVED] = "Removed",
                                        [SPLIT_ISOLATED] = "Isolated",
                                        [SPLIT_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
                                        [SPLIT_MERGED_WITH_NEXT] = "MergedWithNext",
                                        [SPLIT_CONTIGUOUS] = "Contiguous"};
    const char *name = "Isolated"; /* Punctuation's default; Split always says */
    size_t n;
    pllm_status status = json_text(at, "behavior", &name, &n, err);
    if (status)
        return status;
    for (int i = 0; i <= SPLIT_CONTIGUOUS; i++)
        if (strcmp(names[i], name) == 0) {
            *out = (enum split_behavior)i;
            return PLLM_OK;
        }
    struct json member = json_get(at, "behavior");
    return json_error(&member, err, "is \"%.64s\", wanted Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous",
                      name);
}

static pllm_status pretok_split(void *steps, const struct json *at, int depth, pllm_error *err)
{
    struct pretok_step step = {.kind = PRETOK_SPLIT};
    (void)depth;
    pllm_status status = read_behavior(at, &step.behavior, err);
    if (!status)
        status = json_flag(at, "invert", &step.invert, err);
    if (!status)
        status = read_pattern(at, &step.pattern, err);
    return status ? status : push_pretok(steps, step, err);
}

static pllm_status push_regex(pretok_steps *steps, const char *source, enum split_behavior behavior, bool invert,
                              pllm_error *err)
{
    return pretok_push_regex(steps, source, strlen(source), behavior, invert, err);
}

static pllm_status pretok_byte_level(void *steps, const struct json *at, int depth, pllm_error *err)
{
    bool prefix = true, regex = true;
    (void)depth;
    pllm_status status = json_flag(at, "add_prefix_space", &prefix, err);
    if (!status)
        status = json_flag(at, "use_regex", &regex, err);
    if (!status && prefix)
        status = push_pretok(steps, (struct pretok_step){.kind = PRETOK_PREFIX_SPACE}, err);
    if (!status && regex)
        status = push_regex(steps, gpt2_pattern, SPLIT_ISOLATED, false, err);
    return status ? status : push_pretok(steps, (struct pretok_step){.kind = PRETOK_BYTES}, err);
}

/* Metaspace's "replacement": one character, SentencePiece's mark by default. */
static pllm_status read_replacement(const struct json *at, char out[8], pllm_error *err)
{
    const char *text = SPACE_MARK;
    size_t n = 3;
    pllm_status status = json_text(at, "replacement", &text, &n, err);
    if (status)
        return status;
    if (n == 0 || n != utf8_width((unsigned char)text[0])) {
        struct json member = json_get(at, "replacement");
        return json_error(&member, err, "is \"%.32s\", wanted one character", text);
    }
    memcpy(out, text, n);
    out[n] = '\0';
    return PLLM_OK;
}

/* "prepend_scheme", or what older files have in its place. */
static pllm_status read_scheme(const struct json *at, enum prepend_scheme *out, pllm_error *err)
{
    const char *scheme = NULL;
    size_t n;
    bool add_prefix = true;
    pllm_status status = json_text(at, "prepend_scheme", &scheme, &n, err);
    if (!status)
        status = json_flag(at, "add_prefix_space", &add_prefix, err);
    if (status)
        return status;
    if (!scheme)
        scheme = add_prefix ? "always" : "never";
    *out = strcmp(scheme, "first") == 0 ? PREPEND_FIRST : strcmp(scheme, "never") == 0 ? PREPEND_NEVER : PREPEND_ALWAYS;
    struct json member = json_get(at, "prepend_scheme");
    return *out == PREPEND_ALWAYS && strcmp(scheme, "always") != 0
               ? json_error(&member, err, "is \"%.64s\", wanted always, first or never", scheme)
               : PLLM_OK;
}

static pllm_status pretok_metaspace(void *steps, const struct json *at, int depth, pllm_error *err)
{
    struct pretok_step step = {.kind = PRETOK_METASPACE, .behavior = SPLIT_MERGED_WITH_NEXT, .split = true};
    (void)depth;
    pllm_status status = read_replacement(at, step.replacement, err);
    if (!status)
        status = read_scheme(at, &step.prepend, err);
    if (!status)
        status = json_flag(at, "split", &step.split, err);
    if (!status)
        status = pattern_literal(&step.pattern, step.replacement, strlen(step.replacement), err);
    return status ? status : push_pretok(steps, step, err);
}

static pllm_status pretok_digits(void *steps, const struct json *at, int depth, pllm_error *err)
{
    bool individual = false;
    (void)depth;
    pllm_status status = json_flag(at, "individual_digits", &individual, err);
    return status ? status : push_regex(steps, "\\p{N}", individual ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS, false, err);
}

#define PUNCTUATION "[\\p{P}!-/:-@\\[-`{-~]"

static pllm_status pretok_punctuation(void *steps, const struct json *at, int depth, pllm_error *err)
{
    enum split_behavior behavior;
    (void)depth;
    pllm_status status = read_behavior(at, &behavior, err);
    return status ? status : push_regex(steps, PUNCTUATION, behavior, false, err);
}

static pllm_status pretok_whitespace(void *steps, const struct json *at, int depth, pllm_error *err)
{
    (void)depth, (void)at;
    /* The library cuts here by another engine than elsewhere: a word's characters are Unicode's, not Oniguruma's. */
#define WORD_ITEMS "\\p{alpha}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}"
    return push_regex(steps, "[" WORD_ITEMS "]+|[^" WORD_ITEMS "\\s]+", SPLIT_REMOVED, true, err);
#undef WORD_ITEMS
}

static pllm_status pretok_whitespace_split(void *steps, const struct json *at, int depth, pllm_error *err)
{
    (void)depth, (void)at;
    return push_regex(steps, "\\s", SPLIT_REMOVED, false, err);
}

static pllm_status pretok_bert(void *steps, const struct json *at, int depth, pllm_error *err)
{
    pllm_status status = pretok_whitespace_split(steps, at, depth, err);
    return status ? status : push_regex(steps, PUNCTUATION, SPLIT_ISOLATED, false, err);
}

static pllm_status pretok_delimiter(void *steps, const struct json *at, int depth, pllm_error *err)
{
    struct pretok_step step = {.kind = PRETOK_SPLIT, .behavior = SPLIT_REMOVED};
    const char *text;
    size_t n;
    (void)depth;
    pllm_status status = json_need_text(at, "delimiter", &text, &n, err);
    if (!status)
        status = pattern_literal(&step.pattern, text, n, err);
    return status ? status : push_pretok(steps, step, err);
}

static pllm_status pretok_fixed(void *steps, const struct json *at, int depth, pllm_error *err)
{
    struct json member = json_get(at, "length");
    int64_t length;
    (void)depth;
    pllm_status status = json_as_int(&member, 1, INT32_MAX, &length, err);
    return status ? status
                  : push_pretok(steps, (struct pretok_step){.kind = PRETOK_FIXED, .length = (size_t)length}, err);
}

static pllm_status pretok_sequence(void *steps, const struct json *at, int depth, pllm_error *err);

static const struct component pretokenizers[] = {
    {"Sequence", pretok_sequence},       {"Split", pretok_split},
    {"ByteLevel", pretok_byte_level},    {"Metaspace", pretok_metaspace},
    {"Digits", pretok_digits},           {"Punctuation", pretok_punctuation},
    {"Whitespace", pretok_whitespace},   {"WhitespaceSplit", pretok_whitespace_split},
    {"BertPreTokenizer", pretok_bert},   {"CharDelimiterSplit", pretok_delimiter},
    {"FixedLength", pretok_fixed},       {NULL, NULL},
};

static pllm_status pretok_sequence(void *steps, const struct json *at, int depth, pllm_error *err)
{
    return read_sequence(pretokenizers, "pre-tokenizer", "pretokenizers", steps, at, depth, err);
}

pllm_status json_read_pretokenizer(pretok_steps *steps, const struct json *at, int depth, pllm_error *err)
{
    return read_component(pretokenizers, "pre-tokenizer", steps, at, depth, err);
}

/* ---- Decoders ------------------------------------------------------------------------------------ */

static pllm_status push_decode(decode_steps *steps, struct decode_step step, pllm_error *err)
{
    if (vec_push(steps, step))
        return PLLM_OK;
    pattern_fini(&step.pattern);
    mem_free(step.content);
    return error_memory(err, "tokenizer.json: decoder");
}

/* Copies `text` into the step and appends it. */
static pllm_status push_decode_text(decode_steps *steps, struct decode_step step, const char *text, size_t n, pllm_error *err)
{
    step.content = mem_strndup(text, n);
    step.n_content = n;
    if (step.content)
        return push_decode(steps, step, err);
    pattern_fini(&step.pattern);
    return error_memory(err, "tokenizer.json: decoder");
}

static pllm_status decode_plain(void *steps, const struct json *at, int depth, pllm_error *err)
{
    const char *type = "";
    size_t n;
    (void)depth;
    pllm_status status = json_need_text(at, "type", &type, &n, err);
    struct decode_step step = {.kind = strcmp(type, "ByteLevel") == 0 ? DECODE_BYTES
                                       : strcmp(type, "Fuse") == 0    ? DECODE_FUSE
                                                                      : DECODE_BYTE_FALLBACK};
    return status ? status : push_decode(steps, step, err);
}

static pllm_status decode_strip(void *steps, const struct json *at, int depth, pllm_error *err)
{
    struct decode_step step = {.kind = DECODE_STRIP};
    struct json start = json_get(at, "start"), stop = json_get(at, "stop"), content = json_get(at, "content");
    const char *text;
    size_t n;
    int64_t n_start, n_stop;
    (void)depth;
    pllm_status status = json_as_string(&content, &text, &n, err);
    if (!status && n == 0)
        status = json_error(&content, err, "is empty, wanted a character");
    if (!status)
        status = json_as_int(&start, 0, INT32_MAX, &n_start, err);
    if (!status)
        status = json_as_int(&stop, 0, INT32_MAX, &n_stop, err);
    if (status)
        return status;
    step.start = (size_t)n_start;
    step.stop = (size_t)n_stop;
    return push_decode_text(steps, step, text, n, err);
}

static pllm_status decode_replace(void *steps, const struct json *at, int depth, pllm_error *err)
{
    struct decode_step step = {.kind = DECODE_REPLACE};
    const char *text;
    size_t n;
    (void)depth;
    pllm_status status = json_need_text(at, "content", &text, &n, err);
    if (!status)
        status = read_pattern(at, &step.pattern, err);
    return status ? status : push_decode_text(steps, step, text, n, err);
}

static pllm_status decode_metaspace(void *steps, const struct json *at, int depth, pllm_error *err)
{
    struct decode_step step = {.kind = DECODE_METASPACE};
    char replacement[8];
    enum prepend_scheme scheme;
    (void)depth;
    pllm_status status = read_replacement(at, replacement, err);
    if (!status)
        status = read_scheme(at, &scheme, err);
    if (status)
        return status;
    step.keep_first = scheme == PREPEND_NEVER;
    return push_decode_text(steps, step, replacement, strlen(replacement), err);
}

static pllm_status decode_suffix(void *steps, const struct json *at, int depth, pllm_error *err)
{
    struct json member = json_get(at, "suffix");
    const char *text;
    size_t n;
    (void)depth;
    pllm_status status = json_as_string(&member, &text, &n, err);
    if (!status && n == 0)
        status = json_error(&member, err, "is empty, wanted an end-of-word mark");
    return status ? status : push_decode_text(steps, (struct decode_step){.kind = DECODE_SUFFIX}, text, n, err);
}

static pllm_status decode_sequence(void *steps, const struct json *at, int depth, pllm_error *err);

static const struct component decoders[] = {
    {"Sequence", decode_sequence}, {"ByteLevel", decode_plain}, {"ByteFallback", decode_plain},
    {"Fuse", decode_plain},        {"Strip", decode_strip},     {"Replace", decode_replace},
    {"Metaspace", decode_metaspace}, {"BPEDecoder", decode_suffix}, {NULL, NULL},
};

static pllm_status decode_sequence(void *steps, const struct json *at, int depth, pllm_error *err)
{
    return read_sequence(decoders, "decoder", "decoders", steps, at, depth, err);
}

/* How many bytes the steps may make of one: only a replacement makes more. */
static size_t decode_growth(const decode_steps *steps)
{
    size_t growth = 1;
    for (size_t i = 0; i < steps->n; i++) {
        const struct decode_step *s = &steps->at[i];
        const size_t n = s->kind == DECODE_REPLACE ? s->n_content : 0;
        const size_t each = !n ? 1 : s->pattern.n_literal ? (n - 1) / s->pattern.n_literal + 1 : n + 1; /* nothing may match */
        if (!mem_mul(growth, each, &growth))
            return SIZE_MAX;
    }
    return growth;
}

/* Decoding has no limit of its own: the text of a stream's token is wanted, whatever came before. */
pllm_status json_read_decoder(decode_steps *steps, const struct json *at, int depth, pllm_error *err)
{
    pllm_status status = read_component(decoders, "decoder", steps, at, depth, err);
    if (!status && decode_growth(steps) > MAX_DECODE_GROWTH)
        return json_error(at, err, "may make %zu bytes of one, wanted at most %d", decode_growth(steps), MAX_DECODE_GROWTH);
    bool without_steps = !status && depth == 0 && steps->n == 0 && json_kind(at) == J_OBJECT;
    /* A decoder that does nothing is still one: only without any are tokens joined by spaces. */
    return without_steps ? push_decode(steps, (struct decode_step){.kind = DECODE_FUSE}, err) : status;
}
