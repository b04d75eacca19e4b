#include "engine/plan.h"

#include "base/platform.h"
#include "base/pool.h"
#include "engine/sampler.h"

#include <limits.h>
#include <string.h>

enum {
    AUTO_MAX_SEQS = 256,  /* no CPU gains from more */
    DEFAULT_ROWS = 512,   /* enough to reach the rate of its products; more would only make steps longer */
    SCORE_ROWS = 256,     /* logits of a prompt computed at a time, if the vocabulary is small */
    TYPICAL_TOKENS = 1024, /* what the groups' shares of the cache are balanced for */
    MAX_BLOCKS = 1 << 24,
    DEFAULT_MOST_LEN = 1 << 20, /* a file may claim any context: a longer one must be asked for */
};
#define LOGITS_BYTES ((uint64_t)64 << 20) /* what scoring may take for logits where max_seqs does not need more */
#define RESERVE_BYTES ((uint64_t)64 << 20) /* left to the system of what it says is available */
#define UNKNOWN_BYTES ((uint64_t)1 << 30)  /* of cache, where the system does not tell */

static int div_up(int a, int b)
{
    return (int)(((int64_t)a + b - 1) / b);
}

static int clamp(int value, int lo, int hi)
{
    return value < lo ? lo : value > hi ? hi : value;
}

static pllm_status check(const pllm_engine_options *o, const struct engine_model *m, pllm_error *err)
{
    if (o->threads < 0 || o->threads > POOL_MOST_THREADS)
        return error_set(err, PLLM_E_ARGUMENT, "threads: is %d, wanted 0 to %d", (int)o->threads, POOL_MOST_THREADS);
    if (o->max_num_seqs < 0 || o->max_num_seqs > 1 << 14)
        return error_set(err, PLLM_E_ARGUMENT, "max_num_seqs: is %d, wanted 0 (auto) to %d", (int)o->max_num_seqs,
                         1 << 14);
    if (o->max_num_batched_tokens < 0 || o->max_num_batched_tokens > 1 << 20)
        return error_set(err, PLLM_E_ARGUMENT, "max_num_batched_tokens: is %d, wanted 0 (auto) to %d",
                         (int)o->max_num_batched_tokens, 1 << 20);
    if (o->max_model_len < 0 || o->max_model_len > m->max_context)
        return error_set(err, PLLM_E_ARGUMENT, "max_model_len: is %d, the model was made for 1 to %d",
                         (int)o->max_model_len, m->max_context);
    return PLLM_OK;
}

static pllm_status kv_type_of(enum kv_type *out, pllm_dtype dtype, pllm_error *err)
{
    switch (dtype) {
    case PLLM_DTYPE_AUTO:
    case PLLM_DTYPE_F16:
        return *out = KV_F16, PLLM_OK;
    case PLLM_DTYPE_F32:
        return *out = KV_F32, PLLM_OK;
    case PLLM_DTYPE_BF16:
        return *out = KV_BF16, PLLM_OK;
    case PLLM_DTYPE_INT8:
        return *out = KV_INT8, PLLM_OK;
    }
    return error_set(err, PLLM_E_ARGUMENT, "kv_cache_dtype: is %d, wanted auto, f32, f16, bf16 or int8", (int)dtype);
}

/* Blocks of a group that a sequence of `tokens` holds, the rows of its last chunk not counted. */
static int blocks_of(const struct engine_model *m, int tokens, int group)
{
    int all = div_up(tokens, KV_BLOCK);
    if (group == 0)
        return all;
    if (m->window == 0)
        return 0;
    int seen = m->window / KV_BLOCK + 2;
    return all < seen ? all : seen;
}

struct costs {
    uint64_t block[KV_GROUPS];
    uint64_t per_block; /* of group 0, with the share of group 1 that belongs to it */
    int share[2];       /* that share: blocks of group 1 for blocks of group 0 */
    int extra;          /* blocks of group 1 for a chunk of rows */
};

static uint64_t cache_bytes(const struct costs *c, const int n[KV_GROUPS])
{
    return (uint64_t)n[0] * c->block[0] + (uint64_t)n[1] * c->block[1];
}

static void count_window(const struct engine_model *m, const struct costs *c, int n[KV_GROUPS])
{
    n[1] = 0;
    if (m->window > 0)
        n[1] = (int)(((int64_t)n[0] * c->share[1] + c->share[0] - 1) / c->share[0]) + c->extra;
}

/* As many blocks of group 0 as `bytes` allow, with their share of the other. */
static void fit_blocks(const struct engine_model *m, const struct costs *c, uint64_t bytes, int most, int n[KV_GROUPS])
{
    int lo = 0, hi = most;
    while (lo < hi) {
        int mid = lo + (hi - lo + 1) / 2;
        int try[KV_GROUPS] = {mid, 0};
        count_window(m, c, try);
        if (cache_bytes(c, try) <= bytes)
            lo = mid;
        else
            hi = mid - 1;
    }
    n[0] = lo;
    count_window(m, c, n);
}

static struct costs costs_of(const struct engine_model *m, const struct engine_sizes *s)
{
    struct costs c = {.extra = m->window > 0 ? div_up(s->max_rows, KV_BLOCK) + 2 : 0};
    int typical = s->max_len < TYPICAL_TOKENS ? s->max_len : TYPICAL_TOKENS;
    c.share[0] = blocks_of(m, typical, 0);
    c.share[1] = blocks_of(m, typical, 1);
    c.block[0] = m->all_windowed ? 0 : m->block_bytes(m->ctx, s->kv_type, 0);
    c.block[1] = m->window > 0 ? m->block_bytes(m->ctx, s->kv_type, 1) : 0;
    return c;
}

