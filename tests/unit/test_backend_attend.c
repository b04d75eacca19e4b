/* rope_store and attend against plain float64 attention over the whole history, on mixed batches: prompts in
 * chunks, decoding rows, shared prefixes, windows with blocks given up; and the same bits however rows meet: in
 * chosen steps, and in random ones (PARALLM_RANDOM_SEEDS: how many, PARALLM_RANDOM_FIRST: the first). */
#include "backend_fixture.h"

enum { SEQS = 6, LENGTH = 2 * ATTEND_PART + 90, TABLE = LENGTH / KV_BLOCK + 1, MAX_BLOCKS = SEQS * TABLE };

static const struct backend *const be = &backend_cpu;

enum norms { NO_NORMS, EACH_HEAD, ALL_HEADS, EACH_ROTATED }; /* of q and k; the last behind the rotation */

struct shape {
    int n_heads, n_kv_heads, head_dim, rope_dims, window;
    float softcap;
    enum norms norms;
    enum kv_type type;
    double tolerance; /* of the type's rounding of k and v */
};

/* What comes in, for each sequence and position, and tables that say where it goes. */
struct world {
    struct shape shape;
    int n_heads_all;                   /* floats of q, then k, then v */
    float *qkv;                        /* [SEQS][LENGTH][q | k | v] */
    float *q_weight, *k_weight, *inv_freq;
    struct norm q_norm, k_norm;
    int32_t table[SEQS][TABLE];
    int shared[SEQS];                  /* leading positions that are sequence 0's, in its blocks */
    int length[SEQS];
    float *out;                        /* [SEQS][LENGTH][n_heads * head_dim]: results of a run */
};

static int q_floats(const struct shape *s) { return s->n_heads * s->head_dim; }
static int kv_floats(const struct shape *s) { return s->n_kv_heads * s->head_dim; }
static int row_floats(const struct shape *s) { return q_floats(s) + 2 * kv_floats(s); }

static float *input(const struct world *w, int seq, int pos)
{
    int owner = pos < w->shared[seq] ? 0 : seq;
    return w->qkv + (size_t)(owner * LENGTH + pos) * (size_t)row_floats(&w->shape);
}

static float *output(const struct world *w, int seq, int pos)
{
    return w->out + (size_t)(seq * LENGTH + pos) * (size_t)q_floats(&w->shape);
}

struct lengths {
    int shared[SEQS], length[SEQS];
};

static const struct lengths mixed = {{0, 64, 96, 0, 64, 32}, {ATTEND_PART + 44, 70, LENGTH, 33, 101, 64}};

static void world_open(struct world *w, const struct shape *shape, const struct lengths *l, uint64_t seed)
{
    *w = (struct world){.shape = *shape};
    size_t half = (size_t)(shape->rope_dims / 2);
    w->qkv = fixture_floats(&seed, (size_t)SEQS * LENGTH * (size_t)row_floats(shape), 2.0f);
    w->q_weight = fixture_floats(&seed, (size_t)q_floats(shape), 1.0f);
    w->k_weight = fixture_floats(&seed, (size_t)q_floats(shape), 1.0f);
    w->inv_freq = mem_alloc(half, sizeof(float));
    for (size_t i = 0; i < half; i++)
        w->inv_freq[i] = (float)pow(10000.0, -(double)i / (double)half);
    w->q_norm = (struct norm){NORM_RMS, 1e-6f, w->q_weight, NULL};
    w->k_norm = (struct norm){NORM_RMS, 1e-6f, w->k_weight, NULL};
    w->out = mem_zalloc((size_t)SEQS * LENGTH * (size_t)q_floats(shape), sizeof(float));
    memcpy(w->shared, l->shared, sizeof w->shared);
    memcpy(w->length, l->length, sizeof w->length);
    int32_t next = MAX_BLOCKS;
    for (int s = 0; s < SEQS; s++)
        for (int b = 0; b < TABLE; b++)
            w->table[s][b] = b < w->shared[s] / KV_BLOCK ? w->table[0][b] : --next;
}

static void world_fini(struct world *w)
{
    mem_free(w->qkv);
    mem_free(w->q_weight);
    mem_free(w->k_weight);
    mem_free(w->inv_freq);
    mem_free(w->out);
}

