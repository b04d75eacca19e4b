/* Adapters: out += scale * B (A x), for the rows that have one. A x is computed before the layer's own product,
 * B's part with each piece of its outputs, so that sums stay where they are. */
#include "backend/cpu/stream.h"

enum { TASK_ROWS = 8 }; /* share what they read of A */

/* The batch's rows with an adapter, by adapter. */
void lora_begin(struct stream *s)
{
    const struct batch *b = s->batch;
    s->n_lora_rows = 0;
    int highest = -1;
    for (int i = 0; i < b->n_seqs; i++)
        highest = b->seqs[i].adapter > highest ? b->seqs[i].adapter : highest;
    for (int adapter = 0; adapter <= highest; adapter++)
        for (int i = 0; i < b->n_seqs; i++)
            for (int r = 0; b->seqs[i].adapter == adapter && r < b->seqs[i].n_rows; r++)
                s->lora_rows[s->n_lora_rows++] = b->seqs[i].first_row + r;
}

static const struct lora_matrix *matrix(const struct stream *s, const struct linear *layer, int row)
{
    const struct adapter *a = row_adapter(s, row);
    if (!a || layer->layer >= a->n_layers)
        return NULL;
    const struct lora_matrix *m = &a->at[layer->layer * LORA_MODULES + layer->module];
    return m->rank > 0 ? m : NULL;
}

static float *low(const struct stream *s, int index, int row)
{
    return s->lora_low + ((size_t)index * (size_t)s->options.max_rows + (size_t)row) * LORA_MAX_RANK;
}

struct project_job {
    const struct stream *s;
    const struct linear *const *layers;
    int n;
    const struct act *in;
};

/* Rows of A that stay in a core's cache while all rows of the batch that share them go by. */
enum { GROUP = 8 };

/* lora_rows[i .. end-1] have the same matrix. */
static void project_rows(const struct project_job *job, int l, const struct lora_matrix *m, int i, int end)
{
    const struct stream *s = job->s;
    for (int first = 0; first < m->rank; first += GROUP)
        for (int j = i; j < end; j++) {
            int row = s->lora_rows[j], n = m->rank - first < GROUP ? m->rank - first : GROUP;
            s->k->dots(low(s, l, row) + first, m->a + (size_t)first * (size_t)m->in, (size_t)m->in, n, act_row(job->in, row),
                       m->in);
        }
}

static void project_task(void *argument, int task, int thread)
{
    const struct project_job *job = argument;
    const struct stream *s = job->s;
    (void)thread;
    int end = (task + 1) * TASK_ROWS < s->n_lora_rows ? (task + 1) * TASK_ROWS : s->n_lora_rows;
    for (int l = 0; l < job->n; l++)
        for (int i = task * TASK_ROWS, n; i < end; i += n) {
            const struct lora_matrix *m = matrix(s, job->layers[l], s->lora_rows[i]);
            for (n = 1; i + n < end && matrix(s, job->layers[l], s->lora_rows[i + n]) == m;)
                n++;
            if (m)
                project_rows(job, l, m, i, i + n);
        }
}

void lora_project(struct stream *s, const struct linear *const *layers, int n, const struct act *in)
{
    struct project_job job = {s, layers, n, in};
    pool_run(s->pool, project_task, &job, (s->n_lora_rows + TASK_ROWS - 1) / TASK_ROWS);
}

void lora_add(const struct stream *s, float *out, const struct linear *layer, int index, int row, int first, int n)
{
    const struct lora_matrix *m = matrix(s, layer, row);
    for (int i = 0, part; m && i < n; i += part) {
        part = LORA_PANEL - (first + i) % LORA_PANEL;
        part = part < n - i ? part : n - i;
        s->k->add_rows(out + i, lora_b(m, first + i), LORA_PANEL, m->rank, low(s, index, row), m->scale, part);
    }
}
