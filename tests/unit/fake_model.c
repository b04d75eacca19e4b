#include "fake_model.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

struct cell {
    uint64_t first, second; /* what the two layers keep of a position */
    int32_t token, pos;     /* -1: never stored */
    uint64_t step;
};

struct fake_decoder {
    struct fake_model *m;
    int n_blocks[KV_GROUPS];
    struct cell *cells[KV_GROUPS]; /* [n_blocks][KV_BLOCK] */
    float *logits;
    int max_rows, max_out;
    uint64_t step;
    pllm_progress progress;
    void *progress_user;
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ b) * 0x9E3779B97F4A7C15ull;
    x ^= x >> 29;
    x *= 0xBF58476D1CE4E5B9ull;
    return x ^ x >> 32;
}

static uint64_t first_of(int32_t token, int pos, int adapter, int rope)
{
    return mix(mix((uint64_t)token + 1, (uint64_t)pos), (uint64_t)((adapter + 1) * 2 + rope));
}

static void logits_of(const struct fake_model *m, uint64_t h, int32_t last, float *logits)
{
    for (int i = 0; i < m->vocab; i++)
        logits[i] = (float)(mix(h, (uint64_t)i + 77) >> 40) * (8.0f / (1 << 24));
    if (last == m->nan_token)
        logits[m->vocab / 2] = NAN;
}

static int first_seen(const struct fake_model *m, int pos)
{
    int first = m->window > 0 ? pos - m->window + 1 : 0;
    return first > 0 ? first : 0;
}

void fake_logits(const struct fake_model *m, const int32_t *tokens, int n, int adapter, float *logits)
{
    uint64_t *second = mem_zalloc((size_t)n, sizeof *second), h = 0;
    int rope = m->rope_switch > 0 && n > m->rope_switch;
    for (int p = 0; p < n; p++) {
        h = mix(h, first_of(tokens[p], p, adapter, rope));
        second[p] = mix(h, (uint64_t)tokens[p]);
    }
    h = 0;
    for (int p = first_seen(m, n - 1); p < n; p++)
        h = mix(h, second[p]);
    mem_free(second);
    logits_of(m, h, tokens[n - 1], logits);
}

static size_t block_bytes(const void *ctx, enum kv_type type, int group)
{
    (void)ctx, (void)type, (void)group;
    return 1024;
}

static size_t scratch_bytes(const void *ctx, const struct decoder_options *o)
{
    const struct fake_model *m = ctx;
    return (size_t)o->max_rows * 16 + (size_t)o->max_out * (size_t)m->vocab * sizeof(float);
}

static void fake_close(void *decoder)
{
    struct fake_decoder *d = decoder;
    d->m->n_open--;
    for (int g = 0; g < KV_GROUPS; g++)
        mem_free(d->cells[g]);
    mem_free(d->logits);
    mem_free(d);
}

static pllm_status fake_open(void **out, const void *ctx, const struct decoder_options *o, pllm_error *err)
{
    struct fake_decoder *d = mem_zalloc(1, sizeof *d);
    if (!d)
        return error_memory(err, "fake decoder");
    d->m = (struct fake_model *)ctx;
    d->m->n_open++;
    d->max_rows = o->max_rows;
    d->max_out = o->max_out;
    d->progress = o->progress;
    d->progress_user = o->progress_user;
    d->logits = mem_zalloc((size_t)o->max_out * (size_t)d->m->vocab, sizeof *d->logits);
    bool ok = d->logits != NULL;
    for (int g = 0; g < KV_GROUPS; g++) {
        d->n_blocks[g] = o->n_blocks[g];
        d->cells[g] = mem_zalloc((size_t)o->n_blocks[g] * KV_BLOCK, sizeof *d->cells[g]);
        ok = ok && d->cells[g];
    }
    if (!ok) {
        fake_close(d);
        return error_memory(err, "fake decoder");
    }
    for (int g = 0; g < KV_GROUPS; g++)
        for (int i = 0; i < o->n_blocks[g] * KV_BLOCK; i++)
            d->cells[g][i].pos = -1;
    *out = d;
    return PLLM_OK;
}

/* The cell of a position, through the table; a bad table is counted, and gives a cell that is nobody's. */
static struct cell *cell_of(struct fake_decoder *d, const struct batch_seq *q, int group, int pos)
{
    static struct cell nowhere;
    int32_t block = q->blocks[group][pos / KV_BLOCK];
    if (block < 0 || block >= d->n_blocks[group]) {
        d->m->wrong++;
        nowhere = (struct cell){.pos = -1};
        return &nowhere;
    }
    return &d->cells[group][block * KV_BLOCK + pos % KV_BLOCK];
}

