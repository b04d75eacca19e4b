/* Statements. Text between tags and printed expressions are nodes of their own. */
#include "text/jinja/parse.h"

#include "text/jinja/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- What all of the parser uses ----------------------------------------------------------------- */

struct name *jinja_name(struct jinja_template *t, const char *at, size_t n)
{
    const int32_t id = strtab_find(&t->name_ids, at, n);
    if (id >= 0)
        return t->names.at[id];
    struct name *name = heap_alloc(&t->heap, 1, sizeof *name);
    char *bytes = name ? heap_alloc(&t->heap, n + 1, 1) : NULL;
    if (!bytes || !vec_reserve(&t->names, 1) || !strtab_set(&t->name_ids, (int32_t)t->names.n, at, n))
        return NULL;
    memcpy(bytes, at, n);
    bytes[n] = '\0';
    *name = (struct name){.text = {.at = bytes, .n = n, .n_chars = char_count(bytes, n)}};
    return t->names.at[t->names.n++] = name;
}

void node_append(struct node_list *list, struct node *n)
{
    if (list->last)
        list->last->next = n;
    else
        list->first = n;
    list->last = n;
    list->n++;
}

struct node *parse_fail(struct parser *p, const char *format, ...)
{
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    error_set(p->err, PLLM_E_FORMAT, "%s: line %d: %s", p->t->source_name, p->at->line, text);
    return NULL;
}

struct node *parse_node(struct parser *p, enum node_type type)
{
    struct node *n = heap_alloc(&p->t->heap, 1, sizeof *n);
    if (!n) {
        error_memory(p->err, p->t->source_name);
        return NULL;
    }
    *n = (struct node){.type = type, .line = p->at->line, .depth = 1, .slot = -1};
    return n;
}

struct node *parse_finish(struct parser *p, struct node *n)
{
    for (int i = 0; i < MAX_KIDS; i++)
        for (const struct node *kid = n->kid[i]; kid; kid = kid->next)
            if (kid->depth >= n->depth)
                n->depth = kid->depth + 1;
    return n->depth <= MAX_NESTING ? n : parse_fail(p, "nested more than %d deep", MAX_NESTING);
}

bool parse_counts(struct parser *p, const struct node_list *list)
{
    return list->n < MAX_NAMED || parse_fail(p, "more than %d arguments with a name", MAX_NAMED) != NULL;
}

bool parse_enter(struct parser *p)
{
    if (p->depth >= 3 * MAX_NESTING)
        return parse_fail(p, "nested too deeply") != NULL;
    p->depth++;
    return true;
}

const char *token_text(enum token_type type)
{
    static const char *const texts[] = {
        "end of template", "template data", "begin of statement block", "end of statement block",
        "begin of print statement", "end of print statement", "name", "string", "integer", "float",
        "+", "-", "/", "//", "*", "%", "**", "~", "[", "]", "(", ")", "{", "}",
        "==", "!=", ">", ">=", "<", "<=", "=", ".", ":", "|", ",", ";",
    };
    return texts[type];
}

bool token_is_name(const struct token *t, const char *name)
{
    return t->type == TOKEN_NAME && t->n == strlen(name) && !memcmp(t->at, name, t->n);
}

bool parse_skip(struct parser *p, enum token_type type)
{
    bool here = p->at->type == type;
    p->at += here;
    return here;
}

bool parse_skip_name(struct parser *p, const char *name)
{
    bool here = token_is_name(p->at, name);
    p->at += here;
    return here;
}

bool parse_expect(struct parser *p, enum token_type type)
{
    if (parse_skip(p, type))
        return true;
    const struct token *t = p->at;
    if (t->type == TOKEN_NAME)
        parse_fail(p, "expected token '%s', got '%.*s'", token_text(type), (int)(t->n < 80 ? t->n : 80), t->at);
    else
        parse_fail(p, "expected token '%s', got '%s'", token_text(type), token_text(t->type));
    return false;
}

