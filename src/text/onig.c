/* Oniguruma's regular expressions, Ruby's syntax, as PCRE2's.
 *
 * The two agree but for: ^ and $ (always at lines), the m flag (dot matches newline), \h (a hexadecimal digit),
 * \s and \w (exactly Unicode's), {n,m}+ (not possessive), {,n}, \uHHHH, names of properties, and classes, which nest
 * and intersect there: [a-z&&[^aeiou]]. A class that does so becomes a group that matches one character.
 * https://github.com/kkos/oniguruma/blob/master/doc/RE */
#include "text/pattern.h"

#include "base/ascii.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_DEPTH = 64 };

#define SPACE_ITEMS                                                                                            \
    "\\t-\\r \\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}"
#define WORD_ITEMS                                                                                             \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}\\x{24B6}-\\x{24E9}"                      \
    "\\x{1F130}-\\x{1F149}\\x{1F150}-\\x{1F169}\\x{1F170}-\\x{1F189}"

/* Oniguruma's words have marks in them, PCRE2's have not. */
#define WORD_EDGE "(?:(?<=[" WORD_ITEMS "])(?![" WORD_ITEMS "])|(?<![" WORD_ITEMS "])(?=[" WORD_ITEMS "]))"

struct onig {
    const char *at, *end, *source;
    size_t n_source;
    struct buf *out;
    int depth;
    pllm_error *err;
};

static pllm_status complain(const struct onig *o, const char *what)
{
    return error_set(o->err, PLLM_E_FORMAT, "regular expression \"%.*s\": %s (near character %zu)",
                     (int)(o->n_source < 160 ? o->n_source : 160), o->source, what,
                     (size_t)(o->at - (o->end - o->n_source)));
}

static pllm_status put(struct onig *o, const char *bytes, size_t n)
{
    return buf_add(o->out, bytes, n) ? PLLM_OK : error_memory(o->err, "regular expression");
}

static pllm_status puts_(struct onig *o, const char *text)
{
    return put(o, text, strlen(text));
}

/* strchr finds the NUL, too, which an expression may hold. */
static bool is_one_of(char c, const char *list)
{
    return c && strchr(list, c);
}

/* Properties by names that PCRE2 lacks: what to write inside a class. */
static const struct {
    const char *name, *items;
} properties[] = {
    {"letter", "\\p{L}"},    {"mark", "\\p{M}"},          {"number", "\\p{N}"},       {"punctuation", "\\p{P}"},
    {"punct", "\\p{P}"},     {"symbol", "\\p{S}"},        {"separator", "\\p{Z}"},    {"other", "\\p{C}"},
    {"space", SPACE_ITEMS},  {"white_space", SPACE_ITEMS}, {"digit", "\\p{Nd}"},       {"word", WORD_ITEMS},
    {"upper", "\\p{Lu}"},    {"lower", "\\p{Ll}"},        {"alpha", "\\p{Alphabetic}"},
    {"alnum", "\\p{Alphabetic}\\p{Nd}"},
    {"cntrl", "\\p{Cc}"},    {"ascii", "\\x00-\\x7F"},    {"uppercase_letter", "\\p{Lu}"},
    {"lowercase_letter", "\\p{Ll}"}, {"titlecase_letter", "\\p{Lt}"}, {"modifier_letter", "\\p{Lm}"},
    {"other_letter", "\\p{Lo}"},     {"nonspacing_mark", "\\p{Mn}"},  {"decimal_number", "\\p{Nd}"},
    {"letter_number", "\\p{Nl}"},    {"other_number", "\\p{No}"},
};

/* Before 10.40 PCRE2 has no Alphabetic: letters and marks come near it. */
static const char *available(const char *items)
{
    if (strncmp(items, "\\p{Alphabetic}", 14) != 0 || pattern_compiles("\\p{Alphabetic}"))
        return items;
    return items[14] ? "\\p{L}\\p{M}\\p{Nl}\\p{Nd}" : "\\p{L}\\p{M}\\p{Nl}";
}

static const char *property_items(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++)
        if (strlen(properties[i].name) == n && strncasecmp(properties[i].name, name, n) == 0)
            return available(properties[i].items);
    return NULL;
}

