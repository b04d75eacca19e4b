/* Sizes of a run: what options say, what memory allows, what is refused. The fake model's block takes 1,024 bytes. */
#include "engine/plan.h"
#include "fake_model.h"
#include "test.h"

static struct fake_model m;

static int start(void **state)
{
    (void)state;
    m = fake_model_default();
    return 0;
}

static struct engine_sizes size_of(pllm_engine_options o)
{
    struct engine_model em = fake_engine_model(&m);
    struct engine_sizes s;
    pllm_error err;
    if (engine_size(&s, &em, &o, 0, &err))
        fail_msg("%s", err.message);
    return s;
}

static void refuse(pllm_engine_options o, pllm_status wanted, const char *words)
{
    struct engine_model em = fake_engine_model(&m);
    struct engine_sizes s = {.threads = -7};
    pllm_error err;
    assert_int_equal(engine_size(&s, &em, &o, 0, &err), wanted);
    assert_message(err, words);
    assert_int_equal(s.threads, -7);
}

static void options_are_kept(void **state)
{
    (void)state;
    struct engine_sizes s = size_of((pllm_engine_options){.threads = 3, .max_num_seqs = 20, .max_num_batched_tokens = 90,
                                                          .max_model_len = 100, .kv_cache_memory = 50 * 1024 + 1023});
    assert_true(s.threads == 3 && s.max_seqs == 20 && s.max_rows == 90 && s.max_len == 100 && !s.auto_seqs);
    assert_int_equal(s.n_blocks[0], 50); /* whole blocks, never more bytes than said */
    assert_int_equal(s.n_blocks[1], 0);
    assert_int_equal(s.kv_bytes, 50 * 1024);
    assert_int_equal(s.sequence_bytes, 4 * 1024);
    assert_int_equal(s.sequences_that_fit, 12);
    assert_true(s.kv_type == KV_F16);
    pllm_plan p = plan_of(&s);
    assert_true(p.kv_blocks == 50 && p.kv_block_tokens == KV_BLOCK && p.sequences_that_fit == 12);
    assert_int_equal(p.peak_bytes, p.kv_cache_bytes + p.scratch_bytes);
}

static void what_is_left_open_is_chosen(void **state)
{
    (void)state;
    struct engine_sizes s = size_of((pllm_engine_options){.max_model_len = 64});
    assert_true(s.auto_seqs && s.max_seqs > 16 && s.threads >= 1);
    assert_true(s.max_rows >= s.max_seqs && s.max_out >= s.max_seqs);
    assert_int_equal(s.n_blocks[0], 2 * s.max_seqs); /* no more than all sequences can use */
    s = size_of((pllm_engine_options){.max_num_seqs = 100, .max_num_batched_tokens = 7, .kv_cache_memory = 1 << 20});
    assert_int_equal(s.max_rows, 100); /* a row for each */
    s = size_of((pllm_engine_options){.max_num_batched_tokens = 7, .kv_cache_memory = 1 << 20});
    assert_true(s.max_rows == 7 && s.max_seqs == 7);
    m.vocab = 1 << 20; /* logits of a row take 4 MiB */
    s = size_of((pllm_engine_options){.kv_cache_memory = 1 << 20});
    assert_true(s.max_seqs < 64 && s.max_out < 64);
    m = fake_model_default();
    m.max_context = INT32_MAX; /* a file may claim anything */
    s = size_of((pllm_engine_options){.kv_cache_memory = 1 << 20});
    assert_true(s.max_len <= 1 << 20);
}

/* Logits are counted for sequences that will run: all where their number was asked for, else half way between those of
 * full length that fit and all. */
static void logits_are_counted_for_sequences_that_run(void **state)
{
    (void)state;
    m.vocab = 1 << 18;
    const uint64_t row = (uint64_t)m.vocab * 4;
    pllm_engine_options o = {.max_model_len = 1024, .kv_cache_memory = 320 * 1024};
    struct engine_sizes open = size_of(o);
    assert_true(open.auto_seqs && open.sequences_that_fit == 10 && open.max_seqs > 40);
    o.max_num_seqs = open.max_seqs;
    struct engine_sizes all = size_of(o);
    assert_int_equal(all.max_seqs, open.max_seqs);
    assert_int_equal((all.scratch_bytes - open.scratch_bytes) / row, (open.max_seqs - 10) / 2);
}

static void windows_have_their_share(void **state)
{
    (void)state;
    m.window = 128;
    struct engine_sizes s = size_of((pllm_engine_options){.max_num_seqs = 8, .max_num_batched_tokens = 64,
                                                          .max_model_len = 1024, .kv_cache_memory = 256 * 1024});
    assert_true(s.kv_bytes <= 256 * 1024 && s.kv_bytes > 250 * 1024);
    assert_int_equal(s.sequence_bytes, (32 + 6) * 1024); /* all positions, and what the window can touch */
    assert_true(s.n_blocks[1] < s.n_blocks[0] / 4 && s.n_blocks[1] >= 8 + s.n_blocks[0] * 6 / 32 - 5);
    assert_true(s.sequences_that_fit <= s.n_blocks[0] / 32 && s.sequences_that_fit <= s.n_blocks[1] / 6);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    refuse((pllm_engine_options){.threads = -1}, PLLM_E_ARGUMENT, "threads: is -1, wanted 0 to 1024");
    refuse((pllm_engine_options){.max_num_seqs = 1 << 20}, PLLM_E_ARGUMENT, "max_num_seqs: is 1048576");
    refuse((pllm_engine_options){.max_num_batched_tokens = -5}, PLLM_E_ARGUMENT, "max_num_batched_tokens: is -5");
    refuse((pllm_engine_options){.max_model_len = 4097}, PLLM_E_ARGUMENT, "max_model_len: is 4097");
    refuse((pllm_engine_options){.kv_cache_dtype = (pllm_dtype)9}, PLLM_E_ARGUMENT, "kv_cache_dtype: is 9");
    refuse((pllm_engine_options){.kv_cache_memory = 1023}, PLLM_E_MEMORY, "a block of 32 tokens takes 1024");
    m.window = 256;
    refuse((pllm_engine_options){.max_num_seqs = 1, .kv_cache_memory = 4096}, PLLM_E_MEMORY, "KV cache: 4096 bytes");
}

/* Memory that the process will hold besides is not at hand; however much it is, nothing wraps round. */
static void held_memory_is_not_at_hand(void **state)
{
    (void)state;
    struct engine_model em = fake_engine_model(&m);
    struct engine_sizes s;
    pllm_error err;
    pllm_engine_options o = {.max_num_seqs = 1 << 14};
    if (plan_of(&(struct engine_sizes){0}).available_bytes == 0)
        skip(); /* the system does not tell */
    assert_int_equal(engine_size(&s, &em, &o, UINT64_MAX / 2, &err), PLLM_E_MEMORY);
    assert_message(err, "KV cache: 0 bytes are at hand");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, start)
    const struct CMUnitTest tests[] = {TEST(options_are_kept),         TEST(what_is_left_open_is_chosen),
                                       TEST(logits_are_counted_for_sequences_that_run),
                                       TEST(windows_have_their_share), TEST(what_cannot_be_is_refused),
                                       TEST(held_memory_is_not_at_hand)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
