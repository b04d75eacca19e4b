#include "engine/sched.h"

#include "base/mem.h"

#include <assert.h>

/* Beside urgent ones: steps that read no prompts of others between those that do; the least that those read. */
enum { QUIET_STEPS = 2, LEAST_BEHIND = 32 };

/* ---- Life ---------------------------------------------------------------------------------------- */

pllm_status sched_init(struct sched *s, const struct engine_model *model, const struct sched_sizes *sizes,
                       pllm_error *err)
{
    *s = (struct sched){.max_rows = sizes->max_rows, .max_out = sizes->max_out, .max_scores = sizes->max_scores,
                        .max_tops = sizes->max_tops, .max_seqs = sizes->max_seqs, .limit = sizes->max_seqs, .behind_rows = sizes->max_rows / 4,
                        .cache.model = model};
    s->running = mem_zalloc((size_t)s->max_seqs, sizeof *s->running);
    s->tokens = mem_zalloc((size_t)s->max_rows, sizeof *s->tokens);
    s->seqs = mem_zalloc((size_t)s->max_seqs, sizeof *s->seqs);
    s->out_rows = mem_zalloc((size_t)s->max_out, sizeof *s->out_rows);
    pllm_status status = PLLM_OK;
    if (!s->running || !s->tokens || !s->seqs || !s->out_rows)
        status = error_memory(err, "scheduler");
    if (!status)
        status = kv_blocks_init(&s->cache.kv, sizes->n_blocks, model->window, err);
    if (!status)
        status = prefix_open(&s->cache.prefix, &s->cache.kv, err);
    if (status)
        sched_fini(s);
    return status;
}

void sched_fini(struct sched *s)
{
    prefix_close(s->cache.prefix);
    kv_blocks_fini(&s->cache.kv);
    mem_free(s->out_rows);
    mem_free(s->seqs);
    mem_free(s->tokens);
    mem_free(s->running);
    *s = (struct sched){0};
}

static int priority_of(const struct seq *q)
{
    return q->request->p.priority;
}

/* ---- Queue and running sequences ------------------------------------------------------------------ */

void sched_queue(struct sched *s, struct seq *q)
{
    q->state = SEQ_WAITING;
    queue_add(&s->waiting, q);
}

static void run(struct sched *s, struct seq *q)
{
    int i = s->n_running++;
    for (; i > 0 && seq_before(q, s->running[i - 1]); i--)
        s->running[i] = s->running[i - 1];
    s->running[i] = q;
    q->state = SEQ_RUNNING;
    q->n_rows = q->n_out = 0;
}

static void unrun(struct sched *s, struct seq *q)
{
    int i = 0;
    while (s->running[i] != q)
        i++;
    for (s->n_running--; i < s->n_running; i++)
        s->running[i] = s->running[i + 1];
    table_release(&s->cache, q);
    q->n_rows = q->n_out = 0;
}

void sched_drop(struct sched *s, struct seq *q)
{
    if (q->state == SEQ_WAITING)
        queue_remove(&s->waiting, q);
    else if (q->state == SEQ_RUNNING)
        unrun(s, q);
    q->state = SEQ_DONE;
}

void sched_requeue(struct sched *s, struct seq *q)
{
    unrun(s, q);
    sched_queue(s, q);
}

static void preempt_last(struct sched *s)
{
    struct seq *q = s->running[s->n_running - 1];
    assert(q->n_rows == 0);
    sched_requeue(s, q);
    s->preemptions++;
}

/* Blocks left alone when one joins, so that those that run do not fall short at their next border: one for each that
 * has a border before its end. */
static int reserve_of(const struct sched *s)
{
    int share = s->cache.kv.pool[0].n_blocks / 8, reserve = 0;
    for (int i = 0; i < s->n_running && reserve < share; i++) {
        const struct seq *q = s->running[i];
        int64_t most = (int64_t)q->n_prompt + q->request->p.max_tokens;
        reserve += most > (int64_t)q->n_blocks * KV_BLOCK;
    }
    return reserve;
}

/* Lets the first of the queue join. */
static bool admit_first(struct sched *s)
{
    struct seq *q = queue_first(&s->waiting);
    if (!q || s->n_running >= s->limit || !seq_reserve(q) || !table_admit(&s->cache, q, reserve_of(s)))
        return false;
    queue_remove(&s->waiting, q);
    run(s, q);
    return true;
}

