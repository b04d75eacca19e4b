#include "text/added.h"

#include "text/unicode.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

bool added_init(struct added_set *s, enum added_order order)
{
    *s = (struct added_set){.order = order};
    return trie_init(&s->trie);
}

/* The token that has this text already; -1: none. */
static int32_t same_text(const struct added_set *s, const char *text, size_t n)
{
    uint32_t node = TRIE_ROOT;
    for (size_t i = 0; i < n && node != TRIE_NONE; i++)
        node = trie_child(&s->trie, node, (uint8_t)text[i]);
    return node == TRIE_NONE ? -1 : s->trie.node.at[node].value;
}

/* Two tokens whose texts are the same once normalized: a special one counts, else the first. */
bool added_add(struct added_set *s, const char *text, size_t n, int32_t id, uint32_t flags)
{
    int32_t there = same_text(s, text, n);
    s->in_use = true;
    if (there >= 0 && ((s->token.at[there].flags & ADDED_SPECIAL) || !(flags & ADDED_SPECIAL)))
        return true;
    return vec_push(&s->token, (struct added_token){id, flags, (uint32_t)n}) &&
           trie_add(&s->trie, text, n, (int32_t)(s->token.n - 1));
}

bool added_link(struct added_set *s)
{
    return trie_link(&s->trie);
}

void added_fini(struct added_set *s)
{
    trie_fini(&s->trie);
    vec_fini(&s->token);
}

struct occurrence {
    size_t start, end;
    int32_t token; /* in set->token; -1: none */
};

/* The first token at or after `from`, the longest of those that begin there. The automaton's state says where
 * the longest text that may still become a token begins: once that is behind a match, the match stands. */
static struct occurrence leftmost(const struct trie *t, const struct added_token *tokens, const char *text,
                                  size_t n, size_t from)
{
    struct occurrence best = {.token = -1};
    uint32_t state = TRIE_ROOT;
    for (size_t i = from; i < n; i++) {
        if (state == TRIE_ROOT) {
            while (i < n && !t->first[(uint8_t)text[i]])
                i++;
            if (i == n)
                break;
        }
        state = trie_step(t, state, (uint8_t)text[i]);
        if (best.token >= 0 && i + 1 - t->node.at[state].depth > best.start)
            break;
        uint32_t shown = t->node.at[state].shown;
        if (shown == TRIE_NONE)
            continue;
        int32_t token = t->node.at[shown].value;
        size_t start = i + 1 - tokens[token].n;
        if (best.token < 0 || start <= best.start)
            best = (struct occurrence){start, i + 1, token};
    }
    return best;
}

static bool beside_word(const char *text, size_t n, size_t start, size_t end)
{
    return (start > 0 && unicode_is_word(utf8_get(utf8_before(text + start)))) ||
           (end < n && unicode_is_word(utf8_get(text + end)));
}

static size_t skip_space_before(const char *text, size_t from, size_t at)
{
    while (at > from) {
        const char *before = utf8_before(text + at);
        if (!unicode_is_space(utf8_get(before)))
            break;
        at = (size_t)(before - text);
    }
    return at;
}

static size_t skip_space_after(const char *text, size_t n, size_t at)
{
    while (at < n && unicode_is_space(utf8_get(text + at)))
        at += utf8_width((unsigned char)text[at]);
    return at;
}

/* The match with the white space that it takes; `from`: the end of the one before. */
static struct added_match widened(const struct added_token *t, struct occurrence o, const char *text, size_t n,
                                  size_t from)
{
    struct added_match m = {o.start, o.end, t->id};
    if (t->flags & ADDED_LSTRIP)
        m.start = skip_space_before(text, from, m.start);
    if (t->flags & ADDED_RSTRIP)
        m.end = skip_space_after(text, n, m.end);
    return m;
}

