/* The scheduler by itself: which rows each step has, who joins, who gives way; tokens are made up here. */
#include "base/mem.h"
#include "engine/sched.h"
#include "failing.h"
#include "fake_model.h"
#include "test.h"

enum { MOST = 40 };

static struct fake_model m;
static struct engine_model model;
static struct sched sched;
static struct prefix_root *root;
static struct request *requests[MOST];
static int n_requests, n_done, order[MOST]; /* in which they ended */

static void open_sched(int rows, int seqs, int blocks)
{
    const struct sched_sizes sizes = {rows, seqs > 4 ? seqs : 4, seqs > 4 ? seqs : 4, seqs, {blocks, 0}, 100};
    const struct decoder_options o = {.max_rows = rows, .max_out = sizes.max_out, .n_blocks = {blocks, 0}};
    const struct prefix_key key = {0};
    m = fake_model_default();
    model = fake_engine_model(&m);
    assert_int_equal(sched_init(&sched, &model, &sizes, NULL), PLLM_OK);
    assert_int_equal(model.open(&sched.cache.decoder, model.ctx, &o, NULL), PLLM_OK);
    root = prefix_root_get(sched.cache.prefix, &key);
    n_requests = n_done = 0;
}

static void close_sched(void)
{
    for (int i = 0; i < n_requests; i++) {
        sched_drop(&sched, &requests[i]->seqs[0]);
        request_close(requests[i]);
    }
    assert_int_equal(kv_live(&sched.cache.kv.pool[0]), 0);
    assert_int_equal(sched.waiting.n + sched.n_running, 0);
    prefix_root_put(sched.cache.prefix, root);
    model.close(sched.cache.decoder);
    sched_fini(&sched);
    assert_int_equal(m.n_open, 0);
}

/* Prompts of which no two begin alike, unless `same`. */
static struct seq *queue(int n_prompt, int max_tokens, int priority, bool same)
{
    static int32_t tokens[2048];
    pllm_request p = {.tokens = tokens, .n_tokens = (size_t)n_prompt, .n = 1, .max_tokens = max_tokens, .logprobs = -1,
                      .prompt_logprobs = -1, .priority = priority};
    p.sampling = (pllm_sampling){.top_p = 1, .typical_p = 1, .repetition_penalty = 1, .dry_base = 1.75f, .dry_allowed_length = 2};
    for (int i = 0; i < n_prompt; i++)
        tokens[i] = i == 0 && !same ? n_requests + 1 : (i * 7) % 100;
    struct request *r;
    pllm_error err;
    if (request_open(&r, &p, NULL, 0, p.n_tokens, m.vocab, &err))
        fail_msg("%s", err.message);
    r->id = (uint64_t)n_requests + 1;
    r->roots[0] = root;
    r->prompt_done = true; /* as if all samples but one had ended */
    requests[n_requests++] = r;
    sched_queue(&sched, &r->seqs[0]);
    return &r->seqs[0];
}

/* The sequences below q in the tree of those that wait, behind out[0 .. n-1]; returns how many there are then. */
static int in_order(struct seq *q, struct seq **out, int n)
{
    if (!q)
        return n;
    n = in_order(q->child[0], out, n);
    assert_true(n < MOST);
    out[n++] = q;
    return in_order(q->child[1], out, n);
}

/* Makes a step, checks what holds for all steps, and gives everybody who asked for it a token. */
static void step(void)
{
    assert_int_equal(sched_next(&sched, NULL), PLLM_OK);
    const struct batch *b = &sched.batch;
    int rows = 0, outs = 0;
    assert_true(b->n_rows <= sched.max_rows && b->n_out <= sched.max_out && sched.n_running <= sched.limit);
    for (int i = 0; i < b->n_seqs; i++) {
        assert_int_equal(b->seqs[i].first_row, rows);
        assert_true(b->seqs[i].n_rows > 0);
        rows += b->seqs[i].n_rows;
    }
    assert_int_equal(rows, b->n_rows);
    for (int i = 1; i < sched.n_running; i++)
        assert_true(seq_before(sched.running[i - 1], sched.running[i]));
    struct seq *waiting[MOST];
    const int n_waiting = in_order(sched.waiting.root, waiting, 0);
    assert_int_equal(sched.waiting.n, n_waiting);
    for (int i = 1; i < n_waiting; i++)
        assert_true(seq_before(waiting[i - 1], waiting[i]));
    for (int i = 0; i < sched.n_running; i++) {
        struct seq *q = sched.running[i];
        outs += q->n_out;
        if (q->n_out == 0)
            continue;
        q->tokens.at[q->tokens.n++] = 1 + q->request->seqs[0].n_prompt % 50;
        if (seq_n_output(q) < q->request->p.max_tokens)
            continue;
        order[n_done++] = (int)q->request->id - 1;
        sched_drop(&sched, q);
        i--;
    }
    assert_true(outs == b->n_out || n_done > 0);
}

