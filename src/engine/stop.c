#include "engine/stop.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <string.h>

enum { STOP_MAX_BYTES = 1 << 20 };

static void fill_borders(struct stop_string *s)
{
    s->border[0] = 0;
    for (uint32_t i = 1, k = 0; i < s->n; i++) {
        while (k > 0 && s->text[i] != s->text[k])
            k = s->border[k - 1];
        k += s->text[i] == s->text[k];
        s->border[i] = k;
    }
}

pllm_status stops_init(struct stops *out, const char *const *texts, size_t n, pllm_error *err)
{
    *out = (struct stops){0};
    struct stops s = {.at = mem_zalloc(n, sizeof *s.at), .n = n};
    if (!s.at)
        return error_memory(err, "stop strings");
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(texts[i]);
        pllm_status status = PLLM_OK;
        if (length == 0 || length > STOP_MAX_BYTES)
            status = error_set(err, PLLM_E_ARGUMENT, "stop[%zu]: has %zu bytes, wanted 1 to %d", i, length,
                               STOP_MAX_BYTES);
        else if (utf8_valid(texts[i], length) < length)
            status = error_set(err, PLLM_E_ARGUMENT, "stop[%zu]: is not UTF-8", i);
        else if (!(s.at[i].border = mem_alloc(length, sizeof *s.at[i].border)))
            status = error_memory(err, "stop strings");
        if (status) {
            stops_fini(&s);
            return status;
        }
        s.at[i].text = texts[i];
        s.at[i].n = (uint32_t)length;
        fill_borders(&s.at[i]);
    }
    *out = s;
    return PLLM_OK;
}

void stops_fini(struct stops *s)
{
    for (size_t i = 0; s->at && i < s->n; i++)
        mem_free(s->at[i].border);
    mem_free(s->at);
    *s = (struct stops){0};
}

/* How many bytes of the string the text ends with after one byte more, of which it ended with k before. */
static uint32_t advance(const struct stop_string *s, uint32_t k, char byte)
{
    while (k > 0 && (k == s->n || s->text[k] != byte))
        k = s->border[k - 1];
    return k + (s->text[k] == byte);
}

struct stop_match stops_feed(const struct stops *s, uint32_t *matched, const char *text, size_t n)
{
    struct stop_match m = {.index = -1};
    for (size_t at = 0; at < n && m.index < 0; at++)
        for (size_t i = 0; i < s->n; i++) {
            const uint32_t k = matched[i] = advance(&s->at[i], matched[i], text[at]);
            if (k == s->at[i].n && (m.index < 0 || k > m.held))
                m = (struct stop_match){(int)i, at + 1, k};
        }
    if (m.index >= 0)
        return m;
    m.end = n;
    for (size_t i = 0; i < s->n; i++)
        if (matched[i] > m.held)
            m.held = matched[i];
    return m;
}

size_t stops_pass(const struct stops *s, uint32_t *matched, const char *text, size_t n)
{
    size_t held = 0;
    for (size_t i = 0; i < s->n; i++) {
        uint32_t k = matched[i];
        for (size_t at = 0; at < n; at++)
            k = advance(&s->at[i], k, text[at]);
        matched[i] = k == s->at[i].n ? s->at[i].border[k - 1] : k;
        held = matched[i] > held ? matched[i] : held;
    }
    return held;
}