/* ---- The rows of a step --------------------------------------------------------------------------- */

/* The row at `pos` tells what follows within the prompt. */
static bool is_scored(const struct seq *q, int pos)
{
    return pos + 1 < q->n_prompt;
}

bool sched_wants_logits(const struct seq *q, int pos)
{
    if (is_scored(q, pos))
        return pos + 1 >= q->n_scored;
    return pos + 1 == (int)q->tokens.n;
}

/* Most probable tokens that the row at `pos` has to find room for at once: those of the first tokens of all samples. Later draws
 * have one sample's for each sequence, which the number of sequences bounds, and scores are bounded by max_scores. */
static size_t tops_at(const struct seq *q, int pos)
{
    const struct request *r = q->request;
    const bool draws_first = pos + 1 == (int)q->tokens.n && !r->prompt_done && r->p.max_tokens > 0;
    return draws_first && r->p.logprobs > 0 ? (size_t)r->p.n * (size_t)r->p.logprobs : 0;
}

/* Gives a sequence up to `max` rows of the step, as logits and blocks allow; -1: it lacks a block. */
static int give_rows(struct sched *s, struct seq *q, int max)
{
    int room = seq_end(q) - q->pos, outs = 0, scores = 0, n = 0;
    for (max = max < room ? max : room; n < max; n++) {
        bool out = sched_wants_logits(q, q->pos + n), score = out && is_scored(q, q->pos + n);
        if ((out && outs == s->outs_left) || (score && scores == s->scores_left) || tops_at(q, q->pos + n) > s->tops_left)
            break;
        outs += out;
        scores += score;
    }
    int rows = table_rows(&s->cache, q, n);
    if (rows <= 0)
        return rows;
    while (n > rows) {
        n--;
        outs -= sched_wants_logits(q, q->pos + n);
        scores -= sched_wants_logits(q, q->pos + n) && is_scored(q, q->pos + n);
    }
    table_fill(&s->cache, q, rows);
    q->n_rows = rows;
    q->n_out = outs;
    s->n_decode += q->pos == (int)q->tokens.n && q->pos > q->n_prompt;
    s->rows_left -= rows;
    s->outs_left -= outs;
    s->scores_left -= scores;
    s->tops_left -= tops_at(q, q->pos - 1);
    return rows;
}

static bool decodes(const struct seq *q)
{
    return q->pos + 1 == seq_end(q) && q->n_rows == 0;
}

/* One row for each sequence that decodes. Who finds no block takes it from the last in the order. */
static void add_decoding(struct sched *s)
{
    for (int i = 0; i < s->n_running; i++) {
        struct seq *q = s->running[i];
        if (!decodes(q))
            continue;
        while (q->state == SEQ_RUNNING && (!table_extend(&s->cache, q) || give_rows(s, q, 1) < 0))
            preempt_last(s); /* in the end itself */
    }
}

/* Less urgent than the first who runs. */
static bool is_behind(const struct sched *s, const struct seq *q)
{
    return s->n_running > 0 && priority_of(q) > priority_of(s->running[0]);
}

static void add_chunk(struct sched *s, struct seq *q)
{
    if (q->n_rows > 0)
        return;
    switch (table_advance(&s->cache, q)) {
    case TABLE_WAIT:
        return;
    case TABLE_LOST:
        q->shares_nothing = true;
        sched_requeue(s, q);
        return;
    case TABLE_READY:
        break;
    }
    bool behind = is_behind(s, q);
    int rows = give_rows(s, q, behind && s->behind_left < s->rows_left ? s->behind_left : s->rows_left);
    s->behind_left -= behind && rows > 0 ? rows : 0;
}

static void add_reading(struct sched *s)
{
    for (int i = 0; i < s->n_running && s->rows_left > 0; i++) {
        struct seq *q = s->running[i];
        add_chunk(s, q);
        if (q->state != SEQ_RUNNING)
            i--;
    }
}

static void add_new(struct sched *s)
{
    while (s->rows_left > 0) {
        struct seq *q = queue_first(&s->waiting);
        if (!q || (s->behind_left <= 0 && is_behind(s, q)) || !admit_first(s))
            return;
        add_chunk(s, q);
        if (q->state != SEQ_RUNNING)
            return;
    }
}

