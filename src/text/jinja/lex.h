/* Tokens of a template, all at once: the text round the tags with its white space already trimmed (trim_blocks and
 * lstrip_blocks are on, as transformers sets them), and what is inside the tags. */
#ifndef PARALLM_TEXT_JINJA_LEX_H
#define PARALLM_TEXT_JINJA_LEX_H

#include "base/error.h"
#include "base/vec.h"

enum token_type {
    TOKEN_EOF,
    TOKEN_DATA,
    TOKEN_BLOCK_BEGIN,
    TOKEN_BLOCK_END,
    TOKEN_PRINT_BEGIN,
    TOKEN_PRINT_END,
    TOKEN_NAME,
    TOKEN_STRING, /* with its quotes and escapes */
    TOKEN_INTEGER,
    TOKEN_FLOAT,
    /* operators */
    TOKEN_ADD,
    TOKEN_SUB,
    TOKEN_DIV,
    TOKEN_FLOORDIV,
    TOKEN_MUL,
    TOKEN_MOD,
    TOKEN_POW,
    TOKEN_TILDE,
    TOKEN_LBRACKET,
    TOKEN_RBRACKET,
    TOKEN_LPAREN,
    TOKEN_RPAREN,
    TOKEN_LBRACE,
    TOKEN_RBRACE,
    TOKEN_EQ,
    TOKEN_NE,
    TOKEN_GT,
    TOKEN_GE,
    TOKEN_LT,
    TOKEN_LE,
    TOKEN_ASSIGN,
    TOKEN_DOT,
    TOKEN_COLON,
    TOKEN_PIPE,
    TOKEN_COMMA,
    TOKEN_SEMICOLON,
};

struct token {
    enum token_type type;
    int line;
    const char *at; /* in the text that was given */
    size_t n;
};

typedef VEC(struct token) token_vec;

/* `text` has normalized newlines and is valid UTF-8. The list ends in TOKEN_EOF. `name` is for messages. */
pllm_status jinja_lex(token_vec *out, const char *text, size_t n, const char *name, pllm_error *err);

#endif
