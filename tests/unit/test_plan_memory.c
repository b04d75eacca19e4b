/* The plan against what opening an engine asks for, to the kilobyte: each thread's share, that of the cache, and the whole. */
#include "failing.h"
#include "tiny_model.h"

enum { MB = 1 << 20 };

struct sizes {
    int64_t asked, planned, blocks;
};

static struct sizes open_with(int threads, uint64_t cache_bytes)
{
    pllm_engine_options o = pllm_engine_options_default();
    pllm_engine *e;
    pllm_error err;
    o.threads = threads;
    o.max_num_seqs = 64;
    o.max_num_batched_tokens = 64;
    o.max_model_len = 128;
    o.kv_cache_memory = cache_bytes;
    const size_t before = asked_bytes;
    if (pllm_engine_open(&e, model, &o, &err))
        fail_msg("%s", err.message);
    const pllm_plan p = pllm_engine_plan(e);
    const struct sizes s = {(int64_t)(asked_bytes - before), (int64_t)(p.kv_cache_bytes + p.scratch_bytes), p.kv_blocks};
    pllm_engine_close(e);
    return s;
}

/* What is rarely touched is not planned, so the whole may be less than what is asked for, but never more. */
static void assert_share(struct sizes few, struct sizes many, int64_t more_than, int64_t tolerance)
{
    const int64_t asked = many.asked - few.asked, planned = many.planned - few.planned;
    assert_true(many.planned <= many.asked && few.planned <= few.asked);
    assert_true(asked > more_than); /* else this would show nothing */
    if (planned > asked + tolerance || planned < asked - tolerance)
        fail_msg("%lld bytes are planned, %lld asked for", (long long)planned, (long long)asked);
}

static void threads_have_their_share(void **state)
{
    (void)state;
    const struct sizes two = open_with(2, MB), eight = open_with(8, MB);
    assert_share(two, eight, 6 * 32 * 1024, 6 * 1024);
    assert_share(open_with(1, MB), two, 32 * 1024, 4 * 1024); /* a second thread is the first to share parts of a context */
}

static void the_cache_has_its_share(void **state)
{
    (void)state;
    const struct sizes small = open_with(2, MB), large = open_with(2, 9 * MB);
    assert_share(small, large, 7 * MB, (large.blocks - small.blocks) * 256); /* what is known of a block is not planned */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_have_their_share), cmocka_unit_test(the_cache_has_its_share)};
    return cmocka_run_group_tests(tests, start, stop);
}
