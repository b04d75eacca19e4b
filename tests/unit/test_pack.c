/* Weights packed together: each panel once, in the order that spares the clearing of pages, whoever asks and whatever fails. */
#include "weights/weight.h"

#include "test.h"
#include "base/mem.h"
#include "kernels/cpu.h"

#include <pthread.h>
#include <stdatomic.h>

enum { N = 6, PAGE = 2 << 20, MOST_PANELS = 200 };

/* Panels of 64,000 bytes, which begin and end within pages; of 3.2 MB, larger than one; and smaller weights than a page. */
static const struct {
    int rows, cols;
} sizes[N] = {{300, 1000}, {40, 100}, {48, 50000}, {1, 64}, {700, 1111}, {16, 3}};

static struct kernels k;         /* with a pack function that takes notes */
static const struct gemm_kernel *scalar;
static float *values;            /* of all matrices */
static atomic_int n_packed;
static uint8_t *packed[MOST_PANELS]; /* panels in the order in which they were packed, where one thread does it */

static void pack_noting(void *to, const struct matrix_rows *m, const int32_t *index)
{
    const int i = atomic_fetch_add(&n_packed, 1);
    if (i < MOST_PANELS)
        packed[i] = to;
    scalar->pack(to, m, index);
}

static int setup(void **state)
{
    static struct kernels plain;
    const size_t n = 48 * 50000 + 1000;
    (void)state;
    values = mem_alloc(n, sizeof *values);
    if (!values || !kernels_init(&k, cpu_features(), "scalar"))
        return -1;
    plain = k;
    scalar = &plain.gemm_f32[TYPE_F32];
    k.gemm_f32[TYPE_F32].pack = pack_noting;
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(i % 65521) + 1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mem_free(values);
    return 0;
}

static void make_jobs(struct weight_job jobs[N], struct weight w[N])
{
    for (int i = 0; i < N; i++)
        jobs[i] = (struct weight_job){
            .out = &w[i],
            .source = {.m = {.type = TYPE_F32, .rows = sizes[i].rows, .cols = sizes[i].cols,
                             .data = (const uint8_t *)(values + 100 * i), .row_bytes = (size_t)sizes[i].cols * sizeof *values},
                       .n_rows = sizes[i].rows, .convert = TYPE_COUNT, .f32_activations = true}};
}

static void expect_panels(const struct weight *w, const struct matrix_rows *m)
{
    uint8_t *want = mem_alloc_aligned(w->panel_bytes);
    int32_t index[64];
    for (int i = 0; i < w->n_panels; i++) {
        for (int j = 0; j < scalar->panel; j++) {
            const int row = i * scalar->panel + j;
            index[j] = row < w->rows ? row : -1;
        }
        scalar->pack(want, m, index);
        assert_memory_equal((const uint8_t *)w->panels + (size_t)i * w->panel_bytes, want, w->panel_bytes);
    }
    mem_free_aligned(want, w->panel_bytes);
}

static void packs_every_panel_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 5; threads += 2) {
        struct weight w[N];
        struct weight_job jobs[N];
        struct weight_room room;
        struct pool *pool;
        int n = 0;
        make_jobs(jobs, w);
        atomic_store(&n_packed, 0);
        assert_int_equal(pool_open(&pool, threads, NULL), PLLM_OK);
        assert_int_equal(weights_pack(&room, jobs, N, &k, pool, NULL, NULL), PLLM_OK);
        for (int i = 0; i < N; i++) {
            assert_ptr_equal(w[i].panels, i ? (uint8_t *)w[i - 1].panels + mem_round_up(w[i - 1].bytes, MEM_ALIGN) : room.at);
            expect_panels(&w[i], &jobs[i].source.m);
            n += w[i].n_panels;
        }
        assert_int_equal(atomic_load(&n_packed), n);
        weight_room_fini(&room);
        assert_null(room.at);
        pool_close(pool);
    }
}

