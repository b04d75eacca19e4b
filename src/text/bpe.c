#include "text/bpe.h"

#include "base/utf8.h"

#include <string.h>

/* Up to here a scan for the best pair is faster than a heap. */
enum { SHORT_WORD = 40 };

void bpe_scratch_fini(struct bpe_scratch *s)
{
    vec_fini(&s->symbol);
    vec_fini(&s->heap);
    vec_fini(&s->text);
}

static bool push_symbol(struct bpe_scratch *s, int32_t id)
{
    return vec_push(&s->symbol, (struct bpe_symbol){.id = id});
}

/* The symbol of one character; -1: none. */
static int32_t char_symbol(const struct bpe *b, const char *at, size_t width)
{
    int32_t id = width < 4 ? b->char_id[utf8_get(at)] : strtab_find(b->vocab, at, width);
    if (id < 0 && b->phantom.n_used) {
        int32_t p = strtab_find(&b->phantom, at, width);
        id = p < 0 ? -1 : b->first_phantom + p;
    }
    return id;
}

/* The symbol of a character with the word's affixes, spelled in `room`; -1: none. */
static int32_t affixed_symbol(const struct bpe *b, const char *at, size_t width, bool first, bool last, char *room)
{
    size_t n = 0, n_prefix = b->prefix && !first ? strlen(b->prefix) : 0;
    size_t n_suffix = b->suffix && last ? strlen(b->suffix) : 0;
    memcpy(room, b->prefix ? b->prefix : "", n_prefix);
    memcpy(room + (n += n_prefix), at, width);
    memcpy(room + (n += width), b->suffix ? b->suffix : "", n_suffix);
    return strtab_find(b->vocab, room, n + n_suffix);
}

/* "<0xXX>" for each byte of a character, if all of them are tokens. *done: they were. */
static bool push_bytes(const struct bpe *b, const char *at, size_t width, struct bpe_scratch *s, bool *done)
{
    *done = false;
    if (!b->byte_fallback)
        return true;
    for (size_t i = 0; i < width; i++)
        if (b->byte_id[(uint8_t)at[i]] < 0)
            return true;
    *done = true;
    for (size_t i = 0; i < width; i++)
        if (!push_symbol(s, b->byte_id[(uint8_t)at[i]]))
            return false;
    return true;
}

/* The word's characters as symbols. An unknown one waits: the next unknown may be fused with it. Bytes in between do not
 * end the wait, as in the reference. */
static bool split_chars(const struct bpe *b, const char *word, size_t n, struct bpe_scratch *s)
{
    bool waiting = false, affixes = b->prefix || b->suffix;
    size_t n_affixes = affixes ? (b->prefix ? strlen(b->prefix) : 0) + (b->suffix ? strlen(b->suffix) : 0) : 0;
    bool good = vec_reserve(&s->text, n_affixes + 4);
    for (size_t i = 0, width; i < n && good; i += width) {
        width = utf8_width((unsigned char)word[i]);
        int32_t id = affixes ? affixed_symbol(b, word + i, width, i == 0, i + width == n, s->text.at)
                             : char_symbol(b, word + i, width);
        bool done = id >= 0;
        if (done) {
            good = (!waiting || push_symbol(s, b->unk)) && push_symbol(s, id);
            waiting = false;
            continue;
        }
        good = push_bytes(b, word + i, width, s, &done);
        if (done || b->unk < 0)
            continue;
        good = good && (!waiting || b->fuse_unk || push_symbol(s, b->unk));
        waiting = true;
    }
    return good && (!waiting || push_symbol(s, b->unk));
}