/* With n_out rows of logits. */
static uint64_t scratch_bytes(const struct engine_model *m, const struct engine_sizes *s, int n_out)
{
    struct decoder_options o = {.threads = s->threads, .max_rows = s->max_rows, .max_seqs = s->max_seqs, .max_out = n_out,
                                .kv_type = s->kv_type, .n_blocks = {s->n_blocks[0], s->n_blocks[1]}};
    return (uint64_t)m->scratch_bytes(m->ctx, &o) +
           (uint64_t)s->threads * sampler_scratch_bytes(m->vocab, (size_t)s->max_len);
}

/* Memory for the cache if the options do not say: most of what is at hand. */
static uint64_t memory_at_hand(uint64_t held_bytes)
{
    uint64_t available = platform_available_bytes();
    if (available == 0)
        return UNKNOWN_BYTES;
    uint64_t taken = held_bytes + RESERVE_BYTES;
    return available > taken ? (available - taken) / 4 * 3 : 0;
}

/* Rows of logits that a run will use: memory that is never touched takes none. Where the number of sequences is left open,
 * it comes out between what fits of the longest ones and all: in the middle the error is smallest at worst. */
static int expected_out(const struct engine_sizes *s)
{
    int least = s->sequences_that_fit < s->max_seqs ? s->sequences_that_fit : s->max_seqs;
    int seqs = s->auto_seqs ? (least + s->max_seqs + 1) / 2 : s->max_seqs;
    return seqs < s->max_out ? seqs : s->max_out;
}

static void size_batch(struct engine_sizes *s, const struct engine_model *m, const pllm_engine_options *o)
{
    s->threads = pool_choose_threads(o->threads, platform_cores());
    s->max_len = o->max_model_len ? o->max_model_len : clamp(m->max_context, 1, DEFAULT_MOST_LEN);
    s->auto_seqs = o->max_num_seqs == 0;
    s->max_seqs = s->auto_seqs ? AUTO_MAX_SEQS : o->max_num_seqs;
    s->max_rows = o->max_num_batched_tokens ? o->max_num_batched_tokens : DEFAULT_ROWS;
    if (s->auto_seqs && o->max_num_batched_tokens && s->max_seqs > s->max_rows)
        s->max_seqs = s->max_rows;
    if (s->max_rows < s->max_seqs)
        s->max_rows = s->max_seqs; /* a row for each sequence */
    uint64_t affordable = LOGITS_BYTES / (sizeof(float) * (uint64_t)m->vocab);
    int score = clamp(affordable < SCORE_ROWS ? (int)affordable : SCORE_ROWS, 16, s->max_rows < 16 ? 16 : s->max_rows);
    if (s->auto_seqs && s->max_seqs > 2 * score)
        s->max_seqs = 2 * score; /* a large vocabulary: logits of so many rows would take too much */
    s->max_scores = score;
    s->max_out = s->max_seqs > score ? s->max_seqs : score;
}

pllm_status engine_size(struct engine_sizes *out, const struct engine_model *m, const pllm_engine_options *o,
                        uint64_t held_bytes, pllm_error *err)
{
    struct engine_sizes s = {0};
    pllm_status status = check(o, m, err);
    if (!status)
        status = kv_type_of(&s.kv_type, o->kv_cache_dtype, err);
    if (status)
        return status;
    size_batch(&s, m, o);
    struct costs c = costs_of(m, &s);
    uint64_t bytes = o->kv_cache_memory ? o->kv_cache_memory
                                        : memory_at_hand(held_bytes + scratch_bytes(m, &s, s.max_out));
    int64_t useful = (int64_t)blocks_of(m, s.max_len, 0) * s.max_seqs;
    int most = useful < MAX_BLOCKS ? (int)useful : MAX_BLOCKS;
    fit_blocks(m, &c, bytes, o->kv_cache_memory && !m->all_windowed ? MAX_BLOCKS : most, s.n_blocks);
    int whole[KV_GROUPS] = {blocks_of(m, s.max_len, 0), blocks_of(m, s.max_len, 1)};
    s.sequence_bytes = cache_bytes(&c, whole);
    if (s.n_blocks[0] < 1 || (m->window > 0 && s.n_blocks[1] < m->window / KV_BLOCK + 4 && s.n_blocks[1] < whole[1]))
        return error_set(err, PLLM_E_MEMORY,
                         "KV cache: %llu bytes are at hand, a block of %d tokens takes %llu, a sequence of %d tokens %llu",
                         (unsigned long long)bytes, KV_BLOCK, (unsigned long long)(c.block[0] + c.block[1]), s.max_len,
                         (unsigned long long)s.sequence_bytes);
    s.kv_bytes = cache_bytes(&c, s.n_blocks);
    s.sequences_that_fit = s.n_blocks[0] / whole[0];
    if (whole[1] && s.n_blocks[1] / whole[1] < s.sequences_that_fit)
        s.sequences_that_fit = s.n_blocks[1] / whole[1];
    s.scratch_bytes = scratch_bytes(m, &s, expected_out(&s));
    *out = s;
    return PLLM_OK;
}

pllm_plan plan_of(const struct engine_sizes *s)
{
    return (pllm_plan){.kv_cache_bytes = s->kv_bytes,
                       .scratch_bytes = s->scratch_bytes,
                       .peak_bytes = s->kv_bytes + s->scratch_bytes,
                       .kv_bytes_per_sequence = s->sequence_bytes,
                       .available_bytes = platform_available_bytes(),
                       .kv_blocks = s->n_blocks[0],
                       .kv_block_tokens = KV_BLOCK,
                       .max_num_seqs = s->max_seqs,
                       .max_num_batched_tokens = s->max_rows,
                       .max_model_len = s->max_len,
                       .sequences_that_fit = s->sequences_that_fit};
}