struct name *parse_identifier(struct parser *p)
{
    const struct token *t = p->at;
    if (!parse_expect(p, TOKEN_NAME))
        return NULL;
    const char *at = t->at;
    bool valid = py_is_identifier_start(char_next(&at));
    while (valid && at < t->at + t->n)
        valid = py_is_identifier_part(char_next(&at));
    if (!valid) {
        parse_fail(p, "Invalid character in identifier");
        return NULL;
    }
    struct name *name = jinja_name(p->t, t->at, t->n);
    if (!name)
        error_memory(p->err, p->t->source_name);
    return name;
}

/* ---- Bodies ----------------------------------------------------------------------------------------- */

static struct node *parse_statement(struct parser *p);

static bool ends_here(const struct parser *p, const char *const *ends)
{
    for (; ends && *ends; ends++)
        if (token_is_name(p->at, *ends))
            return true;
    return false;
}

static struct node *parse_data(struct parser *p)
{
    struct node *n = parse_node(p, NODE_DATA);
    struct str *s = n ? heap_alloc(&p->t->heap, 1, sizeof *s) : NULL;
    if (!s) {
        error_memory(p->err, p->t->source_name);
        return NULL;
    }
    *s = (struct str){.at = p->at->at, .n = p->at->n, .n_chars = char_count(p->at->at, p->at->n)};
    n->value = value_of_str(s);
    p->at++;
    return n;
}

static struct node *parse_printed(struct parser *p)
{
    struct node *n = parse_node(p, NODE_PRINT);
    p->at++;
    if (!n || !(n->kid[0] = parse_tuple(p, true, NULL, false)) || !parse_expect(p, TOKEN_PRINT_END))
        return NULL;
    return parse_finish(p, n);
}

/* Statements until one of the `ends` (NULL: the end of the template), which is the next token then. */
static bool parse_until(struct parser *p, const char *const *ends, struct node_list *out)
{
    *out = (struct node_list){0};
    while (p->at->type != TOKEN_EOF) {
        struct node *n;
        if (p->at->type == TOKEN_DATA) {
            n = parse_data(p);
        } else if (p->at->type == TOKEN_PRINT_BEGIN) {
            n = parse_printed(p);
        } else {
            p->at++;
            if (ends_here(p, ends))
                return true;
            n = parse_statement(p);
            if (n && !parse_expect(p, TOKEN_BLOCK_END))
                n = NULL;
        }
        if (!n)
            return false;
        node_append(out, n);
        while (out->last->next) /* {% print a, b %} */
            out->last = out->last->next;
    }
    if (ends)
        parse_fail(p, "Unexpected end of template. Jinja was looking for '%s'.", ends[0]);
    return !ends;
}

/* The body of a statement, from the end of its tag to one of `ends`; the end's name is skipped where it is the only one. */
static bool parse_body(struct parser *p, const char *const *ends, struct node **out)
{
    struct node_list list;
    parse_skip(p, TOKEN_COLON);
    if (!parse_expect(p, TOKEN_BLOCK_END) || !parse_enter(p))
        return false;
    bool ok = parse_until(p, ends, &list);
    parse_leave(p);
    if (ok && !ends[1])
        p->at++;
    *out = ok ? list.first : NULL;
    return ok;
}

/* The same where break and continue have no loop to act on. */
static bool parse_function_body(struct parser *p, const char *const *ends, struct node **out)
{
    bool in_loop = p->in_loop;
    p->in_loop = false;
    bool ok = parse_body(p, ends, out);
    p->in_loop = in_loop;
    return ok;
}

/* ---- Statements -------------------------------------------------------------------------------------- */

