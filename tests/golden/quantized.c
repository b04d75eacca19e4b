/* parallm quantize on a checkpoint: what its files compute, what is in them, and that quantizing at load gives their bits.
 *
 * usage: quantized MODEL FOLDER    FOLDER: for the files, which are removed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/mix.h"
#include "model/model.h"

#include "prompts.h"

#include <math.h>
#include <unistd.h>

static const char *model_path, *folder;

static char *path_of(const char *type)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%ld-%s.gguf", folder, (long)getpid(), type);
    return path;
}

static void quantize(const char *type)
{
    pllm_error err;
    if (pllm_quantize(model_path, path_of(type), type, NULL, &err))
        fail_msg("%s: %s", type, err.message);
}

static struct model *open_model(const char *path, const char *type, bool int8, struct pool *pool)
{
    struct checkpoint *c;
    struct model *m = NULL;
    pllm_error err;
    const struct model_options o = {.dtype = PLLM_DTYPE_F32, .activations = int8 ? ACTIVATIONS_INT8 : ACTIVATIONS_F32, .quantize = type, .pool = pool};
    if (checkpoint_open(&c, path, &err) || model_open(&m, c, &o, &err))
        fail_msg("%s", err.message);
    return m;
}

/* Logits of three prompts of tokens drawn from the vocabulary: [n][vocab], to be freed. */
static float *logits_of(const char *path, const char *type, bool int8, int *n, int *vocab)
{
    static const int lengths[] = {1, 7, 70};
    static struct prompts p;
    struct pool *pool;
    const float *logits;
    size_t stride;
    assert_int_equal(pool_open(&pool, THREADS, NULL), PLLM_OK);
    struct model *m = open_model(path, type, int8, pool);
    memset(&p, 0, sizeof p);
    for (uint32_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        int32_t *tokens = prompts_add(&p, lengths[i]);
        for (int k = 0; k < lengths[i]; k++)
            tokens[k] = (int32_t)(rng_uniform(1, i, (uint32_t)k, 0) * m->desc->vocab);
    }
    struct decoder *d = prompts_run(&p, m, pool, &logits, &stride);
    *n = p.batch.n_rows;
    *vocab = m->desc->vocab;
    float *out = mem_alloc((size_t)*n * (size_t)*vocab, sizeof *out);
    for (int r = 0; r < *n; r++)
        memcpy(out + (size_t)r * (size_t)*vocab, logits + (size_t)r * stride, (size_t)*vocab * sizeof *out);
    decoder_close(d);
    model_close(m);
    pool_close(pool);
    return out;
}

/* Nothing is lost: the file computes what the checkpoint computes, up to the rounding of stored rotations. */
static void float_file_computes_the_same(void **state)
{
    (void)state;
    int n, vocab;
    double most = 0, largest = 0;
    quantize("f32");
    float *wanted = logits_of(model_path, NULL, false, &n, &vocab);
    float *found = logits_of(path_of("f32"), NULL, false, &n, &vocab);
    for (int i = 0; i < n * vocab; i++) {
        double off = fabs((double)wanted[i] - (double)found[i]), size = fabs((double)wanted[i]);
        assert_true(isfinite(off));
        most = off > most ? off : most;
        largest = size > largest ? size : largest;
    }
    printf("%s: largest difference %.2g of logits up to %.2g\n", model_path, most, largest);
    assert_true(largest > 0 && most <= 1e-4 * largest);
    mem_free(wanted);
    mem_free(found);
    unlink(path_of("f32"));
}

static void loading_gives_the_files_bits(void **state)
{
    static const char *const types[] = {"q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k", "q4_k_m", "q5_k_s"};
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        int n, vocab;
        quantize(types[i]);
        float *wanted = logits_of(path_of(types[i]), NULL, true, &n, &vocab);
        float *found = logits_of(model_path, types[i], true, &n, &vocab);
        if (memcmp(wanted, found, (size_t)n * (size_t)vocab * sizeof *wanted) != 0)
            fail_msg("%s: the model quantized at load computes other bits than the file", types[i]);
        mem_free(wanted);
        mem_free(found);
        unlink(path_of(types[i]));
    }
}

static struct checkpoint *open_file(const char *type)
{
    struct checkpoint *c;
    pllm_error err;
    quantize(type);
    if (checkpoint_open(&c, path_of(type), &err))
        fail_msg("%s", err.message);
    unlink(path_of(type));
    return c;
}

