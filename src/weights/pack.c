/* Packs weights into one piece of memory, all threads at all of them.
 *
 * A task is a page of that memory, not a part of a matrix. The system clears a large page when it is first written to, and where
 * two threads do that at once it clears it for both: as happened all the time where tasks began within pages (docs/speed/loading.md).
 * And with one list of tasks no thread waits for another but at the very end. */
#include "weights/repack.h"

#include "base/mem.h"

#include <limits.h>
#include <stdatomic.h>

/* A large page; of little memory every thread still gets some smaller pieces. */
enum { PAGE_BYTES = 2 << 20, PIECES_PER_THREAD = 4, SMALL_PAGE = 4096, TIMES_TOLD = 100 };

struct packing {
    struct repack *list; /* [n], in the order of their panels */
    size_t n;
    uint8_t *room;
    size_t bytes, page; /* of the room; of a task */
    uint8_t *scratch;   /* for each thread */
    size_t scratch_bytes, all_scratch;
    const struct weight_watch *watch;
    atomic_size_t done;  /* bytes packed, for the watch alone */
    size_t told;         /* the caller's thread's: what the watch was told last */
    atomic_flag failing; /* who fails first takes it and fills in status and err, which the end of pool_run publishes */
    atomic_bool failed;  /* no page is begun then; nothing else depends on it */
    pllm_status status;
    pllm_error err;
};

static void fail(struct packing *p, pllm_status status, const pllm_error *err)
{
    if (atomic_flag_test_and_set(&p->failing))
        return;
    p->status = status;
    p->err = *err;
    atomic_store_explicit(&p->failed, true, memory_order_relaxed);
}

/* Only ever by the thread that called weights_pack. */
static void tell(struct packing *p, size_t done)
{
    pllm_error err;
    p->told = done;
    if (p->watch && !p->watch->call(p->watch->user, done, p->bytes))
        fail(p, error_set(&err, PLLM_E_ARGUMENT, "interrupted"), &err);
}

static pllm_status named(pllm_error *err, pllm_status status, const struct weight_source *s)
{
    return status && s->name ? error_prefix(err, status, s->name) : status;
}

static void pack_panels(struct packing *p, const struct repack *w, int begin, int end, int thread)
{
    pllm_error err;
    pllm_status status = repack_panels(w, begin, end, p->scratch + (size_t)thread * p->scratch_bytes, &err);
    if (status)
        fail(p, named(&err, status, w->source), &err);
}

/* Where a weight begins in the room. */
static size_t place(const struct packing *p, const struct repack *w)
{
    return (size_t)((uint8_t *)w->weight.panels - p->room);
}

/* How many of its panels end before this byte of the room. */
static int panels_before(const struct packing *p, const struct repack *w, size_t byte)
{
    const size_t at = place(p, w), n = byte > at ? (byte - at) / w->weight.panel_bytes : 0;
    return n < (size_t)w->weight.n_panels ? (int)n : w->weight.n_panels;
}