/* A token that is passed over (not parsed, or inside a word) hides shorter ones within it all the same. */
static bool find_leftmost(const struct added_set *s, const char *text, size_t n, bool parse_special,
                          added_matches *out)
{
    size_t from = 0, taken = 0;
    for (struct occurrence o; (o = leftmost(&s->trie, s->token.at, text, n, from)).token >= 0;) {
        const struct added_token *t = &s->token.at[o.token];
        from = o.end;
        if (((t->flags & ADDED_SPECIAL) && !parse_special) ||
            ((t->flags & ADDED_SINGLE_WORD) && beside_word(text, n, o.start, o.end)))
            continue;
        struct added_match m = widened(t, o, text, n, taken);
        if ((t->flags & ADDED_LSTRIP) && m.end <= taken) /* all of it was white space that the token before took */
            continue;
        if (m.start < taken) /* the token before took the white space that this one begins with */
            m.start = taken;
        if (!vec_push(out, m))
            return false;
        taken = m.end;
    }
    return true;
}

typedef VEC(struct occurrence) occurrences;

static bool all_occurrences(const struct added_set *s, const char *text, size_t n, bool parse_special,
                            occurrences *out)
{
    const struct trie *t = &s->trie;
    uint32_t state = TRIE_ROOT;
    for (size_t i = 0; i < n; i++) {
        if (state == TRIE_ROOT && !t->first[(uint8_t)text[i]])
            continue;
        state = trie_step(t, state, (uint8_t)text[i]);
        for (uint32_t k = t->node.at[state].shown; k != TRIE_NONE; k = t->node.at[t->node.at[k].fail].shown) {
            int32_t token = t->node.at[k].value;
            if ((s->token.at[token].flags & ADDED_SPECIAL) && !parse_special)
                continue;
            if (!vec_push(out, (struct occurrence){i + 1 - s->token.at[token].n, i + 1, token}))
                return false;
        }
    }
    return true;
}

static int longer_first(const void *a, const void *b)
{
    const struct occurrence *x = a, *y = b;
    size_t nx = x->end - x->start, ny = y->end - y->start;
    return nx != ny ? (nx < ny) - (nx > ny) : (x->start > y->start) - (x->start < y->start);
}

static int earlier_first(const void *a, const void *b)
{
    const struct added_match *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

/* Marks every place that a match covers; what a longer one covers is lost to the shorter. */
static bool find_longest(const struct added_set *s, const char *text, size_t n, bool parse_special,
                         added_matches *out)
{
    occurrences all = {0};
    size_t first = out->n;
    bool good = all_occurrences(s, text, n, parse_special, &all);
    unsigned char *covered = good && all.n ? mem_zalloc(n, 1) : NULL;
    good = good && (covered || !all.n);
    if (all.n)
        qsort(all.at, all.n, sizeof *all.at, longer_first);
    for (size_t i = 0; good && i < all.n; i++) {
        struct occurrence o = all.at[i];
        if (covered[o.start] || covered[o.end - 1] || memchr(covered + o.start, 1, o.end - o.start))
            continue;
        struct added_match m = widened(&s->token.at[o.token], o, text, n, 0);
        for (size_t k = o.start; k > m.start; k--)
            if (covered[k - 1])
                m.start = k;
        for (size_t k = m.end; k > o.end; k--)
            if (covered[k - 1])
                m.end = k - 1;
        memset(covered + m.start, 1, m.end - m.start);
        good = vec_push(out, m);
    }
    if (out->n > first)
        qsort(out->at + first, out->n - first, sizeof *out->at, earlier_first);
    mem_free(covered);
    vec_fini(&all);
    return good;
}

bool added_find(const struct added_set *s, const char *text, size_t n, bool parse_special, added_matches *out)
{
    if (!s->in_use || !n)
        return true;
    return s->order == ADDED_LEFTMOST ? find_leftmost(s, text, n, parse_special, out)
                                      : find_longest(s, text, n, parse_special, out);
}
