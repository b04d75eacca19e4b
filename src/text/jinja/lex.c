#include "text/jinja/lex.h"

#include "text/jinja/text.h"

#include <string.h>

enum { MAX_BRACKETS = 1024 };

struct lexer {
    const char *at, *end;
    const char *line_at; /* up to here, `line` has counted */
    int line;
    bool line_starting; /* the last token ended in a newline, or there was none */
    char brackets[MAX_BRACKETS]; /* the closing ones that are awaited */
    size_t n_brackets;
    token_vec *out;
    const char *name;
    pllm_error *err;
};

static pllm_status syntax(struct lexer *l, const char *message)
{
    return error_set(l->err, PLLM_E_FORMAT, "%s: line %d: %s", l->name, l->line, message);
}

static void count_lines(struct lexer *l, const char *to)
{
    for (; l->line_at < to; l->line_at++)
        l->line += *l->line_at == '\n';
}

static pllm_status add(struct lexer *l, enum token_type type, const char *at, const char *end)
{
    count_lines(l, at);
    if (!vec_push(l->out, (struct token){type, l->line, at, (size_t)(end - at)}))
        return error_memory(l->err, l->name);
    return PLLM_OK;
}

/* Moves past what was matched. */
static void advance(struct lexer *l, const char *to)
{
    if (to > l->at)
        l->line_starting = to[-1] == '\n';
    l->at = to;
}

static bool starts(const struct lexer *l, const char *at, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(l->end - at) >= n && !memcmp(at, text, n);
}

static const char *skip_spaces(const struct lexer *l, const char *at)
{
    while (at < l->end) {
        const char *next = at;
        if (!py_is_space(char_next(&next)))
            break;
        at = next;
    }
    return at;
}

/* The end of a closing tag that begins at `at`, with the white space that it takes along; NULL: none is there.
 * "%}" takes a newline if `trim`, "-%}" takes all white space, "+%}" (where `plus`) takes nothing. */
static const char *match_close(const struct lexer *l, const char *at, const char *close, bool trim, bool plus)
{
    if (plus && starts(l, at, "+") && starts(l, at + 1, close))
        return at + 3;
    if (starts(l, at, "-") && starts(l, at + 1, close))
        return skip_spaces(l, at + 3);
    if (!starts(l, at, close))
        return NULL;
    at += 2;
    return trim && at < l->end && *at == '\n' ? at + 1 : at;
}

/* After "{%" and its sign at `at`: the end of "raw %}" (or "endraw %}"), or NULL. */
static const char *match_raw(const struct lexer *l, const char *at, const char *word)
{
    at = skip_spaces(l, at);
    if (!starts(l, at, word))
        return NULL;
    bool end = word[0] == 'e';
    return match_close(l, skip_spaces(l, at + strlen(word)), "%}", end, end);
}

static bool is_sign(const struct lexer *l, const char *at)
{
    return at < l->end && (*at == '-' || *at == '+');
}

/* The text before a tag, without what the tag's sign or lstrip_blocks takes away. */
static pllm_status add_data(struct lexer *l, const char *tag, bool block, char sign)
{
    const char *end = tag;
    if (sign == '-') {
        end = l->at + py_rstrip(l->at, (size_t)(tag - l->at));
    } else if (sign != '+' && block) {
        const char *line = tag;
        while (line > l->at && line[-1] != '\n')
            line--;
        if ((line > l->at || l->line_starting) && py_rstrip(line, (size_t)(tag - line)) == 0)
            end = line;
    }
    return end > l->at ? add(l, TOKEN_DATA, l->at, end) : PLLM_OK;
}

static pllm_status lex_comment(struct lexer *l)
{
    for (const char *at = l->at; at < l->end; at++) {
        const char *close = match_close(l, at, "#}", true, true);
        if (close) {
            advance(l, close);
            return PLLM_OK;
        }
    }
    count_lines(l, l->at);
    return l->at == l->end ? PLLM_OK : syntax(l, "Missing end of comment tag");
}

/* What is between raw and endraw. As Jinja has it, an opening tag at the very end of the text needs no closing one. */
static pllm_status lex_raw(struct lexer *l)
{
    for (const char *at = l->at; at < l->end; at++) {
        if (!starts(l, at, "{%"))
            continue;
        char sign = is_sign(l, at + 2) ? at[2] : 0;
        const char *close = match_raw(l, at + 2 + (sign != 0), "endraw");
        if (!close)
            continue;
        pllm_status status = add_data(l, at, true, sign);
        advance(l, close);
        return status;
    }
    count_lines(l, l->at);
    return l->at == l->end ? PLLM_OK : syntax(l, "Missing end of raw directive");
}

