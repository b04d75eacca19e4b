/* A checkpoint against its ground truth: the logits of every prompt position, all prompts in one ragged batch.
 *
 * usage: golden MODEL REFERENCE [ISA] [f32|int8]    REFERENCE: a path without ".json" and ".safetensors" */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/vec.h"
#include "model/model.h"

#include "../unit/tensors.h"
#include "prompts.h"

#include <math.h>

static const char *const *arguments;
static int n_arguments;

static struct json parse_file(const char *path, struct buf *text)
{
    struct json top = {0};
    pllm_error err;
    if (file_read(text, path, 1 << 26, &err) || json_parse(&top, text->at, text->n, path, &err))
        fail_msg("%s", err.message);
    return top;
}

static struct model *open_model(struct pool *pool)
{
    struct checkpoint *c;
    struct model *m = NULL;
    pllm_error err;
    const struct model_options o = {.isa = n_arguments > 3 ? arguments[3] : NULL,
                                    .dtype = PLLM_DTYPE_F32,
                                    .activations = n_arguments < 5 || strcmp(arguments[4], "f32") == 0 ? ACTIVATIONS_F32 : ACTIVATIONS_AUTO,
                                    .pool = pool};
    if (checkpoint_open(&c, arguments[1], &err) || model_open(&m, c, &o, &err))
        fail_msg("%s", err.message);
    return m;
}

static void add_prompt(struct prompts *p, const struct json *ids)
{
    const int n = (int)json_size(ids);
    int32_t *tokens = prompts_add(p, n);
    for (int i = 0; i < n; i++) {
        struct json id = json_item(ids, (size_t)i);
        int64_t value = 0;
        assert_int_equal(json_as_int(&id, 0, INT32_MAX, &value, NULL), PLLM_OK);
        tokens[i] = (int32_t)value;
    }
}

static double spread(const float *x, size_t n)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i];
    for (size_t i = 0; i < n; i++)
        squares += ((double)x[i] - sum / (double)n) * ((double)x[i] - sum / (double)n);
    return sqrt(squares / (double)n);
}

/* Largest difference of a prompt's logits from the reference's. */
static double difference(const struct tensors *t, int prompt, const float *logits, size_t stride, double *std)
{
    char name[32];
    snprintf(name, sizeof name, "p%d.logits", prompt);
    struct tensor_bytes want = tensors_get(t, name);
    assert_non_null(want.bytes);
    double most = 0;
    float *row = malloc(want.n);
    memcpy(row, want.bytes, want.n);
    *std = spread(row, want.n / sizeof(float));
    for (int64_t r = 0; r < want.rows; r++)
        for (int64_t c = 0; c < want.cols; c++) {
            double d = fabs((double)row[r * want.cols + c] - (double)logits[(size_t)r * stride + (size_t)c]);
            most = d > most || isnan(d) ? d : most;
        }
    free(row);
    return most;
}

static void logits_are_the_references(void **state)
{
    (void)state;
    static struct prompts p;
    struct buf text = {0};
    struct tensors t;
    struct pool *pool;
    struct decoder *d;
    char path[1024];
    const float *logits = NULL;
    size_t stride;
    double std = 1, most = 0;
    snprintf(path, sizeof path, "%s.json", arguments[2]);
    struct json top = parse_file(path, &text), list = json_get(&top, "prompts");
    snprintf(path, sizeof path, "%s.safetensors", arguments[2]);
    assert_true(tensors_open(&t, path));
    assert_int_equal(pool_open(&pool, THREADS, NULL), PLLM_OK);
    for (size_t i = 0; i < json_size(&list); i++) {
        struct json prompt = json_item(&list, i), ids = json_get(&prompt, "ids");
        add_prompt(&p, &ids);
    }
    struct model *m = open_model(pool);
    d = prompts_run(&p, m, pool, &logits, &stride);
    for (int i = 0; i < p.batch.n_seqs; i++) {
        double one = difference(&t, i, logits + (size_t)p.seqs[i].first_row * stride, stride, &std);
        most = one > most || isnan(one) ? one : most;
    }
    printf("%s: largest difference %.2g of the logits' deviation %.2f\n", arguments[1], most / std, std);
    assert_true(most <= 2e-3 * std);
    decoder_close(d);
    model_close(m);
    pool_close(pool);
    tensors_close(&t);
    json_free(&top);
    vec_fini(&text);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(logits_are_the_references)};
    arguments = (const char *const *)argv;
    n_arguments = argc;
    return argc < 3 ? 2 : cmocka_run_group_tests(tests, NULL, NULL);
}
