#include "engine/history.h"

#include "base/mem.h"

void history_init(struct history *h, int32_t window)
{
    *h = (struct history){.window = window};
}

void history_fini(struct history *h)
{
    mem_free(h->entries);
    *h = (struct history){0};
}

/* The token's entry, or the empty one where it belongs. The table is never full. */
static struct history_entry *slot_of(const struct history *h, int32_t token)
{
    size_t mask = h->size - 1, i = (size_t)((uint32_t)token * 2654435769u >> 7) & mask;
    while (h->entries[i].token != token && h->entries[i].token >= 0)
        i = (i + 1) & mask;
    return &h->entries[i];
}

static bool grow(struct history *h)
{
    struct history old = *h;
    size_t size = old.size ? old.size * 2 : 64;
    struct history_entry *entries = mem_alloc(size, sizeof *entries);
    if (!entries)
        return false;
    for (size_t i = 0; i < size; i++)
        entries[i] = (struct history_entry){.token = -1};
    h->entries = entries;
    h->size = size;
    for (size_t i = 0; i < old.size; i++)
        if (old.entries[i].token >= 0)
            *slot_of(h, old.entries[i].token) = old.entries[i];
    mem_free(old.entries);
    return true;
}

bool history_update(struct history *h, const int32_t *tokens, size_t n, size_t n_prompt)
{
    while (h->n_tokens < n) {
        if (h->n_used * 2 >= h->size && !grow(h))
            return false;
        size_t i = h->n_tokens;
        struct history_entry *entry = slot_of(h, tokens[i]);
        if (entry->token < 0) {
            *entry = (struct history_entry){.token = tokens[i]};
            h->n_used++;
        }
        entry->n_recent++;
        entry->n_output += i >= n_prompt;
        if (h->window > 0 && i >= (size_t)h->window)
            slot_of(h, tokens[i - (size_t)h->window])->n_recent--;
        h->n_tokens++;
    }
    return true;
}
