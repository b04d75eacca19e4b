#include "kernels/types.h"

#include "test.h"
#include "tensors.h"

#include <ctype.h>
#include <math.h>

/* What gguf-py and mlx give, with a few blocks of each type; the whole of it is in ../shared/reference. */
static const char *const gguf_files[] = {TEST_DATA "/dequant-gguf.safetensors",
                                         TEST_DATA "/../../../../shared/reference/gguf/dequant.safetensors"};
static const char *const mlx_files[] = {TEST_DATA "/dequant-mlx.safetensors",
                                        TEST_DATA "/../../../../shared/reference/mlx/dequant.safetensors"};

static void upper(char *out, const char *name)
{
    do
        *out++ = (char)toupper((unsigned char)*name);
    while (*name++);
}

static void assert_same_bits(const char *what, const float *got, const uint8_t *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&got[i], want + 4 * i, 4) != 0) {
            float w;
            memcpy(&w, want + 4 * i, 4);
            fail_msg("%s: value %zu is %a, wanted %a", what, i, (double)got[i], (double)w);
        }
}

static int check_gguf(const struct tensors *file, enum block_type type)
{
    char name[32], upper_name[16];
    const struct block_info *info = &block_info[type];
    upper(upper_name, info->name);
    snprintf(name, sizeof name, "%s.bytes", upper_name);
    struct tensor_bytes bytes = tensors_get(file, name);
    if (!bytes.bytes)
        return 0;
    assert_int_equal(bytes.cols, info->bytes);
    snprintf(name, sizeof name, "%s.values", upper_name);
    struct tensor_bytes want = tensors_get(file, name);
    assert_int_equal(want.cols, info->values);
    struct matrix_rows m = {.type = type, .rows = 2, .cols = bytes.rows / 2 * info->values, .data = bytes.bytes,
                            .row_bytes = bytes.n / 2};
    float *out = mem_alloc((size_t)m.cols, sizeof *out);
    assert_non_null(out);
    for (int r = 0; r < 2; r++) {
        matrix_dequantize(out, &m, r, 0, m.cols);
        assert_same_bits(info->name, out, want.bytes + (size_t)r * want.n / 2, (size_t)m.cols);
        matrix_dequantize(out, &m, r, info->values, info->values); /* a block in the middle */
        assert_same_bits(info->name, out, want.bytes + (size_t)r * want.n / 2 + 4 * (size_t)info->values,
                         (size_t)info->values);
    }
    mem_free(out);
    return 1;
}

static void blocks_give_the_values_of_gguf_py(void **state)
{
    (void)state;
    for (size_t f = 0; f < 2; f++) {
        struct tensors file;
        if (!tensors_open(&file, gguf_files[f])) {
            assert_int_equal(f, 1);
            skip();
        }
        int n = 0;
        for (int type = TYPE_Q4_0; type < TYPE_MLX; type++)
            n += check_gguf(&file, (enum block_type)type);
        assert_int_equal(n, TYPE_MLX - TYPE_Q4_0);
        tensors_close(&file);
    }
}

static int check_mlx(const struct tensors *file, int bits, int group, enum block_type scale_type)
{
    static const char *const part[] = {"weight", "scales", "biases", "dequant"};
    struct tensor_bytes t[4];
    char name[64];
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "b%d.g%d.%s.%s", bits, group, block_info[scale_type].name, part[i]);
        t[i] = tensors_get(file, name);
    }
    if (!t[0].bytes)
        return 0;
    struct matrix_rows m = {.type = TYPE_MLX, .rows = t[3].rows, .cols = t[3].cols, .data = t[0].bytes,
                            .row_bytes = t[0].n / (size_t)t[3].rows, .bits = bits, .group = group,
                            .scales = t[1].bytes, .biases = t[2].bytes, .scale_type = scale_type};
    float out[256];
    assert_int_equal(m.cols, 256);
    for (int64_t r = 0; r < m.rows; r++) {
        const uint8_t *want = t[3].bytes + r * 1024;
        matrix_dequantize(out, &m, r, 0, 256);
        assert_same_bits(name, out, want, 256);
        matrix_dequantize(out, &m, r, group, group);
        assert_same_bits(name, out, want + 4 * group, (size_t)group);
    }
    return 1;
}