static void decoding_goes_before_reading(void **state)
{
    (void)state;
    open_sched(64, 8, 100);
    struct seq *a = queue(40, 10, 0, false), *b = queue(300, 10, 0, false);
    step();
    assert_int_equal(sched.batch.n_rows, 64);
    assert_true(a->pos == 40 && b->pos == 24); /* the rest of the budget */
    struct seq *c = queue(20, 10, 0, false);
    step();
    assert_int_equal(sched.n_decode, 1);
    assert_true(a->pos == 41 && b->pos == 24 + 63 && c->state == SEQ_WAITING);
    for (int i = 0; i < 3; i++)
        step();
    assert_true(a->pos == 44 && b->pos == 24 + 4 * 63);
    step();
    assert_true(b->pos == 300 && c->pos == 20); /* b leaves rows over: c joins */
    while (sched.n_running)
        step();
    close_sched();
}

/* An urgent request with the prompt that another is reading: it goes on where that one is, which then follows it, or takes
 * over again when the urgent one is cancelled. Only the last, partly filled block is computed twice. */
static void prompts_that_begin_alike_are_read_once(void **state)
{
    (void)state;
    for (int cancel = 0; cancel < 2; cancel++) {
        open_sched(64, 8, 100);
        struct seq *a = queue(200, 4, 0, true);
        step();
        struct seq *b = queue(200, 4, -1, true);
        int rows = 64;
        step();
        rows += sched.batch.n_rows;
        assert_true(b->pos == 128 && a->n_rows == 0);
        for (int i = 0; i < 6; i++)
            assert_int_equal(b->blocks[0][i], a->blocks[0][i]);
        assert_int_equal(sched.cache.kv.pool[0].n_shared, 7); /* and the block that b is to copy from */
        if (cancel)
            sched_drop(&sched, b);
        while (sched.n_running) {
            step();
            rows += sched.batch.n_rows;
        }
        assert_int_equal(n_done, 2 - cancel);
        assert_in_range(rows, cancel ? 203 : 206, 214);
        close_sched();
    }
}

