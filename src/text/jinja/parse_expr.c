/* Expressions. Operators bind as Jinja's do, which is not always as Python's: ~ between + and *, ** to the left, filters
 * tighter than every operator but the sign. */
#include "text/jinja/parse.h"
#include "text/jinja/run.h"
#include "text/jinja/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct node *parse_unary(struct parser *p, bool with_filter);
static struct node *parse_primary(struct parser *p, bool with_namespace);

static struct node *new_const(struct parser *p, struct value v)
{
    struct node *n = parse_node(p, NODE_CONST);
    if (n)
        n->value = v;
    return n;
}

/* ---- Literals ------------------------------------------------------------------------------------ */

static struct node *parse_number(struct parser *p)
{
    char digits[400];
    size_t n = 0;
    const struct token *t = p->at++;
    for (size_t i = 0; i < t->n && n < sizeof digits - 1; i++)
        if (t->at[i] != '_')
            digits[n++] = t->at[i];
    digits[n] = '\0';
    if (n == sizeof digits - 1)
        return parse_fail(p, "a number of more than %zu digits", n);
    if (t->type == TOKEN_FLOAT)
        return new_const(p, value_float(strtod(digits, NULL)));
    static const struct {
        char letter;
        int base;
    } bases[] = {{'b', 2}, {'o', 8}, {'x', 16}};
    int base = 10, skip = 0;
    for (size_t i = 0; i < 3; i++)
        if (digits[0] == '0' && (digits[1] | 0x20) == bases[i].letter)
            base = bases[i].base, skip = 2;
    errno = 0;
    long long value = strtoll(digits + skip, NULL, base);
    if (errno)
        return parse_fail(p, "integer %s does not fit in 64 bits", digits);
    return new_const(p, value_int(value));
}

/* \x41 and the like: the code point, or false. */
static bool hex_escape(const char **at, const char *end, uint32_t *c)
{
    const int n = **at == 'x' ? 2 : **at == 'u' ? 4 : 8;
    *c = 0;
    for (int i = 1; i <= n; i++) {
        const int digit = end - *at > i ? ascii_hex_value((*at)[i]) : -1;
        if (digit < 0)
            return false;
        *c = *c * 16 + (uint32_t)digit;
    }
    *at += 1 + n;
    return *c < 0x110000 && (*c < 0xD800 || *c > 0xDFFF);
}

static uint32_t octal_escape(const char **at, const char *end)
{
    uint32_t c = 0;
    for (int i = 0; i < 3 && *at < end && **at >= '0' && **at <= '7'; i++)
        c = c * 8 + (uint32_t)(*(*at)++ - '0');
    return c;
}

/* One escape after its backslash. Unknown ones stay as they are; before a character beyond ASCII, Python's way of decoding
 * leaves the backslash and that character's own escape. */
static bool put_escape(struct buf *text, const char **at, const char *end)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *known = **at ? strchr(from, **at) : NULL;
    uint32_t c;
    if (**at == '\n') {
        ++*at;
        return true;
    }
    if (known) {
        ++*at;
        return buf_add(text, &to[known - from], 1);
    }
    if (**at == 'x' || **at == 'u' || **at == 'U')
        return hex_escape(at, end, &c) && char_add(text, c);
    if (**at >= '0' && **at <= '7')
        return char_add(text, octal_escape(at, end));
    c = char_next(at);
    if (c < 0x80)
        return c != 'N' && buf_printf(text, "\\%c", (char)c);
    return buf_printf(text, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
}

static bool unescape(struct buf *text, const struct token *t)
{
    const char *at = t->at + 1, *end = t->at + t->n - 1;
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at)), *stop = slash ? slash : end;
        if (!buf_add(text, at, (size_t)(stop - at)))
            return false;
        at = stop;
        if (slash && (++at == end || !put_escape(text, &at, end)))
            return false;
    }
    return true;
}

/* Adjacent strings are one. */
static bool parse_literal_string(struct parser *p, struct value *out)
{
    struct buf text = {0};
    bool ok = true, room = true;
    while (ok && p->at->type == TOKEN_STRING) {
        room = vec_reserve(&text, 2 * p->at->n); /* no escape gives more than twice its bytes */
        ok = room && unescape(&text, p->at++);
    }
    struct str *s = ok ? heap_alloc(&p->t->heap, 1, sizeof *s) : NULL;
    char *bytes = s ? heap_alloc(&p->t->heap, text.n + 1, 1) : NULL;
    if (bytes) {
        if (text.n)
            memcpy(bytes, text.at, text.n);
        bytes[text.n] = '\0';
        *s = (struct str){.at = bytes, .n = text.n, .n_chars = char_count(bytes, text.n)};
        *out = value_of_str(s);
    } else if (!ok && room) {
        p->at--;
        parse_fail(p, "a string with an escape that cannot be decoded");
    } else {
        error_memory(p->err, p->t->source_name);
    }
    vec_fini(&text);
    return bytes != NULL;
}

