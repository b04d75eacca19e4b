#include "base/sha256.h"
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

/* Roughly normal values, the same in every run. */
static void fill(float *out, int n)
{
    uint32_t state = 12345;
    for (int i = 0; i < n; i++) {
        float sum = 0;
        for (int j = 0; j < 4; j++) {
            state = state * 1664525u + 1013904223u;
            sum += (float)(state >> 8) * 0x1p-24f - 0.5f;
        }
        out[i] = sum * 1.7320508f;
    }
}

/* Root of the mean squared error, of values of deviation 1, in the best quantizers' neighbourhood; the bounds are
 * what llama.cpp's reference quantizers reach, give or take a few parts in a hundred. */
static void errors_are_small(void **state)
{
    (void)state;
    static const struct { enum block_type type; double bound; } types[] = {
        {TYPE_Q8_0, 0.0066}, {TYPE_Q4_0, 0.093}, {TYPE_Q4_1, 0.084}, {TYPE_Q5_0, 0.046}, {TYPE_Q5_1, 0.041},
        {TYPE_Q4_K, 0.073}, {TYPE_Q5_K, 0.037}, {TYPE_Q6_K, 0.019},
    };
    enum { N = 64 * 256 };
    static float in[N], back[N];
    static uint8_t out[N * 4];
    fill(in, N);
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        const struct matrix_rows m = {.type = types[t].type, .rows = 1, .cols = N, .data = out};
        double sum = 0;
        block_quantize(out, types[t].type, in, N);
        matrix_dequantize(back, &m, 0, 0, N);
        for (int i = 0; i < N; i++)
            sum += ((double)back[i] - (double)in[i]) * ((double)back[i] - (double)in[i]);
        double error = sqrt(sum / N);
        if (!(error < types[t].bound && error > types[t].bound / 2))
            fail_msg("%s: error %.5f, wanted below %.5f", block_info[types[t].type].name, error, types[t].bound);
    }
}

enum { KINDS = 4, MANY = 64 * 256 };

/* Normal values; the same as bf16, where many are equal; of all magnitudes that floats have; few levels of either sign with
 * blocks of zeros between. */
static void fill_kind(float *out, int kind)
{
    fill(out, MANY);
    for (int i = 0; i < MANY; i++) {
        const int block = i / 32;
        if (kind == 1)
            out[i] = bf16_to_f32(f32_to_bf16(out[i]));
        else if (kind == 2)
            out[i] = ldexpf(out[i], block % 270 - 148);
        else if (kind == 3)
            out[i] = block % 5 == 0 ? 0.0f : block % 5 == 1 ? -0.0f : rintf(out[i] * (float)(block % 3 + 1)) / 4;
    }
}

/* The searches for scales may become faster, not different: files that quantize has written stay what it writes. The digests
 * are those of loops that take a value after another. */
static void blocks_stay_what_they_were(void **state)
{
    static const struct { enum block_type type; const char *digest; } known[] = {
        {TYPE_F32, "41a83c0b3eedacfd"},
        {TYPE_F16, "40d02f97bf9e08c4"},
        {TYPE_BF16, "eb9225d032ee856f"},
        {TYPE_Q4_0, "fe91f42d647f0301"},
        {TYPE_Q4_1, "a0c6bac550a11a5e"},
        {TYPE_Q5_0, "239f9b1cf643b73c"},
        {TYPE_Q5_1, "92864c5ca116bbef"},
        {TYPE_Q8_0, "a134acfa2166f901"},
        {TYPE_Q4_K, "6f4458d2f5317fe7"},
        {TYPE_Q5_K, "8ff87a6d3cb7eb06"},
        {TYPE_Q6_K, "61cb8de7070e4fbe"},
    };
    static float in[MANY];
    static uint8_t out[MANY * 4];
    (void)state;
    for (size_t t = 0; t < sizeof known / sizeof *known; t++) {
        const struct block_info *info = &block_info[known[t].type];
        struct sha256 sha;
        char hex[65];
        sha256_init(&sha);
        for (int kind = 0; kind < KINDS; kind++) {
            fill_kind(in, kind);
            block_quantize(out, known[t].type, in, MANY);
            sha256_add(&sha, out, (size_t)(MANY / info->values * info->bytes));
        }
        sha256_hex(&sha, hex);
        if (strncmp(hex, known[t].digest, strlen(known[t].digest)) != 0)
            fail_msg("%s: the blocks have the digest %.16s, wanted %s", info->name, hex, known[t].digest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(blocks_stay_what_they_were),
                                       cmocka_unit_test(blocks_are_those_of_gguf_py),
                                       cmocka_unit_test(any_values_are_taken),
                                       cmocka_unit_test(errors_are_small)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