/* \p{..} or \P{..}; `at` is at the p. *items: what belongs in a class, a formatted name or a list. */
static pllm_status read_property(struct onig *o, char items[128], bool *negated)
{
    *negated = *o->at == 'P';
    const char *open = o->at + 1, *close = memchr(open, '}', (size_t)(o->end - open));
    if (open == o->end || *open != '{' || !close || close - open > 64)
        return complain(o, "\\p without a {name}");
    const char *name = open + 1;
    if (name < close && *name == '^') {
        *negated = !*negated;
        name++;
    }
    const char *known = property_items(name, (size_t)(close - name));
    int n = (int)(close - name);
    snprintf(items, 128, "\\p{sc:%.*s}", n, name); /* Oniguruma means the script, PCRE2 its extensions, too */
    if (known)
        snprintf(items, 128, "%s", known);
    else if (!pattern_compiles(items))
        snprintf(items, 128, "\\p{%.*s}", n, name);
    if (!known && memchr(name, '=', (size_t)n))
        return complain(o, "a property with =, which Oniguruma does not know");
    o->at = close + 1;
    return PLLM_OK;
}

/* What a backslash's letter stands for as a class: its items, or NULL; *negated: all but these. */
static const char *shorthand(char letter, bool *negated)
{
    *negated = letter == 'S' || letter == 'W' || letter == 'D' || letter == 'H';
    switch (letter) {
    case 's':
    case 'S': return SPACE_ITEMS;
    case 'w':
    case 'W': return WORD_ITEMS;
    case 'd':
    case 'D': return "\\p{Nd}";
    case 'h':
    case 'H': return "0-9A-Fa-f";
    default: return NULL;
    }
}

/* An escape that stands for one character or place; `at` is behind the backslash. */
static pllm_status plain_escape(struct onig *o)
{
    char letter = *o->at;
    if (letter == 'v') {
        o->at++;
        return puts_(o, "\\x0B");
    }
    if (letter == 'u') {
        for (int i = 1; i <= 4; i++)
            if (o->end - o->at <= i || ascii_hex_value(o->at[i]) < 0)
                return complain(o, "\\u without four digits");
        char code[16];
        snprintf(code, sizeof code, "\\x{%.4s}", o->at + 1);
        o->at += 5;
        return puts_(o, code);
    }
    if (letter == 'x' && o->end - o->at > 1 && o->at[1] == '{') {
        const char *close = memchr(o->at, '}', (size_t)(o->end - o->at));
        if (!close)
            return complain(o, "\\x{ without a }");
        pllm_status status = puts_(o, "\\");
        if (!status)
            status = put(o, o->at, (size_t)(close + 1 - o->at));
        o->at = close + 1;
        return status;
    }
    if (is_one_of(letter, "QEoCcNVLlUF")) /* mean something to PCRE2 alone */
        return complain(o, "an escape that Oniguruma does not have");
    size_t n = utf8_width((unsigned char)letter);
    pllm_status status = letter & 0x80 ? PLLM_OK : puts_(o, "\\");
    if (!status)
        status = put(o, o->at, n);
    o->at += n;
    return status;
}

/* A class is a union of `simple` items and of `nested` groups, perhaps intersected with others. */
struct class_text {
    struct buf simple, nested;
};

static pllm_status parse_class(struct onig *o, struct buf *out);

static bool add_items(struct class_text *c, const char *items, bool negated)
{
    if (!negated)
        return buf_text(&c->simple, items);
    return buf_text(&c->nested, c->nested.n ? "|[^" : "[^") && buf_text(&c->nested, items) && buf_text(&c->nested, "]");
}

/* A backslash inside a class; `at` is behind it. */
static pllm_status class_escape(struct onig *o, struct class_text *c)
{
    if (o->at == o->end)
        return complain(o, "ends inside a class");
    bool negated;
    char items[128];
    const char *known = shorthand(*o->at, &negated);
    if (known) {
        o->at++;
        return add_items(c, known, negated) ? PLLM_OK : error_memory(o->err, "regular expression");
    }
    if (*o->at == 'p' || *o->at == 'P') {
        pllm_status status = read_property(o, items, &negated);
        if (!status && !add_items(c, items, negated))
            status = error_memory(o->err, "regular expression");
        return status;
    }
    struct buf *out = o->out;
    o->out = &c->simple;
    pllm_status status = plain_escape(o);
    o->out = out;
    return status;
}

