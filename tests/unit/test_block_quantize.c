#include "kernels/types.h"

#include "test.h"
#include "tensors.h"

#include <ctype.h>
#include <math.h>

static const char *const files[] = {TEST_DATA "/dequant-gguf.safetensors",
                                    TEST_DATA "/../../../../shared/reference/gguf/dequant.safetensors"};

static int check_type(const struct tensors *file, enum block_type type)
{
    char name[32];
    size_t n_name = (size_t)snprintf(name, sizeof name, "%s", block_info[type].name);
    for (size_t i = 0; i < n_name; i++)
        name[i] = (char)toupper((unsigned char)name[i]);
    strcpy(name + n_name, ".q_input");
    struct tensor_bytes in = tensors_get(file, name);
    strcpy(name + n_name, ".q_bytes");
    struct tensor_bytes want = tensors_get(file, name);
    if (!in.bytes)
        return 0;
    float row[256];
    uint8_t out[256 * 4];
    assert_int_equal(in.cols, 256);
    for (int64_t r = 0; r < in.rows; r++) {
        memcpy(row, in.bytes + r * 1024, 1024);
        block_quantize(out, type, row, 256);
        for (int64_t i = 0; i < want.cols; i++)
            if (out[i] != want.bytes[r * want.cols + i])
                fail_msg("%s: row %d, byte %d is %d, wanted %d", name, (int)r, (int)i, out[i],
                         want.bytes[r * want.cols + i]);
    }
    return 1;
}

static void blocks_are_those_of_gguf_py(void **state)
{
    (void)state;
    for (size_t f = 0; f < 2; f++) {
        struct tensors file;
        if (!tensors_open(&file, files[f])) {
            assert_int_equal(f, 1);
            skip();
        }
        int n = 0;
        for (int type = TYPE_Q4_0; type < TYPE_MLX; type++)
            if (block_can_quantize((enum block_type)type))
                n += check_type(&file, (enum block_type)type);
        assert_int_equal(n, 5);
        tensors_close(&file);
    }
}

/* What hostile weights may hold: the result is any, the program goes on. */
static void any_values_are_taken(void **state)
{
    (void)state;
    static const float special[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 0x1p-149f, 0, -0.0f};
    float in[256], back[256];
    uint8_t out[256 * 4];
    for (int type = 0; type < TYPE_MLX; type++)
        for (size_t s = 0; block_can_quantize((enum block_type)type) && s < 8; s++) {
            const struct matrix_rows m = {.type = (enum block_type)type, .rows = 1, .cols = 256, .data = out};
            for (int i = 0; i < 256; i++)
                in[i] = i % 3 ? special[s] : special[(s + (size_t)i) % 8];
            block_quantize(out, (enum block_type)type, in, 256);
            for (int i = 0; i < 256; i++)
                in[i] = special[5 + s % 3];
            block_quantize(out, (enum block_type)type, in, 256);
            matrix_dequantize(back, &m, 0, 0, 256);
            for (int i = 0; i < 256; i++)
                assert_true(fabsf(back[i]) < 0x1p-120f);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(blocks_are_those_of_gguf_py),
                                       cmocka_unit_test(any_values_are_taken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
