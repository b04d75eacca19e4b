/* The search for the number of sequences, on machines whose rate is a formula. */
#include "engine/tuner.h"

#include "base/rng.h"
#include "test.h"

/* Seconds of a step with n sequences: a fixed part (weights are read) and a part for each. */
struct machine {
    double fixed, each;
    int knee; /* from here on each one costs twice */
};

static double step_seconds(const struct machine *m, int n)
{
    int over = n > m->knee ? n - m->knee : 0;
    return m->fixed + m->each * (n + over);
}

static double rate(const struct machine *m, int n)
{
    return n / step_seconds(m, n);
}

static double best_rate(const struct machine *m, int max)
{
    double best = 0;
    for (int n = 1; n <= max; n++)
        best = rate(m, n) > best ? rate(m, n) : best;
    return best;
}

static double uniform(uint32_t i, uint32_t what)
{
    uint32_t w[4];
    rng_words(w, 11, i, what, 0);
    return w[0] / 4294967296.0;
}

/* How much longer step i takes on a machine with other work: up to a twentieth more or less, one of 16 much longer. */
static double noise(int seed, int i)
{
    uint32_t at = (uint32_t)(seed * 10000 + i);
    return (0.95 + 0.1 * uniform(at, 1)) * (uniform(at, 2) < 1.0 / 16 ? 2.5 : 1);
}

/* Runs until it settles, with more work than places; returns the limit. Seed 0: no noise. */
static int settle_noisy(const struct machine *m, int max, int seed, double *seconds)
{
    struct tuner t;
    *seconds = 0;
    tuner_init(&t, max);
    int limit = t.limit;
    for (int i = 0; i < 10000 && !t.settled; i++) {
        double s = step_seconds(m, limit) * (seed ? noise(seed, i) : 1);
        *seconds += s;
        limit = tuner_step(&t, limit, limit, limit, s);
        assert_in_range(limit, 1, max);
    }
    assert_true(t.settled);
    return limit;
}

static int settle(const struct machine *m, int max, double *seconds)
{
    return settle_noisy(m, max, 0, seconds);
}

static void it_comes_near_the_best_rate(void **state)
{
    (void)state;
    static const struct machine machines[] = {{0.05, 0.0001, 1 << 20}, {0.002, 0.001, 1 << 20}, {0.05, 0.001, 64},
                                              {0.01, 0.0005, 16},      {1e-9, 0.01, 1 << 20},   {0.2, 0.002, 100}};
    for (int i = 0; i < 6; i++)
        for (int max = 1; max <= 256; max = max * 2 + max % 3) {
            double seconds;
            int n = settle(&machines[i], max, &seconds);
            assert_true(rate(&machines[i], n) >= 0.95 * best_rate(&machines[i], max));
        }
}

/* Of many searches on machines that are not quiet, nine of ten come near the best rate, and all together nearly reach it. */
static void noise_seldom_leads_it_astray(void **state)
{
    (void)state;
    enum { SEARCHES = 500 };
    static const struct machine machines[] = {{0.055, 0.0085, 1 << 20}, {0.004, 0.0018, 1 << 20}, {0.16, 0.025, 1 << 20},
                                              {0.05, 0.0005, 1 << 20},  {0.05, 0.001, 64},        {0.002, 0.001, 100}};
    for (int i = 0; i < 6; i++) {
        const double best = best_rate(&machines[i], 256);
        double sum = 0, seconds;
        int near = 0;
        for (int seed = 1; seed <= SEARCHES; seed++) {
            double reached = rate(&machines[i], settle_noisy(&machines[i], 256, seed, &seconds)) / best;
            near += reached >= 0.95;
            sum += reached;
        }
        if (near < SEARCHES * 9 / 10 || sum / SEARCHES < 0.98)
            fail_msg("machine %d: %d of %d searches came near, %.3f of the best on average", i, near, SEARCHES, sum / SEARCHES);
    }
}

enum { OUTPUT = 32, PROMPT = 64, ROWS = 512, MOST = 256 };