static struct node *parse_string(struct parser *p)
{
    struct value v;
    return parse_literal_string(p, &v) ? new_const(p, v) : NULL;
}

/* Items up to `close`, a comma between them, one at the end allowed. */
static struct node *parse_list_literal(struct parser *p)
{
    struct node *n = parse_node(p, NODE_LIST);
    struct node_list items = {0};
    p->at++;
    while (n && p->at->type != TOKEN_RBRACKET) {
        if (items.n && !parse_expect(p, TOKEN_COMMA))
            return NULL;
        if (p->at->type == TOKEN_RBRACKET)
            break;
        struct node *item = parse_expression(p, true);
        if (!item)
            return NULL;
        node_append(&items, item);
    }
    if (!n || !parse_expect(p, TOKEN_RBRACKET))
        return NULL;
    n->kid[0] = items.first;
    return parse_finish(p, n);
}

static struct node *parse_pair(struct parser *p)
{
    struct node *pair = parse_node(p, NODE_PAIR);
    if (!pair || !(pair->kid[0] = parse_expression(p, true)) || !parse_expect(p, TOKEN_COLON) ||
        !(pair->kid[1] = parse_expression(p, true)))
        return NULL;
    return parse_finish(p, pair);
}

static struct node *parse_dict_literal(struct parser *p)
{
    struct node *n = parse_node(p, NODE_DICT);
    struct node_list items = {0};
    p->at++;
    while (n && p->at->type != TOKEN_RBRACE) {
        if (items.n && !parse_expect(p, TOKEN_COMMA))
            return NULL;
        if (p->at->type == TOKEN_RBRACE)
            break;
        struct node *pair = parse_pair(p);
        if (!pair)
            return NULL;
        node_append(&items, pair);
    }
    if (!n || !parse_expect(p, TOKEN_RBRACE))
        return NULL;
    n->kid[0] = items.first;
    return parse_finish(p, n);
}