static const char *match_digits(const struct lexer *l, const char *at)
{
    if (at >= l->end || !ascii_is_digit(*at))
        return NULL;
    for (;;) {
        while (at < l->end && ascii_is_digit(*at))
            at++;
        if (at + 1 >= l->end || *at != '_' || !ascii_is_digit(at[1]))
            return at;
        at++;
    }
}

/* 1.5, 1e5, 1.5e-5; digits may be parted by single underscores. */
static const char *match_float(const struct lexer *l, const char *begin, const char *at)
{
    if (at > begin && at[-1] == '.')
        return NULL;
    const char *end = match_digits(l, at), *more;
    if (!end)
        return NULL;
    const char *whole = end;
    if (end < l->end && *end == '.' && (more = match_digits(l, end + 1)))
        end = more;
    if (end < l->end && (*end == 'e' || *end == 'E')) {
        const char *exponent = end + 1 + is_sign(l, end + 1);
        if ((more = match_digits(l, exponent)))
            end = more;
    }
    return end > whole ? end : NULL;
}

static const char *match_base(const struct lexer *l, const char *at, const char *digits)
{
    const char *end = NULL;
    for (;;) {
        if (at < l->end && *at == '_')
            at++;
        if (at >= l->end || !*at || !strchr(digits, *at))
            return end;
        end = ++at;
    }
}

static const char *match_integer(const struct lexer *l, const char *at)
{
    static const struct {
        char letters[3];
        const char *digits;
    } bases[] = {{"bB", "01"}, {"oO", "01234567"}, {"xX", "0123456789abcdefABCDEF"}};
    if (!ascii_is_digit(*at))
        return NULL;
    if (*at != '0')
        return match_digits(l, at);
    for (size_t i = 0; i < 3 && at + 1 < l->end; i++) {
        const char *end = at[1] && strchr(bases[i].letters, at[1]) ? match_base(l, at + 2, bases[i].digits) : NULL;
        if (end)
            return end;
    }
    const char *zeros = match_base(l, at + 1, "0");
    return zeros ? zeros : at + 1;
}

static const char *match_string(const struct lexer *l, const char *at)
{
    char quote = *at;
    if (quote != '"' && quote != '\'')
        return NULL;
    for (at++; at < l->end; at++) {
        if (*at == quote)
            return at + 1;
        if (*at == '\\')
            at++;
    }
    return NULL;
}

static const char *match_name(const struct lexer *l, const char *at)
{
    const char *end = at;
    while (at < l->end && py_is_word(char_next(&at)))
        end = at;
    return end;
}

static const struct {
    const char *text;
    enum token_type type;
} operators[] = {
    {"//", TOKEN_FLOORDIV}, {"**", TOKEN_POW},   {"==", TOKEN_EQ},       {"!=", TOKEN_NE},       {">=", TOKEN_GE},
    {"<=", TOKEN_LE},       {"+", TOKEN_ADD},    {"-", TOKEN_SUB},       {"/", TOKEN_DIV},       {"*", TOKEN_MUL},
    {"%", TOKEN_MOD},       {"~", TOKEN_TILDE},  {"[", TOKEN_LBRACKET},  {"]", TOKEN_RBRACKET},  {"(", TOKEN_LPAREN},
    {")", TOKEN_RPAREN},    {"{", TOKEN_LBRACE}, {"}", TOKEN_RBRACE},    {">", TOKEN_GT},        {"<", TOKEN_LT},
    {"=", TOKEN_ASSIGN},    {".", TOKEN_DOT},    {":", TOKEN_COLON},     {"|", TOKEN_PIPE},      {",", TOKEN_COMMA},
    {";", TOKEN_SEMICOLON},
};