/* Every tensor's bytes, made from the float file's. */
static void check_tensor(const struct tensor *floats, const struct tensor *t, enum block_type wanted)
{
    const bool matrix = t->n_dims > 1 && !strstr(t->name, "ffn_gate_inp");
    float *row = mem_alloc((size_t)t->m.cols, sizeof *row);
    uint8_t *blocks = mem_alloc(t->m.row_bytes, 1);
    assert_non_null(floats);
    assert_int_equal(t->m.type, matrix && t->m.cols % block_info[wanted].values == 0 ? wanted : t->m.type);
    assert_true(matrix || t->m.type == TYPE_F32);
    assert_true(t->m.rows == floats->m.rows && t->m.cols == floats->m.cols && t->n_dims == floats->n_dims);
    for (int64_t r = 0; r < t->m.rows; r++) {
        matrix_dequantize(row, &floats->m, r, 0, t->m.cols);
        block_quantize(blocks, t->m.type, row, t->m.cols);
        if (memcmp(blocks, t->m.data + (size_t)r * t->m.row_bytes, t->m.row_bytes) != 0)
            fail_msg("%s: row %d has other bytes than the quantizer's", t->name, (int)r);
    }
    mem_free(row);
    mem_free(blocks);
}

static void files_hold_what_the_quantizer_makes(void **state)
{
    static const enum block_type types[] = {TYPE_Q8_0, TYPE_Q4_0, TYPE_Q5_1, TYPE_F16, TYPE_BF16};
    (void)state;
    struct checkpoint *floats = open_file("f32");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct checkpoint *c = open_file(block_info[types[i]].name);
        assert_int_equal(c->tensors.n, floats->tensors.n);
        for (size_t k = 0; k < c->tensors.n; k++)
            check_tensor(checkpoint_find(floats, c->tensors.at[k].name), &c->tensors.at[k], types[i]);
        checkpoint_close(c);
    }
    checkpoint_close(floats);
}

/* ---- Text --------------------------------------------------------------------------------------------- */

static const char *const texts[] = {
    "", "a", "Hello, world!", "It's 2024 and 1234567 people\n\nwrote  code:\tx = y[i] + 3.14;  \n",
    "na\xC3\xAFve \xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\x98\x80 \xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82",
    "   three spaces", "<s></s><|im_start|>user<end_of_turn><|eot_id|>", "HTTPServer don't WON'T i'll",
};

static void same_ids(const pllm_tokenizer *a, const pllm_tokenizer *b, const char *text, bool special)
{
    int32_t *x, *y;
    size_t n_x, n_y;
    assert_int_equal(pllm_tokenize(a, text, strlen(text), special, special, &x, &n_x, NULL), PLLM_OK);
    assert_int_equal(pllm_tokenize(b, text, strlen(text), special, special, &y, &n_y, NULL), PLLM_OK);
    if (n_x != n_y || memcmp(x, y, n_x * sizeof *x) != 0)
        fail_msg("other tokens of \"%s\"", text);
    pllm_free(x);
    pllm_free(y);
}

static void same_template(const pllm_tokenizer *a, const pllm_tokenizer *b)
{
    const pllm_template *x = pllm_tokenizer_template(a, NULL), *y = pllm_tokenizer_template(b, NULL);
    size_t n_x, n_y;
    assert_true(!x == !y);
    if (x)
        assert_string_equal(pllm_template_source(x, &n_x), pllm_template_source(y, &n_y));
}

static void text_is_the_same(void **state)
{
    (void)state;
    pllm_tokenizer *a, *b;
    quantize("q8_0");
    assert_int_equal(pllm_tokenizer_open(&a, model_path, NULL), PLLM_OK);
    assert_int_equal(pllm_tokenizer_open(&b, path_of("q8_0"), NULL), PLLM_OK);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        same_ids(a, b, texts[i], true);
        same_ids(a, b, texts[i], false);
    }
    assert_int_equal(pllm_bos_token(a), pllm_bos_token(b));
    assert_int_equal(pllm_eos_token(a), pllm_eos_token(b));
    same_template(a, b);
    pllm_tokenizer_close(a);
    pllm_tokenizer_close(b);
    unlink(path_of("q8_0"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_file_computes_the_same),
        cmocka_unit_test(loading_gives_the_files_bits),
        cmocka_unit_test(files_hold_what_the_quantizer_makes),
        cmocka_unit_test(text_is_the_same),
    };
    if (argc < 3)
        return 2;
    model_path = argv[1];
    folder = argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
