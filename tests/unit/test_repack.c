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
    s.first_row = 20;
    s.n_rows = 37;
    assert_int_equal(weight_pack(&w, &s, &k, pool, NULL), PLLM_OK);
    assert_int_equal(w.rows, 37);
    assert_int_equal(w.cols, COLS);
    assert_int_equal(w.bytes, weight_bytes(&s, &k));
    column(out, &w, 5);
    for (int r = 0; r < w.n_panels * w.kernel->panel; r++)
        assert_true(out[r] == (r < 37 ? value(20 + r, 5) : 0));
    weight_fini(&w);
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
    s.interleaved_head_dim = HEAD;
    s.rope_dims = ROPE;
    s.first_row = HEAD; /* the heads of a part count from its own first row */
    s.n_rows = 2 * HEAD;
    struct weight w;
    float out[512];
    assert_int_equal(weight_pack(&w, &s, &k, pool, NULL), PLLM_OK);
    column(out, &w, 3);
    for (int r = 0; r < 2 * HEAD; r++)
        assert_true(out[r] == value(HEAD + r, 3));
    weight_fini(&w);
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
        s.convert = types[t];
        s.f32_activations = true;
        assert_int_equal(weight_pack(&w, &s, &k, pool, NULL), PLLM_OK);
        assert_int_equal(w.bytes, weight_bytes(&s, &k));
        assert_int_equal(w.type, types[t]); /* not the file's */
        struct matrix_rows m = {.type = types[t], .rows = 1, .cols = COLS, .data = blocks};
        column(out, &w, 9);
        for (int r = 0; r < 40; r++) {
            block_quantize(blocks, types[t], data + r * COLS, COLS);
            matrix_dequantize(want, &m, 0, 0, COLS);
            assert_true(out[r] == want[9]);
        }
        weight_fini(&w);
    }
}

static void says_what_it_cannot_do(void **state)
{
    (void)state;
    float data[8 * COLS];
    struct weight_source good = source_of(data, 8), s;
    struct weight w;
    pllm_error err;
    struct kernels none = {.isa = "none"};
    assert_int_equal(weight_pack(&w, &good, &none, pool, &err), PLLM_E_UNSUPPORTED);
    assert_string_equal(err.message, "no kernel for weights of type f32 (instruction set none)");
    assert_int_equal(weight_bytes(&good, &none), 0);
    s = good;
    s.m.type = TYPE_MLX;
    s.m.bits = 7;
    s.m.group = 32;
    assert_int_equal(weight_pack(&w, &s, &k, pool, &err), PLLM_E_UNSUPPORTED);
    assert_message(err, "mlx weights of 7 bits");
    s = good;
    s.first_row = 1;
    assert_int_equal(weight_pack(&w, &s, &k, pool, &err), PLLM_E_FORMAT);
    assert_string_equal(err.message, "matrix has 8 rows, wanted rows 1 to 8 of it");
    s = good;
    s.convert = TYPE_IQ4_NL;
    assert_int_equal(weight_pack(&w, &s, &k, pool, &err), PLLM_E_UNSUPPORTED);
    assert_message(err, "cannot convert weights to type iq4_nl");
    s = good;
    s.convert = TYPE_Q4_0;
    s.m.cols = 40;
    assert_int_equal(weight_pack(&w, &s, &k, pool, &err), PLLM_E_UNSUPPORTED);
    assert_message(err, "rows of 40 values, wanted a multiple of the 32 of a q4_0 block");
    s = good;
    s.interleaved_head_dim = 3;
    assert_int_equal(weight_pack(&w, &s, &k, pool, &err), PLLM_E_FORMAT);
    assert_message(err, "8 rows in heads of 3");
}

enum { FAR_ROWS = 300, FAR_BYTES = 1 << 20, FIRST = 3 };

/* How often it was told of each row that it is done with, by threads that pack side by side. */
struct told {
    atomic_int times[FAR_ROWS], calls;
};

static void note(const void *owner, int64_t first, int64_t n)
{
    struct told *t = *(struct told *const *)owner;
    atomic_fetch_add(&t->calls, 1);
    for (int64_t r = first; r < first + n && r < FAR_ROWS; r++)
        atomic_fetch_add(&t->times[r], 1);
}

/* Rows are forgotten run by run, each once and no others (they are far apart: what is between is never touched). */
static void forgets_what_it_has_read(void **state)
{
    (void)state;
    static struct told told;
    struct told *owner = &told;
    uint8_t *data = mem_zalloc(FAR_ROWS, FAR_BYTES);
    struct weight w;
    assert_non_null(data);
    const struct weight_source s = {.m = {.type = TYPE_F32, .rows = FAR_ROWS, .cols = COLS, .data = data, .row_bytes = FAR_BYTES},
                                    .first_row = FIRST, .n_rows = FAR_ROWS - FIRST, .convert = TYPE_COUNT,
                                    .forget = note, .owner = &owner};
    assert_int_equal(weight_pack(&w, &s, &k, pool, NULL), PLLM_OK);
    for (int r = 0; r < FAR_ROWS; r++)
        assert_int_equal(told.times[r], r >= FIRST);
    assert_true(told.calls > 2);
    weight_fini(&w);
    mem_free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(takes_rows_of_a_part),
                                       cmocka_unit_test(puts_interleaved_rows_back),
                                       cmocka_unit_test(converts_to_other_types),
                                       cmocka_unit_test(forgets_what_it_has_read),
                                       cmocka_unit_test(says_what_it_cannot_do)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
