/* Packs a matrix of a file for the kernels: which rows, in which order, as which type. */
#include "weights/repack.h"

#include "base/mem.h"

#include <assert.h>
#include <limits.h>

/* Rows of small panels are copied so many bytes at once, which is less than any second-level cache. */
enum { MAX_PANEL = 128, COPY_BYTES = 64 << 10 };

/* Values of a row that are converted at once: whole blocks and groups of every type, and in the first-level cache as floats. */
enum { PIECE = 2048 };

static enum block_type packed_type(const struct weight_source *s)
{
    return s->convert == TYPE_COUNT ? s->m.type : s->convert;
}

/* A matrix like the one that the kernel will be given: the file's, or a panel of converted rows. */
static struct matrix_rows packed_matrix(const struct weight_source *s)
{
    const enum block_type type = packed_type(s);
    if (type == s->m.type)
        return s->m;
    const struct block_info *info = &block_info[type];
    return (struct matrix_rows){.type = type, .cols = s->m.cols,
                                .row_bytes = (size_t)(s->m.cols / info->values) * (size_t)info->bytes};
}

static const struct gemm_kernel *choose(const struct weight_source *s, const struct kernels *k)
{
    const enum block_type type = packed_type(s);
    const bool fine = s->fine_activations && block_info[type].values != 1;
    const struct gemm_kernel *kernel;
    if (type == TYPE_MLX) {
        if (s->m.bits < 2 || s->m.bits > 8)
            return NULL;
        kernel = s->f32_activations ? &k->gemm_mlx_f32[s->m.bits] : fine ? &k->gemm_mlx_a15[s->m.bits] : &k->gemm_mlx[s->m.bits];
    } else {
        kernel = s->f32_activations ? &k->gemm_f32[type] : fine ? &k->gemm_a15[type] : &k->gemm[type];
    }
    return kernel->run ? kernel : NULL;
}

/* Row of the source matrix that output `o` comes from. */
static int32_t source_row(const struct weight_source *s, int64_t o)
{
    return (int32_t)(s->first_row + interleaved_row(s->heads, o));
}

static pllm_status check(const struct weight_source *s, const struct gemm_kernel *kernel, const struct kernels *k,
                         pllm_error *err)
{
    const enum block_type type = packed_type(s);
    const struct block_info *info = &block_info[type];
    const long long rows = s->m.rows, cols = s->m.cols, first = s->first_row, n = s->n_rows;
    if (!kernel && type == TYPE_MLX)
        return error_set(err, PLLM_E_UNSUPPORTED, "no kernel for mlx weights of %d bits (instruction set %s)",
                         s->m.bits, k->isa);
    if (!kernel)
        return error_set(err, PLLM_E_UNSUPPORTED, "no kernel for weights of type %s (instruction set %s)", info->name,
                         k->isa);
    if (rows > INT32_MAX || cols < 1 || cols > INT32_MAX)
        return error_set(err, PLLM_E_UNSUPPORTED, "matrix of %lld x %lld, wanted at most %d", rows, cols, INT32_MAX);
    if (first < 0 || n < 1 || first > rows || n > rows - first)
        return error_set(err, PLLM_E_FORMAT, "matrix has %lld rows, wanted rows %lld to %lld of it", rows, first,
                         first + n - 1);
    if (type != s->m.type && !block_can_quantize(type))
        return error_set(err, PLLM_E_UNSUPPORTED, "cannot convert weights to type %s", info->name);
    if (type != TYPE_MLX && cols % info->values != 0)
        return error_set(err, PLLM_E_UNSUPPORTED, "rows of %lld values, wanted a multiple of the %d of a %s block",
                         cols, info->values, info->name);
    const int head = s->heads.head_dim, rope = s->heads.rope_dims;
    if (head < 0 || (head > 0 && (n % head != 0 || rope < 0 || rope > head || rope % 2 != 0)))
        return error_set(err, PLLM_E_FORMAT, "%lld rows in heads of %d with %d rotated, wanted whole heads and pairs",
                         n, head, rope);
    return PLLM_OK;
}

/* Rows first .. first + n - 1 of the source. */
struct rows {
    struct matrix_rows m;
    int64_t first, n;
};

static int64_t head_rows(const struct weight_source *s)
{
    return s->heads.head_dim > 0 ? s->heads.head_dim : 1;
}

/* Has the rows of outputs begin .. end - 1 copied, if they are not there from the panel before: those of whole heads, and
 * ahead as many as pay, of those before `stop`. */
static pllm_status copy_rows(const struct repack *p, struct rows *rows, int64_t begin, int64_t end, int64_t stop,
                             uint8_t *scratch, pllm_error *err)
{
    const struct weight_source *s = p->source;
    const int64_t head = head_rows(s), first = begin / head * head;
    const int64_t ahead = first + p->copy_rows < stop ? first + p->copy_rows : stop;
    const int64_t last = ((ahead > end ? ahead : end) + head - 1) / head * head;
    if (s->first_row + first >= rows->first && s->first_row + end <= rows->first + rows->n)
        return PLLM_OK;
    rows->first = s->first_row + first;
    rows->n = last - first;
    return s->copy(&rows->m, s->owner, s->tensor, rows->first, rows->n, scratch, err);
}

