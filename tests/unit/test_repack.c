#include "weights/weight.h"

#include "test.h"
#include "base/mem.h"
#include "kernels/cpu.h"

#include <math.h>
#include <stdatomic.h>

enum { COLS = 64, HEADS = 3, HEAD = 16, ROPE = 8 };

static struct kernels k;
static struct pool *pool;

static int setup(void **state)
{
    (void)state;
    assert_true(kernels_init(&k, cpu_features(), "scalar"));
    return pool_open(&pool, 2, NULL);
}

static int teardown(void **state)
{
    (void)state;
    pool_close(pool);
    return 0;
}

/* Row r of an f32 matrix holds 100 r + column in eighths. */
static float value(int64_t row, int col)
{
    return (float)(100 * row + col) / 8;
}

static struct weight_source source_of(float *data, int rows)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < COLS; c++)
            data[r * COLS + c] = value(r, c);
    return (struct weight_source){.m = {.type = TYPE_F32, .rows = rows, .cols = COLS, .data = (const uint8_t *)data,
                                        .row_bytes = COLS * sizeof *data},
                                  .n_rows = rows, .convert = TYPE_COUNT};
}

/* One weight by itself; weight_room_fini frees it. */
static pllm_status pack(struct weight *out, struct weight_room *room, const struct weight_source *source,
                        const struct kernels *kernels, pllm_error *err)
{
    const struct weight_job job = {.out = out, .source = *source};
    return weights_pack(room, &job, 1, kernels, pool, NULL, err);
}

/* Column `col` of all outputs: the product with a unit vector. */
static void column(float *out, const struct weight *w, int col)
{
    const struct act_kernel *act = w->kernel->act;
    float in[COLS] = {0};
    size_t bytes = act->bytes(1, COLS);
    void *acts = mem_alloc_aligned(bytes);
    in[col] = 1;
    act->pack(acts, in, COLS, 1, COLS);
    w->kernel->run(out, 512, acts, 1, w->panels, w->n_panels, COLS);
    mem_free_aligned(acts, bytes);
}

static void takes_rows_of_a_part(void **state)
{
    (void)state;
    float data[60 * COLS], out[512];
    struct weight_source s = source_of(data, 60);
    struct weight w;
    struct weight_room room;
    s.first_row = 20;
    s.n_rows = 37;
    assert_int_equal(pack(&w, &room, &s, &k, NULL), PLLM_OK);
    assert_int_equal(w.rows, 37);
    assert_int_equal(w.cols, COLS);
    assert_int_equal(w.bytes, weight_bytes(&s, &k));
    column(out, &w, 5);
    for (int r = 0; r < w.n_panels * w.kernel->panel; r++)
        assert_true(out[r] == (r < 37 ? value(20 + r, 5) : 0));
    weight_room_fini(&room);
}

/* Written the other way round: a file of interleaved heads is made of the matrix, and packing must give it back. */
static void puts_interleaved_rows_back(void **state)
{
    (void)state;
    static float plain[HEADS * HEAD * COLS], file[HEADS * HEAD * COLS];
    struct weight_source s = source_of(plain, HEADS * HEAD);
    for (int h = 0; h < HEADS; h++)
        for (int i = 0; i < HEAD; i++) {
            int to = i >= ROPE ? i : i < ROPE / 2 ? 2 * i : 2 * (i - ROPE / 2) + 1;
            memcpy(file + (h * HEAD + to) * COLS, plain + (h * HEAD + i) * COLS, COLS * sizeof *file);
        }
    s.m.data = (const uint8_t *)file;
    s.heads = (struct interleaved){HEAD, ROPE};
    s.first_row = HEAD; /* the heads of a part count from its own first row */
    s.n_rows = 2 * HEAD;
    struct weight w;
    struct weight_room room;
    float out[512];
    assert_int_equal(pack(&w, &room, &s, &k, NULL), PLLM_OK);
    column(out, &w, 3);
    for (int r = 0; r < 2 * HEAD; r++)
        assert_true(out[r] == value(HEAD + r, 3));
    weight_room_fini(&room);
}

static void converts_to_other_types(void **state)
{
    (void)state;
    static const enum block_type types[] = {TYPE_F16, TYPE_BF16, TYPE_Q8_0, TYPE_Q4_0};
    float data[40 * COLS], out[512], want[COLS];
    uint8_t blocks[COLS * 4];
    struct weight_source s = source_of(data, 40);
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        struct weight w;
        struct weight_room room;
        s.convert = types[t];
        s.f32_activations = true;
        assert_int_equal(pack(&w, &room, &s, &k, NULL), PLLM_OK);
        assert_int_equal(w.bytes, weight_bytes(&s, &k));
        assert_int_equal(w.type, types[t]); /* not the file's */
        struct matrix_rows m = {.type = types[t], .rows = 1, .cols = COLS, .data = blocks};
        column(out, &w, 9);
        for (int r = 0; r < 40; r++) {
            block_quantize(blocks, types[t], data + r * COLS, COLS);
            matrix_dequantize(want, &m, 0, 0, COLS);
            assert_true(out[r] == want[9]);
        }
        weight_room_fini(&room);
    }
}