/* "[:name:]" at `at`: its items; *n: how long it is, 0 where it is no such thing. */
static pllm_status posix_class(struct onig *o, struct class_text *c, size_t *n)
{
    const char *name = o->at + 2, *close = memmem(name, (size_t)(o->end - name), ":]", 2);
    *n = 0;
    if (!close || close - name > 8)
        return PLLM_OK;
    bool negated = name < close && *name == '^';
    name += negated;
    for (const char *p = name; p < close; p++)
        if (*p < 'a' || *p > 'z')
            return PLLM_OK;
    char items[128];
    const char *known = property_items(name, (size_t)(close - name));
    if (close - name == 5 && memcmp(name, "punct", 5) == 0)
        known = "\\p{P}\\p{S}";
    snprintf(items, sizeof items, "[:%.*s:]", (int)(close - name), name);
    *n = (size_t)(close + 2 - o->at);
    return add_items(c, known ? known : items, negated) ? PLLM_OK : error_memory(o->err, "regular expression");
}

/* What begins with [ inside a class. */
static pllm_status class_bracket(struct onig *o, struct class_text *c)
{
    size_t n = 0;
    pllm_status status = PLLM_OK;
    if (o->end - o->at > 2 && o->at[1] == ':')
        status = posix_class(o, c, &n);
    o->at += n;
    if (status || n)
        return status;
    if (c->nested.n && !buf_text(&c->nested, "|"))
        return error_memory(o->err, "regular expression");
    return parse_class(o, &c->nested);
}

/* Items up to "]" or "&&", which stay. */
static pllm_status class_term(struct onig *o, struct class_text *c)
{
    pllm_status status = PLLM_OK;
    const char *first = o->at;
    while (!status) {
        if (o->at == o->end)
            return complain(o, "a class does not end");
        if ((*o->at == ']' && o->at > first) || (*o->at == '&' && o->end - o->at > 1 && o->at[1] == '&'))
            break;
        size_t n = utf8_width((unsigned char)*o->at);
        if (*o->at == '\\') {
            o->at++;
            status = class_escape(o, c);
        } else if (*o->at == '[') {
            status = class_bracket(o, c);
        } else {
            bool good = (*o->at == ']' || *o->at == '^' ? buf_text(&c->simple, "\\") : true) &&
                        buf_add(&c->simple, o->at, n);
            status = good ? PLLM_OK : error_memory(o->err, "regular expression");
            o->at += n;
        }
    }
    return status;
}

/* One term as a group or class that matches one character. */
static bool write_term(struct buf *out, const struct class_text *c, bool negated)
{
    const char *open = negated ? "[^" : "[";
    if (!c->nested.n)
        return buf_text(out, open) && buf_add(out, c->simple.at, c->simple.n) && buf_text(out, "]");
    bool good = buf_text(out, negated ? "(?:(?!" : "(?:");
    if (c->simple.n)
        good = good && buf_text(out, "[") && buf_add(out, c->simple.at, c->simple.n) && buf_text(out, "]|");
    good = good && buf_add(out, c->nested.at, c->nested.n);
    return good && buf_text(out, negated ? ")(?s:.))" : ")");
}

/* [a&&b&&c] as (?:(?=a)(?=b)c), [^a&&b] as (?:(?!(?=a)b)(?s:.)). */
static pllm_status class_terms(struct onig *o, struct buf *out, bool negated)
{
    struct buf all = {0};
    int n_terms = 0;
    pllm_status status = PLLM_OK;
    for (bool more = true; more && !status; n_terms++) {
        struct class_text c = {0};
        status = class_term(o, &c);
        more = !status && *o->at == '&';
        bool ahead = more || n_terms > 0;
        bool good = status || ((more ? buf_text(&all, "(?=") : true) && write_term(&all, &c, negated && !ahead) &&
                               (more ? buf_text(&all, ")") : true));
        if (!good)
            status = error_memory(o->err, "regular expression");
        o->at += status ? 0 : more ? 2 : 1;
        vec_fini(&c.simple);
        vec_fini(&c.nested);
    }
    bool group = n_terms > 1;
    bool good = (group ? buf_text(out, negated ? "(?:(?!" : "(?:") : true) && (all.n ? buf_add(out, all.at, all.n) : true) &&
                (group ? buf_text(out, negated ? ")(?s:.))" : ")") : true);
    vec_fini(&all);
    return status ? status : good ? PLLM_OK : error_memory(o->err, "regular expression");
}

/* A class, `at` its bracket. */
static pllm_status parse_class(struct onig *o, struct buf *out)
{
    if (++o->depth > MAX_DEPTH)
        return complain(o, "classes nest too deep");
    o->at++;
    bool negated = o->at < o->end && *o->at == '^';
    o->at += negated;
    pllm_status status = class_terms(o, out, negated);
    o->depth--;
    return status;
}