static struct attention attention_of(const struct world *w)
{
    const struct shape *s = &w->shape;
    return (struct attention){.layer = 1, .n_heads = s->n_heads, .n_kv_heads = s->n_kv_heads, .head_dim = s->head_dim,
                              .q_norm = s->norms ? &w->q_norm : NULL, .k_norm = s->norms ? &w->k_norm : NULL,
                              .norm_whole = s->norms == ALL_HEADS, .norm_rotated = s->norms == EACH_ROTATED,
                              .rope = s->rope_dims ? 0 : -1, .window = s->window, .scale = 0.3f, .softcap = s->softcap};
}

/* ---- The reference --------------------------------------------------------------------------------- */

static void naive_norm(double *x, const float *weight, int n)
{
    double squares = 0;
    for (int i = 0; i < n; i++)
        squares += x[i] * x[i];
    for (int i = 0; i < n; i++)
        x[i] = x[i] / sqrt(squares / n + 1e-6) * weight[i];
}

static void naive_norms(const struct shape *s, double *out, int n_heads, const float *weight)
{
    const bool whole = s->norms == ALL_HEADS;
    for (int h = 0; h < (whole ? 1 : n_heads); h++)
        naive_norm(out + h * s->head_dim, weight, whole ? n_heads * s->head_dim : s->head_dim);
}

/* Heads of q or k at a position, normed and rotated. */
static void naive_heads(const struct world *w, double *out, const float *in, int n_heads, const float *weight, int pos)
{
    const struct shape *s = &w->shape;
    int half = s->rope_dims / 2;
    for (int i = 0; i < n_heads * s->head_dim; i++)
        out[i] = in[i];
    if (s->norms == EACH_HEAD || s->norms == ALL_HEADS)
        naive_norms(s, out, n_heads, weight);
    for (int h = 0; h < n_heads; h++)
        for (int i = 0; i < half; i++) {
            double angle = (float)pos * w->inv_freq[i], *x = out + h * s->head_dim, a = x[i], b = x[half + i];
            x[i] = a * cos(angle) - b * sin(angle);
            x[half + i] = b * cos(angle) + a * sin(angle);
        }
    if (s->norms == EACH_ROTATED)
        naive_norms(s, out, n_heads, weight);
}

static void naive_row(const struct world *w, double *out, int seq, int pos)
{
    const struct shape *s = &w->shape;
    double q[4096], k[4096], score[LENGTH];
    int from = s->window && pos - s->window + 1 > 0 ? pos - s->window + 1 : 0;
    naive_heads(w, q, input(w, seq, pos), s->n_heads, w->q_weight, pos);
    for (int h = 0; h < s->n_heads; h++) {
        int kv = h / (s->n_heads / s->n_kv_heads);
        double sum = 0;
        for (int t = from; t <= pos; t++) {
            naive_heads(w, k, input(w, seq, t) + q_floats(s), s->n_kv_heads, w->k_weight, t);
            double x = 0;
            for (int d = 0; d < s->head_dim; d++)
                x += 0.3 * q[h * s->head_dim + d] * k[kv * s->head_dim + d];
            score[t] = exp(s->softcap != 0 ? s->softcap * tanh(x / s->softcap) : x);
            sum += score[t];
        }
        for (int d = 0; d < s->head_dim; d++) {
            double x = 0;
            for (int t = from; t <= pos; t++)
                x += score[t] / sum * input(w, seq, t)[q_floats(s) + kv_floats(s) + kv * s->head_dim + d];
            out[h * s->head_dim + d] = x;
        }
    }
}

/* ---- Runs ------------------------------------------------------------------------------------------ */

/* Steps sequences [first, first + n), chunk[i] positions at a time, until all are through. */
struct run {
    const char *isa;
    int threads, first, n, chunk[SEQS];
    bool share; /* sequences with a shared prefix begin behind it; else they write it into blocks of their own */
};

enum { MAX_ROWS = 400 }; /* of a step */