/* A name, True, None ..., or (for targets) name.attribute. */
static struct node *parse_name(struct parser *p, bool with_namespace)
{
    static const struct {
        const char *word;
        struct value value;
    } words[] = {
        {"true", {V_BOOL, {true}}},   {"True", {V_BOOL, {true}}}, {"false", {V_BOOL, {false}}},
        {"False", {V_BOOL, {false}}}, {"none", {V_NONE, {0}}},    {"None", {V_NONE, {0}}},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (parse_skip_name(p, words[i].word))
            return new_const(p, words[i].value);
    struct node *n = parse_node(p, NODE_NAME);
    if (!n || !(n->name = parse_identifier(p)))
        return NULL;
    if (with_namespace && parse_skip(p, TOKEN_DOT)) {
        n->type = NODE_NAMESPACE_REF;
        if (!(n->attribute = parse_identifier(p)))
            return NULL;
    }
    return n;
}

static struct node *parse_primary(struct parser *p, bool with_namespace)
{
    struct node *n;
    switch (p->at->type) {
    case TOKEN_NAME: return parse_name(p, with_namespace);
    case TOKEN_STRING: return parse_string(p);
    case TOKEN_INTEGER:
    case TOKEN_FLOAT: return parse_number(p);
    case TOKEN_LBRACKET: return parse_list_literal(p);
    case TOKEN_LBRACE: return parse_dict_literal(p);
    case TOKEN_LPAREN:
        p->at++;
        n = parse_tuple(p, true, NULL, true);
        return n && parse_expect(p, TOKEN_RPAREN) ? n : NULL;
    default: return parse_fail(p, "unexpected '%s'", token_text(p->at->type));
    }
}

/* ---- Tuples and targets ---------------------------------------------------------------------------- */

static bool is_tuple_end(const struct parser *p, const char *end_name)
{
    enum token_type t = p->at->type;
    return t == TOKEN_PRINT_END || t == TOKEN_BLOCK_END || t == TOKEN_RPAREN ||
           (end_name && token_is_name(p->at, end_name));
}

enum tuple_of { TUPLE_OF_ANY, TUPLE_WITHOUT_CONDITION, TUPLE_OF_TARGETS, TUPLE_OF_NAMESPACE_TARGETS };

static struct node *parse_tuple_item(struct parser *p, enum tuple_of of)
{
    if (of >= TUPLE_OF_TARGETS)
        return parse_primary(p, of == TUPLE_OF_NAMESPACE_TARGETS);
    return parse_expression(p, of == TUPLE_OF_ANY);
}

/* One expression, or several parted by commas: a tuple then. */
static struct node *parse_tuple_of(struct parser *p, enum tuple_of of, const char *end_name, bool parentheses)
{
    struct node_list items = {0};
    bool tuple = false;
    for (;;) {
        if (items.n && !parse_expect(p, TOKEN_COMMA))
            return NULL;
        if (is_tuple_end(p, end_name))
            break;
        struct node *item = parse_tuple_item(p, of);
        if (!item)
            return NULL;
        node_append(&items, item);
        if (p->at->type != TOKEN_COMMA)
            break;
        tuple = true;
    }
    if (!tuple && items.n)
        return items.first;
    if (!tuple && !parentheses)
        return parse_fail(p, "Expected an expression, got '%s'", token_text(p->at->type));
    struct node *n = parse_node(p, NODE_TUPLE);
    if (!n)
        return NULL;
    n->kid[0] = items.first;
    return parse_finish(p, n);
}

struct node *parse_tuple(struct parser *p, bool with_condition, const char *end_name, bool parentheses)
{
    return parse_tuple_of(p, with_condition ? TUPLE_OF_ANY : TUPLE_WITHOUT_CONDITION, end_name, parentheses);
}

/* Marks names as stored to; false where something cannot be assigned to. Tuples nest no deeper than the parser lets them. */
static bool mark_target(struct parser *p, struct node *n)
{
    if (n->type == NODE_TUPLE) {
        for (struct node *item = n->kid[0]; item; item = item->next)
            if (!mark_target(p, item))
                return false;
        return true;
    }
    n->store = true;
    return n->type == NODE_NAME || n->type == NODE_NAMESPACE_REF;
}

struct node *parse_target(struct parser *p, const char *end_name, bool with_namespace)
{
    struct node *n =
        parse_tuple_of(p, with_namespace ? TUPLE_OF_NAMESPACE_TARGETS : TUPLE_OF_TARGETS, end_name, false);
    if (n && !mark_target(p, n))
        return parse_fail(p, "can't assign to this expression");
    return n;
}

/* ---- Calls, subscripts, filters, tests ---------------------------------------------------------------- */

static bool keyword_repeated(const struct node *first, const struct name *name)
{
    for (; first; first = first->next)
        if (first->name == name)
            return true;
    return false;
}

static struct node *parse_keyword(struct parser *p, const struct node_list *others)
{
    struct node *n = parse_node(p, NODE_KEYWORD);
    if (!n || !(n->name = parse_identifier(p)) || !parse_counts(p, others))
        return NULL;
    p->at++;
    if (keyword_repeated(others->first, n->name))
        return parse_fail(p, "keyword argument repeated: %s", n->name->text.at);
    if (!(n->kid[0] = parse_expression(p, true)))
        return NULL;
    return parse_finish(p, n);
}

/* One argument: value, name=value, *values or **keywords, in Python's order. */
static bool parse_argument(struct parser *p, struct node *call, struct node_list *args, struct node_list *keywords)
{
    struct node *value;
    bool ordered = !call->kid[4];
    if (parse_skip(p, TOKEN_MUL)) {
        ordered = ordered && !call->kid[3];
        value = call->kid[3] = parse_expression(p, true);
    } else if (parse_skip(p, TOKEN_POW)) {
        value = call->kid[4] = parse_expression(p, true);
    } else if (p->at->type == TOKEN_NAME && p->at[1].type == TOKEN_ASSIGN) {
        value = parse_keyword(p, keywords);
        if (value)
            node_append(keywords, value);
    } else {
        ordered = ordered && !call->kid[3] && !keywords->n;
        value = parse_expression(p, true);
        if (value)
            node_append(args, value);
    }
    if (value && !ordered)
        parse_fail(p, "invalid syntax for function call expression");
    return value && ordered;
}

/* "(...)" into kids 1 to 4 of a call, filter or test. */
static struct node *parse_arguments(struct parser *p, struct node *call)
{
    struct node_list args = {0}, keywords = {0};
    bool first = true;
    p->at++;
    while (p->at->type != TOKEN_RPAREN) {
        if (!first && !parse_expect(p, TOKEN_COMMA))
            return NULL;
        if (!first && p->at->type == TOKEN_RPAREN)
            break;
        if (!parse_argument(p, call, &args, &keywords))
            return NULL;
        first = false;
    }
    p->at++;
    call->kid[1] = args.first;
    call->kid[2] = keywords.first;
    return parse_finish(p, call);
}

static struct node *parse_call(struct parser *p, struct node *callee)
{
    struct node *call = parse_node(p, NODE_CALL);
    if (!call)
        return NULL;
    call->kid[0] = callee;
    return parse_arguments(p, call);
}

/* [i], [a:b], [a:b:c] */
static struct node *parse_subscript_item(struct parser *p)
{
    struct node *slice = parse_node(p, NODE_SLICE), *start = NULL;
    if (!slice)
        return NULL;
    if (p->at->type != TOKEN_COLON) {
        if (!(start = parse_expression(p, true)) || p->at->type != TOKEN_COLON)
            return start;
    }
    slice->kid[0] = start;
    for (int i = 1; i < 3 && parse_skip(p, TOKEN_COLON); i++) {
        enum token_type t = p->at->type;
        if (t == TOKEN_RBRACKET || t == TOKEN_COMMA || (i == 1 && t == TOKEN_COLON))
            continue;
        if (!(slice->kid[i] = parse_expression(p, true)))
            return NULL;
    }
    return parse_finish(p, slice);
}

static struct node *parse_item(struct parser *p, struct node *object)
{
    struct node *item = parse_node(p, NODE_ITEM), *tuple = parse_node(p, NODE_TUPLE);
    struct node_list keys = {0};
    p->at++;
    while (item && tuple && p->at->type != TOKEN_RBRACKET) {
        if (keys.n && !parse_expect(p, TOKEN_COMMA))
            return NULL;
        struct node *key = parse_subscript_item(p);
        if (!key)
            return NULL;
        if (key->type == NODE_SLICE && (keys.n || p->at->type == TOKEN_COMMA))
            return parse_fail(p, "a slice among several subscripts");
        node_append(&keys, key);
    }
    if (!item || !tuple || !parse_expect(p, TOKEN_RBRACKET))
        return NULL;
    tuple->kid[0] = keys.first;
    item->kid[0] = object;
    item->kid[1] = keys.n == 1 ? keys.first : parse_finish(p, tuple);
    return item->kid[1] ? parse_finish(p, item) : NULL;
}

/* .name, .0 */
static struct node *parse_dot(struct parser *p, struct node *object)
{
    p->at++;
    bool number = p->at->type == TOKEN_INTEGER;
    struct node *n = parse_node(p, number ? NODE_ITEM : NODE_ATTRIBUTE);
    if (!n)
        return NULL;
    n->kid[0] = object;
    if (number)
        n->kid[1] = parse_number(p);
    else if (p->at->type == TOKEN_NAME)
        n->name = parse_identifier(p);
    else
        return parse_fail(p, "expected name or number");
    return n->kid[1] || n->name ? parse_finish(p, n) : NULL;
}

static struct node *parse_postfix(struct parser *p, struct node *n)
{
    while (n) {
        if (p->at->type == TOKEN_DOT)
            n = parse_dot(p, n);
        else if (p->at->type == TOKEN_LBRACKET)
            n = parse_item(p, n);
        else if (p->at->type == TOKEN_LPAREN)
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

/* The name of a filter or test, which may have dots. */
static bool parse_dotted(struct parser *p, struct node *n)
{
    const struct token *first = p->at;
    if (!(n->name = parse_identifier(p)))
        return false;
    while (parse_skip(p, TOKEN_DOT)) {
        const struct token *last = p->at;
        if (!parse_identifier(p))
            return false;
        n->name = jinja_name(p->t, first->at, (size_t)(last->at + last->n - first->at));
        if (!n->name)
            return error_memory(p->err, p->t->source_name), false;
    }
    return true;
}

static void look_up(struct node *n)
{
    const struct str *name = &n->name->text;
    n->native = (n->type == NODE_FILTER ? jinja_filter : jinja_test)(name->at, name->n);
}

struct node *parse_filters(struct parser *p, struct node *value, bool start_inline)
{
    while (p->at->type == TOKEN_PIPE || start_inline) {
        p->at += !start_inline;
        start_inline = false;
        struct node *n = parse_node(p, NODE_FILTER);
        if (!n || !parse_dotted(p, n))
            return NULL;
        look_up(n);
        n->kid[0] = value;
        value = p->at->type == TOKEN_LPAREN ? parse_arguments(p, n) : parse_finish(p, n);
        if (!value)
            return NULL;
    }
    return value;
}

/* "is odd", "is divisibleby 3", "is in(list)": an argument needs no parentheses. */
static bool parse_test_argument(struct parser *p, struct node *test)
{
    enum token_type t = p->at->type;
    bool starts = t == TOKEN_NAME || t == TOKEN_STRING || t == TOKEN_INTEGER || t == TOKEN_FLOAT ||
                  t == TOKEN_LBRACKET || t == TOKEN_LBRACE;
    if (!starts || token_is_name(p->at, "else") || token_is_name(p->at, "or") || token_is_name(p->at, "and"))
        return true;
    if (token_is_name(p->at, "is"))
        return parse_fail(p, "You cannot chain multiple tests with is") != NULL;
    test->kid[1] = parse_postfix(p, parse_primary(p, false));
    return test->kid[1] != NULL;
}

static struct node *parse_test(struct parser *p, struct node *value)
{
    p->at++;
    bool negated = parse_skip_name(p, "not");
    struct node *test = parse_node(p, NODE_TEST), *negation;
    if (!test || !parse_dotted(p, test))
        return NULL;
    look_up(test);
    test->kid[0] = value;
    if (p->at->type == TOKEN_LPAREN)
        test = parse_arguments(p, test);
    else
        test = parse_test_argument(p, test) ? parse_finish(p, test) : NULL;
    if (!test || !negated)
        return test;
    if (!(negation = parse_node(p, NODE_NOT)))
        return NULL;
    negation->kid[0] = test;
    return parse_finish(p, negation);
}

static struct node *parse_filter_chain(struct parser *p, struct node *n)
{
    while (n) {
        if (p->at->type == TOKEN_PIPE)
            n = parse_filters(p, n, false);
        else if (token_is_name(p->at, "is"))
            n = parse_test(p, n);
        else if (p->at->type == TOKEN_LPAREN)
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

/* ---- Operators ----------------------------------------------------------------------------------------- */

static struct node *parse_unary(struct parser *p, bool with_filter)
{
    struct node *n;
    if (!parse_enter(p))
        return NULL;
    if (p->at->type == TOKEN_SUB || p->at->type == TOKEN_ADD) {
        n = parse_node(p, p->at->type == TOKEN_SUB ? NODE_NEG : NODE_POS);
        p->at++;
        if (n && (n->kid[0] = parse_unary(p, false)))
            n = parse_finish(p, n);
        else
            n = NULL;
    } else {
        n = parse_primary(p, false);
    }
    n = parse_postfix(p, n);
    if (with_filter)
        n = parse_filter_chain(p, n);
    parse_leave(p);
    return n;
}

/* How tightly operators bind; `not` stands between AND and COMPARE. */
enum level { LEVEL_OR, LEVEL_AND, LEVEL_COMPARE, LEVEL_SUM, LEVEL_CONCAT, LEVEL_PRODUCT, LEVEL_POWER, LEVEL_NONE };

struct operator {
    enum level level;
    enum node_type type;
    int op;
    int n_tokens;
};

static struct operator operator_at(const struct parser *p)
{
    static const struct operator by_token[] = {
        [TOKEN_ADD] = {LEVEL_SUM, NODE_BINARY, OP_ADD, 1},
        [TOKEN_SUB] = {LEVEL_SUM, NODE_BINARY, OP_SUB, 1},
        [TOKEN_TILDE] = {LEVEL_CONCAT, NODE_CONCAT, 0, 1},
        [TOKEN_MUL] = {LEVEL_PRODUCT, NODE_BINARY, OP_MUL, 1},
        [TOKEN_DIV] = {LEVEL_PRODUCT, NODE_BINARY, OP_DIV, 1},
        [TOKEN_FLOORDIV] = {LEVEL_PRODUCT, NODE_BINARY, OP_FLOORDIV, 1},
        [TOKEN_MOD] = {LEVEL_PRODUCT, NODE_BINARY, OP_MOD, 1},
        [TOKEN_POW] = {LEVEL_POWER, NODE_BINARY, OP_POW, 1},
        [TOKEN_EQ] = {LEVEL_COMPARE, NODE_COMPARE, CMP_EQ, 1},
        [TOKEN_NE] = {LEVEL_COMPARE, NODE_COMPARE, CMP_NE, 1},
        [TOKEN_LT] = {LEVEL_COMPARE, NODE_COMPARE, CMP_LT, 1},
        [TOKEN_LE] = {LEVEL_COMPARE, NODE_COMPARE, CMP_LE, 1},
        [TOKEN_GT] = {LEVEL_COMPARE, NODE_COMPARE, CMP_GT, 1},
        [TOKEN_GE] = {LEVEL_COMPARE, NODE_COMPARE, CMP_GE, 1},
    };
    const struct token *t = p->at;
    if (t->type != TOKEN_NAME) {
        bool listed = t->type < sizeof by_token / sizeof *by_token && by_token[t->type].n_tokens;
        return listed ? by_token[t->type] : (struct operator){.level = LEVEL_NONE};
    }
    if (token_is_name(t, "or"))
        return (struct operator){LEVEL_OR, NODE_OR, 0, 1};
    if (token_is_name(t, "and"))
        return (struct operator){LEVEL_AND, NODE_AND, 0, 1};
    if (token_is_name(t, "in"))
        return (struct operator){LEVEL_COMPARE, NODE_COMPARE, CMP_IN, 1};
    if (token_is_name(t, "not") && token_is_name(t + 1, "in"))
        return (struct operator){LEVEL_COMPARE, NODE_COMPARE, CMP_NOT_IN, 2};
    return (struct operator){.level = LEVEL_NONE};
}

static struct node *parse_operand(struct parser *p, int op, struct node *right)
{
    struct node *n = parse_node(p, NODE_OPERAND);
    if (!n)
        return NULL;
    n->op = (uint8_t)op;
    n->kid[0] = right;
    return parse_finish(p, n);
}

/* Puts an operator between left and right. Comparisons and concatenations in a row are one node; *tail is then its last
 * item, else NULL. */
static struct node *join(struct parser *p, struct operator o, struct node *left, struct node *right, struct node **tail)
{
    bool chain = o.type == NODE_COMPARE || o.type == NODE_CONCAT;
    if (o.type == NODE_COMPARE && !(right = parse_operand(p, o.op, right)))
        return NULL;
    if (*tail && left->type == o.type) {
        *tail = (*tail)->next = right;
        left->depth = left->depth > right->depth ? left->depth : right->depth + 1;
        return left;
    }
    struct node *n = parse_node(p, o.type);
    if (!n)
        return NULL;
    n->op = (uint8_t)o.op;
    n->kid[0] = left;
    if (o.type == NODE_CONCAT)
        left->next = right;
    else
        n->kid[1] = right;
    *tail = chain ? right : NULL;
    return parse_finish(p, n);
}

static struct node *parse_operators(struct parser *p, enum level lowest);

static struct node *parse_not(struct parser *p)
{
    struct node *n = parse_node(p, NODE_NOT);
    p->at++;
    if (!n || !(n->kid[0] = parse_operators(p, LEVEL_COMPARE)))
        return NULL;
    return parse_finish(p, n);
}

/* Operators that bind at least as tightly as `lowest`, left to right. */
static struct node *parse_operators(struct parser *p, enum level lowest)
{
    if (!parse_enter(p))
        return NULL;
    bool negation = lowest <= LEVEL_COMPARE && token_is_name(p->at, "not");
    struct node *left = negation ? parse_not(p) : parse_unary(p, true), *tail = NULL;
    struct operator o;
    while (left && (o = operator_at(p)).level >= lowest && o.level != LEVEL_NONE) {
        p->at += o.n_tokens;
        struct node *right = parse_operators(p, o.level + 1);
        left = right ? join(p, o, left, right, &tail) : NULL;
    }
    parse_leave(p);
    return left;
}

/* a if b else c */
struct node *parse_expression(struct parser *p, bool with_condition)
{
    if (!parse_enter(p))
        return NULL;
    struct node *n = parse_operators(p, LEVEL_OR);
    while (n && with_condition && parse_skip_name(p, "if")) {
        struct node *cond = parse_node(p, NODE_COND);
        if (!cond || !(cond->kid[0] = parse_operators(p, LEVEL_OR)))
            n = NULL;
        else if ((cond->kid[1] = n) && parse_skip_name(p, "else") && !(cond->kid[2] = parse_expression(p, true)))
            n = NULL;
        else
            n = parse_finish(p, cond);
    }
    parse_leave(p);
    return n;
}