/* A backslash outside of classes; `at` is behind it. */
static pllm_status outer_escape(struct onig *o)
{
    if (o->at == o->end)
        return complain(o, "ends with a backslash");
    bool negated;
    char items[128];
    const char *known = shorthand(*o->at, &negated);
    if (*o->at == 'b' || *o->at == 'B')
        return puts_(o, *o->at++ == 'b' ? WORD_EDGE : "(?!" WORD_EDGE ")");
    if (known) {
        o->at++;
    } else if (*o->at == 'p' || *o->at == 'P') {
        pllm_status status = read_property(o, items, &negated);
        if (status)
            return status;
        known = items;
    } else {
        return plain_escape(o);
    }
    pllm_status status = puts_(o, negated ? "[^" : "[");
    if (!status)
        status = puts_(o, known);
    return status ? status : puts_(o, "]");
}

/* "(?flags" with Ruby's m as PCRE2's s; `at` is at the parenthesis. */
static pllm_status open_group(struct onig *o)
{
    pllm_status status = puts_(o, "(");
    o->at++;
    if (o->at == o->end || *o->at != '?')
        return status;
    if (!status)
        status = puts_(o, "?");
    o->at++;
    const char *flags = o->at;
    while (flags < o->end && is_one_of(*flags, "imx-"))
        flags++;
    if (flags < o->end && *flags == 's')
        return complain(o, "an undefined group option");
    if (flags == o->end || (*flags != ':' && *flags != ')'))
        return status;
    for (; o->at < flags && !status; o->at++)
        status = put(o, *o->at == 'm' ? "s" : o->at, 1);
    return status;
}

/* "{n,m}" at `at`: its length, 0 where it is none; *open_low: "{,m}"; *exact: "{n}". */
static size_t interval(const struct onig *o, bool *open_low, bool *exact)
{
    const char *p = o->at + 1;
    *open_low = p < o->end && *p == ',';
    *exact = true;
    bool digits = false;
    for (; p < o->end && (*p == ',' || (*p >= '0' && *p <= '9')); p++) {
        *exact = *exact && *p != ',';
        digits = digits || *p != ',';
    }
    return p < o->end && *p == '}' && digits ? (size_t)(p + 1 - o->at) : 0;
}

/* A repetition in braces, of what was written from `atom` on. In Ruby a plus behind it repeats the repetition. */
static pllm_status braces(struct onig *o, size_t atom)
{
    bool open_low, exact;
    size_t n = interval(o, &open_low, &exact);
    pllm_status status;
    if (!n) {
        o->at++;
        return puts_(o, "\\{");
    }
    status = open_low ? puts_(o, "{0") : PLLM_OK;
    if (!status)
        status = put(o, o->at + open_low, n - open_low);
    o->at += n;
    bool again = o->at < o->end && (*o->at == '+' || (*o->at == '?' && exact));
    if (status || !again)
        return status;
    if (!vec_reserve(o->out, 4))
        return error_memory(o->err, "regular expression");
    memmove(o->out->at + atom + 3, o->out->at + atom, o->out->n - atom);
    memcpy(o->out->at + atom, "(?:", 3);
    o->out->n += 3;
    return puts_(o, ")");
}

/* One thing at `at`: an atom, a place, a parenthesis or a repetition. */
static pllm_status element(struct onig *o, size_t atom)
{
    size_t n = utf8_width((unsigned char)*o->at);
    pllm_status status;
    switch (*o->at) {
    case '\\':
        o->at++;
        return outer_escape(o);
    case '[': return parse_class(o, o->out);
    case '(': return open_group(o);
    case '{': return braces(o, atom);
    default:
        status = put(o, o->at, n);
        o->at += n;
        return status;
    }
}

pllm_status onig_translate(struct buf *out, const char *source, size_t n, pllm_error *err)
{
    struct onig o = {.at = source, .end = source + n, .source = source, .n_source = n, .out = out, .err = err};
    size_t opened[MAX_DEPTH], atom = out->n; /* where each open group begins, and the last atom */
    int n_open = 0;
    while (o.at < o.end) {
        char c = *o.at;
        size_t begin = out->n;
        pllm_status status = element(&o, atom);
        if (status)
            return status;
        if (c == '(') {
            if (n_open == MAX_DEPTH)
                return complain(&o, "groups nest too deep");
            opened[n_open++] = begin;
        } else if (c == ')' && n_open > 0) {
            atom = opened[--n_open];
        } else if (!is_one_of(c, "*+?{")) {
            atom = begin;
        }
    }
    return PLLM_OK;
}
