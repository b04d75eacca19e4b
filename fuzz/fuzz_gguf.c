/* A GGUF file: description, all values as all types, the config, the ends of every tensor. */
#include "fuzz.h"

#include "weights/config.h"
#include "weights/gguf.h"

static void read_values(const struct gguf *g)
{
    for (size_t i = 0; i < g->values.n; i++) {
        const char *key = g->values.at[i].key, *text;
        struct text_span *spans = NULL;
        float *floats = NULL;
        int32_t *ints = NULL;
        int64_t integer;
        size_t n = 0;
        pllm_error err;
        gguf_text(g, key, &text, &n, &err);
        gguf_int(g, key, -5, 1 << 20, 0, &integer, &err);
        if (!gguf_strings(g, key, &spans, &n, &err) && spans && n)
            fuzz_touch((const uint8_t *)spans[n - 1].at, spans[n - 1].n);
        gguf_floats(g, key, &floats, &n, &err);
        gguf_ints(g, key, &ints, &n, &err);
        mem_free(spans);
        mem_free(floats);
        mem_free(ints);
    }
}

static void read_config(const struct gguf *g)
{
    struct config *c;
    if (config_from_gguf(&c, g, NULL))
        return;
    config_int(c, "vocab_size", 1, 1 << 20);
    config_int(c, "num_attention_heads", 1, 1 << 20);
    config_float(c, "rms_norm_eps");
    config_bool_or(c, "norm_topk_prob", true);
    config_string_or(c, "rope_scaling.rope_type", "default");
    config_status(c, NULL);
    config_close(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct gguf *g;
    if (gguf_open(&g, bytes, n, "fuzz.gguf", NULL))
        return 0;
    for (size_t i = 0; i < g->tensors.n; i++) {
        const struct matrix_rows *m = &g->tensors.at[i].m;
        fuzz_touch(m->data, (size_t)m->rows * m->row_bytes);
    }
    read_values(g);
    read_config(g);
    gguf_close(g);
    return 0;
}
