/* The queue: its order, and that nobody in it is far from its root, in whatever order they come and go. */
#include "base/mem.h"
#include "base/rng.h"
#include "engine/queue.h"
#include "test.h"

enum { MOST = 20000, SAMPLES = 64 };

static struct request *requests;
static struct seq *seqs;
static struct queue queue;

static int make(void **state)
{
    (void)state;
    requests = mem_zalloc(MOST, sizeof *requests);
    seqs = mem_zalloc(MOST, sizeof *seqs);
    assert_true(requests && seqs);
    for (int i = 0; i < MOST; i++) {
        requests[i].id = (uint64_t)i + 1;
        seqs[i].request = &requests[i];
    }
    queue = (struct queue){0};
    return 0;
}

static int drop(void **state)
{
    (void)state;
    mem_free(requests);
    mem_free(seqs);
    return 0;
}

/* Checks links and order below s; returns how many there are. */
static int check(const struct seq *s, const struct seq *parent, int depth, int *deepest, const struct seq **before)
{
    if (!s)
        return 0;
    assert_ptr_equal(s->parent, parent);
    assert_true(!parent || parent->rank >= s->rank);
    *deepest = depth > *deepest ? depth : *deepest;
    int n = check(s->child[0], s, depth + 1, deepest, before);
    assert_true(!*before || seq_before(*before, s));
    *before = s;
    return n + 1 + check(s->child[1], s, depth + 1, deepest, before);
}

/* A random tree of 20,000 is about 35 deep, and never in a lifetime 80; a list would be 20,000. */
static void assert_shallow(int n)
{
    const struct seq *before = NULL;
    int deepest = 0;
    assert_int_equal(check(queue.root, NULL, 1, &deepest, &before), n);
    assert_int_equal(queue.n, n);
    assert_true(deepest <= 80);
    assert_ptr_equal(queue_last(&queue), before);
}

static void in_the_order_of_arrival(void **state)
{
    (void)state;
    for (int i = 0; i < MOST; i++)
        queue_add(&queue, &seqs[i]);
    assert_shallow(MOST);
    for (int i = 0; i < MOST; i += 2)
        queue_remove(&queue, &seqs[i]);
    assert_shallow(MOST / 2);
    for (int i = 1; i < MOST; i += 2) {
        assert_ptr_equal(queue_first(&queue), &seqs[i]);
        queue_remove(&queue, &seqs[i]);
    }
    assert_shallow(0);
    assert_null(queue_first(&queue));
}

/* Urgent ones and others by turns: each urgent one stands before all the others. */
static void by_two_priorities(void **state)
{
    (void)state;
    for (int i = 0; i < MOST; i++) {
        requests[i].p.priority = -(i % 2);
        queue_add(&queue, &seqs[i]);
    }
    assert_shallow(MOST);
    for (int i = 0; i < MOST; i++)
        queue_remove(&queue, &seqs[i]);
    assert_shallow(0);
}

/* The further samples of each request come when its prompt is computed: before all that wait. */
static void the_samples_of_those_in_front(void **state)
{
    (void)state;
    const int n = MOST / SAMPLES;
    for (int i = 0; i < n * SAMPLES; i++) {
        seqs[i].request = &requests[i / SAMPLES];
        seqs[i].sample = i % SAMPLES;
        if (i % SAMPLES == 0)
            queue_add(&queue, &seqs[i]);
    }
    assert_shallow(n);
    for (int i = 0; i < n; i++) {
        assert_ptr_equal(queue_first(&queue), &seqs[i * SAMPLES]);
        for (int j = 1; j < SAMPLES; j++)
            queue_add(&queue, &seqs[i * SAMPLES + j]);
        if (i == n / 2)
            assert_shallow(n - i + SAMPLES - 1);
        for (int j = 0; j < SAMPLES; j++) {
            assert_ptr_equal(queue_first(&queue), &seqs[i * SAMPLES + j]);
            queue_remove(&queue, &seqs[i * SAMPLES + j]);
        }
    }
    assert_shallow(0);
}

static void at_random(void **state)
{
    (void)state;
    enum { N = 2000 };
    static bool waits[N];
    int n = 0;
    for (uint32_t k = 0; k < 40 * N; k++) {
        const int i = (int)(rng_uniform(1, 0, k, 0) * N);
        requests[i].p.priority = waits[i] ? requests[i].p.priority : (int)(rng_uniform(1, 0, k, 1) * 3) - 1;
        if (waits[i])
            queue_remove(&queue, &seqs[i]);
        else
            queue_add(&queue, &seqs[i]);
        waits[i] = !waits[i];
        n += waits[i] ? 1 : -1;
        if (k % 97 == 0)
            assert_shallow(n);
    }
    assert_shallow(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_the_order_of_arrival, make, drop),
        cmocka_unit_test_setup_teardown(by_two_priorities, make, drop),
        cmocka_unit_test_setup_teardown(the_samples_of_those_in_front, make, drop),
        cmocka_unit_test_setup_teardown(at_random, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