static bool split_bytes(const struct bpe *b, const char *word, size_t n, struct bpe_scratch *s)
{
    if (!vec_reserve(&s->symbol, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        int32_t id = b->byte_id[(uint8_t)word[i]];
        bool fused = b->fuse_unk && s->symbol.n && s->symbol.at[s->symbol.n - 1].id == b->unk;
        if (id < 0 && (b->unk < 0 || fused))
            continue;
        s->symbol.at[s->symbol.n++] = (struct bpe_symbol){.id = id < 0 ? b->unk : id};
    }
    return true;
}

/* Fills in what place i and the one at `next` would become. */
static inline void look_up(const struct bpe *b, struct bpe_symbol *left, const struct bpe_symbol *right)
{
    const struct bpe_merge *m = bpe_find(b, left->id, right->id);
    bool found = m->key != UINT64_MAX;
    left->merged = found ? m->id : -1;
    left->rank = found ? m->rank : UINT32_MAX;
}

/* Merges in place, by looking for the lowest rank each time. Returns the symbols left. */
static size_t merge_short(const struct bpe *b, struct bpe_symbol *s, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        look_up(b, &s[i], &s[i + 1]);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (s[i].rank < s[best].rank)
                best = i;
        if (s[best].rank == UINT32_MAX)
            break;
        s[best].id = s[best].merged;
        n--;
        memmove(&s[best + 1], &s[best + 2], (n - best - 1) * sizeof *s);
        if (best + 1 < n)
            look_up(b, &s[best], &s[best + 1]);
        if (best > 0)
            look_up(b, &s[best - 1], &s[best]);
    }
    return n;
}

/* The heap has four children to a node: half the levels of two, and they share a cache line. */
static void sift_down(uint64_t *heap, size_t n, size_t i)
{
    uint64_t moved = heap[i];
    for (size_t child; (child = 4 * i + 1) < n;) {
        size_t last = child + 4 < n ? child + 4 : n, least = child;
        for (size_t k = child + 1; k < last; k++)
            least = heap[k] < heap[least] ? k : least;
        if (moved <= heap[least])
            break;
        heap[i] = heap[least];
        i = least;
    }
    heap[i] = moved;
}

static uint64_t candidate(const struct bpe_scratch *s, const struct bpe_symbol *at)
{
    return (uint64_t)at->rank << 32 | (uint64_t)(at - s->symbol.at);
}

static bool heap_push(struct bpe_scratch *s, uint64_t made)
{
    if (!vec_push(&s->heap, made))
        return false;
    size_t i = s->heap.n - 1;
    for (size_t parent; i > 0 && s->heap.at[parent = (i - 1) / 4] > made; i = parent)
        s->heap.at[i] = s->heap.at[parent];
    s->heap.at[i] = made;
    return true;
}

static uint64_t heap_pop(struct bpe_scratch *s)
{
    uint64_t top = s->heap.at[0];
    s->heap.at[0] = vec_pop(&s->heap);
    if (s->heap.n)
        sift_down(s->heap.at, s->heap.n, 0);
    return top;
}

/* The pair that begins at place `i` is another one now. */
static bool renew(const struct bpe *b, struct bpe_scratch *s, int32_t i)
{
    struct bpe_symbol *at = &s->symbol.at[i];
    if (at->next < 0) {
        at->merged = -1;
        return true;
    }
    look_up(b, at, &s->symbol.at[at->next]);
    return at->merged < 0 || heap_push(s, candidate(s, at));
}