/* Pages one after another: all panels that end in one, and among them first those that touch no other. */
static void packs_a_page_at_a_time(void **state)
{
    (void)state;
    struct weight w[N];
    struct weight_job jobs[N];
    struct weight_room room;
    struct pool *pool;
    int across = 0;
    make_jobs(jobs, w);
    atomic_store(&n_packed, 0);
    assert_int_equal(pool_open(&pool, 1, NULL), PLLM_OK);
    assert_int_equal(weights_pack(&room, jobs, N, &k, pool, NULL, NULL), PLLM_OK);
    assert_true(room.bytes > 4 * (size_t)PAGE && (uintptr_t)room.at % PAGE == 0);
    size_t last_page = 0;
    for (int i = 0; i < atomic_load(&n_packed); i++) {
        int owner = N - 1;
        while (packed[i] < (uint8_t *)w[owner].panels)
            owner--;
        const size_t at = (size_t)(packed[i] - (uint8_t *)room.at);
        const size_t first = at / PAGE, page = (at + w[owner].panel_bytes - 1) / PAGE;
        assert_true(page >= last_page + (i && across));
        across = first < page; /* nothing of its page comes after it */
        last_page = page;
    }
    weight_room_fini(&room);
    pool_close(pool);
}

struct notes {
    pthread_t thread;
    int n_calls, n_good;
    uint64_t done, total;
};

/* Good for n_good calls. */
static bool note(void *user, uint64_t done, uint64_t total)
{
    struct notes *notes = user;
    assert_true(pthread_equal(notes->thread, pthread_self()));
    assert_true(done >= notes->done && done <= total);
    notes->done = done;
    notes->total = total;
    return notes->n_calls++ < notes->n_good;
}

static void tells_how_far_it_is(void **state)
{
    (void)state;
    struct weight w[N];
    struct weight_job jobs[N];
    struct weight_room room;
    struct pool *pool;
    struct notes notes = {.thread = pthread_self(), .n_good = INT32_MAX};
    const struct weight_watch watch = {note, &notes};
    make_jobs(jobs, w);
    assert_int_equal(pool_open(&pool, 1, NULL), PLLM_OK);
    assert_int_equal(weights_pack(&room, jobs, N, &k, pool, &watch, NULL), PLLM_OK);
    assert_true(notes.n_calls > 3 && notes.done == notes.total && notes.total == room.bytes);
    weight_room_fini(&room);
    for (int good = 0; good < 3; good++) {
        pllm_error err;
        notes = (struct notes){.thread = pthread_self(), .n_good = good};
        w[0].rows = -1;
        assert_int_equal(weights_pack(&room, jobs, N, &k, pool, &watch, &err), PLLM_E_ARGUMENT);
        assert_string_equal(err.message, "interrupted");
        assert_int_equal(notes.n_calls, good + 1);
        assert_int_equal(w[0].rows, -1);
    }
    pool_close(pool);
}

static pllm_status copy_none(struct matrix_rows *out, const void *owner, const void *tensor, int64_t first, int64_t n, uint8_t *to,
                             pllm_error *err)
{
    (void)out, (void)owner, (void)tensor, (void)n, (void)to;
    return error_set(err, PLLM_E_IO, "row %d is bad", (int)first);
}

static void names_what_fails(void **state)
{
    (void)state;
    struct weight w[N];
    struct weight_job jobs[N];
    struct weight_room room;
    struct pool *pool;
    pllm_error err;
    assert_int_equal(pool_open(&pool, 2, NULL), PLLM_OK);
    make_jobs(jobs, w);
    jobs[3].source.name = "blk.3";
    jobs[3].source.copy = copy_none;
    assert_int_equal(weights_pack(&room, jobs, N, &k, pool, NULL, &err), PLLM_E_IO);
    assert_string_equal(err.message, "blk.3: row 0 is bad");
    jobs[3].source.first_row = 1;
    assert_int_equal(weights_pack(&room, jobs, N, &k, pool, NULL, &err), PLLM_E_FORMAT);
    assert_string_equal(err.message, "blk.3: matrix has 1 rows, wanted rows 1 to 1 of it");
    assert_int_equal(weights_pack(&room, jobs, 0, &k, pool, NULL, &err), PLLM_OK);
    weight_room_fini(&room);
    pool_close(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(packs_every_panel_once), cmocka_unit_test(packs_a_page_at_a_time),
                                       cmocka_unit_test(tells_how_far_it_is), cmocka_unit_test(names_what_fails)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