static pllm_status balance(struct lexer *l, char c)
{
    static const char open[] = "([{", close[] = ")]}";
    const char *o = strchr(open, c);
    if (o && l->n_brackets == MAX_BRACKETS)
        return syntax(l, "brackets are nested too deeply");
    if (o) {
        l->brackets[l->n_brackets++] = close[o - open];
    } else if (strchr(close, c)) {
        char message[] = "unexpected ' '", expected[] = "unexpected ' ', expected ' '";
        message[12] = expected[12] = c;
        if (!l->n_brackets)
            return syntax(l, message);
        expected[26] = l->brackets[--l->n_brackets];
        if (expected[26] != c)
            return syntax(l, expected);
    }
    return PLLM_OK;
}

static pllm_status lex_operator(struct lexer *l)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!starts(l, l->at, operators[i].text))
            continue;
        size_t n = strlen(operators[i].text);
        pllm_status status = add(l, operators[i].type, l->at, l->at + n);
        if (!status && n == 1)
            status = balance(l, *l->at);
        advance(l, l->at + n);
        return status;
    }
    count_lines(l, l->at);
    const char *next = l->at;
    char_next(&next);
    return error_set(l->err, PLLM_E_FORMAT, "%s: line %d: unexpected char '%.*s'", l->name, l->line,
                     (int)(next - l->at), l->at);
}

/* One token inside a tag. */
static pllm_status lex_token(struct lexer *l, const char *begin)
{
    const char *end;
    enum token_type type;
    if ((end = match_float(l, begin, l->at)))
        type = TOKEN_FLOAT;
    else if ((end = match_integer(l, l->at)))
        type = TOKEN_INTEGER;
    else if ((end = match_name(l, l->at)) > l->at)
        type = TOKEN_NAME;
    else if ((end = match_string(l, l->at)))
        type = TOKEN_STRING;
    else
        return lex_operator(l);
    pllm_status status = add(l, type, l->at, end);
    advance(l, end);
    return status;
}

/* Tokens up to the closing tag, or to the end of the text, which the parser complains about. */
static pllm_status lex_inside(struct lexer *l, bool block)
{
    const char *begin = l->at;
    l->n_brackets = 0;
    while (l->at < l->end) {
        const char *close = NULL;
        if (!l->n_brackets)
            close = match_close(l, l->at, block ? "%}" : "}}", block, block);
        if (close) {
            pllm_status status = add(l, block ? TOKEN_BLOCK_END : TOKEN_PRINT_END, l->at, close);
            advance(l, close);
            return status;
        }
        const char *spaces = skip_spaces(l, l->at);
        pllm_status status = PLLM_OK;
        if (spaces > l->at)
            advance(l, spaces);
        else
            status = lex_token(l, begin);
        if (status)
            return status;
    }
    return PLLM_OK;
}

static const char *find_tag(const struct lexer *l)
{
    for (const char *at = l->at; at + 1 < l->end; at++) {
        at = memchr(at, '{', (size_t)(l->end - at - 1));
        if (!at)
            return NULL;
        if (at[1] == '%' || at[1] == '{' || at[1] == '#')
            return at;
    }
    return NULL;
}

/* The text before the next tag, and the tag; the rest of the text where there is none. */
static pllm_status lex_next(struct lexer *l)
{
    const char *tag = find_tag(l);
    if (!tag) {
        pllm_status status = add(l, TOKEN_DATA, l->at, l->end);
        l->at = l->end;
        return status;
    }
    char kind = tag[1], sign = is_sign(l, tag + 2) ? tag[2] : 0;
    pllm_status status = add_data(l, tag, kind != '{', sign);
    if (status)
        return status;
    const char *inside = tag + 2 + (sign != 0);
    const char *raw = kind == '%' ? match_raw(l, inside, "raw") : NULL;
    if (!raw && kind != '#')
        status = add(l, kind == '%' ? TOKEN_BLOCK_BEGIN : TOKEN_PRINT_BEGIN, tag, inside);
    if (status)
        return status;
    advance(l, raw ? raw : inside);
    if (raw)
        return lex_raw(l);
    return kind == '#' ? lex_comment(l) : lex_inside(l, kind == '%');
}

pllm_status jinja_lex(token_vec *out, const char *text, size_t n, const char *name, pllm_error *err)
{
    struct lexer l = {.at = text, .end = text + n, .line_at = text, .line = 1, .line_starting = true,
                      .out = out, .name = name, .err = err};
    while (l.at < l.end) {
        pllm_status status = lex_next(&l);
        if (status)
            return status;
    }
    return add(&l, TOKEN_EOF, l.end, l.end);
}