static struct node *parse_for(struct parser *p)
{
    static const char *const ends[] = {"endfor", "else", NULL}, *const last[] = {"endfor", NULL};
    struct node *n = parse_node(p, NODE_FOR);
    bool in_loop = p->in_loop, ok;
    if (!n || !(n->kid[0] = parse_target(p, "in", false)))
        return NULL;
    if (!parse_skip_name(p, "in"))
        return parse_fail(p, "expected token 'in'");
    if (!(n->kid[1] = parse_tuple(p, false, "recursive", false)))
        return NULL;
    if (parse_skip_name(p, "if") && !(n->kid[4] = parse_expression(p, true)))
        return NULL;
    n->recursive = parse_skip_name(p, "recursive");
    p->in_loop = true;
    ok = parse_body(p, ends, &n->kid[2]);
    p->in_loop = in_loop && !n->recursive;
    if (ok && !parse_skip_name(p, "endfor")) {
        p->at++;
        ok = parse_body(p, last, &n->kid[3]);
    }
    p->in_loop = in_loop;
    return ok ? parse_finish(p, n) : NULL;
}

static struct node *parse_if(struct parser *p)
{
    static const char *const ends[] = {"endif", "elif", "else", NULL}, *const last[] = {"endif", NULL};
    struct node *n = parse_node(p, NODE_IF), *branch = n;
    struct node_list elifs = {0};
    while (branch) {
        if (!(branch->kid[0] = parse_tuple(p, false, NULL, false)) || !parse_body(p, ends, &branch->kid[1]) ||
            !parse_finish(p, branch))
            return NULL;
        if (branch != n)
            node_append(&elifs, branch);
        if (!parse_skip_name(p, "elif"))
            break;
        branch = parse_node(p, NODE_IF);
    }
    if (!branch)
        return NULL;
    n->kid[2] = elifs.first;
    if (parse_skip_name(p, "endif"))
        return parse_finish(p, n);
    p->at++;
    return parse_body(p, last, &n->kid[3]) ? parse_finish(p, n) : NULL;
}

static struct node *parse_set(struct parser *p)
{
    static const char *const ends[] = {"endset", NULL};
    struct node *n = parse_node(p, NODE_SET);
    if (!n || !(n->kid[0] = parse_target(p, NULL, true)))
        return NULL;
    if (parse_skip(p, TOKEN_ASSIGN)) {
        n->kid[1] = parse_tuple(p, true, NULL, false);
        return n->kid[1] ? parse_finish(p, n) : NULL;
    }
    n->type = NODE_SET_BLOCK;
    if (p->at->type == TOKEN_PIPE && !(n->kid[1] = parse_filters(p, NULL, false)))
        return NULL;
    return parse_body(p, ends, &n->kid[2]) ? parse_finish(p, n) : NULL;
}

static struct node *parse_name_target(struct parser *p)
{
    struct node *n = parse_node(p, NODE_NAME);
    if (!n || !(n->name = parse_identifier(p)))
        return NULL;
    static const char *const constants[] = {"true", "false", "none", "True", "False", "None"};
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (str_equals(&n->name->text, constants[i]))
            return parse_fail(p, "can't assign to '%s'", constants[i]);
    n->store = true;
    return n;
}

/* (a, b=1): parameters, and the defaults of the last ones. */
static bool parse_signature(struct parser *p, struct node **parameters, struct node **defaults)
{
    struct node_list names = {0}, values = {0};
    if (!parse_expect(p, TOKEN_LPAREN))
        return false;
    while (p->at->type != TOKEN_RPAREN) {
        if (names.n && !parse_expect(p, TOKEN_COMMA))
            return false;
        struct node *name = parse_name_target(p), *value = NULL;
        if (!name || !parse_counts(p, &names))
            return false;
        for (const struct node *other = names.first; other; other = other->next)
            if (other->name == name->name)
                return parse_fail(p, "duplicate argument '%s'", name->name->text.at) != NULL;
        node_append(&names, name);
        if (parse_skip(p, TOKEN_ASSIGN) && !(value = parse_expression(p, true)))
            return false;
        if (value)
            node_append(&values, value);
        else if (values.n)
            return parse_fail(p, "non-default argument follows default argument") != NULL;
    }
    p->at++;
    *parameters = names.first;
    *defaults = values.first;
    return true;
}