static void run_step(struct world *w, struct fixture *f, struct kv *kv, struct act *act[4], const struct batch *batch, const int *which)
{
    const struct shape *s = &w->shape;
    const struct attention a = attention_of(w);
    for (int i = 0; i < batch->n_seqs; i++)
        for (int r = 0; r < batch->seqs[i].n_rows; r++) {
            const float *in = input(w, which[i], batch->seqs[i].pos + r);
            int row = batch->seqs[i].first_row + r;
            memcpy(act_row(act[0], row), in, (size_t)q_floats(s) * sizeof(float));
            memcpy(act_row(act[1], row), in + q_floats(s), (size_t)kv_floats(s) * sizeof(float));
            memcpy(act_row(act[2], row), in + q_floats(s) + kv_floats(s), (size_t)kv_floats(s) * sizeof(float));
        }
    be->begin(f->stream, batch);
    be->rope_store(f->stream, kv, act[0], act[1], act[2], &a);
    be->attend(f->stream, kv, act[3], act[0], &a);
    be->end(f->stream);
    for (int i = 0; i < batch->n_seqs; i++)
        for (int r = 0; r < batch->seqs[i].n_rows; r++)
            memcpy(output(w, which[i], batch->seqs[i].pos + r), act_row(act[3], batch->seqs[i].first_row + r),
                   (size_t)q_floats(s) * sizeof(float));
}

/* The table of a sequence at a position: its own blocks where nothing is shared, -1 before the window. */
static void fill_table(const struct world *w, const struct run *run, int32_t *table, int seq, int pos)
{
    for (int b = 0; b < TABLE; b++) {
        table[b] = run->share || b >= w->shared[seq] / KV_BLOCK ? w->table[seq][b] : MAX_BLOCKS + seq * TABLE + b;
        if (w->shape.window && (b + 1) * KV_BLOCK <= pos - w->shape.window + 1)
            table[b] = -1;
    }
}

static void run_world(struct world *w, const struct run *run)
{
    const struct shape *s = &w->shape;
    const struct rope rope = {s->rope_dims, {w->inv_freq, w->inv_freq}, {1.0f, 1.0f}};
    static const int group[2] = {0, 1};
    const struct kv_layout layout = {s->type, 2, s->n_kv_heads, s->head_dim, group, {1, MAX_BLOCKS + SEQS * TABLE}};
    struct fixture f;
    fixture_open(&f, run->isa, run->threads, (struct stream_options){.max_rows = MAX_ROWS, .max_seqs = SEQS, .max_out = 1,
                 .max_cols = q_floats(s), .ropes = &rope, .n_ropes = s->rope_dims > 0});
    struct kv *kv;
    assert_int_equal(be->kv_open(&kv, f.stream, &layout, NULL), PLLM_OK);
    struct act *act[4];
    for (int i = 0; i < 4; i++)
        act[i] = fixture_act(&f, MAX_ROWS, q_floats(s), NULL);
    int pos[SEQS];
    for (int i = 0; i < SEQS; i++)
        pos[i] = run->share && w->shared[i] && run->first == 0 ? w->shared[i] : 0;
    for (bool more = true; more;) {
        struct batch_seq seqs[SEQS];
        int32_t tables[SEQS][TABLE];
        int which[SEQS];
        struct batch batch = {.seqs = seqs};
        for (int i = run->first; i < run->first + run->n; i++) {
            /* who shares a prefix waits until sequence 0 has written it */
            if (pos[i] >= w->length[i] || (run->share && run->first == 0 && pos[0] < w->shared[i]))
                continue;
            int left = w->length[i] - pos[i], n = run->chunk[i] < left ? run->chunk[i] : left;
            fill_table(w, run, tables[i], i, pos[i]);
            which[batch.n_seqs] = i;
            seqs[batch.n_seqs++] = (struct batch_seq){.first_row = batch.n_rows, .n_rows = n, .pos = pos[i],
                                                      .blocks = {NULL, tables[i]}, .adapter = -1};
            batch.n_rows += n;
            pos[i] += n;
        }
        more = batch.n_seqs > 0;
        if (more)
            run_step(w, &f, kv, act, &batch, which);
    }
    for (int i = 0; i < 4; i++)
        be->act_close(act[i]);
    be->kv_close(kv);
    fixture_close(&f);
}