/* Urgent ones do not wait for a place or blocks that later ones in the order have. */
static void admit_urgent(struct sched *s)
{
    for (;;) {
        const struct seq *q = queue_first(&s->waiting);
        if (!q || s->n_running == 0 || priority_of(q) >= priority_of(s->running[s->n_running - 1]))
            return;
        if (!admit_first(s))
            preempt_last(s);
    }
}

static int count_decoding(const struct sched *s)
{
    int n = 0;
    for (int i = 0; i < s->n_running; i++)
        n += decodes(s->running[i]);
    return n;
}

/* Whether somebody who runs or waits is less urgent than the first who runs. */
static bool has_behind(const struct sched *s)
{
    const struct seq *last = queue_last(&s->waiting);
    return s->n_running > 0 && ((last && is_behind(s, last)) || is_behind(s, s->running[s->n_running - 1]));
}

/* What steps that read prompts of those behind may have for them: more than before where too few decode of those who
 * could, as prompts are not read fast enough; less where enough do. */
static int next_behind_rows(const struct sched *s)
{
    const int all = s->n_running + s->waiting.n, places = all < s->limit ? all : s->limit, rows = s->behind_rows;
    const int next = count_decoding(s) < places - places / 3 ? rows + rows / 4 : rows - rows / 5;
    return next < LEAST_BEHIND ? LEAST_BEHIND : next < s->max_rows ? next : s->max_rows;
}

/* Rows of this step for prompts of those behind the most urgent. While that one decodes, most steps read none and are as
 * short as decoding is; the others read as much as keeps the places full. While it reads its prompt, they wait. */
static int rows_behind(struct sched *s)
{
    if (!has_behind(s))
        return s->max_rows;
    if (!decodes(s->running[0]) || s->n_quiet++ < QUIET_STEPS)
        return 0;
    s->n_quiet = 0;
    s->behind_rows = next_behind_rows(s);
    return s->behind_rows;
}

static void assemble(struct sched *s)
{
    struct batch *b = &s->batch;
    *b = (struct batch){.tokens = s->tokens, .seqs = s->seqs, .out_rows = s->out_rows, .adapters = b->adapters};
    for (int i = 0; i < s->n_running; i++) {
        struct seq *q = s->running[i];
        if (q->n_rows == 0)
            continue;
        int pos = q->pos - q->n_rows;
        q->first_row = b->n_rows;
        q->first_out = b->n_out;
        s->seqs[b->n_seqs++] = (struct batch_seq){
            .first_row = b->n_rows, .n_rows = q->n_rows, .pos = pos, .blocks = {q->blocks[0], q->blocks[1]},
            .adapter = q->request->adapter, .rope = q->rope};
        for (int j = 0; j < q->n_rows; j++, b->n_rows++) {
            s->tokens[b->n_rows] = q->tokens.at[pos + j];
            if (sched_wants_logits(q, pos + j))
                s->out_rows[b->n_out++] = b->n_rows;
        }
    }
}

static void make_step(struct sched *s)
{
    s->rows_left = s->max_rows;
    s->outs_left = s->max_out;
    s->scores_left = s->max_scores;
    s->tops_left = s->max_tops;
    s->n_decode = 0;
    s->behind_left = rows_behind(s);
    add_decoding(s);
    add_reading(s);
    add_new(s);
}

pllm_status sched_next(struct sched *s, pllm_error *err)
{
    for (int i = 0; i < s->n_running; i++)
        if (!seq_reserve(s->running[i]))
            return error_memory(err, "block tables");
    struct seq *first = queue_first(&s->waiting);
    if (s->n_running == 0 && first && !seq_reserve(first))
        return error_memory(err, "block tables");
    s->cache.step++;
    for (int i = 0; i < s->n_running; i++) {
        s->running[i]->n_rows = s->running[i]->n_out = 0;
        table_seal(&s->cache, s->running[i]);
    }
    admit_urgent(s);
    make_step(s);
    while (s->rows_left == s->max_rows && s->n_running > 0) { /* blocks of the window group are short */
        preempt_last(s);
        make_step(s);
    }
    assemble(s);
    return PLLM_OK;
}

