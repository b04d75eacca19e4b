#include "text/charsmap.h"

#include "base/cursor.h"
#include "base/utf8.h"

#include <utf8proc.h>

enum { MAX_CHARSMAP = 64 << 20, MAX_CLUSTER = 6 };

pllm_status charsmap_init(struct charsmap *m, const void *bytes, size_t n, enum charsmap_rule rule, pllm_error *err)
{
    struct cursor c = cursor_over(bytes, n);
    uint32_t n_trie;
    const uint8_t *trie, *text;
    if (n > MAX_CHARSMAP || !cursor_u32(&c, &n_trie) || n_trie % 4 || !n_trie || !cursor_take(&c, n_trie, &trie))
        return error_set(err, PLLM_E_FORMAT, "precompiled_charsmap: %zu bytes do not hold its table", n);
    size_t n_text = cursor_left(&c);
    cursor_take(&c, n_text, &text);
    *m = (struct charsmap){.unit = mem_alloc(n_trie, 1), .n_units = n_trie / 4, .n_replacement = n_text, .rule = rule};
    m->replacement = mem_strndup((const char *)text, n_text);
    if (!m->unit || !m->replacement) {
        charsmap_fini(m);
        return error_memory(err, "precompiled_charsmap");
    }
    struct cursor units = cursor_over(trie, n_trie);
    for (size_t i = 0; i < m->n_units; i++)
        cursor_u32(&units, &m->unit[i]);
    return PLLM_OK;
}

bool charsmap_keep(struct charsmap *m, const char *text, size_t n)
{
    return (m->keep.node.n || trie_init(&m->keep)) && trie_add(&m->keep, text, n, 0);
}

void charsmap_fini(struct charsmap *m)
{
    trie_fini(&m->keep);
    mem_free(m->unit);
    mem_free(m->replacement);
    *m = (struct charsmap){0};
}

/* Units of a double array: bit 8: a value hangs below; bits 10-30: distance to the children, times 256 if bit 9 is set;
 * the low byte: the label; bit 31 marks a value. */
static size_t children_of(size_t node, uint32_t unit)
{
    return node ^ (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

/* The replacement for the beginning of the text: *n_used bytes of it, the longest rule or the shortest. NULL: no rule. */
static const char *look_up(const struct charsmap *m, const char *text, size_t n, bool longest, size_t *n_used)
{
    const char *found = NULL;
    size_t node = children_of(0, m->unit[0]);
    for (size_t i = 0; i < n && text[i]; i++) {
        node ^= (uint8_t)text[i];
        if (node >= m->n_units || (m->unit[node] & 0x800000FFu) != (uint8_t)text[i])
            break;
        uint32_t unit = m->unit[node];
        node = children_of(node, unit);
        if (!(unit & 1u << 8) || node >= m->n_units)
            continue;
        size_t at = m->unit[node] & 0x7FFFFFFFu;
        if (at >= m->n_replacement)
            continue;
        found = m->replacement + at;
        *n_used = i + 1;
        if (!longest)
            break;
    }
    return found;
}

/* The replacement, made valid UTF-8: the rules come from a stranger's file. */
static bool add_replacement(struct buf *out, const char *replacement)
{
    return utf8_repair(out, replacement, strlen(replacement));
}

/* Length of the longest text at the beginning that is to stay; 0: none. */
static size_t kept(const struct trie *t, const char *text, size_t n)
{
    size_t longest = 0;
    uint32_t state = TRIE_ROOT;
    for (size_t i = 0; t->node.n && i < n && (state = trie_child(t, state, (uint8_t)text[i])) != TRIE_NONE; i++)
        if (t->node.at[state].value >= 0)
            longest = i + 1;
    return longest;
}

static bool run_longest(const struct charsmap *m, const char *text, size_t n, size_t limit, struct buf *out)
{
    bool good = true;
    for (size_t i = 0, used; i < n && good && out->n <= limit; i += used) {
        size_t matched = 0;
        used = kept(&m->keep, text + i, n - i);
        if (used) {
            good = buf_add(out, text + i, used);
            continue;
        }
        used = utf8_width((unsigned char)text[i]);
        const char *replacement = look_up(m, text + i, n - i, true, &matched);
        bool whole = replacement && (matched == n - i || ((unsigned char)text[i + matched] & 0xC0) != 0x80);
        good = whole ? add_replacement(out, replacement) : buf_add(out, text + i, used);
        used = whole ? matched : used;
    }
    return good;
}

/* End of the grapheme cluster that begins at i. */
static size_t cluster_end(const char *text, size_t n, size_t i)
{
    utf8proc_int32_t state = 0;
    uint32_t c = utf8_get(text + i);
    for (i += utf8_width((unsigned char)text[i]); i < n; i += utf8_width((unsigned char)text[i])) {
        uint32_t d = utf8_get(text + i);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)c, (utf8proc_int32_t)d, &state))
            break;
        c = d;
    }
    return i;
}

static bool run_clusters(const struct charsmap *m, const char *text, size_t n, size_t limit, struct buf *out)
{
    bool good = true;
    for (size_t i = 0, end; i < n && good && out->n <= limit; i = end) {
        end = cluster_end(text, n, i);
        size_t used;
        const char *whole = end - i < MAX_CLUSTER ? look_up(m, text + i, end - i, false, &used) : NULL;
        if (whole) {
            good = add_replacement(out, whole);
            continue;
        }
        for (size_t k = i, width; k < end && good && out->n <= limit; k += width) {
            width = utf8_width((unsigned char)text[k]);
            const char *one = look_up(m, text + k, width, false, &used);
            good = one ? add_replacement(out, one) : buf_add(out, text + k, width);
        }
    }
    return good;
}

bool charsmap_run(const struct charsmap *m, const char *text, size_t n, size_t limit, struct buf *out)
{
    return m->rule == CHARSMAP_LONGEST ? run_longest(m, text, n, limit, out) : run_clusters(m, text, n, limit, out);
}
