#include "text/unigram.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>

/* What an unknown character costs below the worst token: SentencePiece's constant. */
static const double UNKNOWN_PENALTY = 10.0;

void unigram_scratch_fini(struct unigram_scratch *s)
{
    vec_fini(&s->node);
    vec_fini(&s->token);
}

static bool fill(struct unigram *u, const double *score, const bool *skip, double *lowest)
{
    *lowest = INFINITY;
    for (size_t id = 0; id < u->vocab->item.n; id++) {
        size_t n;
        if (!strtab_has(u->vocab, (int32_t)id))
            continue;
        const char *text = strtab_text(u->vocab, (int32_t)id, &n);
        u->score[id] = score[id];
        if (skip && skip[id])
            continue;
        if (score[id] < *lowest)
            *lowest = score[id];
        if (n && strtab_find(u->vocab, text, n) == (int32_t)id && !trie_add(&u->trie, text, n, (int32_t)id))
            return false;
    }
    return true;
}

pllm_status unigram_init(struct unigram *u, const struct strtab *vocab, const double *score, const bool *skip,
                         pllm_error *err)
{
    *u = (struct unigram){.vocab = vocab, .unk = -1};
    for (size_t id = 0; id < vocab->item.n; id++)
        if (strtab_has(vocab, (int32_t)id) && !isfinite(score[id]))
            return error_set(err, PLLM_E_FORMAT, "token %zu: its score is not a finite number", id);
    double lowest = 0;
    u->score = mem_zalloc(vocab->item.n, sizeof *u->score);
    if (!u->score || !trie_init(&u->trie) || !fill(u, score, skip, &lowest))
        return error_memory(err, "vocabulary");
    u->unk_score = (isfinite(lowest) ? lowest : 0) - UNKNOWN_PENALTY;
    for (int byte = 0; byte < 256; byte++) {
        char text[8];
        int n = snprintf(text, sizeof text, "<0x%02X>", (unsigned)byte);
        u->byte_id[byte] = strtab_find(vocab, text, (size_t)n);
    }
    return PLLM_OK;
}

void unigram_fini(struct unigram *u)
{
    trie_fini(&u->trie);
    mem_free(u->score);
    *u = (struct unigram){0};
}

/* A way to `to` whose last token is text[from .. to). Of equal ones the first found stays. True: it is the best so far. */
static bool offer(const struct unigram *u, struct unigram_node *node, size_t from, size_t to, int32_t id)
{
    struct unigram_node *n = &node[to];
    double score = node[from].score + (id < 0 ? u->unk_score : u->score[id]);
    if (u->single)
        score = (float)score;
    bool best = !n->reached || score > n->score;
    if (best)
        *n = (struct unigram_node){score, (uint32_t)from, id, true};
    return best;
}

/* Best ways to every place: node[i].score = max over tokens text[j..i) of node[j].score + score. False: an unknown
 * character, and the vocabulary has no token for such. */
static bool forward(const struct unigram *u, const char *word, size_t n, struct unigram_node *node)
{
    node[0].reached = true;
    for (size_t at = 0, width; at < n; at += width) {
        bool single = false;
        width = utf8_width((unsigned char)word[at]);
        uint32_t state = TRIE_ROOT;
        for (size_t to = at; to < n && (state = trie_child(&u->trie, state, (uint8_t)word[to])) != TRIE_NONE; to++) {
            int32_t id = u->trie.node.at[state].value;
            if (id < 0)
                continue;
            offer(u, node, at, to + 1, id);
            single = single || to + 1 - at == width;
        }
        if (!single && offer(u, node, at, at + width, -1) && u->unk < 0)
            return false;
    }
    return true;
}

/* The tokens of the best way, last first; unknown characters beside each other are one, and so is with them the unknown
 * token where the text spells it. */
static bool backward(const struct unigram *u, const struct unigram_node *node, size_t n, struct unigram_scratch *s)
{
    s->token.n = 0;
    for (size_t to = n; to > 0; to = node[to].from) {
        struct unigram_token *last = s->token.n ? &s->token.at[s->token.n - 1] : NULL;
        int32_t id = node[to].id == u->unk ? -1 : node[to].id;
        if (id < 0 && last && last->id < 0)
            last->start = node[to].from;
        else if (!vec_push(&s->token, (struct unigram_token){node[to].from, (uint32_t)to, id}))
            return false;
    }
    return true;
}

/* An unknown text: a token if its characters together are one after all (the tokenizers library; SentencePiece does not
 * look), in bytes if all of them are tokens, else the unknown token. */
static bool put_unknown(const struct unigram *u, const char *text, size_t n, ids_vec *ids)
{
    int32_t whole = u->single ? -1 : strtab_find(u->vocab, text, n);
    if (whole >= 0)
        return vec_push(ids, whole);
    bool bytes = u->byte_fallback, good = true;
    for (size_t i = 0; i < n && bytes; i++)
        bytes = u->byte_id[(uint8_t)text[i]] >= 0;
    for (size_t i = 0; i < n && bytes && good; i++)
        good = vec_push(ids, u->byte_id[(uint8_t)text[i]]);
    return bytes ? good : vec_push(ids, u->unk);
}

pllm_status unigram_encode(const struct unigram *u, const char *word, size_t n, ids_vec *ids,
                           struct unigram_scratch *s, pllm_error *err)
{
    s->node.n = 0;
    if (n == 0)
        return PLLM_OK;
    if (!vec_reserve(&s->node, n + 1))
        return error_memory(err, "text to encode");
    for (size_t i = 0; i <= n; i++)
        s->node.at[i] = (struct unigram_node){.id = -1};
    if (!forward(u, word, n, s->node.at))
        return error_set(err, PLLM_E_ARGUMENT,
                         "the text has a character that the vocabulary lacks, and there is no unknown token");
    bool good = backward(u, s->node.at, n, s);
    for (size_t i = s->token.n; i-- > 0 && good;) {
        struct unigram_token t = s->token.at[i];
        good = t.id >= 0 ? vec_push(ids, t.id) : put_unknown(u, word + t.start, t.end - t.start, ids);
    }
    return good ? PLLM_OK : error_memory(err, "text to encode");
}