static uint64_t read_first(struct fake_decoder *d, const struct batch_seq *q, int pos)
{
    uint64_t h = 0;
    for (int p = 0; p <= pos; p++) {
        const struct cell *c = cell_of(d, q, 0, p);
        d->m->wrong += c->pos != p;
        h = mix(h, c->first);
    }
    return h;
}

static uint64_t read_second(struct fake_decoder *d, const struct batch_seq *q, int pos, int group)
{
    uint64_t h = 0;
    for (int p = first_seen(d->m, pos); p <= pos; p++) {
        const struct cell *c = cell_of(d, q, group, p);
        d->m->wrong += c->pos != p;
        h = mix(h, c->second);
    }
    return h;
}

/* Two rows of one step may not write to one place. */
static void mark(struct fake_decoder *d, struct cell *c, int32_t token, int pos)
{
    d->m->wrong += c->step == d->step;
    c->step = d->step;
    c->token = token;
    c->pos = pos;
}

static bool fake_step(void *decoder, const struct batch *b, const float **logits, size_t *stride)
{
    struct fake_decoder *d = decoder;
    struct fake_model *m = d->m;
    const int group = m->window > 0;
    d->step++;
    m->rows += (uint64_t)b->n_rows;
    m->last_rows = b->n_rows;
    m->last_out = b->n_out;
    m->wrong += b->n_rows > d->max_rows || b->n_out > d->max_out;
    for (int s = 0; s < b->n_seqs; s++) /* layer by layer, as the real one: rows see rows of the same step */
        for (int i = 0; i < b->seqs[s].n_rows; i++) {
            const struct batch_seq *q = &b->seqs[s];
            const int32_t token = b->tokens[q->first_row + i];
            struct cell *c = cell_of(d, q, 0, q->pos + i);
            mark(d, c, token, q->pos + i);
            c->first = first_of(token, q->pos + i, q->adapter, q->rope);
        }
    for (int s = 0; s < b->n_seqs; s++)
        for (int i = 0; i < b->seqs[s].n_rows; i++) {
            const struct batch_seq *q = &b->seqs[s];
            const int32_t token = b->tokens[q->first_row + i];
            struct cell *c = cell_of(d, q, group, q->pos + i);
            if (group)
                mark(d, c, token, q->pos + i);
            c->second = mix(read_first(d, q, q->pos + i), (uint64_t)token);
        }
    for (int s = 0, o = 0; s < b->n_seqs; s++)
        for (; o < b->n_out && b->out_rows[o] < b->seqs[s].first_row + b->seqs[s].n_rows; o++) {
            const struct batch_seq *q = &b->seqs[s];
            int row = b->out_rows[o], pos = q->pos + row - q->first_row;
            logits_of(m, read_second(d, q, pos, group), b->tokens[row], d->logits + (size_t)o * (size_t)m->vocab);
        }
    *logits = d->logits;
    *stride = (size_t)m->vocab;
    return !d->progress || d->progress(d->progress_user, "step", 1, 2);
}

static void fake_copy(void *decoder, int group, int32_t to, int32_t from, int n)
{
    struct fake_decoder *d = decoder;
    d->m->wrong += to < 0 || from < 0 || to == from || n < 1 || n > KV_BLOCK;
    memcpy(&d->cells[group][to * KV_BLOCK], &d->cells[group][from * KV_BLOCK], (size_t)n * sizeof(struct cell));
}

static void adapter_gone(struct adapter *a)
{
    a->n_layers = -1;
}

struct fake_model fake_model_default(void)
{
    return (struct fake_model){.vocab = 101, .max_context = 4096, .nan_token = -1};
}

const struct kernels *fake_kernels(void)
{
    static struct kernels kernels;
    kernels_init(&kernels, 0, NULL);
    return &kernels;
}

struct engine_model fake_engine_model(struct fake_model *m)
{
    return (struct engine_model){.ctx = m, .kernels = fake_kernels(), .vocab = m->vocab, .max_context = m->max_context, .window = m->window,
                                 .rope_switch = m->rope_switch, .block_bytes = block_bytes,
                                 .scratch_bytes = scratch_bytes, .open = fake_open, .close = fake_close,
                                 .step = fake_step, .copy_block = fake_copy, .adapter_close = adapter_gone};
}