static void convert_row(uint8_t *out, enum block_type type, const struct matrix_rows *from, int64_t row, float *values)
{
    const struct block_info *info = &block_info[type];
    for (int64_t at = 0; at < from->cols; at += PIECE) {
        const int64_t n = from->cols - at < PIECE ? from->cols - at : PIECE;
        matrix_dequantize(values, from, row, at, n);
        block_quantize(out + (size_t)(at / info->values) * (size_t)info->bytes, type, values, n);
    }
}

/* Rows of the source as those of the type that the kernel reads; their places in `index` are then those of the scratch. */
static struct matrix_rows convert(const struct repack *p, const struct matrix_rows *from, int32_t *index, uint8_t *scratch)
{
    struct matrix_rows to = p->converted;
    uint8_t *const rows = scratch + p->converted_at;
    float *values = (float *)(void *)(scratch + p->floats_at);
    to.data = rows;
    for (int j = 0; j < p->weight.kernel->panel; j++) {
        if (index[j] < 0)
            continue;
        convert_row(rows + (size_t)j * to.row_bytes, to.type, from, index[j], values);
        index[j] = j;
    }
    return to;
}

static void pack_panel(const struct repack *p, int panel, const struct rows *from, uint8_t *scratch)
{
    const struct gemm_kernel *kernel = p->weight.kernel;
    int32_t index[MAX_PANEL];
    for (int j = 0; j < kernel->panel; j++) {
        int64_t o = (int64_t)panel * kernel->panel + j;
        index[j] = o < p->weight.rows ? (int32_t)(source_row(p->source, o) - from->first) : -1;
    }
    const struct matrix_rows rows = p->converts ? convert(p, &from->m, index, scratch) : from->m;
    kernel->pack((uint8_t *)p->weight.panels + (size_t)panel * p->weight.panel_bytes, &rows, index);
}

pllm_status repack_panels(const struct repack *p, int begin, int end, uint8_t *scratch, pllm_error *err)
{
    const int width = p->weight.kernel->panel;
    const int64_t outputs = p->weight.rows, wanted = (int64_t)end * width, stop = wanted < outputs ? wanted : outputs;
    struct rows rows = {.m = p->source->m};
    pllm_status status = PLLM_OK;
    for (int i = begin; i < end && !status; i++) {
        const int64_t first = (int64_t)i * width, last = first + width < stop ? first + width : stop;
        if (p->copy_rows)
            status = copy_rows(p, &rows, first, last, stop, scratch, err);
        if (!status)
            pack_panel(p, i, &rows, scratch);
    }
    return status;
}

/* What a thread needs to copy and to convert rows; nothing where they are packed in place. */
static void lay_out_scratch(struct repack *p)
{
    const struct weight_source *s = p->source;
    const int panel = p->weight.kernel->panel;
    const size_t row_bytes = s->m.row_bytes + 2 * matrix_scale_bytes(&s->m);
    size_t copied = 0, converted = 0;
    p->converted = packed_matrix(s);
    p->converts = p->converted.type != s->m.type;
    p->converted.rows = panel;
    if (s->copy) {
        p->copy_rows = row_bytes * (size_t)panel < COPY_BYTES ? (int64_t)(COPY_BYTES / row_bytes) : panel;
        const int64_t most = p->copy_rows + 2 * (head_rows(s) - 1); /* as a panel may begin and end within heads */
        copied = (size_t)(most < s->n_rows ? most : s->n_rows) * row_bytes;
    }
    if (p->converts)
        converted = (size_t)panel * p->converted.row_bytes;
    p->converted_at = mem_round_up(copied, MEM_ALIGN);
    p->floats_at = p->converted_at + mem_round_up(converted, MEM_ALIGN);
    p->scratch_bytes = p->floats_at + (p->converts ? PIECE * sizeof(float) : 0);
}

void weight_shape(struct weight *out, const struct weight_source *source)
{
    *out = (struct weight){.rows = (int)source->n_rows, .cols = (int)source->m.cols, .type = packed_type(source)};
}

static bool measure(struct weight *w, const struct weight_source *s, const struct gemm_kernel *kernel)
{
    const struct matrix_rows m = packed_matrix(s);
    assert(kernel->panel <= MAX_PANEL);
    weight_shape(w, s);
    w->kernel = kernel;
    w->n_panels = (int)((s->n_rows + kernel->panel - 1) / kernel->panel);
    w->panel_bytes = kernel->panel_bytes(&m);
    return mem_mul((size_t)w->n_panels, w->panel_bytes, &w->bytes);
}

size_t weight_bytes(const struct weight_source *source, const struct kernels *k)
{
    const struct gemm_kernel *kernel = choose(source, k);
    struct weight w;
    return !check(source, kernel, k, NULL) && measure(&w, source, kernel) ? w.bytes : 0;
}

pllm_status repack_init(struct repack *out, const struct weight_source *source, const struct kernels *k, pllm_error *err)
{
    const struct gemm_kernel *kernel = choose(source, k);
    struct repack p = {.source = source};
    pllm_status status = check(source, kernel, k, err);
    if (status)
        return status;
    if (!measure(&p.weight, source, kernel))
        return error_memory(err, "weights");
    lay_out_scratch(&p);
    *out = p;
    return PLLM_OK;
}
