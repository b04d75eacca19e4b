/* Added tokens: texts that are cut out before anything else looks at the input. */
#ifndef PARALLM_TEXT_ADDED_H
#define PARALLM_TEXT_ADDED_H

#include "base/vec.h"
#include "text/trie.h"

enum added_flag {
    ADDED_SPECIAL = 1,     /* found only where special tokens are parsed; hidden by decoding without them */
    ADDED_SINGLE_WORD = 2, /* not beside a word's character */
    ADDED_LSTRIP = 4,      /* takes the white space before */
    ADDED_RSTRIP = 8,      /* and after */
};

struct added_token {
    int32_t id;
    uint32_t flags, n;
};

/* Which of two tokens that overlap wins. */
enum added_order {
    ADDED_LEFTMOST,     /* the first, then the longest: the tokenizers library */
    ADDED_LONGEST_FIRST /* the longest wherever it is, then the first: llama.cpp */
};

struct added_set {
    struct trie trie; /* values: places in token */
    VEC(struct added_token) token;
    enum added_order order;
    bool in_use;
};

struct added_match {
    size_t start, end; /* with the white space that it takes */
    int32_t id;
};

typedef VEC(struct added_match) added_matches;

bool added_init(struct added_set *s, enum added_order order); /* these three: false: no memory */
bool added_add(struct added_set *s, const char *text, size_t n, int32_t id, uint32_t flags);
bool added_link(struct added_set *s); /* after the last one */
void added_fini(struct added_set *s);

/* The tokens in valid UTF-8 `text`, in order and apart, at the end of *out; false: no memory. */
bool added_find(const struct added_set *s, const char *text, size_t n, bool parse_special, added_matches *out);

#endif