static struct node *parse_macro(struct parser *p)
{
    static const char *const ends[] = {"endmacro", NULL};
    struct node *n = parse_node(p, NODE_MACRO), *name = parse_name_target(p);
    if (!n || !name || !parse_signature(p, &n->kid[0], &n->kid[1]))
        return NULL;
    n->name = name->name;
    return parse_function_body(p, ends, &n->kid[2]) ? parse_finish(p, n) : NULL;
}

static struct node *parse_call_block(struct parser *p)
{
    static const char *const ends[] = {"endcall", NULL};
    struct node *n = parse_node(p, NODE_CALL_BLOCK);
    if (!n || (p->at->type == TOKEN_LPAREN && !parse_signature(p, &n->kid[1], &n->kid[2])))
        return NULL;
    if (!(n->kid[0] = parse_expression(p, true)))
        return NULL;
    if (n->kid[0]->type != NODE_CALL)
        return parse_fail(p, "expected call");
    return parse_function_body(p, ends, &n->kid[3]) ? parse_finish(p, n) : NULL;
}

static struct node *parse_generation(struct parser *p)
{
    static const char *const ends[] = {"endgeneration", NULL};
    struct node *n = parse_node(p, NODE_GENERATION);
    return n && parse_function_body(p, ends, &n->kid[3]) ? parse_finish(p, n) : NULL;
}

static struct node *parse_filter_block(struct parser *p)
{
    static const char *const ends[] = {"endfilter", NULL};
    struct node *n = parse_node(p, NODE_FILTER_BLOCK);
    if (!n || !(n->kid[1] = parse_filters(p, NULL, true)))
        return NULL;
    return parse_body(p, ends, &n->kid[0]) ? parse_finish(p, n) : NULL;
}

static struct node *parse_with(struct parser *p)
{
    static const char *const ends[] = {"endwith", NULL};
    struct node *n = parse_node(p, NODE_WITH);
    struct node_list targets = {0}, values = {0};
    while (n && p->at->type != TOKEN_BLOCK_END) {
        if (targets.n && !parse_expect(p, TOKEN_COMMA))
            return NULL;
        struct node *target = parse_target(p, NULL, false);
        if (!target || !parse_expect(p, TOKEN_ASSIGN))
            return NULL;
        struct node *value = parse_expression(p, true);
        if (!value)
            return NULL;
        node_append(&targets, target);
        node_append(&values, value);
    }
    if (!n)
        return NULL;
    n->kid[0] = targets.first;
    n->kid[1] = values.first;
    return parse_body(p, ends, &n->kid[2]) ? parse_finish(p, n) : NULL;
}

static bool only_space(const struct node *body)
{
    for (; body; body = body->next)
        if (body->type != NODE_DATA || py_rstrip(body->value.str->at, body->value.str->n))
            return false;
    return true;
}

static struct node *parse_block(struct parser *p)
{
    static const char *const ends[] = {"endblock", NULL};
    struct node *n = parse_node(p, NODE_BLOCK);
    if (!n || !(n->name = parse_identifier(p)))
        return NULL;
    n->scoped = parse_skip_name(p, "scoped");
    n->required = parse_skip_name(p, "required");
    if (!parse_function_body(p, ends, &n->kid[0]))
        return NULL;
    if (n->required && !only_space(n->kid[0]))
        return parse_fail(p, "Required blocks can only contain comments or whitespace");
    parse_skip_name(p, n->name->text.at);
    p->t->cap_blocks++;
    return parse_finish(p, n);
}

static struct node *parse_autoescape(struct parser *p)
{
    static const char *const ends[] = {"endautoescape", NULL};
    struct node *n = parse_node(p, NODE_AUTOESCAPE);
    if (!n || !(n->kid[0] = parse_expression(p, true)))
        return NULL;
    return parse_body(p, ends, &n->kid[1]) ? parse_finish(p, n) : NULL;
}

