/* The prefix tree: what is found, what is given up first, who is kept apart; against a plain list at random. */
#include "base/rng.h"
#include "engine/prefix.h"
#include "failing.h"
#include "test.h"

static struct kv_blocks kv;
static struct prefix *tree;
static struct prefix_root *root;

static int open_tree(void **state)
{
    (void)state;
    const int n_blocks[KV_GROUPS] = {64, 8};
    const struct prefix_key key = {0};
    assert_int_equal(kv_blocks_init(&kv, n_blocks, 40, NULL), PLLM_OK);
    assert_int_equal(prefix_open(&tree, &kv, NULL), PLLM_OK);
    root = prefix_root_get(tree, &key);
    assert_non_null(root);
    return 0;
}

static int close_tree(void **state)
{
    (void)state;
    prefix_root_put(tree, root);
    prefix_close(tree);
    kv_blocks_fini(&kv);
    return 0;
}

/* A block with tokens first, first + 1 ... under `parent`. */
static int32_t add(int32_t parent, int32_t first, int n)
{
    int32_t tokens[KV_BLOCK], b = prefix_take(tree, 0);
    assert_true(b >= 0);
    for (int i = 0; i < n; i++)
        tokens[i] = first + i;
    assert_true(prefix_insert(tree, root, parent, b, tokens, n));
    return b;
}

static int32_t find(int32_t parent, int32_t first, int n, int *common)
{
    int32_t tokens[KV_BLOCK];
    for (int i = 0; i < n; i++)
        tokens[i] = first + i;
    return prefix_find(tree, root, parent, tokens, n, common);
}

static void the_longest_common_beginning_is_found(void **state)
{
    (void)state;
    int common;
    assert_int_equal(find(-1, 0, 32, &common), -1);
    int32_t a = add(-1, 0, 32), part = add(-1, 500, 10), child = add(a, 32, 32);
    assert_true(find(-1, 0, 32, &common) == a && common == 32);
    assert_true(find(-1, 0, 7, &common) == a && common == 7);
    assert_true(find(-1, 500, 32, &common) == part && common == 10);
    assert_true(find(a, 32, 32, &common) == child && common == 32);
    assert_int_equal(find(-1, 32, 32, &common), -1); /* a child is found under its parent only */
    assert_int_equal(find(child, 64, 32, &common), -1);
    int32_t tokens[KV_BLOCK] = {0, 1, 2, 99};
    assert_true(prefix_find(tree, root, -1, tokens, 4, &common) == a && common == 3);
    int32_t same = prefix_take(tree, 0);
    for (int i = 0; i < KV_BLOCK; i++)
        tokens[i] = i;
    assert_false(prefix_insert(tree, root, -1, same, tokens, 32)); /* is there already */
    assert_false(prefix_has(tree, same));
    assert_true(prefix_has(tree, a) && prefix_n_tokens(tree, part) == 10);
}

static void the_oldest_is_given_up_children_first(void **state)
{
    (void)state;
    int common;
    int32_t a = add(-1, 0, 32), b = add(a, 32, 32), c = add(-1, 700, 32);
    while (kv.pool[0].n_free > 0)
        kv_take(&kv.pool[0]);
    assert_int_equal(prefix_take(tree, 0), -1); /* all in use */
    kv_unref(&kv.pool[0], b);
    kv_unref(&kv.pool[0], a);
    kv_unref(&kv.pool[0], c);
    assert_int_equal(prefix_take(tree, 0), b);
    assert_false(prefix_has(tree, b));
    assert_true(find(-1, 0, 32, &common) == a);
    kv_ref(&kv.pool[0], a); /* used again */
    assert_int_equal(prefix_take(tree, 0), c);
    assert_int_equal(prefix_take(tree, 0), -1);
    kv_unref(&kv.pool[0], a);
    assert_int_equal(prefix_take(tree, 0), a);
    assert_int_equal(find(-1, 0, 32, &common), -1);
}

static void keys_are_kept_apart(void **state)
{
    (void)state;
    static const struct prefix_key keys[] = {{.salt = "a"}, {.salt = "b"}, {.adapter = 1}, {.lone = 3}, {.rope = 1},
                                             {.salt = ""}};
    enum { N = sizeof keys / sizeof *keys };
    struct prefix_root *roots[N];
    int32_t tokens[] = {1, 2, 3};
    int common;
    for (int i = 0; i < N; i++) {
        roots[i] = prefix_root_get(tree, &keys[i]);
        assert_int_equal(prefix_find(tree, roots[i], -1, tokens, 3, &common), -1);
        int32_t b = prefix_take(tree, 0);
        assert_true(prefix_insert(tree, roots[i], -1, b, tokens, 3));
        kv_unref(&kv.pool[0], b);
        for (int j = 0; j < i; j++)
            assert_true(roots[i] != roots[j]);
    }
    char salt[] = "a"; /* equal text, other memory */
    const struct prefix_key again = {.salt = salt};
    assert_true(prefix_root_get(tree, &again) == roots[0]);
    prefix_root_put(tree, roots[0]);
    assert_int_equal(kv.pool[0].n_cached, N);
    for (int i = 0; i < N; i++)
        prefix_root_put(tree, roots[i]);
    assert_int_equal(kv.pool[0].n_cached, N - 1); /* what was shared under a number went with its last user */
    struct prefix_root *back = prefix_root_get(tree, &keys[0]);
    assert_true(prefix_find(tree, back, -1, tokens, 3, &common) >= 0 && common == 3);
    prefix_root_put(tree, back);
}

