#include "engine/table.h"

#include <assert.h>

/* First position whose row a sequence must compute itself: its last token's, or the first that is to be scored. */
static int seq_limit(const struct seq *s)
{
    return s->n_scored < s->n_prompt ? s->n_scored - 1 : seq_end(s) - 1;
}

int seq_end(const struct seq *s)
{
    int n = (int)s->tokens.n;
    return s->request->p.max_tokens > 0 || n == 1 ? n : n - 1;
}

int seq_rope(const struct cache *c, const struct seq *s)
{
    return c->model->rope_switch > 0 && (int)s->tokens.n > c->model->rope_switch;
}

static struct prefix_root *root_of(const struct seq *s)
{
    return s->request->roots[s->rope];
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static int32_t parent_of(const struct seq *s, int i)
{
    return i > 0 ? s->blocks[0][i - 1] : -1;
}

/* First block that position `pos` still sees in the window group. */
static int first_seen(const struct cache *c, int pos)
{
    int first = pos - c->kv.window[1] + 1;
    return first > 0 ? first / KV_BLOCK : 0;
}

/* ---- Finding a prefix --------------------------------------------------------------------------- */

static void drop_copy(struct cache *c, struct seq *s)
{
    if (s->copy_window >= 0)
        kv_unref(&c->kv.pool[1], s->copy_window);
    if (s->copy_from >= 0) {
        /* Its writer may have gone before it was filled, and left what it was to become to us. */
        if (c->kv.pool[0].refs[s->copy_from] == 1)
            prefix_shorten(c->prefix, s->copy_from, c->kv.content[s->copy_from].filled);
        kv_unref(&c->kv.pool[0], s->copy_from);
    }
    s->copy_from = s->copy_window = -1;
    s->copy_tokens = 0;
}

static void drop_last(struct cache *c, struct seq *s)
{
    int i = --s->n_blocks;
    if (s->blocks[1][i] >= 0)
        kv_unref(&c->kv.pool[1], s->blocks[1][i]);
    kv_unref(&c->kv.pool[0], s->blocks[0][i]);
}

/* Takes references to the full blocks that agree, and to the one that agrees in part. */
static void find_prefix(struct cache *c, struct seq *s)
{
    int limit = s->shares_nothing ? 0 : seq_limit(s);
    for (;;) {
        int k = s->n_blocks, n = min_int(KV_BLOCK, limit - k * KV_BLOCK), common;
        if (n <= 0)
            return;
        int32_t b = prefix_find(c->prefix, root_of(s), parent_of(s, k), s->tokens.at + k * KV_BLOCK, n, &common);
        if (b < 0)
            return;
        kv_ref(&c->kv.pool[0], b);
        if (common < KV_BLOCK) {
            s->copy_from = b;
            s->copy_tokens = common;
            return;
        }
        s->blocks[0][k] = b;
        s->blocks[1][k] = -1;
        s->n_blocks++;
    }
}

/* Its block of the window group is there, or will be when its writer comes to it. */
static bool window_usable(const struct cache *c, int32_t b)
{
    const struct kv_content *content = &c->kv.content[b];
    return prefix_window_block(c->prefix, b) >= 0 || (content->writer && content->filled < KV_BLOCK);
}

/* Shortens the found prefix until the window group has all that its end can see, and takes references there. */
static void fit_window(struct cache *c, struct seq *s)
{
    if (s->copy_from >= 0 && !window_usable(c, s->copy_from))
        drop_copy(c, s);
    for (int i = s->n_blocks - 1; i >= first_seen(c, s->n_blocks * KV_BLOCK + s->copy_tokens); i--) {
        if (window_usable(c, s->blocks[0][i]))
            continue;
        drop_copy(c, s);
        while (s->n_blocks > i)
            drop_last(c, s);
    }
    s->first_kept = first_seen(c, s->n_blocks * KV_BLOCK + s->copy_tokens);
    for (int i = s->first_kept; i < s->n_blocks; i++) {
        int32_t w = prefix_window_block(c->prefix, s->blocks[0][i]);
        if (w >= 0)
            kv_ref(&c->kv.pool[1], w);
        s->blocks[1][i] = w;
    }
    if (s->copy_from >= 0 && (s->copy_window = prefix_window_block(c->prefix, s->copy_from)) >= 0)
        kv_ref(&c->kv.pool[1], s->copy_window);
}

static void forget_place(struct seq *s)
{
    s->pos = s->n_sealed = s->first_kept = 0;
}

/* Whether `more` further blocks can be had, of the window group as many of them as it keeps beside those that are there:
 * by the time it needs others, these are behind the window. */
static bool has_room(const struct cache *c, const struct seq *s, int more, int reserve)
{
    int keeps = c->kv.window[1] / KV_BLOCK + 2;
    for (int i = s->first_kept; i < s->n_blocks; i++)
        keeps -= s->blocks[1][i] >= 0;
    int window_blocks = min_int(more, keeps);
    return kv_available(&c->kv.pool[0]) >= more + reserve &&
           (!c->kv.in_use[1] || kv_available(&c->kv.pool[1]) >= window_blocks + reserve);
}

bool table_admit(struct cache *c, struct seq *s, int reserve)
{
    assert(s->n_blocks == 0 && s->copy_from < 0);
    s->rope = seq_rope(c, s);
    find_prefix(c, s);
    if (c->kv.in_use[1])
        fit_window(c, s);
    int total = ((int)s->tokens.n + KV_BLOCK - 1) / KV_BLOCK, found = s->n_blocks;
    if (!has_room(c, s, total - found, reserve))
        drop_copy(c, s); /* the source itself may be what is missing */
    if (!has_room(c, s, total - found, reserve)) {
        while (s->n_blocks > 0)
            drop_last(c, s);
        forget_place(s);
        return false;
    }
    s->n_sealed = found;
    for (int i = found; i < total; i++) {
        int32_t b = prefix_take(c->prefix, 0);
        int n = min_int(KV_BLOCK, (int)s->tokens.n - i * KV_BLOCK);
        assert(b >= 0);
        c->kv.content[b].writer = s;
        prefix_insert(c->prefix, root_of(s), parent_of(s, i), b, s->tokens.at + i * KV_BLOCK, n);
        s->blocks[0][i] = b;
        s->blocks[1][i] = -1;
        s->n_blocks++;
    }
    return true;
}

/* ---- Giving back -------------------------------------------------------------------------------- */

/* Lets the tree know a block's first n tokens, under which it may have stood with more or fewer of them. */
static void rename_block(struct cache *c, struct seq *s, int i, int n)
{
    const int32_t b = s->blocks[0][i], w = s->blocks[1][i];
    prefix_rename(c->prefix, root_of(s), parent_of(s, i), b, s->tokens.at + i * KV_BLOCK, n);
    if (w >= 0 && prefix_has(c->prefix, b))
        prefix_set_window_block(c->prefix, b, w);
}

void table_release(struct cache *c, struct seq *s)
{
    drop_copy(c, s);
    table_seal(c, s);
    while (s->n_blocks > 0) {
        int i = s->n_blocks - 1;
        int32_t b = s->blocks[0][i];
        struct kv_content *content = &c->kv.content[b];
        if (content->writer == s)
            content->writer = NULL;
        if (c->kv.pool[0].refs[b] == 1)
            rename_block(c, s, i, content->filled);
        drop_last(c, s);
    }
    forget_place(s);
}

/* ---- Before and in a step ------------------------------------------------------------------------ */

/* Carries the block's equal in the tree instead of the block. Bits are the same: whoever computes them. */
static void give_way(struct cache *c, struct seq *s, int i, int32_t equal)
{
    int32_t b = s->blocks[0][i], w = s->blocks[1][i];
    if (prefix_has(c->prefix, b))
        prefix_remove(c->prefix, b);
    kv_ref(&c->kv.pool[0], equal);
    kv_unref(&c->kv.pool[0], b);
    s->blocks[0][i] = equal;
    if (w < 0)
        return;
    int32_t equal_w = prefix_window_block(c->prefix, equal);
    if (equal_w < 0) {
        prefix_set_window_block(c->prefix, equal, w);
    } else {
        kv_ref(&c->kv.pool[1], equal_w);
        kv_unref(&c->kv.pool[1], w);
        s->blocks[1][i] = equal_w;
    }
}

static void seal(struct cache *c, struct seq *s, int i)
{
    int32_t b = s->blocks[0][i], parent = parent_of(s, i);
    struct kv_content *content = &c->kv.content[b];
    if (content->writer == s)
        content->writer = NULL;
    if (prefix_has(c->prefix, b) && prefix_n_tokens(c->prefix, b) == KV_BLOCK)
        return;
    if (parent >= 0 && !prefix_has(c->prefix, parent))
        return;
    int common;
    int32_t equal = prefix_find(c->prefix, root_of(s), parent, s->tokens.at + i * KV_BLOCK, KV_BLOCK, &common);
    if (equal < 0 || common < KV_BLOCK)
        rename_block(c, s, i, KV_BLOCK);
    else if (equal != b && c->kv.content[equal].filled == KV_BLOCK)
        give_way(c, s, i, equal);
}

void table_seal(struct cache *c, struct seq *s)
{
    for (; (s->n_sealed + 1) * KV_BLOCK <= s->pos; s->n_sealed++)
        seal(c, s, s->n_sealed);
    if (!c->kv.in_use[1])
        return;
    for (; s->first_kept < min_int(first_seen(c, s->pos), s->n_blocks); s->first_kept++) {
        int32_t *w = &s->blocks[1][s->first_kept];
        if (*w >= 0)
            kv_unref(&c->kv.pool[1], *w);
        *w = -1;
    }
}

/* Refers to the window group's block beside block i, if it is there. */
static void follow_window(struct cache *c, struct seq *s, int i)
{
    if (!c->kv.in_use[1] || i < s->first_kept || s->blocks[1][i] >= 0)
        return;
    int32_t w = prefix_window_block(c->prefix, s->blocks[0][i]);
    if (w >= 0)
        kv_ref(&c->kv.pool[1], w);
    s->blocks[1][i] = w;
}

static bool waits_for(const struct seq *s, const struct seq *writer)
{
    return writer && writer != s && seq_before(writer, s);
}

/* A block of the window group for the rows of block i; false: all are in use. */
static bool take_window(struct cache *c, struct seq *s, int i)
{
    follow_window(c, s, i);
    if (!c->kv.in_use[1] || s->blocks[1][i] >= 0)
        return true;
    int32_t w = prefix_take(c->prefix, 1);
    if (w < 0)
        return false;
    s->blocks[1][i] = w;
    if (prefix_has(c->prefix, s->blocks[0][i]))
        prefix_set_window_block(c->prefix, s->blocks[0][i], w);
    return true;
}

/* The copy that block i begins with. False: what is to be copied is not computed yet, or has no room. */
static bool copy_beginning(struct cache *c, struct seq *s, int i)
{
    const struct kv_content *from = &c->kv.content[s->copy_from];
    int n = min_int(s->copy_tokens, kv_settled(from, c->step));
    if (n < s->copy_tokens && waits_for(s, from->writer))
        return false;
    if (c->kv.in_use[1] && s->copy_window < 0) {
        s->copy_window = prefix_window_block(c->prefix, s->copy_from);
        if (s->copy_window >= 0)
            kv_ref(&c->kv.pool[1], s->copy_window); /* so that it is not taken for the copy itself */
        else
            n = 0;
    }
    if (n > 0) {
        if (!take_window(c, s, i))
            return false;
        c->model->copy_block(c->decoder, 0, s->blocks[0][i], s->copy_from, n);
        if (c->kv.in_use[1])
            c->model->copy_block(c->decoder, 1, s->blocks[1][i], s->copy_window, n);
        kv_fill(&c->kv.content[s->blocks[0][i]], n, c->step - 1);
    }
    drop_copy(c, s);
    return true;
}

static bool window_complete(const struct cache *c, const struct seq *s)
{
    if (!c->kv.in_use[1])
        return true;
    for (int i = first_seen(c, s->pos); i * KV_BLOCK < s->pos; i++)
        if (s->blocks[1][i] < 0)
            return false;
    return true;
}

enum table_way table_advance(struct cache *c, struct seq *s)
{
    int limit = seq_limit(s);
    while (s->pos < limit) {
        int i = s->pos / KV_BLOCK, at = s->pos % KV_BLOCK;
        const struct kv_content *content = &c->kv.content[s->blocks[0][i]];
        if (s->copy_from >= 0 && i == s->n_sealed && !copy_beginning(c, s, i))
            return TABLE_WAIT;
        if (content->filled > at) {
            follow_window(c, s, i);
            s->pos = min_int(limit, i * KV_BLOCK + content->filled);
        } else if (waits_for(s, content->writer)) {
            return TABLE_WAIT;
        } else {
            break;
        }
    }
    return window_complete(c, s) ? TABLE_READY : TABLE_LOST;
}

bool table_extend(struct cache *c, struct seq *s)
{
    if ((int)s->tokens.n <= s->n_blocks * KV_BLOCK)
        return true;
    int32_t b = prefix_take(c->prefix, 0);
    if (b < 0)
        return false;
    c->kv.content[b].writer = s;
    s->blocks[0][s->n_blocks] = b;
    s->blocks[1][s->n_blocks] = -1;
    s->n_blocks++;
    return true;
}

int table_rows(struct cache *c, struct seq *s, int max)
{
    int n = 0;
    while (n < max) {
        int i = (s->pos + n) / KV_BLOCK, at = (s->pos + n) % KV_BLOCK;
        struct kv_content *content = &c->kv.content[s->blocks[0][i]];
        int there = content->filled - at;
        bool again = there > 0; /* computed by another, but we want the logits: the same bits are written again */
        if (again ? s->pos + n < seq_limit(s) || content->step == c->step : waits_for(s, content->writer))
            break;
        if (!take_window(c, s, i))
            return n > 0 ? n : -1;
        if (!again)
            content->writer = s;
        n += min_int(again ? there : KV_BLOCK - at, max - n);
    }
    return n;
}

void table_fill(struct cache *c, struct seq *s, int n)
{
    for (int end = s->pos + n; s->pos < end;) {
        int i = s->pos / KV_BLOCK, to = min_int(end - i * KV_BLOCK, KV_BLOCK);
        kv_fill(&c->kv.content[s->blocks[0][i]], to, c->step);
        s->pos = i * KV_BLOCK + to;
    }
}