/* Three sequences that will need four blocks each, in ten: the last gives way, and comes back before later ones. */
static void the_last_gives_way(void **state)
{
    (void)state;
    open_sched(128, 8, 10);
    for (int i = 0; i < 6; i++)
        queue(60, 60, 0, false);
    int steps = 0;
    for (; n_done < 6; steps++) {
        assert_true(steps < 1000);
        step();
        assert_true(requests[0]->seqs[0].state != SEQ_WAITING); /* the first never waits */
    }
    assert_true(sched.preemptions > 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(order[i], i);
    close_sched();
}

static void only_who_has_a_border_before_it_keeps_a_block_back(void **state)
{
    (void)state;
    open_sched(128, 16, 16);
    for (int i = 0; i < 16; i++)
        queue(10, 20, 0, false); /* a block each, to the end */
    step();
    assert_int_equal(sched.n_running, 13); /* the budget of rows */
    step();
    assert_int_equal(sched.n_running, 16);
    while (sched.n_running)
        step();
    assert_int_equal(sched.preemptions, 0);
    close_sched();
}

static void urgent_ones_take_places_and_shorten_steps(void **state)
{
    (void)state;
    open_sched(256, 3, 100);
    struct seq *a = queue(100, 50, 0, false), *b = queue(900, 50, 0, false), *c = queue(400, 50, 0, false);
    step();
    step();
    assert_int_equal(sched.n_running, 2);
    for (int i = 0; i < 4; i++)
        step();
    assert_int_equal(sched.n_running, 3);
    struct seq *urgent = queue(40, 5, -1, false);
    step();
    assert_true(urgent->pos == 40 && urgent->state == SEQ_RUNNING);
    assert_true(c->state == SEQ_WAITING && queue_first(&sched.waiting) == c); /* the last in the order gave its place */
    assert_int_equal(sched.preemptions, 1);
    assert_int_equal(sched.batch.n_rows, 40 + 2); /* beside its prompt others only decode */
    while (urgent->state == SEQ_RUNNING)
        step();
    assert_true(a->state == SEQ_RUNNING && b->state == SEQ_RUNNING);
    while (sched.n_running)
        step();
    close_sched();
}

static void assert_queue(struct seq *const *want, int n)
{
    struct seq *is[MOST];
    assert_int_equal(in_order(sched.waiting.root, is, 0), n);
    assert_memory_equal(is, want, (size_t)n * sizeof *want);
    assert_ptr_equal(queue_first(&sched.waiting), want[0]);
    assert_ptr_equal(queue_last(&sched.waiting), want[n - 1]);
    assert_int_equal(sched.waiting.n, n);
}

/* Three priorities in one queue: who comes, and who comes back, has its place within. */
static void whoever_comes_or_comes_back_takes_its_place_in_the_queue(void **state)
{
    (void)state;
    open_sched(64, 2, 100);
    struct seq *a = queue(20, 30, 0, false), *b = queue(20, 30, 1, false);
    step();
    assert_true(a->state == SEQ_RUNNING && b->state == SEQ_RUNNING);
    struct seq *last = queue(20, 3, 2, false), *first = queue(20, 3, 0, false), *after_b = queue(20, 3, 1, false),
               *second = queue(20, 3, 0, false);
    assert_queue((struct seq *[]){first, second, after_b, last}, 4);
    step();
    assert_true(first->state == SEQ_RUNNING && b->state == SEQ_WAITING); /* b gave its place */
    assert_queue((struct seq *[]){second, b, after_b, last}, 4);
    while (sched.n_running)
        step();
    assert_int_equal(n_done, 6);
    close_sched();
}

/* Rows of prompts that the rest had in 30 steps beside an urgent one that decodes; want: in no more than every third of them. */
static int read_beside_urgent(int n_prompt, int max_tokens, int *most)
{
    open_sched(256, 16, 400);
    for (int i = 0; i < 39; i++)
        queue(n_prompt, max_tokens / 2 + i * 7 % max_tokens, 0, false); /* ends are spread */
    for (int i = 0; i < 40; i++)
        step();
    struct seq *urgent = queue(20, 60, -1, false);
    step();
    int read = 0, quiet = 2;
    *most = 0;
    for (int i = 0; i < 30; i++) {
        step();
        int rows = sched.batch.n_rows - sched.n_decode;
        assert_true(rows == 0 || quiet >= 2);
        quiet = rows == 0 ? quiet + 1 : 0;
        read += rows;
        *most = rows > *most ? rows : *most;
    }
    assert_true(urgent->state == SEQ_RUNNING);
    sched_drop(&sched, urgent);
    close_sched();
    return read;
}

/* Answers of 40 tokens to prompts of 40 in 16 places want about 16 rows of prompts a step; long prompts with short answers
 * want all that there are. */
static void beside_urgent_ones_prompts_are_read_as_the_places_need(void **state)
{
    (void)state;
    int most, read = read_beside_urgent(40, 40, &most);
    assert_in_range(read, 30 * 8, 30 * 20);
    assert_true(most < 128);
    read = read_beside_urgent(400, 4, &most);
    assert_true(most > 200 && read > 30 / 3 * 150);
}

static void no_memory_is_told_and_changes_nothing(void **state)
{
    (void)state;
    const struct sched_sizes sizes = {16, 16, 16, 4, {10, 0}, 0};
    struct sched s;
    int n = 0;
    m = fake_model_default();
    model = fake_engine_model(&m);
    for (;; n++) {
        fail_at(n);
        pllm_status status = sched_init(&s, &model, &sizes, NULL);
        if (!fail_happened())
            break;
        assert_int_equal(status, PLLM_E_MEMORY);
        assert_null(s.running);
    }
    assert_true(n > 10);
    sched_fini(&s);
    open_sched(64, 4, 20);
    struct seq *a = queue(20, 200, 0, false);
    fail_at(0); /* a's tables */
    assert_int_equal(sched_next(&sched, NULL), PLLM_E_MEMORY);
    assert_true(fail_happened() && a->state == SEQ_WAITING && a->n_blocks == 0);
    int failures = 0;
    while (n_done == 0) {
        int pos = a->pos;
        fail_at(0);
        pllm_status status = sched_next(&sched, NULL);
        if (fail_happened() && status) {
            assert_int_equal(a->pos, pos);
            failures++;
            step();
        } else {
            assert_int_equal(status, PLLM_OK); /* made: give it its token */
            a->tokens.at[a->tokens.n++] = 3;
            if (seq_n_output(a) == 200) {
                sched_drop(&sched, a);
                n_done++;
            }
        }
    }
    assert_true(failures > 2);
    close_sched();
}

/* First tokens with many most probable ones each are drawn in as many steps as they take; who decodes waits for none. */
static void first_draws_share_the_room_for_most_probable_tokens(void **state)
{
    (void)state;
    open_sched(64, 8, 100);
    struct seq *q[4];
    for (int i = 0; i < 4; i++) {
        q[i] = queue(5, 3, 0, false);
        q[i]->request->prompt_done = false;
        q[i]->request->p.logprobs = 100;
    }
    q[1]->request->p.logprobs = 60;
    q[2]->request->p.logprobs = 40;
    q[3]->request->p.logprobs = 0;
    step();
    assert_true(q[0]->n_out == 1 && q[1]->n_out + q[2]->n_out == 0);
    assert_true(q[1]->pos == 4 && q[2]->pos == 4 && q[3]->n_out == 1); /* all but the last row */
    q[0]->request->prompt_done = true;
    step();
    assert_true(q[0]->n_out == 1 && q[1]->n_out == 1 && q[2]->n_out == 1);
    close_sched();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(decoding_goes_before_reading),
                                       cmocka_unit_test(prompts_that_begin_alike_are_read_once),
                                       cmocka_unit_test(the_last_gives_way),
                                       cmocka_unit_test(only_who_has_a_border_before_it_keeps_a_block_back),
                                       cmocka_unit_test(urgent_ones_take_places_and_shorten_steps),
                                       cmocka_unit_test(whoever_comes_or_comes_back_takes_its_place_in_the_queue),
                                       cmocka_unit_test(beside_urgent_ones_prompts_are_read_as_the_places_need),
                                       cmocka_unit_test(first_draws_share_the_room_for_most_probable_tokens),
                                       cmocka_unit_test(no_memory_is_told_and_changes_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