static void window_blocks_follow_their_nodes(void **state)
{
    (void)state;
    struct kv_pool *w = &kv.pool[1];
    int32_t a = add(-1, 0, 32), wa = prefix_take(tree, 1);
    assert_int_equal(prefix_window_block(tree, a), -1);
    prefix_set_window_block(tree, a, wa);
    kv_unref(w, wa);
    assert_int_equal(w->n_cached, 1);
    for (int i = 0; i < 8; i++) /* the eighth takes the cached one from its node */
        assert_true(prefix_take(tree, 1) >= 0);
    assert_int_equal(prefix_window_block(tree, a), -1);
    assert_int_equal(prefix_take(tree, 1), -1);
    prefix_set_window_block(tree, a, 2);
    kv_unref(&kv.pool[0], a);
    prefix_remove(tree, a); /* the block goes on with its user, the tree forgets it */
    assert_false(w->known[2]);
    assert_int_equal(w->refs[2], 1);
}

static void no_memory_leaves_the_tree_as_it_was(void **state)
{
    (void)state;
    const struct prefix_key key = {.salt = "x"};
    struct prefix_root *r = NULL;
    int32_t tokens[] = {1, 2}, b = prefix_take(tree, 0);
    int n = 0, common;
    for (bool failed = true; failed; n++) {
        fail_at(n);
        r = prefix_root_get(tree, &key);
        failed = fail_happened();
        assert_true(failed == !r);
    }
    assert_int_equal(n, 3);
    fail_at(0);
    assert_false(prefix_insert(tree, r, -1, b, tokens, 2));
    assert_true(fail_happened());
    assert_false(prefix_has(tree, b));
    assert_int_equal(prefix_find(tree, r, -1, tokens, 2, &common), -1);
    assert_true(prefix_insert(tree, r, -1, b, tokens, 2));
    prefix_root_put(tree, r);
    struct prefix *other = NULL;
    for (n = 0;; n++) {
        fail_at(n);
        pllm_status status = prefix_open(&other, &kv, NULL);
        if (!fail_happened())
            break;
        assert_int_equal(status, PLLM_E_MEMORY);
        assert_null(other);
    }
    assert_int_equal(n, 4);
    prefix_close(other);
}

/* Many children of one parent with few different tokens: the same answers as looking at all of them. */
static void finding_is_as_looking_at_all(void **state)
{
    (void)state;
    static int32_t tokens[60][KV_BLOCK];
    int lengths[60];
    int32_t blocks[60];
    uint32_t w[4];
    for (uint32_t i = 0; i < 60; i++) {
        rng_words(w, 3, i, 0, 0);
        lengths[i] = 1 + (int)(w[0] % 6);
        for (int j = 0; j < KV_BLOCK; j++) {
            rng_words(w, 4, i, (uint32_t)j, 0);
            tokens[i][j] = (int32_t)(w[0] % 3);
        }
        blocks[i] = prefix_take(tree, 0);
        if (!prefix_insert(tree, root, -1, blocks[i], tokens[i], lengths[i]))
            lengths[i] = 0; /* one like it was there */
    }
    for (uint32_t i = 0; i < 60; i++) {
        int most = 0, common;
        for (int j = 0; j < 60; j++) {
            int same = 0;
            while (same < lengths[j] && same < 6 && tokens[j][same] == tokens[59 - i][same])
                same++;
            most = same > most ? same : most;
        }
        assert_true((prefix_find(tree, root, -1, tokens[59 - i], 6, &common) >= 0) == (most > 0));
        assert_int_equal(common, most);
        if (lengths[i]) {
            prefix_remove(tree, blocks[i]);
            lengths[i] = 0;
        }
    }
}

static size_t longest_chain(const struct root_table *t)
{
    size_t longest = 0;
    for (size_t i = 0; i < t->n_buckets; i++) {
        size_t n = 0;
        for (const struct prefix_root *r = t->bucket[i]; r; r = r->next)
            n++;
        longest = n > longest ? n : longest;
    }
    return longest;
}

/* Without caching there is a root for each request, with it one for each salt: however many there are, few share a bucket. */
static void roots_are_found_without_looking_at_all(void **state)
{
    (void)state;
    enum { N = 10000 };
    static struct prefix_root *roots[2 * N];
    struct root_table t = {0};
    char salt[16];
    for (int i = 0; i < 2 * N; i++) {
        snprintf(salt, sizeof salt, "tenant %d", i / 2);
        const struct prefix_key key = i % 2 ? (struct prefix_key){.salt = salt} : (struct prefix_key){.lone = (uint64_t)i + 1};
        roots[i] = root_table_get(&t, &key);
        assert_non_null(roots[i]);
        assert_ptr_equal(root_table_get(&t, &key), roots[i]);
        assert_int_equal(t.n, i + 1);
    }
    assert_in_range(longest_chain(&t), 1, 16);
    for (int i = 0; i < 2 * N; i++)
        root_table_remove(&t, roots[i]);
    assert_int_equal(t.n, 0);
    assert_int_equal(longest_chain(&t), 0);
    root_table_fini(&t);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_tree, close_tree)
    const struct CMUnitTest tests[] = {
        TEST(the_longest_common_beginning_is_found), TEST(the_oldest_is_given_up_children_first),
        TEST(keys_are_kept_apart),                   TEST(window_blocks_follow_their_nodes),
        TEST(no_memory_leaves_the_tree_as_it_was),   TEST(finding_is_as_looking_at_all),
        TEST(roots_are_found_without_looking_at_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
