#include "weights/lora_pattern.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { MAX_NAME = 255, MAX_DEPTH = 8 };

/* Places in the name, as a set: at[i] is before character i. */
struct places {
    bool at[MAX_NAME + 1];
};

/* Reads the pattern and runs it at once: from the places where a piece may begin to those where it may end. */
struct matcher {
    const char *p; /* the rest of the pattern */
    const char *name;
    int n, depth;
    int *steps;
    bool bad;
};

static struct places alternatives(struct matcher *m, const struct places *from);

static struct places fail(struct matcher *m)
{
    m->bad = true;
    return (struct places){{false}};
}

static bool in_class(char kind, char c)
{
    if (kind == 'd')
        return isdigit((unsigned char)c);
    return isalnum((unsigned char)c) || c == '_';
}

/* A set of characters as a table, so that every atom moves through the name in the same way. */
typedef bool charset[256];

static void add_range(charset set, char first, char last)
{
    for (int c = (unsigned char)first; c <= (unsigned char)last; c++)
        set[c] = true;
}

/* Behind a backslash. */
static bool read_escape(struct matcher *m, charset set)
{
    const char c = *m->p;
    if (c == 'd' || c == 'w') {
        for (int i = 0; i < 256; i++)
            set[i] |= in_class(c, (char)i);
    } else if (c && ispunct((unsigned char)c)) {
        set[(unsigned char)c] = true;
    } else {
        return false;
    }
    m->p++;
    return true;
}

/* Behind a "[". */
static bool read_set(struct matcher *m, charset set)
{
    const bool inverted = *m->p == '^';
    m->p += inverted;
    for (bool first = true; first || *m->p != ']'; first = false) {
        const char c = *m->p;
        if (!c)
            return false;
        m->p++;
        if (c == '\\') {
            if (!read_escape(m, set))
                return false;
        } else if (m->p[0] == '-' && m->p[1] && m->p[1] != ']') {
            add_range(set, c, m->p[1]);
            m->p += 2;
        } else {
            set[(unsigned char)c] = true;
        }
    }
    m->p++;
    for (int i = 0; inverted && i < 256; i++)
        set[i] = !set[i];
    return true;
}

static bool read_charset(struct matcher *m, charset set)
{
    const char c = *m->p++;
    if (c == '\\')
        return read_escape(m, set);
    if (c == '[')
        return read_set(m, set);
    if (strchr("*+?{}^$", c)) /* nothing to repeat, or what we lack */
        return false;
    if (c == '.')
        memset(set, true, sizeof(charset));
    else
        set[(unsigned char)c] = true;
    return true;
}

/* Behind a "(". */
static struct places group(struct matcher *m, const struct places *from)
{
    if (m->p[0] == '?') {
        if (m->p[1] != ':')
            return fail(m);
        m->p += 2;
    }
    if (++m->depth > MAX_DEPTH)
        return fail(m);
    struct places to = alternatives(m, from);
    m->depth--;
    if (*m->p != ')')
        return fail(m);
    m->p++;
    return to;
}

static struct places atom(struct matcher *m, const struct places *from)
{
    struct places to = {{false}};
    charset set = {false};
    if (--*m->steps < 0)
        return fail(m);
    if (*m->p == '(') {
        m->p++;
        return group(m, from);
    }
    if (!read_charset(m, set))
        return fail(m);
    for (int i = 0; i < m->n; i++)
        to.at[i + 1] = from->at[i] && set[(unsigned char)m->name[i]];
    return to;
}

/* Adds `more` to `all`; false: it was all there. */
static bool join(struct places *all, const struct places *more)
{
    bool grew = false;
    for (int i = 0; i <= MAX_NAME; i++) {
        grew |= more->at[i] && !all->at[i];
        all->at[i] |= more->at[i];
    }
    return grew;
}

/* An atom and its quantifier. A repeated one is run again from where it ended until no place is new. */
static struct places piece(struct matcher *m, const struct places *from)
{
    const char *begin = m->p;
    struct places to = atom(m, from);
    const char *behind = m->p, quantifier = *m->p;
    if (m->bad || !quantifier || !strchr("*+?", quantifier))
        return to;
    if (quantifier != '?') {
        for (struct places last = to;;) {
            m->p = begin;
            last = atom(m, &last);
            if (m->bad || !join(&to, &last))
                break;
        }
    }
    if (quantifier != '+')
        join(&to, from);
    m->p = behind + 1;
    m->p += *m->p == '?'; /* lazy: the same names match */
    return to;
}

static struct places sequence(struct matcher *m, const struct places *from)
{
    struct places at = *from;
    while (!m->bad && *m->p && *m->p != '|' && *m->p != ')')
        at = piece(m, &at);
    return at;
}

static struct places alternatives(struct matcher *m, const struct places *from)
{
    struct places to = sequence(m, from);
    while (!m->bad && *m->p == '|') {
        m->p++;
        struct places more = sequence(m, from);
        join(&to, &more);
    }
    return to;
}

/* A plain name, as nearly all patterns are; its dots match any character. */
static bool is_plain(const char *pattern)
{
    while (isalnum((unsigned char)*pattern) || (*pattern && strchr("._-", *pattern)))
        pattern++;
    return !*pattern;
}

static bool match_plain(const char *pattern, size_t length, const char *name, size_t n)
{
    if (length > n || (length < n && name[n - length - 1] != '.'))
        return false;
    name += n - length;
    for (size_t i = 0; i < length; i++)
        if (pattern[i] != '.' && pattern[i] != name[i])
            return false;
    return true;
}

enum pattern_result lora_pattern_match(const char *pattern, const char *name, int *steps)
{
    char text[MAX_NAME + 1];
    const size_t n = strlen(name), length = strlen(pattern);
    if (n > MAX_NAME || length > MAX_NAME || --*steps < 0)
        return PATTERN_BAD;
    if (is_plain(pattern))
        return match_plain(pattern, length, name, n) ? PATTERN_YES : PATTERN_NO;
    const bool anchored = pattern[0] == '^';
    memcpy(text, pattern, length + 1);
    if (length > 1 && text[length - 1] == '$' && text[length - 2] != '\\')
        text[length - 1] = '\0';
    struct matcher m = {.p = text + anchored, .name = name, .n = (int)n, .steps = steps};
    struct places from = {{true}};
    for (size_t i = 0; !anchored && i < n; i++)
        from.at[i + 1] = name[i] == '.';
    const struct places to = alternatives(&m, &from);
    if (m.bad || *m.p)
        return PATTERN_BAD;
    return to.at[n] ? PATTERN_YES : PATTERN_NO;
}