/* {% print a, b %}: a list of prints. */
static struct node *parse_print(struct parser *p)
{
    struct node_list list = {0};
    while (p->at->type != TOKEN_BLOCK_END) {
        struct node *n;
        if (list.n && !parse_expect(p, TOKEN_COMMA))
            return NULL;
        if (!(n = parse_node(p, NODE_PRINT)) || !(n->kid[0] = parse_expression(p, true)) || !parse_finish(p, n))
            return NULL;
        node_append(&list, n);
    }
    return list.first ? list.first : parse_fail(p, "print needs an expression");
}

static struct node *parse_jump(struct parser *p, enum node_type type)
{
    if (!p->in_loop)
        return parse_fail(p, "'%s' outside loop", type == NODE_BREAK ? "break" : "continue");
    return parse_node(p, type);
}

static struct node *parse_break(struct parser *p)
{
    return parse_jump(p, NODE_BREAK);
}

static struct node *parse_continue(struct parser *p)
{
    return parse_jump(p, NODE_CONTINUE);
}

static void skip_context(struct parser *p)
{
    if ((token_is_name(p->at, "with") || token_is_name(p->at, "without")) && token_is_name(p->at + 1, "context"))
        p->at += 2;
}

/* include, extends, import x as y, from x import a as b, c: well-formed ones fail when they are reached. */
static struct node *parse_load(struct parser *p)
{
    bool import = token_is_name(p->at - 1, "import"), from = token_is_name(p->at - 1, "from");
    struct node *n = parse_node(p, NODE_LOAD);
    if (!n || !(n->kid[0] = parse_expression(p, true)))
        return NULL;
    if ((import && !parse_skip_name(p, "as")) || (from && !parse_skip_name(p, "import")))
        return parse_fail(p, "expected token '%s'", import ? "as" : "import");
    while (import || from) {
        if (!parse_name_target(p) || (from && parse_skip_name(p, "as") && !parse_name_target(p)))
            return NULL;
        if (import || !parse_skip(p, TOKEN_COMMA))
            break;
    }
    if (token_is_name(p->at, "ignore") && token_is_name(p->at + 1, "missing"))
        p->at += 2;
    skip_context(p);
    return parse_finish(p, n);
}

static struct node *parse_statement(struct parser *p)
{
    static const struct {
        const char *name;
        struct node *(*parse)(struct parser *p);
    } statements[] = {
        {"if", parse_if},           {"for", parse_for},
        {"set", parse_set},         {"macro", parse_macro},
        {"call", parse_call_block}, {"generation", parse_generation},
        {"with", parse_with},       {"filter", parse_filter_block},
        {"break", parse_break},     {"continue", parse_continue},
        {"block", parse_block},     {"print", parse_print},
        {"include", parse_load},    {"autoescape", parse_autoescape},
        {"import", parse_load},     {"from", parse_load},
        {"extends", parse_load},
    };
    if (p->at->type != TOKEN_NAME)
        return parse_fail(p, "tag name expected");
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (parse_skip_name(p, statements[i].name))
            return statements[i].parse(p);
    return parse_fail(p, "Encountered unknown tag '%.*s'.", (int)(p->at->n < 80 ? p->at->n : 80), p->at->at);
}

pllm_status jinja_parse(struct jinja_template *t, const char *normalized, size_t n, pllm_error *err)
{
    token_vec tokens = {0};
    pllm_status status = jinja_lex(&tokens, normalized, n, t->source_name, err);
    if (!status) {
        pllm_error local = {0}; /* a NULL err still needs the class */
        struct parser p = {.t = t, .at = tokens.at, .err = &local};
        struct node_list list;
        if (parse_until(&p, NULL, &list))
            t->body = list.first;
        else
            status = error_set(err, local.status, "%s", local.message);
    }
    vec_fini(&tokens);
    return status;
}
