#include "text/strtab.h"

#include "base/rng.h"

/* Product of two 64-bit numbers, both halves folded: every input bit moves every output bit. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load(const char *p, size_t n)
{
    uint64_t v = 0;
    memcpy(&v, p, n);
    return v;
}

static uint32_t hash_of(uint64_t seed, const char *text, size_t n)
{
    uint64_t h = seed ^ n;
    while (n > 8) {
        h = fold(h ^ load(text, 8), 0x9E3779B97F4A7C15u);
        text += 8;
        n -= 8;
    }
    h = fold(h ^ load(text, n), 0xD1B54A32D192ED03u);
    return (uint32_t)(h ^ h >> 32);
}

bool strtab_init(struct strtab *t, size_t expected)
{
    *t = (struct strtab){.seed = rng_fresh_seed() | 1, .slot_mask = 15};
    while (t->slot_mask / 2 < expected && t->slot_mask < (size_t)STRTAB_MAX * 4)
        t->slot_mask = t->slot_mask * 2 + 1;
    t->slot = mem_alloc(t->slot_mask + 1, sizeof *t->slot);
    if (!t->slot)
        return false;
    memset(t->slot, 0xFF, (t->slot_mask + 1) * sizeof *t->slot);
    return true;
}

void strtab_fini(struct strtab *t)
{
    mem_free(t->slot);
    vec_fini(&t->item);
    vec_fini(&t->text);
    *t = (struct strtab){0};
}

/* The slot that holds the text, or the free one where it belongs. */
static struct strtab_slot *slot_of(const struct strtab *t, uint32_t hash, const char *text, size_t n)
{
    for (size_t i = hash & t->slot_mask;; i = (i + 1) & t->slot_mask) {
        struct strtab_slot *s = &t->slot[i];
        if (s->id < 0)
            return s;
        if (s->hash != hash)
            continue;
        const struct strtab_item *item = &t->item.at[s->id];
        if ((size_t)item->n == n && memcmp(t->text.at + item->at, text, n) == 0)
            return s;
    }
}

static bool grow_slots(struct strtab *t)
{
    size_t mask = t->slot_mask * 2 + 1;
    struct strtab_slot *slot = mem_alloc(mask + 1, sizeof *slot);
    if (!slot)
        return false;
    memset(slot, 0xFF, (mask + 1) * sizeof *slot);
    for (size_t i = 0; i <= t->slot_mask; i++) {
        if (t->slot[i].id < 0)
            continue;
        size_t to = t->slot[i].hash & mask;
        while (slot[to].id >= 0)
            to = (to + 1) & mask;
        slot[to] = t->slot[i];
    }
    mem_free(t->slot);
    t->slot = slot;
    t->slot_mask = mask;
    return true;
}

static bool reach_id(struct strtab *t, int32_t id)
{
    size_t want = (size_t)id + 1;
    if (want > t->item.n && !vec_reserve(&t->item, want - t->item.n))
        return false;
    while (t->item.n < want)
        t->item.at[t->item.n++] = (struct strtab_item){0, -1};
    return true;
}

bool strtab_set(struct strtab *t, int32_t id, const char *text, size_t n)
{
    text = n ? text : ""; /* the caller's may be NULL */
    if (n >= UINT32_MAX - t->text.n || n >= INT32_MAX || !reach_id(t, id)) /* with its NUL it ends where 32 bits reach */
        return false;
    if (t->n_used >= t->slot_mask / 2 && !grow_slots(t))
        return false;
    size_t at = t->text.n;
    if (!buf_add(&t->text, text, n) || !buf_add(&t->text, "", 1))
        return false;
    t->item.at[id] = (struct strtab_item){(uint32_t)at, (int32_t)n};
    uint32_t hash = hash_of(t->seed, text, n);
    struct strtab_slot *s = slot_of(t, hash, text, n);
    t->n_used += s->id < 0;
    *s = (struct strtab_slot){hash, id};
    return true;
}

int32_t strtab_find(const struct strtab *t, const char *text, size_t n)
{
    text = n ? text : "";
    return slot_of(t, hash_of(t->seed, text, n), text, n)->id;
}