static void says_what_it_cannot_do(void **state)
{
    (void)state;
    float data[8 * COLS];
    struct weight_source good = source_of(data, 8), s;
    struct weight w;
    struct weight_room room;
    pllm_error err;
    struct kernels none = {.isa = "none"};
    assert_int_equal(pack(&w, &room, &good, &none, &err), PLLM_E_UNSUPPORTED);
    assert_string_equal(err.message, "no kernel for weights of type f32 (instruction set none)");
    assert_int_equal(weight_bytes(&good, &none), 0);
    s = good;
    s.m.type = TYPE_MLX;
    s.m.bits = 7;
    s.m.group = 32;
    assert_int_equal(pack(&w, &room, &s, &k, &err), PLLM_E_UNSUPPORTED);
    assert_message(err, "mlx weights of 7 bits");
    s = good;
    s.first_row = 1;
    assert_int_equal(pack(&w, &room, &s, &k, &err), PLLM_E_FORMAT);
    assert_string_equal(err.message, "matrix has 8 rows, wanted rows 1 to 8 of it");
    s = good;
    s.convert = TYPE_IQ4_NL;
    assert_int_equal(pack(&w, &room, &s, &k, &err), PLLM_E_UNSUPPORTED);
    assert_message(err, "cannot convert weights to type iq4_nl");
    s = good;
    s.convert = TYPE_Q4_0;
    s.m.cols = 40;
    assert_int_equal(pack(&w, &room, &s, &k, &err), PLLM_E_UNSUPPORTED);
    assert_message(err, "rows of 40 values, wanted a multiple of the 32 of a q4_0 block");
    s = good;
    s.heads.head_dim = 3;
    assert_int_equal(pack(&w, &room, &s, &k, &err), PLLM_E_FORMAT);
    assert_message(err, "8 rows in heads of 3");
}

/* Copies rows of its matrix and notes which, by threads that pack side by side; fails at row `bad`. */
struct origin {
    struct matrix_rows m;
    int64_t bad;
    atomic_int times[300];
};

static pllm_status copy_rows(struct matrix_rows *out, const void *owner, const void *tensor, int64_t first, int64_t n, uint8_t *to,
                             pllm_error *err)
{
    struct origin *from = *(struct origin *const *)owner;
    if (tensor != from)
        return error_set(err, PLLM_E_IO, "another matrix");
    if (first <= from->bad && from->bad < first + n)
        return error_set(err, PLLM_E_IO, "row %d is bad", (int)from->bad);
    memcpy(to, from->m.data + (size_t)first * from->m.row_bytes, (size_t)n * from->m.row_bytes);
    for (int64_t r = first; r < first + n; r++)
        atomic_fetch_add(&from->times[r], 1);
    *out = from->m;
    out->data = to;
    return PLLM_OK;
}

/* As it is packed in place; all rows of the part are copied, and no others. */
static void expect_the_same(struct weight_source s, struct origin *from)
{
    struct weight plain, copied;
    struct weight_room room, room_of_copied;
    for (int r = 0; r < (int)(sizeof from->times / sizeof *from->times); r++)
        from->times[r] = 0;
    assert_int_equal(pack(&plain, &room, &s, &k, NULL), PLLM_OK);
    from->m = s.m;
    s.m.data = NULL;
    s.copy = copy_rows;
    s.owner = &from;
    s.tensor = from;
    assert_int_equal(pack(&copied, &room_of_copied, &s, &k, NULL), PLLM_OK);
    assert_memory_equal(plain.panels, copied.panels, plain.bytes);
    for (int r = 0; r < (int)s.m.rows; r++)
        assert_true((from->times[r] > 0) == (r >= s.first_row && r < s.first_row + s.n_rows));
    weight_room_fini(&room);
    weight_room_fini(&room_of_copied);
}

/* Rows of some bytes, of which many are copied at once, and of so many that a panel's are; of a part, of heads that end
 * within panels, and converted. */
static void packs_copies_of_rows(void **state)
{
    (void)state;
    enum { ROWS = 300, WIDE = 4096 };
    static struct origin from;
    static float data[ROWS * COLS];
    float *wide = mem_zalloc((size_t)ROWS * WIDE, sizeof *wide);
    struct weight_source s = source_of(data, ROWS);
    assert_non_null(wide);
    for (int i = 0; i < ROWS * WIDE; i++)
        wide[i] = (float)(i % 1013);
    from.bad = -1;
    for (int turn = 0; turn < 2; turn++) {
        expect_the_same(s, &from);
        s.first_row = 33;
        s.n_rows = 250;
        expect_the_same(s, &from);
        s.heads = (struct interleaved){50, 40};
        expect_the_same(s, &from);
        s.convert = TYPE_Q8_0;
        expect_the_same(s, &from);
        s = source_of(data, ROWS);
        s.m.data = (const uint8_t *)wide;
        s.m.cols = WIDE;
        s.m.row_bytes = WIDE * sizeof *wide;
    }
    mem_free(wide);
}

static void says_what_cannot_be_copied(void **state)
{
    (void)state;
    static struct origin from = {.bad = 170};
    static float data[300 * COLS];
    struct origin *owner = &from;
    struct weight_source s = source_of(data, 300);
    struct weight w = {0};
    struct weight_room room;
    pllm_error err;
    from.m = s.m;
    s.copy = copy_rows;
    s.owner = &owner;
    s.tensor = owner;
    assert_int_equal(pack(&w, &room, &s, &k, &err), PLLM_E_IO);
    assert_string_equal(err.message, "row 170 is bad");
    assert_null(w.panels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(takes_rows_of_a_part),
                                       cmocka_unit_test(puts_interleaved_rows_back),
                                       cmocka_unit_test(converts_to_other_types),
                                       cmocka_unit_test(packs_copies_of_rows),
                                       cmocka_unit_test(says_what_cannot_be_copied),
                                       cmocka_unit_test(says_what_it_cannot_do)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
