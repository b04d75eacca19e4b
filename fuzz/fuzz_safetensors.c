/* A safetensors file in a folder whose config says that it may be quantized. */
#include "fuzz.h"

#include "weights/config.h"
#include "weights/reader.h"

static const char config[] = "{\"quantization\": {\"bits\": 4, \"group_size\": 32, \"q\": {\"bits\": 3, \"group_size\": 64}}}";

static void take(struct checkpoint *c, const struct stored_list *list)
{
    struct json top;
    if (json_parse(&top, config, sizeof config - 1, "config.json", NULL))
        return;
    if (config_from_json(&c->config, top, NULL) || checkpoint_take_stored(c, list, NULL))
        return;
    for (size_t i = 0; i < c->tensors.n; i++) {
        const struct matrix_rows *m = &c->tensors.at[i].m;
        fuzz_touch(m->data, (size_t)m->rows * m->row_bytes);
        if (m->type != TYPE_MLX)
            continue;
        const size_t groups = (size_t)m->rows * (size_t)(m->cols / m->group);
        fuzz_touch(m->scales, groups * (size_t)block_info[m->scale_type].bytes);
        fuzz_touch(m->biases, groups * (size_t)block_info[m->scale_type].bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct stored_list list = {0};
    struct arena arena = {0};
    struct checkpoint c = {.path = "fuzz"};
    const char *twice;
    if (!safetensors_read(&list, &arena, bytes, n, "fuzz.safetensors", 0, NULL) && stored_sort(&list, &twice))
        take(&c, &list);
    config_close(c.config);
    vec_fini(&c.tensors);
    vec_fini(&list.at);
    arena_fini(&arena);
    return 0;
}
