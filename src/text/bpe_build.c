/* Building a struct bpe: merges from a list, or from the scores of a SentencePiece vocabulary. */
#include "text/bpe.h"

#include "base/rng.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a token that is made by merges: all ways to cut it are tried, which takes the square of that. */
enum { MAX_MERGED = 4096 };

static bool alloc_merges(struct bpe *b, size_t mask)
{
    b->merge = mem_alloc(mask + 1, sizeof *b->merge);
    if (!b->merge)
        return false;
    memset(b->merge, 0xFF, (mask + 1) * sizeof *b->merge);
    b->merge_mask = mask;
    return true;
}

/* Ids of tokens that are one character, by character. */
static bool index_chars(struct bpe *b)
{
    enum { N = 0x10000 };
    b->char_id = mem_alloc(N, sizeof *b->char_id);
    if (!b->char_id)
        return false;
    memset(b->char_id, 0xFF, N * sizeof *b->char_id);
    for (size_t id = 0; id < b->vocab->item.n; id++) {
        size_t n;
        if (!strtab_has(b->vocab, (int32_t)id))
            continue;
        const char *text = strtab_text(b->vocab, (int32_t)id, &n);
        if (n >= 1 && n <= 3 && utf8_width((unsigned char)text[0]) == n && utf8_valid(text, n) == n)
            b->char_id[utf8_get(text)] = strtab_find(b->vocab, text, n);
    }
    return true;
}

static void index_bytes(struct bpe *b)
{
    for (int byte = 0; byte < 256; byte++) {
        char text[8] = {(char)byte};
        int n = b->byte_mode ? 1 : snprintf(text, sizeof text, "<0x%02X>", (unsigned)byte);
        b->byte_id[byte] = strtab_find(b->vocab, text, (size_t)n);
    }
}

bool bpe_init(struct bpe *b, const struct strtab *vocab, bool byte_mode, size_t expected_merges)
{
    *b = (struct bpe){.vocab = vocab, .byte_mode = byte_mode, .unk = -1, .seed = rng_fresh_seed()};
    b->first_phantom = (int32_t)vocab->item.n;
    size_t mask = 15;
    while (mask / 2 < expected_merges && mask < (size_t)1 << 28)
        mask = mask * 2 + 1;
    b->is_single = mem_zalloc(vocab->item.n, 1);
    if (!b->is_single || !strtab_init(&b->phantom, 0) || !alloc_merges(b, mask) || (!byte_mode && !index_chars(b)))
        return false;
    index_bytes(b);
    return true;
}

void bpe_fini(struct bpe *b)
{
    strtab_fini(&b->phantom);
    mem_free(b->merge);
    mem_free(b->char_id);
    mem_free(b->prefix);
    mem_free(b->suffix);
    mem_free(b->inside);
    mem_free((void *)b->is_single);
    *b = (struct bpe){0};
}

static bool grow_merges(struct bpe *b)
{
    struct bpe_merge *old = b->merge;
    size_t n = b->merge_mask + 1;
    if (!alloc_merges(b, b->merge_mask * 2 + 1)) {
        b->merge = old;
        return false;
    }
    for (size_t i = 0; i < n; i++)
        if (old[i].key != UINT64_MAX)
            *bpe_find(b, (int32_t)(old[i].key >> 32), (int32_t)(uint32_t)old[i].key) = old[i];
    mem_free(old);
    return true;
}

bool bpe_add_merge(struct bpe *b, int32_t left, int32_t right, int32_t id, uint32_t rank)
{
    if (b->n_merges >= b->merge_mask / 2 && !grow_merges(b))
        return false;
    struct bpe_merge *m = bpe_find(b, left, right);
    b->n_merges += m->key == UINT64_MAX;
    *m = (struct bpe_merge){(uint64_t)(uint32_t)left << 32 | (uint32_t)right, rank, id};
    return true;
}

int32_t bpe_symbol_for(struct bpe *b, const char *text, size_t n)
{
    int32_t id = strtab_find(b->vocab, text, n);
    if (id >= 0)
        return id;
    id = strtab_find(&b->phantom, text, n);
    if (id < 0) {
        id = (int32_t)b->phantom.item.n;
        if (id >= STRTAB_MAX || !strtab_set(&b->phantom, id, text, n))
            return -1;
    }
    return b->first_phantom + id;
}

struct scored {
    float score;
    int32_t id;
};