static void matrices_give_the_values_of_mlx(void **state)
{
    (void)state;
    static const int wanted[] = {7, 6 * 3 * 3};
    for (size_t f = 0; f < 2; f++) {
        struct tensors file;
        if (!tensors_open(&file, mlx_files[f])) {
            assert_int_equal(f, 1);
            skip();
        }
        int n = 0;
        for (int bits = 2; bits <= 8; bits++)
            for (int group = 32; group <= 128; group *= 2)
                for (int scale_type = TYPE_F32; scale_type <= TYPE_BF16; scale_type++)
                    n += check_mlx(&file, bits, group, (enum block_type)scale_type);
        assert_int_equal(n, wanted[f]);
        tensors_close(&file);
    }
}

/* The definition of IEEE 754, with exact doubles. */
static double half_value(unsigned h)
{
    int exponent = (int)(h >> 10 & 31), fraction = (int)(h & 1023);
    double v = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return h & 0x8000 ? -v : v;
}

static void halves_are_exact(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        float f = f16_to_f32((uint16_t)h);
        bool special = (h >> 10 & 31) == 31, nan = special && (h & 1023);
        if (nan) {
            assert_true(isnan(f) && isnan(f16_to_f32(f32_to_f16(f))));
            continue;
        }
        if (special)
            assert_true(isinf(f) && (f < 0) == (h >> 15));
        else
            assert_true((double)f == half_value(h));
        assert_int_equal(f32_to_f16(f), h); /* -0 too */
    }
}

/* Between two neighbours: the nearer one, and the even one from the middle. */
static void floats_round_to_nearest_even_halves(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 0x7BFF; h++) {
        float low = f16_to_f32((uint16_t)h), high = f16_to_f32((uint16_t)(h + 1));
        float middle = (low + high) / 2; /* exact: one bit more */
        assert_int_equal(f32_to_f16(middle), h + (h & 1));
        assert_int_equal(f32_to_f16(nextafterf(middle, low)), h);
        assert_int_equal(f32_to_f16(nextafterf(middle, high)), h + 1);
        assert_int_equal(f32_to_f16(-middle), 0x8000 | (h + (h & 1)));
    }
    assert_int_equal(f32_to_f16(65519.996f), 0x7BFF);
    assert_int_equal(f32_to_f16(65520.0f), 0x7C00);
    assert_int_equal(f32_to_f16(-INFINITY), 0xFC00);
    assert_int_equal(f32_to_f16(0x1p-149f), 0);
}

static void floats_round_to_nearest_even_bfloats(void **state)
{
    (void)state;
    for (unsigned b = 0; b < 0x7F80; b += 7) {
        float low = bf16_to_f32((uint16_t)b);
        float middle;
        uint32_t bits = b << 16 | 0x8000;
        memcpy(&middle, &bits, 4);
        assert_int_equal(f32_to_bf16(low), b);
        assert_int_equal(f32_to_bf16(middle), b + (b & 1));
        assert_int_equal(f32_to_bf16(nextafterf(middle, 0)), b);
        assert_int_equal(f32_to_bf16(-nextafterf(middle, INFINITY)), 0x8000 | (b + 1));
    }
    assert_int_equal(f32_to_bf16(INFINITY), 0x7F80);
    assert_true(isnan(bf16_to_f32(f32_to_bf16(NAN))));
    uint32_t signalling = 0x7F800001;
    float nan;
    memcpy(&nan, &signalling, 4);
    assert_true(isnan(bf16_to_f32(f32_to_bf16(nan))));
}

static void float_rows_are_read_as_they_are(void **state)
{
    (void)state;
    static const uint8_t f32[] = {0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0}, f16[] = {0, 0x3C, 0, 0xC0, 1, 0};
    float out[3];
    struct matrix_rows m = {.type = TYPE_F32, .rows = 2, .cols = 1, .data = f32, .row_bytes = 4};
    matrix_dequantize(out, &m, 1, 0, 1);
    assert_true(out[0] == -2.0f);
    m = (struct matrix_rows){.type = TYPE_F16, .rows = 1, .cols = 3, .data = f16, .row_bytes = 6};
    matrix_dequantize(out, &m, 0, 1, 2);
    assert_true(out[0] == -2.0f && out[1] == 0x1p-24f);
    m = (struct matrix_rows){.type = TYPE_BF16, .rows = 1, .cols = 4, .data = f32, .row_bytes = 8};
    matrix_dequantize(out, &m, 0, 1, 3);
    assert_true(out[0] == 1.0f && out[1] == 0.0f && out[2] == -2.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(halves_are_exact),
                                       cmocka_unit_test(floats_round_to_nearest_even_halves),
                                       cmocka_unit_test(floats_round_to_nearest_even_bfloats),
                                       cmocka_unit_test(float_rows_are_read_as_they_are),
                                       cmocka_unit_test(blocks_give_the_values_of_gguf_py),
                                       cmocka_unit_test(matrices_give_the_values_of_mlx)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