/* A job whose answers end one after another, so that hardly a step is without a prompt: n places for `steps` steps, or with
 * a tuner as many as it says. Returns tokens per second of the last half. */
static double run_job(const struct machine *m, int n, struct tuner *t, int steps)
{
    static int left[MOST]; /* rows of prompt to read (above 1000), or tokens to come */
    double seconds = 0, tokens = 0;
    for (int i = 0; i < MOST; i++)
        left[i] = 1000 + PROMPT;
    for (int s = 0; s < steps; s++) {
        int decode = 0, reads = 0;
        for (int i = 0; i < n; i++)
            decode += left[i] <= 1000;
        for (int i = 0; i < n; i++)
            if (left[i] <= 1000)
                left[i] = left[i] == 1 ? 1000 + PROMPT : left[i] - 1;
            else if (decode + (reads + 1) * PROMPT <= ROWS && ++reads)
                left[i] = OUTPUT - (s * 7 + i * 13) % 24; /* of different lengths */
        int rows = reads * PROMPT;
        double step = step_seconds(m, decode) + 0.8 * m->each * rows;
        if (t)
            n = tuner_step(t, decode + rows, decode, decode + reads, step);
        if (s < steps / 2)
            continue;
        tokens += decode;
        seconds += step;
    }
    return tokens / seconds;
}

static void prompts_beside_do_not_keep_it_from_learning(void **state)
{
    (void)state;
    static const struct machine machines[] = {{0.05, 0.0005, 1 << 20}, {0.002, 0.001, 1 << 20}, {0.05, 0.001, 64}};
    for (int i = 0; i < 3; i++) {
        struct tuner t;
        double best = 0;
        for (int n = 1; n <= MOST; n *= 2) {
            double r = run_job(&machines[i], n, NULL, 4000);
            best = r > best ? r : best;
        }
        tuner_init(&t, MOST);
        assert_true(run_job(&machines[i], t.limit, &t, 4000) >= 0.95 * best);
    }
}

/* A job with a beginning and an end: `requests` prompts of which each has an answer of about `output` tokens. */
struct job {
    int requests, prompt, output;
};

enum { MOST_RUNNING = 256 };

/* Sequences in the order in which they came: rows of prompt to read, then tokens to come. */
struct finite {
    int n, waiting, read[MOST_RUNNING], left[MOST_RUNNING];
};

/* Lets new ones in and reads prompts with `rows` rows; returns how many are left over. */
static int read_prompts(struct finite *f, const struct job *job, int limit, int rows)
{
    for (int i = 0; rows > 0 && (i < f->n || (f->waiting > 0 && f->n < limit)); i++) {
        if (i == f->n) {
            f->read[i] = job->prompt;
            f->left[i] = job->output + (f->waiting-- % 5 - 2) * job->output / 8;
            f->n++;
        }
        int n = f->read[i] < rows ? f->read[i] : rows;
        if (n > 0 && (f->read[i] -= n) == 0)
            f->left[i]--; /* the prompt's last row gives the first token */
        rows -= n;
    }
    return rows;
}

static void drop_finished(struct finite *f)
{
    int kept = 0;
    for (int i = 0; i < f->n; i++)
        if (f->left[i] > 0) {
            f->read[kept] = f->read[i];
            f->left[kept++] = f->left[i];
        }
    f->n = kept;
}

/* Seconds of the whole job in n places; with a tuner, in as many as it says. */
static double finish_job(const struct machine *m, const struct job *job, int n, struct tuner *t)
{
    struct finite f = {.waiting = job->requests};
    double seconds = 0;
    while (f.waiting > 0 || f.n > 0) {
        int decode = 0;
        for (int i = 0; i < f.n; i++)
            if (f.read[i] == 0) {
                decode++;
                f.left[i]--;
            }
        int read = ROWS - decode - read_prompts(&f, job, n, ROWS - decode);
        double step = step_seconds(m, decode) + 0.8 * m->each * read;
        if (t)
            n = tuner_step(t, decode + read, decode, f.n, step);
        seconds += step;
        drop_finished(&f);
    }
    return seconds;
}