static int higher_first(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

/* The part of a token's text as a symbol: a token, or a single character; -1: neither, *good false: no memory. */
static int32_t part_symbol(struct bpe *b, const char *text, size_t n, bool *good)
{
    if (utf8_width((unsigned char)text[0]) != n)
        return strtab_find(b->vocab, text, n);
    int32_t id = bpe_symbol_for(b, text, n);
    *good = *good && id >= 0;
    return id;
}

/* The merges that make one token; `skip` as below. */
static bool merges_of(struct bpe *b, int32_t id, uint32_t rank, const bool *skip)
{
    size_t n;
    const char *text = strtab_text(b->vocab, id, &n);
    bool good = true;
    for (size_t cut = n ? utf8_width((unsigned char)text[0]) : 0; cut < n && good;
         cut += utf8_width((unsigned char)text[cut])) {
        int32_t left = part_symbol(b, text, cut, &good);
        int32_t right = left < 0 ? -1 : part_symbol(b, text + cut, n - cut, &good);
        if (left < 0 || right < 0 || (skip && left < b->first_phantom && skip[left]) ||
            (skip && right < b->first_phantom && skip[right]))
            continue;
        good = good && bpe_add_merge(b, left, right, id, rank);
    }
    return good;
}

pllm_status bpe_merges_from_scores(struct bpe *b, const float *scores, const bool *skip, pllm_error *err)
{
    size_t n_ids = b->vocab->item.n, n = 0;
    struct scored *list = mem_alloc(n_ids, sizeof *list);
    bool good = list != NULL;
    for (size_t id = 0; good && id < n_ids; id++) {
        if (scores[id] != scores[id]) {
            mem_free(list);
            return error_set(err, PLLM_E_FORMAT, "token %zu: its score is not a number", id);
        }
        size_t length;
        if (!strtab_has(b->vocab, (int32_t)id) || (skip && skip[id]))
            continue;
        const char *text = strtab_text(b->vocab, (int32_t)id, &length);
        if (length > MAX_MERGED) {
            mem_free(list);
            return error_set(err, PLLM_E_FORMAT, "token %zu: has %zu bytes, wanted at most %d", id, length, MAX_MERGED);
        }
        if (strtab_find(b->vocab, text, length) == (int32_t)id && utf8_valid(text, length) == length)
            list[n++] = (struct scored){scores[id], (int32_t)id};
    }
    if (n)
        qsort(list, n, sizeof *list, higher_first);
    uint32_t rank = 0;
    for (size_t i = 0; good && i < n; i++) {
        rank += i > 0 && list[i].score < list[i - 1].score; /* equal scores: the leftmost pair goes first */
        good = merges_of(b, list[i].id, rank, skip);
    }
    mem_free(list);
    return good ? PLLM_OK : error_memory(err, "merges");
}

/* Notes the pairs of characters inside the text of every symbol that a merge makes. */
static void note_insides(struct bpe *b, const struct strtab *t)
{
    for (size_t id = 0; id < t->item.n; id++) {
        if (!strtab_has(t, (int32_t)id))
            continue;
        size_t n, width;
        const char *text = strtab_text(t, (int32_t)id, &n);
        if (utf8_valid(text, n) < n)
            continue;
        for (size_t i = 0; i < n && (width = utf8_width((unsigned char)text[i])) < n - i; i += width) {
            uint32_t bit = bpe_inside_bit(utf8_get(text + i), utf8_get(text + i + width));
            b->inside[bit / 64] |= (uint64_t)1 << bit % 64;
        }
    }
}

/* True when a symbol that is spelled "<0xXX>" can be merged as the byte that it stands for. */
static bool merges_bytes(const struct bpe *b)
{
    bool is_byte = false;
    for (size_t i = 0; i <= b->merge_mask && !is_byte; i++)
        for (int part = 0; part < 2 && b->merge[i].key != UINT64_MAX; part++) {
            size_t n;
            int32_t id = (int32_t)(uint32_t)(b->merge[i].key >> 32 * part);
            const char *text = id < b->first_phantom ? strtab_text(b->vocab, id, &n) : "";
            is_byte = is_byte || (id < b->first_phantom && n == 6 && memcmp(text, "<0x", 3) == 0);
        }
    return is_byte;
}

/* Text may be cut where no token has the two characters inside, as long as every character is spelled whatever its
 * neighbours are: none is unknown, no affix marks a word's ends, and no merge joins bytes of characters. */
bool bpe_finish(struct bpe *b)
{
    bool whole = !b->byte_mode && !b->prefix && !b->suffix && (b->byte_fallback || b->missing == BPE_MISSING_BYTES);
    for (int byte = 0; byte < 256; byte++)
        whole = whole && b->byte_id[byte] >= 0;
    if (!whole || merges_bytes(b))
        return true;
    b->inside = mem_zalloc(BPE_INSIDE_BITS / 64, sizeof *b->inside);
    if (!b->inside)
        return false;
    note_insides(b, b->vocab);
    note_insides(b, &b->phantom);
    return true;
}