static const struct shape shapes[] = {
    {4, 2, 64, 64, 0, 0.0f, NO_NORMS, KV_F32, 1e-5},  {8, 1, 20, 20, 0, 0.0f, EACH_HEAD, KV_F32, 1e-5},
    {3, 3, 96, 48, 40, 5.0f, NO_NORMS, KV_F32, 1e-5}, {4, 2, 80, 80, 33, 0.0f, ALL_HEADS, KV_F32, 1e-5},
    {4, 4, 64, 0, 0, 0.0f, NO_NORMS, KV_F16, 3e-3},   {6, 2, 20, 16, 50, 0.0f, EACH_HEAD, KV_BF16, 3e-2},
    {8, 2, 64, 64, 0, 10.0f, EACH_HEAD, KV_INT8, 3e-2}, {8, 1, 256, 256, 0, 0.0f, EACH_HEAD, KV_F16, 3e-3},
    {71, 1, 8, 8, 0, 0.0f, EACH_HEAD, KV_F16, 3e-3},    {24, 1, 8, 8, 0, 0.0f, NO_NORMS, KV_F16, 3e-3},
    {2, 1, 16, 16, ATTEND_PART + 20, 0.0f, NO_NORMS, KV_F16, 3e-3}, {6, 3, 24, 24, 0, 0.0f, EACH_ROTATED, KV_F32, 1e-5},
};

static void attends_as_float64_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct world w;
        world_open(&w, &shapes[i], &mixed, i + 1);
        const struct run run = {NULL, 2, 0, SEQS, {100, 3, 1, 33, 64, 7}, true};
        run_world(&w, &run);
        static double want[71 * 256];
        for (int s = 0; s < SEQS; s++)
            for (int pos = w.shared[s]; pos < w.length[s]; pos += pos < 150 ? 14 : 61) {
                naive_row(&w, want, s, pos);
                for (int d = 0; d < q_floats(&w.shape); d++) {
                    float got = output(&w, s, pos)[d];
                    if (!(fabs(got - want[d]) <= w.shape.tolerance * (1 + fabs(want[d]))))
                        fail_msg("shape %zu, sequence %d, position %d, value %d: got %g, wanted %g", i, s, pos, d, got, want[d]);
                }
            }
        world_fini(&w);
    }
}

/* Each sequence by itself, on one thread. */
static void run_alone(struct world *w)
{
    for (int s = 0; s < SEQS; s++) {
        struct run run = {NULL, 1, s, 1, {13, 13, 13, 13, 13, 13}, false};
        run_world(w, &run);
    }
}

/* Rows that the last run computed; they are cleared for the next one. */
static void assert_rows(struct world *w, const struct world *alone, size_t shape, size_t run)
{
    const size_t bytes = (size_t)q_floats(&w->shape) * sizeof(float);
    for (int s = 0; s < SEQS; s++)
        for (int pos = w->shared[s]; pos < w->length[s]; pos++)
            if (memcmp(output(w, s, pos), output(alone, s, pos), bytes) != 0)
                fail_msg("shape %zu, run %zu: sequence %d, position %d differs from the lone one", shape, run, s, pos);
    memset(w->out, 0, SEQS * LENGTH * bytes);
}

static void keeps_the_bits_of_a_row(void **state)
{
    (void)state;
    static const struct run runs[] = {
        {NULL, 2, 0, SEQS, {100, 3, 1, 33, 64, 7}, true}, {NULL, 3, 0, SEQS, {7, 64, 150, 1, 5, 64}, true},
        {NULL, 1, 0, SEQS, {1, 1, 1, 1, 1, 1}, true},     {NULL, 4, 0, SEQS, {32, 1, 31, 33, 1, 64}, false},
        {NULL, 2, 0, SEQS, {64, 7, 1, 33, 64, 7}, true}, /* in the end sequence 2 is alone: its parts are shared */
        {NULL, 2, 0, SEQS, {64, 7, 6, 33, 64, 7}, true}, /* by so many vectors that there are not slots for all */
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct world alone, w;
        world_open(&alone, &shapes[i], &mixed, i + 1);
        world_open(&w, &shapes[i], &mixed, i + 1);
        run_alone(&alone);
        for (size_t r = 0; r < sizeof runs / sizeof *runs; r++) {
            run_world(&w, &runs[r]);
            assert_rows(&w, &alone, i, r);
        }
        world_fini(&w);
        world_fini(&alone);
    }
}