/* Learning included: from a job's first step to its last it loses less than a twentieth. */
static void whole_jobs_take_hardly_longer_than_in_the_best_setting(void **state)
{
    (void)state;
    /* Like Gemma-2B, SmolLM2 and Llama3-8B on two cores, and a machine that could do with many sequences. */
    static const struct machine machines[] = {{0.055, 0.0085, 1 << 20}, {0.004, 0.0018, 1 << 20}, {0.16, 0.025, 1 << 20},
                                              {0.05, 0.0005, 1 << 20}};
    static const struct job jobs[] = {{64, 64, 8}, {200, 64, 8}, {160, 64, 32}, {500, 64, 32}, {100, 512, 16}, {256, 64, 128},
                                      {500, 16, 64}};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 7; j++) {
            double best = 1e30;
            for (int n = 8; n <= MOST_RUNNING; n *= 2) {
                double seconds = finish_job(&machines[i], &jobs[j], n, NULL);
                best = seconds < best ? seconds : best;
            }
            struct tuner t;
            tuner_init(&t, MOST_RUNNING);
            double seconds = finish_job(&machines[i], &jobs[j], t.limit, &t);
            if (seconds > best / 0.95)
                fail_msg("machine %d, job %d: %g seconds, %g in the best setting; came to %d", i, j, seconds, best, t.limit);
        }
}

static void it_settles_within_seconds(void **state)
{
    (void)state;
    const struct machine slow = {0.1, 0.005, 1 << 20}, fast = {0.001, 0.0005, 1 << 20};
    double seconds;
    settle(&fast, 256, &seconds);
    assert_true(seconds < 3);
    settle(&slow, 256, &seconds);
    assert_true(seconds < 20); /* steps of more than a second each, at the end */
}

static void steps_that_say_nothing_are_not_counted(void **state)
{
    (void)state;
    struct tuner t;
    tuner_init(&t, 256);
    const int first = t.limit;
    for (int i = 0; i < 500; i++) {
        assert_int_equal(tuner_step(&t, first * 2, first, first, 0.1), first); /* what reading takes is not known */
        assert_int_equal(tuner_step(&t, 3, 3, 3, 0.1), first);                 /* places are not taken */
        assert_int_equal(tuner_step(&t, first, first, first, 0), first);       /* a clock that stands still */
    }
    assert_false(t.settled);
    for (int i = 0; i < 100 && t.limit == first; i++)
        tuner_step(&t, t.limit, t.limit, t.limit, 0.1);
    assert_true(t.limit > first);
}

/* 128 of 130 places, and better than 64: the last two are taken without being tried. */
static void a_few_places_more_are_not_tried(void **state)
{
    (void)state;
    const struct machine m = {0.05, 0.0005, 1 << 20};
    struct tuner t;
    tuner_init(&t, 130);
    while (!t.settled) {
        assert_true(t.limit == 64 || t.limit == 128);
        tuner_step(&t, t.limit, t.limit, t.limit, step_seconds(&m, t.limit));
    }
    assert_int_equal(t.limit, 130);
}

static void few_places_need_no_search(void **state)
{
    (void)state;
    struct tuner t;
    tuner_init(&t, 5);
    assert_true(t.settled && t.limit == 5);
    assert_int_equal(tuner_step(&t, 5, 5, 5, 1), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_comes_near_the_best_rate),
                                       cmocka_unit_test(noise_seldom_leads_it_astray),
                                       cmocka_unit_test(prompts_beside_do_not_keep_it_from_learning),
                                       cmocka_unit_test(whole_jobs_take_hardly_longer_than_in_the_best_setting),
                                       cmocka_unit_test(it_settles_within_seconds),
                                       cmocka_unit_test(steps_that_say_nothing_are_not_counted),
                                       cmocka_unit_test(a_few_places_more_are_not_tried),
                                       cmocka_unit_test(few_places_need_no_search)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