/* The first weight that ends behind this byte. */
static size_t weight_at(const struct packing *p, size_t byte)
{
    size_t low = 0, high = p->n - 1;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (place(p, &p->list[middle]) + p->list[middle].weight.bytes > byte)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The last weight of which a panel ends before this byte, `first` at least. */
static size_t last_before(const struct packing *p, size_t first, size_t byte)
{
    size_t i = first;
    while (i + 1 < p->n && panels_before(p, &p->list[i + 1], byte) > 0)
        i++;
    return i;
}

/* Has the page cleared. Linux begins at the end that is further from the byte that is written to, and upwards that takes half as
 * long as downwards. So this is the last byte of the last panel that ends in the page, which is ours alone. */
static void touch(const struct packing *p, const struct repack *w, size_t end)
{
    volatile uint8_t *behind = (uint8_t *)w->weight.panels + (size_t)panels_before(p, w, end) * w->weight.panel_bytes;
    behind[-1] = 0;
}

/* All panels that end in the page. The one that begins in the page before comes last: whoever packs that page has touched it
 * by then, and nobody but us this one. */
static void pack_page(void *job, int task, int thread)
{
    struct packing *p = job;
    const size_t begin = (size_t)task * p->page, end = p->bytes - begin < p->page ? p->bytes : begin + p->page;
    const size_t done = atomic_load_explicit(&p->done, memory_order_relaxed);
    if (atomic_load_explicit(&p->failed, memory_order_relaxed))
        return;
    if (thread == 0 && done - p->told > p->bytes / TIMES_TOLD)
        tell(p, done);
    const size_t first = weight_at(p, begin), last = last_before(p, first, end);
    const struct repack *w = &p->list[first];
    const int before = panels_before(p, w, begin), after = panels_before(p, w, end);
    const bool across = place(p, w) + (size_t)before * w->weight.panel_bytes < begin && before < after;
    if (before < after || first < last)
        touch(p, &p->list[last], end);
    pack_panels(p, w, before + across, after, thread);
    for (size_t i = first + 1; i <= last; i++)
        pack_panels(p, &p->list[i], 0, panels_before(p, &p->list[i], end), thread);
    if (across)
        pack_panels(p, w, before, before + 1, thread);
    atomic_fetch_add_explicit(&p->done, end - begin, memory_order_relaxed);
}

/* What all of them need, one after another, and what a thread needs for any. */
static pllm_status measure(struct packing *p, const struct weight_job *jobs, const struct kernels *k, pllm_error *err)
{
    for (size_t i = 0; i < p->n; i++) {
        struct repack *w = &p->list[i];
        pllm_status status = named(err, repack_init(w, &jobs[i].source, k, err), &jobs[i].source);
        if (status)
            return status;
        if (!mem_add(p->bytes, mem_round_up(w->weight.bytes, MEM_ALIGN), &p->bytes) || p->bytes > SIZE_MAX / 2)
            return error_memory(err, "weights");
        const size_t scratch = mem_round_up(w->scratch_bytes, MEM_ALIGN);
        p->scratch_bytes = scratch > p->scratch_bytes ? scratch : p->scratch_bytes;
    }
    return PLLM_OK;
}

static pllm_status allocate(struct packing *p, int threads, pllm_error *err)
{
    if (!mem_mul((size_t)threads, p->scratch_bytes, &p->all_scratch))
        return error_memory(err, "rows of weights");
    p->scratch = mem_alloc_aligned(p->all_scratch);
    if (!p->scratch)
        return error_memory(err, "rows of weights");
    p->room = mem_alloc_aligned(p->bytes);
    if (!p->room)
        return error_memory(err, "weights");
    uint8_t *at = p->room;
    for (size_t i = 0; i < p->n; i++) {
        p->list[i].weight.panels = at;
        at += mem_round_up(p->list[i].weight.bytes, MEM_ALIGN);
    }
    return PLLM_OK;
}

static pllm_status pack_all(struct packing *p, struct pool *pool, pllm_error *err)
{
    const size_t pieces = PIECES_PER_THREAD * (size_t)pool_threads(pool);
    const size_t piece = mem_round_up(p->bytes / pieces + 1, SMALL_PAGE);
    p->page = piece < PAGE_BYTES ? piece : PAGE_BYTES;
    const size_t tasks = (p->bytes + p->page - 1) / p->page;
    if (tasks > INT_MAX)
        return error_memory(err, "weights");
    pool_run(pool, pack_page, p, (int)tasks);
    if (!p->status)
        tell(p, p->bytes);
    return p->status ? error_set(err, p->status, "%s", p->err.message) : PLLM_OK;
}

pllm_status weights_pack(struct weight_room *room, const struct weight_job *jobs, size_t n, const struct kernels *k,
                         struct pool *pool, const struct weight_watch *watch, pllm_error *err)
{
    struct packing p = {.n = n, .watch = watch, .failing = ATOMIC_FLAG_INIT};
    p.list = mem_alloc(n, sizeof *p.list);
    pllm_status status = p.list ? measure(&p, jobs, k, err) : error_memory(err, "weights");
    if (!status)
        status = allocate(&p, pool_threads(pool), err);
    if (!status)
        status = pack_all(&p, pool, err);
    for (size_t i = 0; i < n && !status; i++)
        *jobs[i].out = p.list[i].weight;
    mem_free_aligned(p.scratch, p.all_scratch);
    mem_free(p.list);
    if (status)
        mem_free_aligned(p.room, p.bytes);
    else
        *room = (struct weight_room){p.room, p.bytes};
    return status;
}

void weight_room_fini(struct weight_room *room)
{
    mem_free_aligned(room->at, room->bytes);
    *room = (struct weight_room){0};
}
