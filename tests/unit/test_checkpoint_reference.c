/* Every sound checkpoint of ../shared/reference opens, and its tensors have the shapes that its config says. */
#include "weights/tensor.h"

#include "base/file.h"
#include "test.h"
#include "weights/config.h"

#include <dirent.h>
#include <stdlib.h>

static const char root[] = "../shared/reference";

static void want_shape(const struct checkpoint *c, const char *hf, const char *gguf, int64_t rows, int64_t cols)
{
    const char *name = c->format == CHECKPOINT_GGUF ? gguf : hf;
    const struct tensor *t = checkpoint_find(c, name);
    if (!t)
        fail_msg("%s: no %s", c->path, name);
    if (t->m.rows != rows || t->m.cols != cols)
        fail_msg("%s: %s is %d x %d, wanted %d x %d", c->path, name, (int)t->m.rows, (int)t->m.cols, (int)rows, (int)cols);
}

static size_t count_below(const struct checkpoint *c, const char *prefix)
{
    size_t n = 0;
    for (size_t i = 0; i < c->tensors.n; i++)
        n += strncmp(c->tensors.at[i].name, prefix, strlen(prefix)) == 0;
    return n;
}

static void check(const char *path)
{
    struct checkpoint *c;
    pllm_error err = {0};
    token_vec ids = {0};
    if (checkpoint_open(&c, path, &err))
        fail_msg("%s", err.message);
    struct config *config = c->config;
    const int64_t hidden = config_int(config, "hidden_size", 1, 1 << 20);
    const int64_t layers = config_int(config, "num_hidden_layers", 1, 100), vocab = config_int(config, "vocab_size", 1, 1 << 20);
    const int64_t heads = config_int(config, "num_attention_heads", 1, 100);
    const int64_t kv_heads = config_int_or(config, "num_key_value_heads", 1, 100, heads);
    const int64_t head_dim = config_int_or(config, "head_dim", 1, 1024, hidden / heads);
    assert_true(config_float(config, "rms_norm_eps") > 0);
    assert_true(config_float_or(config, "rope_theta", 1e4) >= 1e4);
    assert_true(config_int(config, "max_position_embeddings", 1, 1 << 20) >= 256);
    if (config_status(config, &err))
        fail_msg("%s", err.message);

    want_shape(c, "model.embed_tokens.weight", "token_embd.weight", vocab, hidden);
    want_shape(c, "model.norm.weight", "output_norm.weight", 1, hidden);
    want_shape(c, "model.layers.0.self_attn.o_proj.weight", "blk.0.attn_output.weight", hidden, heads * head_dim);
    if (strncmp(config_string(config, "model_type"), "phi3", 4) == 0)
        want_shape(c, "model.layers.0.self_attn.qkv_proj.weight", "blk.0.attn_qkv.weight",
                   (heads + 2 * kv_heads) * head_dim, hidden);
    else
        want_shape(c, "model.layers.0.self_attn.k_proj.weight", "blk.0.attn_k.weight", kv_heads * head_dim, hidden);
    char layer[64];
    for (int64_t l = 0; l <= layers; l++) {
        snprintf(layer, sizeof layer, c->format == CHECKPOINT_GGUF ? "blk.%d." : "model.layers.%d.", (int)l);
        assert_true((count_below(c, layer) > 0) == (l < layers));
    }
    assert_int_equal(checkpoint_end_tokens(c, &ids, &err), PLLM_OK);
    assert_true(ids.n >= 1);
    vec_fini(&ids);
    checkpoint_close(c);
}

static int open_all(const char *folder, const char *suffix)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", root, folder);
    DIR *dir = opendir(path);
    int n = 0;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        const size_t length = strlen(e->d_name), tail = strlen(suffix);
        snprintf(path, sizeof path, "%s/%s/%s", root, folder, e->d_name);
        if (e->d_name[0] == '.' || length < tail || strcmp(e->d_name + length - tail, suffix) != 0 ||
            (!tail && file_kind(path) != FILE_FOLDER))
            continue;
        check(path);
        n++;
    }
    closedir(dir);
    return n;
}

static void opens_models(void **state)
{
    (void)state;
    assert_true(open_all("models", "") >= 16);
}

static void opens_mlx(void **state)
{
    (void)state;
    assert_true(open_all("mlx", "") >= 9);
}

static void opens_gguf(void **state)
{
    (void)state;
    assert_true(open_all("gguf", ".gguf") >= 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_models),
        cmocka_unit_test(opens_mlx),
        cmocka_unit_test(opens_gguf),
    };
    if (file_kind(root) != FILE_FOLDER)
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