static bool start_heap(const struct bpe *b, struct bpe_scratch *s)
{
    struct bpe_symbol *at = s->symbol.at;
    size_t n = s->symbol.n;
    s->heap.n = 0;
    if (!vec_reserve(&s->heap, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        at[i].prev = (int32_t)i - 1;
        at[i].next = i + 1 < n ? (int32_t)i + 1 : -1;
        at[i].merged = -1;
        if (i + 1 < n)
            look_up(b, &at[i], &at[i + 1]);
        if (at[i].merged >= 0)
            s->heap.at[s->heap.n++] = candidate(s, &at[i]);
    }
    for (size_t i = (s->heap.n + 2) / 4; i-- > 0;)
        sift_down(s->heap.at, s->heap.n, i);
    return true;
}

/* Merges by a heap: n log n. A candidate whose pair has changed meanwhile is passed over. Leaves the symbols that are
 * left at the front. */
static bool merge_long(const struct bpe *b, struct bpe_scratch *s)
{
    if (!start_heap(b, s))
        return false;
    struct bpe_symbol *at = s->symbol.at;
    while (s->heap.n) {
        uint64_t top = heap_pop(s);
        struct bpe_symbol *left = &at[(uint32_t)top];
        if (left->merged < 0 || left->rank != (uint32_t)(top >> 32))
            continue;
        struct bpe_symbol *right = &at[left->next];
        left->id = left->merged;
        left->next = right->next;
        right->merged = -1;
        if (right->next >= 0)
            at[right->next].prev = (int32_t)(left - at);
        if (!renew(b, s, (int32_t)(left - at)) || (left->prev >= 0 && !renew(b, s, left->prev)))
            return false;
    }
    size_t n = 0;
    for (int32_t i = 0; i >= 0; i = at[i].next)
        at[n++].id = at[i].id;
    s->symbol.n = n;
    return true;
}

/* Appends a symbol; one without a token is spelled in bytes. */
static bool put_symbol(const struct bpe *b, int32_t id, ids_vec *ids)
{
    if (id < b->first_phantom)
        return vec_push(ids, id);
    size_t n;
    const char *text = strtab_text(&b->phantom, id - b->first_phantom, &n);
    for (size_t i = 0; i < n; i++) {
        int32_t byte = b->byte_id[(uint8_t)text[i]];
        if (byte < 0)
            byte = b->unk;
        if (byte >= 0 && !vec_push(ids, byte))
            return false;
    }
    return true;
}

static bool encode_merging(const struct bpe *b, const char *word, size_t n, ids_vec *ids, struct bpe_scratch *s)
{
    s->symbol.n = 0;
    if (!(b->byte_mode ? split_bytes(b, word, n, s) : split_chars(b, word, n, s)))
        return false;
    if (s->symbol.n <= SHORT_WORD)
        s->symbol.n = merge_short(b, s->symbol.at, s->symbol.n);
    else if (!merge_long(b, s))
        return false;
    for (size_t i = 0; i < s->symbol.n; i++)
        if (!put_symbol(b, s->symbol.at[i].id, ids))
            return false;
    return true;
}

/* A word that is a token: it is encoded as itself unless merging goes another way, which is found out once. The note
 * is a pure function of the vocabulary, so threads that write it at the same time write the same. */
static bool encode_token(const struct bpe *b, int32_t id, const char *word, size_t n, ids_vec *ids,
                         struct bpe_scratch *s)
{
    unsigned char note = b->ignore_merges ? 1 : atomic_load_explicit(&b->is_single[id], memory_order_relaxed);
    if (note == 1)
        return vec_push(ids, id);
    size_t before = ids->n;
    if (!encode_merging(b, word, n, ids, s))
        return false;
    bool single = ids->n == before + 1 && ids->at[before] == id;
    atomic_store_explicit(&b->is_single[id], single ? 1 : 2, memory_order_relaxed);
    return true;
}

static bool encode_chunk(const struct bpe *b, const char *word, size_t n, ids_vec *ids, struct bpe_scratch *s)
{
    int32_t id = strtab_find(b->vocab, word, n);
    return id >= 0 ? encode_token(b, id, word, n, ids, s) : encode_merging(b, word, n, ids, s);
}

/* End of the chunk that begins at `from`: no token has the two characters around it inside, so no merge crosses it. */
static size_t chunk_end(const struct bpe *b, const char *word, size_t n, size_t from)
{
    size_t i = from + utf8_width((unsigned char)word[from]);
    for (uint32_t c = utf8_get(word + from), d; i < n; c = d, i += utf8_width((unsigned char)word[i])) {
        d = utf8_get(word + i);
        uint32_t bit = bpe_inside_bit(c, d);
        if (!(b->inside[bit / 64] >> bit % 64 & 1))
            break;
    }
    return i;
}

pllm_status bpe_encode(const struct bpe *b, const char *word, size_t n, ids_vec *ids, struct bpe_scratch *s,
                       pllm_error *err)
{
    bool good = true;
    if (n > INT32_MAX)
        return error_set(err, PLLM_E_ARGUMENT, "a word of %zu bytes, wanted at most %d", n, INT32_MAX);
    if (!b->inside || b->ignore_merges) {
        good = n == 0 || encode_chunk(b, word, n, ids, s);
    } else {
        for (size_t from = 0, end; from < n && good; from = end) {
            end = chunk_end(b, word, n, from);
            good = encode_chunk(b, word + from, end - from, ids, s);
        }
    }
    return good ? PLLM_OK : error_memory(err, "text to encode");
}
