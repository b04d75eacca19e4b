/* What the tests of the CPU backend share: reproducible numbers, weights, a device with a stream. */
#ifndef PARALLM_TESTS_UNIT_BACKEND_FIXTURE_H
#define PARALLM_TESTS_UNIT_BACKEND_FIXTURE_H

#include "test.h"

#include "backend/backend.h"
#include "backend/cpu/stream.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

/* Uniform in [-1, 1), from a generator that is small and the same everywhere. */
static inline float fixture_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)(*state >> 40) / (1 << 23) - 1.0);
}

static inline int fixture_below(uint64_t *state, int n)
{
    return (int)((fixture_random(state) + 1.0f) * 0.5f * (float)n);
}

static inline float *fixture_floats(uint64_t *state, size_t n, float scale)
{
    float *x = mem_alloc(n, sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = scale * fixture_random(state);
    return x;
}

/* A device at one tier (NULL: the best), and a stream on it. */
struct fixture {
    struct pool *pool;
    struct device *device;
    struct stream *stream;
};

static inline void fixture_open(struct fixture *f, const char *isa, int threads, struct stream_options o)
{
    assert_int_equal(pool_open(&f->pool, threads, NULL), PLLM_OK);
    assert_int_equal(backend_cpu.device_open(&f->device, isa, NULL), PLLM_OK);
    o.pool = f->pool;
    assert_int_equal(backend_cpu.stream_open(&f->stream, f->device, &o, NULL), PLLM_OK);
}

static inline void fixture_close(struct fixture *f)
{
    backend_cpu.stream_close(f->stream);
    backend_cpu.device_close(f->device);
    pool_close(f->pool);
}

static inline struct act *fixture_act(struct fixture *f, int rows, int cols, const float *values)
{
    struct act *a;
    assert_int_equal(backend_cpu.act_open(&a, f->stream, rows, cols, NULL), PLLM_OK);
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < cols; i++)
            act_row(a, r)[i] = values ? values[(size_t)r * (size_t)cols + (size_t)i] : NAN;
    return a;
}

/* A matrix of random values in the file's form, which it owns; Q8_0 where the columns allow it, else F32. */
enum { FIXTURE_ROWS = 256 };

struct fixture_matrix {
    struct matrix_rows m;
    uint8_t *data;
};

static inline struct fixture_matrix fixture_matrix(uint64_t *state, int rows, int cols, enum block_type type)
{
    struct fixture_matrix x = {.m = {.type = type, .rows = rows, .cols = cols}};
    const struct block_info *info = &block_info[type];
    x.m.row_bytes = (size_t)cols / (size_t)info->values * (size_t)info->bytes;
    x.data = mem_alloc((size_t)rows, x.m.row_bytes);
    x.m.data = x.data;
    for (size_t i = 0; type == TYPE_F32 && i < (size_t)rows * (size_t)cols; i++)
        ((float *)x.data)[i] = fixture_random(state);
    for (size_t at = 0; type == TYPE_Q8_0 && at < (size_t)rows * x.m.row_bytes; at += 34) {
        uint16_t d = f32_to_f16(0.01f * (1.5f + fixture_random(state)));
        memcpy(x.data + at, &d, 2);
        for (int i = 0; i < 32; i++)
            ((int8_t *)x.data)[at + 2 + (size_t)i] = (int8_t)fixture_below(state, 255) - 127;
    }
    return x;
}

static inline struct weight fixture_weight_of(struct fixture *f, const struct fixture_matrix *x, bool fine)
{
    struct weight w;
    const struct weight_job job = {
        .out = &w, .source = {.m = x->m, .n_rows = x->m.rows, .convert = TYPE_COUNT, .fine_activations = fine}};
    assert_int_equal(backend_cpu.weights_load(f->device, &job, 1, f->pool, NULL, NULL), PLLM_OK);
    return w;
}

static inline struct weight fixture_weight(struct fixture *f, const struct fixture_matrix *x)
{
    return fixture_weight_of(f, x, false);
}

static inline void fixture_adapter(struct adapter *a, uint64_t *state, int n_layers, const int *in, const int *out, int rank)
{
    *a = (struct adapter){.n_layers = n_layers};
    a->at = mem_zalloc((size_t)n_layers * LORA_MODULES, sizeof *a->at);
    for (int l = 0; l < n_layers; l++)
        for (int m = 0; m < LORA_MODULES; m++)
            if (in[m] > 0 && (l + m) % 3 != 2)
                a->at[l * LORA_MODULES + m] = (struct lora_matrix){
                    .rank = rank, .in = in[m], .out = out[m], .scale = 0.5f,
                    .a = fixture_floats(state, (size_t)rank * (size_t)in[m], 0.3f),
                    .b = fixture_floats(state, (size_t)rank * (size_t)lora_panels(out[m]) * LORA_PANEL, 0.3f)};
}

static inline void fixture_adapter_fini(struct adapter *a)
{
    for (int i = 0; i < a->n_layers * LORA_MODULES; i++) {
        mem_free(a->at[i].a);
        mem_free(a->at[i].b);
    }
    mem_free(a->at);
}

/* A batch whose rows all are sequences of their own, for operations that do not look at sequences. */
struct fixture_batch {
    struct batch batch;
    struct batch_seq seqs[FIXTURE_ROWS];
    int32_t tokens[FIXTURE_ROWS], out_rows[FIXTURE_ROWS];
};

static inline void fixture_rows(struct fixture_batch *b, int n_rows, int vocab, uint64_t *state)
{
    *b = (struct fixture_batch){.batch = {.n_rows = n_rows, .n_seqs = n_rows}};
    b->batch.tokens = b->tokens;
    b->batch.seqs = b->seqs;
    b->batch.out_rows = b->out_rows;
    for (int i = 0; i < n_rows; i++) {
        b->tokens[i] = fixture_below(state, vocab);
        b->seqs[i] = (struct batch_seq){.first_row = i, .n_rows = 1, .adapter = -1};
        if (i % 3 != 1)
            b->out_rows[b->batch.n_out++] = i;
    }
}

#endif