static int setting(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

/* Sequence 0 is long enough for others to share some of; half of the others have more than one part, too. */
static struct lengths random_lengths(uint64_t *seed)
{
    struct lengths l = {{0}, {ATTEND_PART + fixture_below(seed, LENGTH - ATTEND_PART) + 1}};
    for (int s = 1; s < SEQS; s++) {
        l.length[s] = 1 + fixture_below(seed, fixture_below(seed, 2) ? LENGTH : ATTEND_PART);
        int most = (l.length[s] - 1 < l.length[0] ? l.length[s] - 1 : l.length[0]) / KV_BLOCK;
        l.shared[s] = KV_BLOCK * fixture_below(seed, most + 1);
    }
    return l;
}

/* One sequence reads in large chunks, the others in small ones, or all go row by row. */
static struct run random_run(uint64_t *seed)
{
    struct run run = {NULL, 1 + fixture_below(seed, 5), 0, SEQS, {0}, fixture_below(seed, 2) == 0};
    int large = fixture_below(seed, 2 * SEQS);
    for (int s = 0; s < SEQS; s++)
        run.chunk[s] = 1 + fixture_below(seed, s == large ? MAX_ROWS / 2 : fixture_below(seed, 2) ? MAX_ROWS / 2 / SEQS : 1);
    return run;
}

static void keeps_the_bits_of_a_row_in_random_steps(void **state)
{
    (void)state;
    const int first = setting("PARALLM_RANDOM_FIRST", 1), end = first + setting("PARALLM_RANDOM_SEEDS", 2);
    for (int i = first; i < end; i++) {
        uint64_t seed = (uint64_t)i << 20;
        fixture_random(&seed);
        const size_t which = (size_t)fixture_below(&seed, sizeof shapes / sizeof *shapes);
        const struct lengths lengths = random_lengths(&seed);
        struct world alone, w;
        world_open(&alone, &shapes[which], &lengths, (uint64_t)i);
        world_open(&w, &shapes[which], &lengths, (uint64_t)i);
        run_alone(&alone);
        for (size_t r = 0; r < 4; r++) {
            const struct run run = random_run(&seed);
            run_world(&w, &run);
            assert_rows(&w, &alone, which, (size_t)i * 10 + r);
        }
        world_fini(&w);
        world_fini(&alone);
    }
}

static void copies_blocks(void **state)
{
    (void)state;
    static const int group[3] = {0, 1, 0};
    const struct kv_layout layout = {KV_F16, 3, 2, 64, group, {5, 3}};
    struct fixture f;
    fixture_open(&f, NULL, 1, (struct stream_options){.max_rows = 1, .max_seqs = 1, .max_out = 1, .max_cols = 1});
    struct kv *kv;
    assert_int_equal(be->kv_open(&kv, f.stream, &layout, NULL), PLLM_OK);
    size_t bytes = be->kv_block_bytes(&layout, f.device, 0);
    assert_int_equal(bytes, 2 * 2 * 2 * 64 * KV_BLOCK * 2);
    assert_int_equal(be->kv_block_bytes(&layout, f.device, 1), bytes / 2);
    for (int l = 0; l < 3; l++) {
        memset(kv_block(kv, l, 1, 0), 10 + l, bytes / 2);
        memset(kv_block(kv, l, 2, 0), 20 + l, bytes / 2);
    }
    be->kv_copy(kv, 0, 1, 2, 7);
    assert_int_equal(*(char *)kv_block(kv, 0, 1, 1), 20);
    assert_int_equal(*(char *)kv_block(kv, 1, 1, 1), 11);
    assert_int_equal(*(char *)kv_block(kv, 2, 1, 1), 22);
    be->kv_close(kv);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attends_as_float64_does),
        cmocka_unit_test(keeps_the_bits_of_a_row),
        cmocka_unit_test(keeps_the_bits_of_a_row_in_random_steps),
        cmocka_unit_test(copies_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
