#include "request_words.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_WORD_BYTES = 510, N_FORMS = 3 /* of a word */ };

/* The bad words as they come together. */
struct word_list {
    struct request *r;
    size_t n_tokens;
    size_t first; /* of the forms of the word at hand */
};

static bool has_form(const struct word_list *l, const int32_t *tokens, size_t n)
{
    const size_t *lengths = l->r->bad_word_lengths;
    size_t at = l->n_tokens;
    for (size_t i = l->r->request.sampling.n_bad_words; i-- > l->first;) {
        at -= lengths[i];
        if (lengths[i] == n && memcmp(l->r->bad_words + at, tokens, n * sizeof *tokens) == 0)
            return true;
    }
    return false;
}

/* Appends a form of a word, unless it is there. */
static pllm_status add_form(struct word_list *l, const int32_t *tokens, size_t n, pllm_error *err)
{
    if (n == 0 || has_form(l, tokens, n))
        return PLLM_OK;
    int32_t *grown = realloc(l->r->bad_words, (l->n_tokens + n) * sizeof *grown);
    if (!grown)
        return request_fail(err, PLLM_E_MEMORY, "bad_words: not enough memory");
    l->r->bad_words = grown;
    memcpy(grown + l->n_tokens, tokens, n * sizeof *tokens);
    l->n_tokens += n;
    l->r->bad_word_lengths[l->r->request.sampling.n_bad_words++] = n;
    return PLLM_OK;
}

/* The tokens that `word` adds to those of `before`, where they begin with these; else none. */
static pllm_status add_behind(struct word_list *l, const pllm_tokenizer *t, const char *before, const char *word, pllm_error *err)
{
    char text[MOST_WORD_BYTES + 2];
    int32_t *start = NULL, *tokens = NULL;
    size_t n_start = 0, n;
    snprintf(text, sizeof text, "%s%s", before, word);
    pllm_status status = pllm_tokenize(t, text, strlen(text), false, false, &tokens, &n, err);
    if (!status && *before)
        status = pllm_tokenize(t, before, strlen(before), false, false, &start, &n_start, err);
    if (!status && n >= n_start && (!n_start || memcmp(tokens, start, n_start * sizeof *start) == 0))
        status = add_form(l, tokens + n_start, n - n_start, err);
    pllm_free(start);
    pllm_free(tokens);
    return status;
}

/* A word has other tokens at the beginning of a text, after a space, and, in a vocabulary that begins each text with a space of
 * its own (SentencePiece), behind other letters. All are banned; blanks before the word do not count. vLLM means to do the
 * same (sampling_params.py), but tokenizes the word with and without a space before it, which a SentencePiece vocabulary
 * has no inner form for. */
static pllm_status add_bad_word(struct word_list *l, const pllm_tokenizer *t, const char *word, pllm_error *err)
{
    static const char *const before[] = {"", " ", "\n"};
    const size_t blanks = strspn(word, " ");
    word += word[blanks] ? blanks : 0;
    l->first = l->r->request.sampling.n_bad_words;
    pllm_status status = PLLM_OK;
    for (size_t i = 0; i < N_FORMS && !status; i++)
        status = add_behind(l, t, before[i], word, err);
    return status;
}

pllm_status request_bad_words(struct request *r, const struct request_context *c, json_t *list, pllm_error *err)
{
    size_t count = json_array_size(list);
    struct word_list words = {.r = r};
    if (!json_is_array(list))
        return request_unlike(err, "bad_words", list, "a list of strings");
    if (!c->tokenizer)
        return request_fail(err, PLLM_E_ARGUMENT, "bad_words: the model has no tokenizer");
    r->bad_word_lengths = malloc((N_FORMS * count + 1) * sizeof *r->bad_word_lengths);
    if (!r->bad_word_lengths)
        return request_fail(err, PLLM_E_MEMORY, "bad_words: not enough memory");
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_array_get(list, i);
        const char *word = json_string_value(one);
        if (!word || !*word || strlen(word) > MOST_WORD_BYTES || strlen(word) != json_string_length(one))
            return request_unlike_item(err, "bad_words", i, one, "a string of 1 to 510 bytes");
        pllm_status status = add_bad_word(&words, c->tokenizer, word, err);
        if (status)
            return status;
    }
    r->request.sampling.bad_words = r->bad_words;
    r->request.sampling.bad_word_lengths = r->bad_word_lengths;
    return PLLM_OK;
}
